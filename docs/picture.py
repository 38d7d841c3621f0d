"""Write a picture of a part of the report of the demo: the README's (`make picture`), or another.

The Chinese one is of a run with NEGLOG_LANG=zh, written to docs/zh/report.png.
"""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

HERE = Path(__file__).parent
WIDTH = 720
EDGES = """
const top = document.querySelector("#weights").getBoundingClientRect().top;
return [top, document.querySelector("#check").getBoundingClientRect().top];
"""


def main(page: Path, picture: Path) -> None:
    """Take the section of the coefficients from a report."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for switch in ("headless=new", "no-sandbox", "hide-scrollbars", f"window-size={WIDTH},900"):
        options.add_argument(f"--{switch}")
    driver = Service(shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=driver) as browser:
        browser.get(page.resolve().as_uri())
        top, bottom = browser.execute_script(EDGES)
        clip = {"x": 0, "y": top - 10, "width": WIDTH, "height": bottom - top - 15, "scale": 1}
        shot = {"clip": clip, "captureBeyondViewport": True}
        taken = browser.execute_cdp_cmd("Page.captureScreenshot", shot)
    picture.write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "report.png")

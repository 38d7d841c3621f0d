"""The report in a real browser: scripts, keyboard access, readability."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from reports import HOSTILE, QUOTED, ROWS, fitted, separated

import neglog
from neglog.report.page import document_page, html_page

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="install chromium and chromedriver: apt-get install chromium chromium-driver",
    ),
]

PAGES = {
    "classes": lambda: html_page(fitted("bernoulli", validation=0.25)),
    "three classes": lambda: html_page(fitted("categorical")),
    "counts": lambda: html_page(fitted("poisson")),
    "separated": lambda: html_page(separated()),
    "network": lambda: html_page(fitted("bernoulli", hidden=(2,), epochs=3)),
    "explanation": lambda: document_page(neglog.explain("normal")),
}

SHOWN = "return [...document.querySelectorAll('.sortable tbody tr')].filter(r => r.offsetHeight)"
COLUMN = (
    "[...document.querySelectorAll('.sortable tbody tr')].map(r => r.cells[arguments[0]].innerText)"
)

CONTRAST = """
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const rgb = text => text.match(/[0-9.]+/g).map(Number);
const behind = e => {
  for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c;
  }
};
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const e = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !e.getClientRects().length) continue;
  const style = getComputedStyle(e);
  const ink = rgb(e.closest("svg") ? style.fill : style.color);
  const [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) found.push([walk.currentNode.data.trim(), ratio]);
}
return found;
"""

STRUCTURE = """
const all = selector => [...document.querySelectorAll(selector)];
const levels = all("h1, h2, h3, h4").map(h => +h.tagName[1]);
const ids = all("[id]").map(e => e.id);
return {
  lang: document.documentElement.lang,
  firsts: levels.filter(l => l === 1).length,
  skips: levels.filter((l, i) => i && l > levels[i - 1] + 1).length,
  mains: all("main").length,
  scrollers: all(".scroll").filter(
    e => e.tabIndex !== 0 || e.getAttribute("role") !== "region").length,
  twice: ids.filter((id, i) => ids.indexOf(id) !== i),
  unlabelled: all("[role=img]:not([aria-label]), [role=region]:not([aria-label])").length,
  pictures: all("svg").filter(s => !s.closest("[role=img]")).length,
  scopes: all("th:not([scope])").length,
  bare: all("table").filter(t => t.tHead && !t.caption).length,
  inputs: all("input").filter(i => !i.labels.length).length,
  lost: all("a[href^='#']").filter(a => !document.querySelector(a.hash)).length,
};
"""
SOUND = {"lang": "en", "firsts": 1, "skips": 0, "mains": 1, "scrollers": 0, "twice": [],
         "unlabelled": 0, "pictures": 0, "scopes": 0, "inputs": 0, "lost": 0}  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    """Start Chromium once."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in ("headless=new", "disable-gpu", "disable-dev-shm-usage", "window-size=1100,900"):
        options.add_argument(f"--{switch}")
    if os.geteuid() == 0:  # Chromium has no sandbox for root
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write each page once."""
    folder = tmp_path_factory.mktemp("pages")
    for name, make in PAGES.items():
        (folder / f"{name}.html").write_text(make(), encoding="utf-8")
    return folder


@pytest.fixture
def visit(browser, written):
    """Open a page at a width and in a scheme of colours."""

    def opened(name, width=1100, scheme="light", media="screen"):
        look = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", look)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": media, "features": features}
        )
        browser.get((written / f"{name}.html").as_uri())
        return browser

    return opened


def header(browser, words):
    """Return the button in the header of a column, and the column's number."""
    buttons = browser.find_elements("css selector", ".sortable thead button")
    texts = [button.text for button in buttons]
    return buttons[texts.index(words)], texts.index(words)


def column(browser, place):
    return browser.execute_script(f"return {COLUMN}", place)


def numbers(texts):
    return [float(text.replace("−", "-").replace("∞", "inf")) for text in texts]


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_fetched_and_no_error_is_logged(name, visit) -> None:
    browser = visit(name)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events
             if e["method"] == "Network.requestWillBeSent"]  # fmt: skip
    assert {url.partition(":")[0] for url in asked} == {"file"}
    assert browser.execute_script("return window.ran") is None
    assert browser.execute_script("return document.images.length") == 0


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound_to_a_screen_reader(name, visit) -> None:
    found = visit(name).execute_script(STRUCTURE)
    bare = found.pop("bare")
    assert found == SOUND
    assert bare == 0 or name == "explanation"


def test_hostile_names_are_shown(visit) -> None:
    text = visit("classes").find_element("tag name", "body").text
    assert HOSTILE in text
    assert QUOTED in text


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_need_not_scroll_sideways(name, visit) -> None:
    assert visit(name, width=360).execute_script("return document.body.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["classes", "counts", "separated"])
def test_text_and_figures_have_contrast(name, scheme, visit) -> None:
    assert visit(name, scheme=scheme).execute_script(CONTRAST) == []


def test_paper_is_white_and_short(visit) -> None:
    browser = visit("classes", scheme="dark", media="print")
    body = "return getComputedStyle(document.body)"
    assert browser.execute_script(f"{body}.backgroundColor") == "rgb(255, 255, 255)"
    assert 20 <= len(browser.execute_script(SHOWN)) <= 50
    assert not browser.find_element("css selector", ".tools").is_displayed()


def test_columns_sort_by_key_and_say_so(visit) -> None:
    browser = visit("classes")
    worst = numbers(column(browser, -1 + len(header(browser, "row")[0].find_elements(
        "xpath", "../../th"))))  # fmt: skip
    assert worst == sorted(worst, reverse=True)
    button, place = header(browser, "row")
    button.send_keys("\ue007")  # Enter
    rows = numbers(column(browser, place))
    assert rows == list(range(ROWS))
    button.send_keys(" ")
    assert numbers(column(browser, place)) == rows[::-1]
    button, place = header(browser, "true label")
    button.click()
    labels = column(browser, place)
    assert labels == sorted(labels, key=labels.index) and len(set(labels)) == 2
    said = [
        (th.text, th.get_attribute("aria-sort"))
        for th in browser.find_elements("css selector", "th[aria-sort]")
    ]
    assert said == [("true label", "ascending")]


def test_rows_are_filtered_and_counted_aloud(visit) -> None:
    browser = visit("classes")
    field = browser.find_element("css selector", "input[type=search]")
    status = browser.find_element("css selector", "output[aria-live=polite]")
    assert status.text == f"{ROWS} of {ROWS} rows shown"
    field.send_keys("validation NO")
    shown = [row.text.lower() for row in browser.execute_script(SHOWN)]
    assert 0 < len(shown) < ROWS
    assert all("validation" in text and "no" in text for text in shown)
    assert status.text == f"{len(shown)} of {ROWS} rows shown"
    field.clear()
    field.send_keys("nothing like this")
    assert browser.execute_script(SHOWN) == []
    assert status.text == f"0 of {ROWS} rows shown"


def test_every_part_is_reached_by_the_tabulator(visit) -> None:
    browser = visit("classes")
    reached = set()
    for _ in range(60):
        browser.switch_to.active_element.send_keys("\ue004")
        reached.add(browser.execute_script(
            "const e = document.activeElement; return e.tagName + (e.getAttribute('role') || '')"
        ))  # fmt: skip
    assert {"A", "BUTTON", "INPUT", "DIVregion"} <= reached

"""Check a built site: every link and anchor leads somewhere, and no page loads from another host.

`make docs` runs it: python docs/built.py runs/site.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
_FOREIGN = re.compile(r"(?:https?:)?//")
_IN_STYLE = re.compile(
    r"url\(\s*['\"]?((?:https?:)?//[^)'\"]*)|@import\s+['\"]((?:https?:)?//[^'\"]*)"
)


class Page(HTMLParser):
    """The identifiers of a page, what it links to and what a browser loads for it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note the identifiers and addresses of a tag."""
        found = {name: value for name, value in attributes if value is not None}
        self.ids.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in _LOADED and _LOADED[tag] in found and found.get("rel") != "canonical":
            self.loaded.append(found[_LOADED[tag]])


def faults(root: Path) -> Iterator[str]:
    """Return what is wrong with a site, a line for each fault."""
    pages = {path: Page(path) for path in sorted(root.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(root)
        yield from (f"{name} loads {each}" for each in page.loaded if _FOREIGN.match(each))
        yield from (
            f"{name} links to {each}" for each in page.links if _is_broken(path, each, pages)
        )
    for path in sorted(root.rglob("*.css")):
        for found in _IN_STYLE.finditer(path.read_text("utf-8")):
            yield f"{path.relative_to(root)} loads {found[1] or found[2]}"


def _is_broken(path: Path, link: str, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return True
    page, anchor = pages.get(target), unquote(parts.fragment)
    return bool(anchor) and page is not None and anchor not in page.ids


def main(root: Path) -> int:
    """Print the faults, and the size of the site."""
    root = root.resolve()
    found = list(faults(root))
    print(*found, sep="\n", end="\n" if found else "")
    files = [path for path in root.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 2**20
    pages = sum(path.suffix == ".html" for path in files)
    print(f"{root.name}: {pages} pages, {size:.1f} MiB, {len(found)} faults")
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

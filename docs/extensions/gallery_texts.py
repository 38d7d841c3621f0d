"""The texts of the gallery, which `texts/*.toml` state in English and in Chinese.

A file holds the pages of a kind: when to use a loss and when not, its pitfalls by their numbers,
and the same loss in other libraries. `words.toml` holds the words that pages share.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).parents[1]
LIBRARIES = {
    "torch": "PyTorch",
    "optax": "optax",
    "keras": "Keras",
    "statsmodels": "statsmodels",
    "sklearn": "scikit-learn",
}
_PITFALLS = {"en": DOCS / "pitfalls.md", "zh": DOCS / "zh" / "pitfalls.md"}
_PITFALL = re.compile(r"^\((\S+)\)=\n### (\d+) · (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Texts:
    """What the page of a loss says beyond its declaration.

    Attributes:
        pitfalls: the numbers of the mistakes that belong to it.
        elsewhere: the names by library.
        along: the tensor and the place of the number by which it is drawn, if of several tensors.
        highest: the largest valid value of that number.
        formula: the loss in LaTeX, where no formula can be derived.
        words: by language: when, not; Chinese also name, and lead where there is no declaration.
    """

    pitfalls: list[int]
    elsewhere: Mapping[str, list[str]]
    along: list[Any]
    highest: float
    formula: str
    words: Mapping[str, Mapping[str, str]]


@cache
def words(language: str) -> dict[str, str]:
    """Return the words of pages and pictures."""
    stated = tomllib.loads((Path(__file__).parent / "words.toml").read_text("utf-8"))
    found: dict[str, str] = stated[language]
    return found


@cache
def files() -> dict[str, Any]:
    """Return what the files state, by kind."""
    paths = sorted((Path(__file__).parent / "texts").glob("*.toml"))
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in paths}


@cache
def texts() -> dict[str, Texts]:
    """Return the texts by the name of the page."""
    entries = {
        name: entry
        for stated in files().values()
        for name, entry in stated.items()
        if name != "heading"
    }
    return {name: _read(entry) for name, entry in entries.items()}


def _read(entry: Mapping[str, Any]) -> Texts:
    return Texts(
        entry["pitfalls"],
        {library: entry.get(library, []) for library in LIBRARIES},
        entry.get("along", []),
        entry.get("highest", math.inf),
        entry.get("formula", ""),
        {language: entry.get(language, {}) for language in ("en", "zh")},
    )


@cache
def pitfalls(language: str) -> dict[int, tuple[str, str]]:
    """Return the anchors and the titles of the page of mistakes by their numbers."""
    found = _PITFALL.findall(_PITFALLS[language].read_text("utf-8"))
    return {int(number): (anchor, title) for anchor, number, title in found}


def pitfall(number: int, language: str) -> str:
    """Return the entry of a mistake, with a link to the page of mistakes."""
    anchor, title = pitfalls(language)[number]
    return f"- [{number}](../pitfalls.md#{anchor}) {title}"

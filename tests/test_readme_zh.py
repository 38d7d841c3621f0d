"""The Chinese README says what the English one says: headings, code, numbers, pictures."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md"))
BLOCK = re.compile(r"```.*?```", re.DOTALL)
WORDS = re.compile(r'""".*?"""|#.*')  # docstrings and comments, which are translated
ADDRESS = re.compile(r"\]\([^)]*\)")


def headings(text: str) -> list[str]:
    """Return the levels of the headings."""
    return re.findall(r"^(#+) ", BLOCK.sub("", text), re.MULTILINE)


def code(text: str) -> list[list[str]]:
    """Return the code blocks, line by line, without comments."""
    blocks = (WORDS.sub("", block).splitlines() for block in BLOCK.findall(text))
    return [[line.rstrip() for line in block] for block in blocks]


def numbers(text: str) -> Counter[str]:
    """Return how often each number occurs in the prose."""
    prose = ADDRESS.sub("]", BLOCK.sub("", text))
    return Counter(re.findall(r"\d+(?:\.\d+)*", prose))


def pictures(text: str) -> list[str]:
    """Return the pictures, whatever their language, and their widths."""
    return re.findall(r'<img src="docs/(?:zh/)?([^"]*" width="\d+)"', text)


@pytest.mark.parametrize("part", [headings, code, numbers, pictures])
def test_both_readmes_have_the_same(part) -> None:
    assert part(ENGLISH)
    assert part(CHINESE) == part(ENGLISH)


@pytest.mark.parametrize(
    ("part", "english", "other"),
    [(headings, "## More", "### More"), (code, "Linear(3, 10)", "Linear(3, 9)"),
     (numbers, "**258**", "**257**"), (pictures, 'width="540"', 'width="720"')],
)  # fmt: skip
def test_a_difference_is_found(part, english, other) -> None:
    assert part(ENGLISH.replace(english, other)) != part(ENGLISH)


def test_the_readmes_link_to_each_other() -> None:
    assert "[中文](README.zh.md)" in ENGLISH
    assert "[English](README.md)" in CHINESE

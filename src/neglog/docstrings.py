"""Docstrings whose repeated parts are written once."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Example|Source|Shape)s?:")
_ENTRY = re.compile(r"^    (\w[\w, ]*): ")
_WIDTH = 88


def completed(doc: str, names: Iterable[str], texts: Mapping[str, str]) -> str:
    """Add the parameters that a docstring does not describe to its section Args.

    Args:
        doc: the docstring, in Google's style.
        names: the parameters in the order of the signature.
        texts: the descriptions of parameters that several functions share.

    Raises:
        KeyError: neither describes a parameter.

    Example:
        >>> print(completed("Return x.", ["x"], {"x": "a number."}))
        Return x.
        <BLANKLINE>
        Args:
            x: a number.
    """
    lines = inspect.cleandoc(doc).splitlines()
    start, end = _args(lines)
    own = entries(lines[start:end])
    described: list[str] = []
    for name in names:
        described += own.get(name) or _written(name, texts[name])
    before, after = lines[:start], lines[end:]
    if start == end:
        before, after = [*_stripped(before), "", "Args:"], ["", *after] if after else []
    return "\n".join([*before, *described, *after])


def described(doc: str | None) -> dict[str, str]:
    """Return the text of every parameter that a docstring describes, each in one line."""
    lines = inspect.cleandoc(doc or "").splitlines()
    start, end = _args(lines)
    found = {
        name: " ".join(map(str.strip, text)) for name, text in entries(lines[start:end]).items()
    }
    return {name: text.partition(": ")[2] for name, text in found.items()}


def entries(lines: list[str]) -> dict[str, list[str]]:
    """Return the lines of a section by the parameter that they describe.

    Example:
        >>> entries(["    x, y: numbers,", "        any.", "    z: one."])["z"]
        ['    z: one.']
    """
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if match := _ENTRY.match(line):
            current = []
            found |= {name.strip(): current for name in match[1].split(",")[:1]}
        if line.strip():
            current.append(line)
    return found


def _args(lines: list[str]) -> tuple[int, int]:
    """Return where the entries of Args begin and end; both where they belong if there is none."""
    starts = [k for k, line in enumerate(lines) if _SECTION.match(line) or line.startswith(">>>")]
    for start in starts:
        if lines[start] == "Args:":
            end = start + 1
            while end < len(lines) and (lines[end].startswith("    ")):
                end += 1
            return start + 1, end
    first = starts[0] if starts else len(lines)
    return first, first


def _stripped(lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _written(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        f"{name}: {text}", _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip

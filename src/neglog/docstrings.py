"""Docstrings whose repeated parts are written once.

They are completed when their function is defined, for `help`; editors show the literal docstrings.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

_SECTION = re.compile(r"^(Args|Attributes|Returns|Shape|Raises|Example|Source):(?: |$)")
_ORDER = ("Summary", "Args", "Attributes", "Returns", "Shape", "Raises", "Example", "Source")
_INDENTED = {"Args", "Attributes", "Returns", "Shape", "Raises"}
_ENTRY = re.compile(r"^    (\w+): ")
_WIDTH = 92


def completed(doc: str | None, names: Iterable[str], texts: Mapping[str, str]) -> str | None:
    """Add the parameters that a docstring does not describe to its section Args, if texts do.

    Args:
        doc: the docstring, in Google's style; None where Python removes docstrings.
        names: the parameters in the order of the signature.
        texts: the descriptions of parameters that several functions share.

    Example:
        >>> print(completed("Return x.", ["x"], {"x": "a number."}))
        Return x.
        <BLANKLINE>
        Args:
            x: a number.
    """
    if doc is None:
        return None
    parts = _parts(doc)
    own = _entries(parts.get("Args", []))
    given = {name: _entry(name, texts[name]) for name in names if name in texts}
    lines = [line for name in names for line in {**given, **own}.get(name, [])]
    return _joined({**parts, "Args": ["Args:", *lines]} if lines else parts)


def with_sections(doc: str, texts: Mapping[str, str | Mapping[str, str]]) -> str:
    """Add sections that a docstring does not have; empty texts add nothing.

    Args:
        doc: the docstring.
        texts: by section, its text, or the texts of its entries.

    Example:
        >>> print(with_sections("Return x.", {"Source": "Gauss."}))
        Return x.
        <BLANKLINE>
        Source: Gauss.
    """
    parts = _parts(doc)
    added = {name: _lines(name, text) for name, text in texts.items() if text}
    return _joined({**added, **parts})


def described(doc: str | None, name: str = "Args") -> dict[str, str]:
    """Return the text of every entry of a section, each in one line."""
    entries = _entries(_parts(doc or "").get(name, []))
    lines = {entry: " ".join(map(str.strip, text)) for entry, text in entries.items()}
    return {entry: line.partition(": ")[2] for entry, line in lines.items()}


def section(doc: str | None, name: str) -> str:
    """Return the text of a section in one line; empty if there is none."""
    lines = _parts(doc or "").get(name, [])
    return " ".join(" ".join(lines).split()).removeprefix(f"{name}:").strip()


def _parts(doc: str) -> dict[str, list[str]]:
    """Return the lines of a docstring by section; paragraphs between sections are the summary's."""
    parts: dict[str, list[str]] = {"Summary": []}
    current, previous = "Summary", ""
    for line in inspect.cleandoc(doc).splitlines():
        if match := _SECTION.match(line):
            current = match[1]
        elif line.startswith(">>>"):
            current = "Example"
        elif line[:1].strip() and not previous and current in _INDENTED:
            current = "Summary"
        parts.setdefault(current, []).append(line)
        previous = line
    return parts


def _joined(parts: Mapping[str, Sequence[str]]) -> str:
    texts = ["\n".join(parts[name]).strip("\n") for name in _ORDER if name in parts]
    return "\n\n".join(texts)


def _entries(lines: list[str]) -> dict[str, list[str]]:
    """Return the lines of a section by the entry that they belong to."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if match := _ENTRY.match(line):
            current = found[match[1]] = []
        if line.strip():
            current.append(line)
    return found


def _lines(name: str, text: str | Mapping[str, str]) -> Sequence[str]:
    if not isinstance(text, str):
        return [f"{name}:", *(line for entry in text.items() for line in _entry(*entry))]
    if name == "Source":
        return _wrapped(f"{name}: {text}", "", "")
    return [f"{name}:", *_wrapped(text, " " * 4, " " * 4)]


def _entry(name: str, text: str) -> Sequence[str]:
    return _wrapped(f"{name}: {text}", " " * 4, " " * 8)


@cache
def _wrapped(text: str, first: str, others: str) -> tuple[str, ...]:
    lines = textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=others,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return tuple(lines)

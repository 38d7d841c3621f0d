"""What Python's documentation, the command line's help and docs/options.md say of an option."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from neglog.fitting.option_table.option import NETWORKS, PANELS, Option
from neglog.fitting.option_table.run import CommandOptions
from neglog.fitting.option_table.table import TABLE, Entry, entries

Spelling = Callable[[str], str]


def flag(name: str) -> str:
    """Return the first flag that sets an option.

    Example:
        >>> flag("sample_weight")
        '--sample-weight'
    """
    flags = TABLE[name].facts.flags if name in TABLE else ()
    return "--" + (flags[0] if flags else name).replace("_", "-")


def argument(name: str) -> str:
    """Return an option as Python's documentation writes it."""
    return f"`{name}`"


def in_python(entry: Entry) -> str:
    """Return the text of an option for a docstring; its type and default are in the signature."""
    facts = entry.facts
    column = "Pass (N,) values, or the name of a column." if facts.column else ""
    default = f"By default: {facts.unset}." if facts.unset else ""
    parts = (facts.help, facts.python, column, _allowed(facts), *_limits(entry), default)
    return _joined(parts, argument)


def in_estimator(entry: Entry) -> str:
    """Return the text of an option for an estimator, whose models are all linear."""
    facts = entry.facts
    default = f"By default: {facts.unset}." if facts.unset else ""
    return _joined((facts.help, facts.python, _allowed(facts), default), argument)


def in_help(entry: Entry) -> str:
    """Return the text of an option for the command line, which adds its choices and default."""
    facts = entry.facts
    column = "Pass the name of a column." if facts.column else ""
    again = "May be repeated." if facts.repeated else ""
    within = "" if facts.within is None else f"{_capital(facts.within.phrase)}."
    parts = (facts.help, facts.command, column, again, within, *_limits(entry))
    return _joined(parts, flag)


def default(entry: Entry) -> str:
    """Return the default in words, empty if there is none."""
    if entry.default is None:
        return _spelled(entry.facts.unset, flag)
    if entry.default is False or entry.default == ():
        return ""
    return f"{entry.default:g}" if isinstance(entry.default, float) else str(entry.default)


def table() -> str:
    """Return the tables of docs/options.md."""
    lines: list[str] = []
    for panel in PANELS:
        lines += [
            "",
            f"## {panel}",
            "",
            "| option | values | default | meaning |",
            "|---|---|---|---|",
        ]
        lines += [_row(entry) for entry in TABLE.values() if entry.facts.panel == panel]
    return "\n".join(lines[1:]) + "\n"


def _row(entry: Entry) -> str:
    facts = entry.facts
    if facts.flags:
        names = f"`{entry.name}` (Python)"
    elif entry.name in entries(CommandOptions):
        names = f"`{flag(entry.name)}` (command line)"
    else:
        names = f"`{flag(entry.name)}`"
    parts = (facts.help, facts.command, *_limits(entry))
    cells = (names, _values(entry), default(entry) or "–", _joined(parts, lambda n: f"`{flag(n)}`"))
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _values(entry: Entry) -> str:
    """Return the type or the allowed values in words."""
    facts = entry.facts
    if facts.choices:
        return ", ".join(f"`{choice}`" for choice in facts.choices)
    if facts.column:
        return "a column; in Python also (N,) values"
    several = "several values" if facts.repeated or facts.written else ""
    kind = several or _KINDS.get(entry.kind, "")
    if facts.within is None:
        return kind
    return f"{kind} {facts.within.phrase}".replace("a number a number", "a number")


_KINDS: dict[Any, str] = {
    bool: "a switch",
    int: "an integer",
    float: "a number",
    str: "text",
    Any: "text",
    str | Path: "a path",
    str | type: "text; in Python also a class",
    Mapping[str, Any]: "a dictionary",
}


def _allowed(facts: Option) -> str:
    if facts.choices:
        return f"One of {', '.join(f'``{choice!r}``' for choice in facts.choices)}."
    return "" if facts.within is None else f"{_capital(facts.within.phrase)}."


def _limits(entry: Entry) -> list[str]:
    """Return what an option requires and excludes, in sentences."""
    facts, name = entry.facts, entry.name
    found = []
    if facts.models:
        flag_of_networks = " ({hidden})" if facts.models == NETWORKS else ""
        found.append(f"Only for {facts.models}{flag_of_networks}.")
    if facts.likelihood:
        found.append(f"Only for the likelihood {facts.likelihood}.")
    if facts.needs:
        found.append(f"Requires {_either(facts.needs)}.")
    others = [other.name for other in TABLE.values() if name in other.facts.excludes]
    excluded = [*facts.excludes, *others, *(["stream"] if facts.in_memory else [])]
    if excluded:
        found.append(f"Not with {_either(excluded)}.")
    return found


def _either(names: Iterable[str]) -> str:
    return " or ".join(f"{{{name}}}" for name in names)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _joined(parts: tuple[str, ...], spelling: Spelling) -> str:
    return _spelled(" ".join(part for part in parts if part), spelling)


def _spelled(text: str, spelling: Spelling) -> str:
    """Spell the names of options, which texts write in braces."""
    return re.sub(r"\{([a-z_0-9]+)\}", lambda found: spelling(found[1]), text)

"""The options of a fit as flags, made from the table; importing it must not import torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from cyclopts import Group, Parameter, Token, validators

from neglog.fitting.option_table import wording
from neglog.fitting.option_table.option import PANELS
from neglog.fitting.option_table.rows import ReadingOptions
from neglog.fitting.option_table.table import TABLE, Entry, entries


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    """Read a whole number; cyclopts rounds others."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f'"{tokens[0].value}" is not a whole number.') from None


NotNegative = Annotated[int, Parameter(validator=validators.Number(gte=0), converter=_whole)]
Flag = Annotated[bool, Parameter(negative=())]
F = TypeVar("F", bound=Callable[..., Any])

FIT = tuple(entry for entry in TABLE.values() if not entry.facts.flags)
READING = tuple(entries(ReadingOptions).values())
NAMES = ("table", *(entry.name.replace("_", "-") for entry in FIT))

_GROUPS = {panel: Group.create_ordered(panel) for panel in PANELS}


def with_options(options: Iterable[Entry], unset: str = "") -> Callable[[F], F]:
    """Let a command take options as flags: those that were given are passed as keywords.

    Args:
        options: from the table.
        unset: what a flag that is not given means; by default the option's default.
    """

    def decorate(command: F) -> F:
        signature = inspect.signature(command)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        described: Any = command
        flags = [_parameter(entry, unset or wording.default(entry)) for entry in options]
        described.__signature__ = signature.replace(parameters=[*own, *flags])
        return command

    return decorate


def given(chosen: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, by name."""
    return {name: value for name, value in chosen.items() if value is not None}


def _parameter(entry: Entry, shown: str) -> inspect.Parameter:
    """Return an option as a flag that is None unless it is given, and shows a default."""
    facts = Parameter(
        help=wording.in_help(entry),
        group=_GROUPS[entry.facts.panel],
        show_default=(lambda _: shown) if shown else False,
        negative=() if entry.facts.repeated else None,
        converter=_whole if _type(entry) is int else None,
    )
    return inspect.Parameter(
        entry.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[_type(entry) | None, facts],
    )


def _type(entry: Entry) -> Any:
    """Return the type that a flag is read as."""
    if entry.facts.repeated:
        return tuple[str, ...]
    if entry.facts.choices:
        return Literal[entry.facts.choices]
    if entry.kind == str | Path:
        return Path
    return entry.kind if entry.kind in (bool, int, float) else str

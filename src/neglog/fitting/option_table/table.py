"""The table of all options, read from the annotated fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, reduce
from operator import or_
from types import NoneType
from typing import Any, get_args, get_type_hints

from neglog.fitting.option_table.models import IntervalOptions, ModelOptions, TrainingOptions
from neglog.fitting.option_table.option import PANELS, Option
from neglog.fitting.option_table.rows import ColumnOptions, ReadingOptions, RowOptions
from neglog.fitting.option_table.run import CommandOptions, RunOptions, TargetOptions


@dataclass(frozen=True, kw_only=True)
class FitOptions(
    IntervalOptions, TrainingOptions, ModelOptions, ReadingOptions, RowOptions, ColumnOptions
):
    """The options that decide what is fitted, and how."""


@dataclass(frozen=True)
class Entry:
    """One option.

    Attributes:
        name: its name in Python.
        type: its type in Python.
        default: its default in Python.
        facts: the rest.
    """

    name: str
    type: Any
    default: Any
    facts: Option

    @property
    def kind(self) -> Any:
        """The type without None."""
        kinds = [kind for kind in get_args(self.type) if kind is not NoneType]
        return reduce(or_, kinds) if NoneType in get_args(self.type) else self.type

    def is_given(self, value: Any) -> bool:
        """Whether a value is not the default; an empty collection counts as the default."""
        return value not in (self.default, None, (), {})


@cache
def entries(group: type) -> Mapping[str, Entry]:
    """Return the options of a group by name, in the order of the panels.

    Args:
        group: a dataclass whose annotations hold an `Option`; other fields are skipped.
    """
    hints = get_type_hints(group, include_extras=True)
    plain = get_type_hints(group)
    found = [
        Entry(field.name, plain[field.name], field.default, facts)
        for field in fields(group)
        for facts in getattr(hints[field.name], "__metadata__", ())
    ]
    return {entry.name: entry for entry in sorted(found, key=_panel)}


def _panel(entry: Entry) -> int:
    return PANELS.index(entry.facts.panel)


@dataclass(frozen=True, kw_only=True)
class CallOptions(RunOptions, FitOptions, TargetOptions):
    """The options of `neglog.fit`."""


@dataclass(frozen=True, kw_only=True)
class _Every(CommandOptions, CallOptions):
    """All options, of Python and of the command line."""


TABLE = entries(_Every)

"""The parts of dates and times, and the syntax of --dates when=year,days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neglog.errors.options import FitOptionError

ORDERS = ("dmy", "mdy")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_QUARTERS = ("Q1", "Q2", "Q3", "Q4")
LABELS = {"quarter": _QUARTERS, "month": _MONTHS, "weekday": _WEEKDAYS}
"""The labels of the parts that are labels, in order."""
NUMBERS = ("year", "day", "hour", "days")
PARTS = (*NUMBERS, *LABELS)
_SPELLING = '"COLUMN=year,month"'


def parse(written: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Parse --dates.

    Raises:
        FitError: it is not spelled COLUMN=part,part.

    Example:
        >>> parse(["when=year,days"])
        {'when': ('year', 'days')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for item in written:
        name, equals, parts = item.rpartition("=")
        if not (name and equals and parts):
            raise FitOptionError(f"--dates must be {_SPELLING}, but got {item!r}.")
        if name in found:
            raise FitOptionError(f"--dates names the column {name!r} twice; pass its parts once.")
        found[name] = tuple(part.strip() for part in parts.split(","))
    return found


def validate_parts(given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Validate the parts by column; return tuples.

    Raises:
        FitError: one is not a part, or none is left.
    """
    found = {}
    for name, parts in given.items():
        names = tuple(parts.split(",")) if isinstance(parts, str) else tuple(parts)
        for part in names:
            if part not in (*PARTS, *ORDERS):
                raise FitOptionError(
                    f"dates of column {name!r} have no part {part!r}; choose among "
                    f"{', '.join(PARTS)}, and dmy or mdy for the order of day and month."
                )
        if not set(names) - {*ORDERS} or len(set(names)) < len(names) or {*ORDERS} <= {*names}:
            raise FitOptionError(
                f"dates of column {name!r} must list one part or more, each once, such as "
                f"['year', 'days'], but got {list(names)}."
            )
        found[str(name)] = names
    return found

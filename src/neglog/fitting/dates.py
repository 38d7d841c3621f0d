"""Dates, times and durations that are written as text."""

from __future__ import annotations

from typing import NoReturn

import polars as pl

from neglog.errors import FitError
from neglog.fitting.written import leave

_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?"
_ZONE = r"( ?(Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_YEAR, _MONTH, _DAY = r"(1[5-9]|2[01])\d{2}", r"(0?[1-9]|1[0-2])", r"(0?[1-9]|[12]\d|3[01])"
_WEEKDAY = r"((?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
_NAME = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAYS = (
    rf"{_YEAR}-{_MONTH}-{_DAY}|{_YEAR}/{_MONTH}/{_DAY}|{_YEAR}\.{_MONTH}\.{_DAY}",
    rf"{_DAY}[-/.]{_MONTH}[-/.]{_YEAR}|{_MONTH}[-/.]{_DAY}[-/.]{_YEAR}",
    rf"{_DAY}/{_MONTH}/\d{{2}}|{_MONTH}/{_DAY}/\d{{2}}",
    r"(0[1-9]|[12]\d|3[01])([-.])(0[1-9]|1[0-2])[-.]\d{2}",
    rf"{_WEEKDAY}{_DAY}(st|nd|rd|th|\.)?[-/ ]{_NAME},?[-/ ]({_YEAR}|\d{{2}})",
    rf"{_DAY}\.? [^\W\d_]{{3,10}}\.? {_YEAR}",
    rf"{_WEEKDAY}{_NAME} {_DAY}(st|nd|rd|th)?,? {_YEAR}",
    rf"\d{{4}}年{_MONTH}月{_DAY}日",
)
_OTHERS = (
    rf"{_NAME}[-/ ,]+({_YEAR}|\d{{2}})|{_YEAR}[-/ ]{_NAME}",
    rf"{_YEAR}[-/](0[1-9]|1[0-2])|{_MONTH}/{_YEAR}|{_YEAR}年{_MONTH}月",
    rf"{_YEAR}[- ]?[QW]\d{{1,2}}|Q[1-4][- /]{_YEAR}",
    r"-?(\d+ days?,? ?)?\d{1,3}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?|-?\d+ days?",
    r"-?P(\d+[YMWD])+(T(\d+(\.\d+)?[HMS])+)?|-?PT(\d+(\.\d+)?[HMS])+",
)
_PATTERN = f"^(?:(?:{'|'.join(_DAYS)})(?:[T ,]+{_TIME}{_ZONE})?|{'|'.join(_OTHERS)})$"
_MOST = 1000


def are_dates(values: pl.Series) -> bool:
    """Return whether a column holds dates, times or durations, or is text of which most are.

    Example:
        >>> are_dates(pl.Series(["12 Jan 2020", "3/4/2021", "10:30"]))
        True
        >>> are_dates(pl.Series(["1.2.3", "555-0100", "01234"]))
        False
    """
    if values.dtype != pl.String:
        return values.dtype.is_temporal()
    some = values.drop_nulls().unique().head(_MOST)
    found = int(some.str.strip_chars().str.contains(_PATTERN).sum())
    return bool(len(some)) and 2 * found > len(some)


def refuse(name: str, what: object) -> NoReturn:
    """Refuse a feature of dates or times, given one of its texts or its type."""
    raise FitError(f"column {name!r} holds dates or times, {_example(what)}; {leave(name)}.")


def refuse_target(name: str, what: object) -> NoReturn:
    """Refuse a target of dates or times, given one of its texts or its type."""
    raise FitError(
        f"the target {name!r} holds dates or times, {_example(what)}; add a column of numbers that "
        "stands for them, such as the days since the first, or a column of labels, and pass that "
        "as the target."
    )


def _example(what: object) -> str:
    return f"such as {what!r}" if isinstance(what, str) else f"of type {what}"

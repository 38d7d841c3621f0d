"""Dates, times and durations written as text."""

from __future__ import annotations

from typing import NoReturn

import polars as pl

from neglog.errors import listed
from neglog.errors.tables import DateError
from neglog.fitting.tables.date_formats import HOURS, LENGTH, DateFormats
from neglog.fitting.tables.text_numbers import leave
from neglog.translation import gettext as _

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
    rf"{_YEAR}[-/M](0[1-9]|1[0-2])|{_MONTH}/{_YEAR}|{_YEAR}年{_MONTH}月",
    rf"{_YEAR}[- ]?[QW]\d{{1,2}}|Q[1-4][- /]{_YEAR}",
    r"-?(\d+ days?,? ?)?\d{1,3}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?|-?\d+ days?",
    r"(?i:-?\d+ ?(d|h|m)[a-z]*,? ?\d+ ?(h|m|s)[a-z]*(,? ?\d+ ?(m|s)[a-z]*)?)",
    r"-?P(\d+[YMWD])+(T(\d+(\.\d+)?[HMS])+)?|-?PT(\d+(\.\d+)?[HMS])+",
)
_PATTERN = f"^(?:(?:{'|'.join(_DAYS)})(?:[T ,]+{_TIME}{_ZONE})?|{'|'.join(_OTHERS)})$"
_SAMPLE_ROWS, _FEW = 1000, 3


def are_dates(values: pl.Series) -> bool:
    """Return whether a column holds dates, times or durations, or mostly text of those.

    Example:
        >>> are_dates(pl.Series(["12 Jan 2020", "3/4/2021", "10:30"]))
        True
        >>> are_dates(pl.Series(["1.2.3", "555-0100", "01234"]))
        False
    """
    if values.dtype != pl.String:
        return values.dtype.is_temporal()
    some = values.drop_nulls().unique().head(_SAMPLE_ROWS)
    found = int(some.str.strip_chars().str.contains(_PATTERN).sum())
    return bool(len(some)) and 2 * found > len(some)


def refuse(name: str, what: object) -> NoReturn:
    """Refuse a feature of dates or times, given an example or its type."""
    parts, how = _suggested_parts(what), "write it as a number, such as one of days"
    if parts:
        option = f"--dates '{name}={','.join(parts)}' (dates={{{name!r}: {parts}}})"
        how = f"turn it into numbers with {option}"
        if parts == ["hour"] and isinstance(what, str):
            how += f", or with --dates '{name}=days' if it holds durations"
    raise DateError(
        f"column {name!r} holds dates or times, {_example(what)}; {how}, or {leave(name)}."
    )


def _suggested_parts(what: object) -> list[str]:
    """Suggest parts for --dates; none if --dates cannot read the column."""
    if what == pl.Duration or what == pl.Time:
        return ["days"] if what == pl.Duration else ["hour"]
    if not isinstance(what, str):
        return ["year", "month", "days"]
    found = DateFormats()
    found.update(pl.Series([what]))
    if not found.firsts:
        return []
    first = next(iter(found.firsts))
    if first == LENGTH:
        return ["days"]
    return ["hour"] if first in HOURS else ["year", "month", "days"]


def refuse_target(name: str, what: object) -> NoReturn:
    """Refuse a target of dates or times, given an example or its type."""
    raise DateError(
        f"the target {name!r} holds dates or times, {_example(what)}; add a column of numbers that "
        "stands for them, such as the days since the first, or a column of labels, and pass that "
        "as the target."
    )


def date_target_warning(column: pl.Series) -> str:
    """Warn if a target of whole numbers looks like dates such as 20200131; else ""."""
    if not _are_days(column):
        return ""
    return _(
        "the numbers of {name!r}, such as {value}, look like dates, "
        "but are taken as numbers, whose differences are not days; if they are dates, use a column "
        "of the days since the first of them as the target."
    ).format(name=column.name, value=int(column.drop_nulls()[0]))


def whole_numbers(frame: pl.DataFrame) -> list[str]:
    """Return notes on columns of whole numbers that look like dates such as 20200131."""
    names = [column.name for column in frame if _are_days(column)]
    if not names:
        return []
    value = int(frame[names[0]].drop_nulls()[0])
    return [
        _(
            "the numbers of {names}, such as {value}, look like "
            "dates, but are taken as numbers, whose differences are not days; pass --dates "
            "'{first}=year,days' (dates={{{first!r}: ['year', 'days']}}) if they are dates."
        ).format(names=listed([repr(name) for name in names]), value=value, first=names[0])
    ]


def _are_days(column: pl.Series) -> bool:
    """Return whether all numbers are days from 1900 to 2100, written 20200131."""
    some = column.drop_nulls().head(_SAMPLE_ROWS)
    if not column.dtype.is_numeric() or not some.is_between(19000101, 21001231).all():
        return False
    some = some.unique()
    if len(some) < _FEW or (some.cast(pl.Float64) % 1 != 0).any():
        return False
    texts = some.cast(pl.Int64).cast(pl.String)
    return not texts.str.to_date("%Y%m%d", strict=False).null_count()


def _example(what: object) -> str:
    return f"such as {what!r}" if isinstance(what, str) else f"of type {what}"

"""Formats of dates and times, and those that match a column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from neglog.fitting.tables import durations

_FIRST_YEAR = 1000
_SAMPLE_ROWS = 50

_DAYS = {
    **dict.fromkeys(("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d"), ""),
    **dict.fromkeys(("%d %B %Y", "%d-%B-%Y", "%d. %B %Y", "%d %B, %Y", "%d-%B-%y", "%d %B %y"), ""),
    **dict.fromkeys(("%B %d, %Y", "%B %d %Y", "%B %d, %y"), ""),
    **dict.fromkeys((f"%d{c}%m{c}%{y}" for y in "Yy" for c in "/-."), "dmy"),
    **dict.fromkeys((f"%m{c}%d{c}%{y}" for y in "Yy" for c in "/-."), "mdy"),
}
"""Forms of dates, each with the order that has to be known, if there is one."""
HOURS = ("%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%I:%M %p", "%I:%M:%S %p")
LENGTH = "a duration"
"""The form of durations, which strptime has not."""
FORMS = {
    **_DAYS,
    **{f"{day} {hour}": order for day, order in _DAYS.items() for hour in HOURS},
    **{f"{day} {hour}%z": order for day, order in _DAYS.items() for hour in HOURS[:3]},
    **dict.fromkeys((*HOURS, LENGTH), ""),
}
_TIDY = (
    (r"(?i)^\s*(mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +", ""),
    (r"(?i)(\d)(st|nd|rd|th)\b", "$1"),
    (r"(\d)[T,]+ *(\d{1,2}:)", "$1 $2"),
    (r" *(Z|UTC|GMT)\s*$", "+00:00"),
    (r" +([+-]\d{2}:?\d{2})\s*$", "$1"),
    (r"^\s+|\s+$", ""),
    (r"^(\d{4})[- ]?Q1$|^Q1[-/ ](\d{4})$", "$1$2-01"),
    (r"^(\d{4})[- ]?Q2$|^Q2[-/ ](\d{4})$", "$1$2-04"),
    (r"^(\d{4})[- ]?Q3$|^Q3[-/ ](\d{4})$", "$1$2-07"),
    (r"^(\d{4})[- ]?Q4$|^Q4[-/ ](\d{4})$", "$1$2-10"),
    (r"^(\d{1,2})/(\d{4})$", "$2-$1"),
    (r"^(\d{4})[-/年](\d{1,2})月?$", "$1-$2-01"),  # a month is its first day
    (r"^(\d{4})M(0[1-9]|1[0-2])$", "$1-$2-01"),
    (r"^([A-Za-z]{3,9})[-/ ]+(\d{4})$", "1 $1 $2"),
)


@dataclass
class DateFormats:
    """The date formats that match the values of a column.

    Attributes:
        firsts: the first moment by each form that reads all values; None before any was seen.
        kind: the column's type.
        example: the first value.
        conflict: a text that is not written as those before it, or in no known form.
    """

    firsts: dict[str | None, int] | None = None
    kind: pl.DataType = field(default_factory=pl.String)
    example: str = ""
    conflict: str | None = None

    def update(self, values: pl.Series) -> None:
        """Add values of the column."""
        values = values.drop_nulls().unique(maintain_order=True)
        if values.is_empty():
            return
        known: Iterable[str | None] = [None] if values.dtype.is_temporal() else FORMS
        tidy = None if values.dtype.is_temporal() else tidied(values)
        head = None if tidy is None else tidy.head(_SAMPLE_ROWS)
        firsts: dict[str | None, int] = {}
        conflict, least = None, len(values) + 1
        for form in known if self.firsts is None else self.firsts:
            some = read(values.head(_SAMPLE_ROWS), form, head)
            moments = some if some.null_count() else read(values, form, tidy)
            if moments.null_count():
                if some.null_count() >= least:
                    continue
                least = some.null_count()
                conflict = texts_of(values)[int(moments.is_null().arg_max() or 0)]
            else:
                firsts[form] = int(moments.to_physical().to_numpy().min())
        example = str(values[0]) if values.dtype.is_temporal() else texts_of(values)[0]
        self.merge(DateFormats(firsts, values.dtype, example, None if firsts else conflict))

    def merge(self, other: DateFormats) -> None:
        """Merge the formats of other rows."""
        if other.firsts is None:
            return
        if self.firsts is None:
            self.firsts, self.kind, self.example = other.firsts, other.kind, other.example
        else:
            both = self.firsts.keys() & other.firsts.keys()
            self.firsts = {
                f: min(self.firsts[f], other.firsts[f]) for f in self.firsts if f in both
            }
        self.conflict = self.conflict or other.conflict
        if not self.firsts and self.conflict is None:
            self.conflict = other.example


def texts_of(values: pl.Series) -> pl.Series:
    """Return dates as text; 20200131 may be a number."""
    if values.dtype.is_float() and (values == values.round()).all():
        values = values.cast(pl.Int64)
    return values.cast(pl.String)


def tidied(values: pl.Series) -> pl.Series:
    """Return dates as text without weekdays, ordinal suffixes and other variants of a form."""
    texts = texts_of(values)
    for pattern, other in _TIDY:
        texts = texts.str.replace(pattern, other)
    return texts


def read(values: pl.Series, form: str | None, tidy: pl.Series | None = None) -> pl.Series:
    """Parse dates as datetimes; times of day and durations count from the start of 1970.

    Args:
        values: the dates.
        form: the one in which they are written, or None if they are no text.
        tidy: `tidied(values)`, which takes longer than to parse them in one form.
    """
    if form is None:
        if values.dtype in (pl.Time, pl.Duration):
            return values.cast(pl.Duration("us")).to_physical().cast(pl.Datetime("us"))
        if isinstance(values.dtype, pl.Datetime):
            values = values.dt.replace_time_zone(None)
        return values.cast(pl.Datetime("us"))
    if form == LENGTH:
        return durations.read(texts_of(values)).cast(pl.Datetime("us"))
    texts = tidied(values) if tidy is None else tidy
    if form in HOURS:
        return read(texts.str.to_time(form, strict=False), None)
    found = texts.str.to_datetime(form, strict=False, time_unit="us").dt.replace_time_zone(None)
    return found.set(found.dt.year() < _FIRST_YEAR, None)  # %Y reads 20 as the year 20

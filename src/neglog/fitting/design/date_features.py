"""Columns of dates and times as columns of numbers and labels: --dates when=year,month,days."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NoReturn

import polars as pl

from neglog.errors import listed
from neglog.errors.options import PredictionError
from neglog.errors.tables import DateError
from neglog.fitting.tables import durations
from neglog.fitting.tables.date_formats import FORMS, HOURS, LENGTH, DateFormats, read
from neglog.fitting.tables.date_parts import LABELS, ORDERS, PARTS
from neglog.fitting.tables.table import Table
from neglog.translation import gettext as _

_DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True)
class DateFeatures:
    """How to convert a column of dates or times to features.

    Attributes:
        name: the column's.
        parts: the features.
        form: how its text is written, as strptime names it; None where it is not text.
        first: the first moment, in microseconds since 1970, from which days are counted.
        zone: the time zone of the column's type; None without one.
    """

    name: str
    parts: tuple[str, ...]
    form: str | None
    first: int
    zone: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """The parts by column name."""
        return {f"{self.name} ({part})": part for part in self.parts}

    def expanded(self, frame: pl.DataFrame, start: int = 0) -> pl.DataFrame:
        """Return a frame in which the parts replace the column.

        Args:
            frame: the rows.
            start: the number of the first row in the table.

        Raises:
            FitError: a text is not written as the others are.
        """
        if self.name not in frame.columns:
            raise PredictionError(
                f"the table lacks {self.name!r}, which the model reads; it has "
                f"{listed(frame.columns)}."
            )
        values = frame[self.name]
        if self.form is None:
            values = self._in_zone(values)
        datetimes = read(values, self.form)
        invalid = datetimes.is_null() & values.is_not_null()
        if invalid.any():
            row = int(invalid.arg_max() or 0)
            raise PredictionError(
                f"column {self.name!r} must hold dates or times written as {self.form}, but row "
                f"{start + row} (from 0) holds {str(values[row])!r}; write all alike."
            )
        part_columns = [
            _part(datetimes, part, self.first).alias(n) for n, part in self.columns.items()
        ]
        place = frame.columns.index(self.name)
        columns = frame.get_columns()
        return pl.DataFrame([*columns[:place], *part_columns, *columns[place + 1 :]])

    def _in_zone(self, values: pl.Series) -> pl.Series:
        """Return times in the time zone of the training rows."""
        zone = getattr(values.dtype, "time_zone", None)
        if (zone is None) != (self.zone is None) and values.null_count() < len(values):
            raise PredictionError(
                f"column {self.name!r} must hold times {_zoned(self.zone)}, as when the model was "
                f"fitted, but its times are {_zoned(zone)}."
            )
        return values if self.zone in (None, zone) else values.dt.convert_time_zone(self.zone)

    def note(self, example: str) -> str:
        """Describe how the column is read, with an example."""
        how = since = ""
        if self.form is not None:
            example_value = read(pl.Series([example]), self.form)[0]
            how = _(", {example!r} as {value} (written {form})").format(
                example=example, value=example_value, form=self.form
            )
        if self.zone is not None:
            how = _(" in the time zone {zone}").format(zone=self.zone)
        if self.form == LENGTH:
            how = _(", {example!r} as {days:.6g} days").format(
                example=example, days=durations.read(pl.Series([example]))[0] / _DAY
            )
        if "days" in self.parts and self.first:
            since = _("; days are counted from {first}").format(
                first=pl.Series([self.first]).cast(pl.Datetime("us"))[0]
            )
        named = ", ".join(map(repr, self.columns))
        return _(
            "column {name!r} holds dates or times{how}; the features are {named}{since}."
        ).format(name=self.name, how=how, named=named, since=since)

    def to_json(self) -> dict[str, Any]:
        """Return the arguments of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DateFeatures:
        """Restore what was saved."""
        return cls(**{**data, "parts": tuple(data["parts"])})


def choose(name: str, found: DateFormats, parts: Sequence[str]) -> DateFeatures:
    """Determine how the column is read.

    Args:
        name: the column's.
        found: what its values show.
        parts: the requested parts.

    Raises:
        FitError: it holds no dates, the order of day and month is not known, or a part is not
            in it.
    """
    part_names = tuple(part for part in parts if part not in ORDERS)
    asked = next((part for part in parts if part in ORDERS), None)
    forms = [f for f in found.firsts or {} if f is None or FORMS[f] in ("", asked or FORMS[f])]
    if not forms:
        _refuse(name, found, asked)
    if len({FORMS[f] for f in forms if f is not None}) > 1:
        raise DateError(
            f"column {name!r} holds dates such as {found.example!r}, whose first number may be "
            f"the day or the month; pass --dates '{name}=dmy,{','.join(part_names)}' or "
            f"--dates '{name}=mdy,{','.join(part_names)}'."
        )
    if part_names == ("days",) and LENGTH in forms:  # 10:30 may be a time of day too
        forms = [LENGTH]
    _check_parts(name, part_names, found, forms[0])
    assert found.firsts is not None
    length = found.kind == pl.Duration or forms[0] == LENGTH
    zone = getattr(found.kind, "time_zone", None)
    return DateFeatures(name, part_names, forms[0], 0 if length else found.firsts[forms[0]], zone)


def _zoned(zone: str | None) -> str:
    return "without a time zone" if zone is None else f"in a time zone such as {zone}"


def _refuse(name: str, found: DateFormats, order: str | None) -> NoReturn:
    if found.firsts is None:
        raise DateError(f"column {name!r} of dates holds no value; leave it out of dates.")
    text = found.conflict if found.conflict is not None else found.example
    how = "" if order is None else f" in the order {order}"
    raise DateError(
        f"dates names column {name!r}, but {text!r} is not a date or time{how} in a form that "
        "all its values have; write all as 2020-01-31 or as 2020-01-31 10:30, and durations as "
        f"26:30:00; or pass --na {text!r} (na=[{text!r}]) if it is a missing value."
    )


def _check_parts(name: str, parts: Sequence[str], found: DateFormats, form: str | None) -> None:
    """Refuse parts that times of day and durations lack."""
    what, has = "", PARTS
    if found.kind == pl.Duration or form == LENGTH:
        what, has = "durations", ("days",)
    elif found.kind == pl.Time or form in HOURS:
        what, has = "times of day", ("hour",)
    if invalid := [part for part in parts if part not in has]:
        raise DateError(
            f"column {name!r} holds {what}, which have no {invalid[0]}; pass "
            f"--dates '{name}={has[0]}'."
        )


def _part(datetimes: pl.Series, part: str, first: int) -> pl.Series:
    """Return one part of dates: floats, or labels."""
    if part in (*LABELS, "year", "day"):
        number: pl.Series = getattr(datetimes.dt, part)()
        if part not in LABELS:
            return number.cast(pl.Float64)
        names = dict(enumerate(LABELS[part], start=1))
        return number.replace_strict(names, return_dtype=pl.String)
    ticks = datetimes.to_physical()
    if part == "hour":
        return ticks % _DAY / (_DAY / 24)
    return (ticks - first) / _DAY


def expanded(
    table: Table, dates: Mapping[str, Sequence[str]], target: str
) -> tuple[Table, tuple[DateFeatures, ...]]:
    """Return a table in which parts of dates replace their columns, and how they are read.

    Args:
        table: the rows.
        dates: the parts by column.
        target: the target's name.

    Raises:
        FitError: a column cannot be read, or is the target.
    """
    check(dates, target, table.frame.columns)
    features, frame, notes = [], table.frame, list(table.notes)
    for name, parts in dates.items():
        found = DateFormats()
        found.update(table.column(name))
        features.append(choose(name, found, parts))
        frame = features[-1].expanded(frame)
        notes.append(features[-1].note(found.example))
    levels = {n: names for n, names in table.levels.items() if n not in dates}
    part_labels = labels(features)
    present_levels = {
        n: tuple(label for label in part_labels[n] if label in set(frame[n])) for n in part_labels
    }
    levels |= present_levels
    return replace(table, frame=frame, notes=tuple(notes), levels=levels), tuple(features)


def labels(features: Sequence[DateFeatures]) -> dict[str, tuple[str, ...]]:
    """Return the ordered levels of the parts that are labels."""
    return {
        column: LABELS[part]
        for feature in features
        for column, part in feature.columns.items()
        if part in LABELS
    }


def check(dates: Mapping[str, Sequence[str]], target: str, columns: Collection[str]) -> None:
    """Refuse dates that are the target, or whose parts share the name of another column.

    Raises:
        FitError: some are, or have.
    """
    if target in dates:
        raise DateError(
            f"dates names the target {target!r}, whose parts would be features; leave it out there."
        )
    for name, parts in dates.items():
        for column in DateFeatures(name, tuple(parts), None, 0).columns:
            if column in columns:
                raise DateError(
                    f"the table has a column {column!r}, as a part of {name!r} would be called; "
                    "rename it."
                )

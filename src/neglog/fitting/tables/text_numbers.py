"""Detect and convert text columns that hold numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NoReturn

import polars as pl

from neglog.errors import listed
from neglog.errors.options import PredictionError
from neglog.errors.tables import NumberTextError
from neglog.fitting.tables import durations, numerals
from neglog.fitting.tables.reading import Reading
from neglog.fitting.tables.text_profile import RowPosition, TextProfile
from neglog.translation import gettext as _

MARKS = {",": "commas", " ": "blanks", "'": "apostrophes", ".": "points"}
_SIGNS = r"[^\w+]*|#(?:div/0|n/a|ref|value|name|num|null)[!?]?|n[/.]?a\.?|n\.?d\.?"
_WORDS = r"none|nil|missing|unknown|unk|undefined|no data|not known|not available|not applicable"
SIGN, MARKER = f"(?i)^(?:{_SIGNS})$", f"(?i)^(?:{_SIGNS}|{_WORDS})$"
"""What stands for missing values as a rule: signs such as ?, and words such as unknown too."""
_FLAGGED = r"^\s*[-+−]?\d[\d.,' ]*\s*[^\d\s.,'].{0,5}$"
"""A number with a few characters behind it, such as the flags of statistical offices."""


def learn(
    columns: Mapping[str, TextProfile],
    row: Callable[[RowPosition], int] = lambda place: place.row,
    roles: Collection[str] = (),
    comma: bool = False,
) -> dict[str, str]:
    """Return the convention of each text column that holds only numbers.

    Args:
        columns: what the columns' texts show.
        row: returns the number of a row in the table.
        roles: columns that are not features; they must be numbers and are checked elsewhere.
        comma: whether decimal commas are likelier than points, as where semicolons separate values.

    Raises:
        FitError: a column holds a few texts among numbers, or numbers of which no convention, or
            no unit, is that of all.
    """
    for name, profile in columns.items():
        if name not in roles or not profile.invalid.rows:
            _check(name, profile, row)
    spellings = [
        profile.spelling.decimals for profile in columns.values() if not profile.invalid.rows
    ]
    comma = {","} in spellings or (comma and {"."} not in spellings)
    found = {name: _convention(profile, comma) for name, profile in columns.items()}
    return {name: profile for name, profile in found.items() if profile is not None}


def allowed(reading: Reading) -> list[str]:
    """Return the conventions that the options allow, the most likely first."""
    thousands, decimal = reading.thousands, reading.decimal
    if thousands is not None:
        return [thousands + (decimal or ("," if thousands == "." else "."))]
    return [convention for convention in numerals.CONVENTIONS if decimal in (None, convention[1])]


def _check(name: str, texts: TextProfile, row: Callable[[RowPosition], int]) -> None:
    """Refuse a column that holds neither numbers nor labels."""
    if is_mixed(texts):
        _refuse_mixed(name, texts, row)
    if texts.invalid.rows or not texts.marked.rows or texts.spelling.bracketed:
        return
    if not texts.spelling.conventions:
        raise NumberTextError(
            f"column {name!r} holds numbers whose marks contradict each other, such as "
            f"{' and '.join(map(repr, _pair(texts)))}; write all with the same marks, or "
            f"{leave(name)}."
        )
    if units := texts.spelling.mixed_units:
        several = ", ".join(unit or "none" for unit in units)
        known = durations.read(pl.Series([texts.marked.value])).is_not_null().all()
        lengths = f", or turn durations into days with --dates '{name}=days'" if known else ""
        value, first = texts.marked.value, row(texts.marked.first or RowPosition(0, 0))
        raise NumberTextError(
            f"column {name!r} holds numbers of different units ({several}), such as {value!r} in "
            f"row {first} (from 0); write all in one unit, or the numbers alone{lengths}, or "
            f"{leave(name)}."
        )


def _pair(texts: TextProfile) -> list[str]:
    """Return two numbers with contradictory marks."""
    found = [texts.marked.value, texts.spelling.conflict, texts.dotted.value]
    return list(dict.fromkeys(text for text in found if text is not None))[:2]


def _convention(texts: TextProfile, comma: bool) -> str | None:
    """Return the convention of a column; None for labels and plain numbers.

    Args:
        texts: what the column's texts show.
        comma: whether decimal commas are likelier than points.
    """
    number_format = texts.spelling
    if texts.invalid.rows or number_format.bracketed or not number_format.conventions:
        return None
    best = min(number_format.conventions, key=lambda c: (c[1] == ".") == comma)
    if texts.marked.rows:
        return best + number_format.unit
    return best if number_format.dotted and best[1] == "," else None


def amount_unit(texts: TextProfile, convention: str) -> str | None:
    """Return the unit of amounts, which are not class codes; None for other numbers.

    Marks between thousands make amounts too; their unit is empty.
    """
    grouped = convention[0] in (texts.marked.value or "")
    return unit_of(convention) or ("" if grouped else None)


def unit_of(convention: str) -> str:
    """Return the unit of a convention; "" without one."""
    return convention[2:]


def is_mixed(texts: TextProfile) -> bool:
    """Return whether a column mixes numbers and texts that are not labels."""
    numbers = texts.present - texts.invalid.rows
    if not texts.invalid.rows or not numbers:
        return False
    markers = pl.Series(texts.others, dtype=pl.String).str.contains(MARKER)
    return texts.invalid.rows < numbers or bool(markers.all())


def _refuse_mixed(name: str, texts: TextProfile, row: Callable[[RowPosition], int]) -> NoReturn:
    count, first = texts.invalid, texts.invalid.first
    assert first is not None
    value, many = count.value, count.rows > 1
    others = [text for text in texts.others if text != value]
    remedy = f"correct them, or pass --na {value!r} (na=[{value!r}]) if they are missing values"
    if pl.Series(texts.others, dtype=pl.String).str.contains(_FLAGGED).all():
        remedy = "write the numbers alone"
    raise NumberTextError(
        f"column {name!r} holds numbers, but {count.rows} {'values are' if many else 'value is'} "
        f"text, the first {value!r} in row {row(first)} (from 0){_also(others)}; {remedy}, or "
        f"pass --as-labels {name!r} (as_labels=[{name!r}]) if all values are labels."
    )


def _also(texts: list[str]) -> str:
    return f", others {listed([repr(text) for text in texts], 4)}" if texts else ""


def convert(frame: pl.DataFrame, known: Mapping[str, str], start: int = 0) -> pl.DataFrame:
    """Convert text columns to numbers by known conventions.

    Args:
        frame: the rows.
        known: the convention of each column that has one.
        start: the number of the first row in the table.

    Raises:
        FitError: a text is not a number by its column's convention.
    """
    columns = []
    for name, convention in known.items():
        if name not in frame.columns or frame[name].dtype != pl.String:
            continue
        numbers = numerals.read(frame[name], convention)
        invalid = numbers.is_null() & frame[name].is_not_null()
        if invalid.any():
            row = int(invalid.arg_max() or 0)
            raise PredictionError(
                f"column {name!r} must hold numbers ({described(convention)}), as when the model "
                f"was fitted, but row {start + row} (from 0) holds {frame[name][row]!r}; write it "
                f"alike, or pass --na {frame[name][row]!r} if it is a missing value."
            )
        columns.append(numbers)
    return frame.with_columns(columns)


def plain(frame: pl.DataFrame, labels: Collection[str]) -> pl.DataFrame:
    """Convert text columns of plain numbers, except labels, to numbers."""
    columns = []
    for column in frame:
        if column.dtype == pl.String and column.name not in labels:
            numbers = numerals.plain(column)
            columns += [numbers] * (numbers.null_count() == column.null_count())
    return frame.with_columns(columns)


def notes(columns: Mapping[str, TextProfile], known: Mapping[str, str]) -> list[str]:
    """Return notes on text columns that are read as numbers."""
    groups: dict[str, list[str]] = {}
    for name, convention in known.items():
        if not (columns[name].marked.rows and columns[name].spelling.padded):
            groups.setdefault(convention, []).append(name)
    return [_note(names, columns[names[0]], convention) for convention, names in groups.items()]


def _note(names: list[str], texts: TextProfile, convention: str) -> str:
    text = texts.marked.value or texts.dotted.value
    number = numerals.read(pl.Series([text]), convention)[0]
    return _(
        "the text of {names} is read as numbers, {text!r} as "
        "{number:.12g} ({marks}); --thousands and --decimal change the "
        "marks, and --as-labels {first!r} (as_labels=[{first!r}]) keeps the texts as labels."
    ).format(
        names=listed([repr(name) for name in names]),
        text=text,
        number=number,
        marks=described(convention),
        first=names[0],
    )


def data_warnings(columns: Mapping[str, TextProfile], known: Mapping[str, str]) -> list[str]:
    """Return notes on plain numbers such as 1.234 that may be 1234."""
    names = [
        name
        for name, own in columns.items()
        if name not in known and not own.invalid.rows and own.spelling.dotted
        and ".," in own.spelling.conventions
    ]  # fmt: skip
    if not names:
        return []
    text = columns[names[0]].dotted.value
    return [
        _(
            "the numbers of {names} are read with decimal points, "
            "{text!r} as {number:.12g}; pass --thousands . (thousands='.') if the points are "
            "between thousands."
        ).format(names=listed([repr(name) for name in names]), text=text, number=float(text))
    ]


def described(convention: str) -> str:
    """Describe the marks and the unit of a convention."""
    thousands, decimal, unit = convention[0], convention[1], unit_of(convention)
    text = _("{between} between thousands, a decimal point")
    if decimal == ",":
        text = _("{between} between thousands, a decimal comma")
    mark = MARKS.get(thousands)
    found = text.format(between=repr(thousands) if mark is None else _(mark))
    return _("in {unit}, {marks}").format(unit=unit, marks=found) if unit else found


def leave(name: str) -> str:
    """Return the options that drop a column, or keep it as labels."""
    return (
        f"leave it out with --drop {name!r} (drop=[{name!r}]), or keep its texts as labels with "
        f"--as-labels {name!r} (as_labels=[{name!r}])"
    )

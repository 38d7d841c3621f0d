"""Label columns: the order of their levels, declared by a table or by the user."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

import narwhals as nw
import polars as pl

from neglog.errors.options import FitOptionError
from neglog.errors.tables import LevelsError, TargetError
from neglog.fitting.tables.arrays import plain
from neglog.translation import gettext as _

_SPELLING = '"COLUMN=first,second,third"'


def declared(data: Any) -> dict[str, tuple[Any, ...]]:
    """Return the declared categories of the columns of a frame, in order.

    A `Categorical` of polars declares no order.
    """
    native = nw.from_native(data, pass_through=True)
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    if not isinstance(native, nw.DataFrame):
        return {}
    found = {str(column.name): of_series(column) for column in native.iter_columns()}
    return {name: labels for name, labels in found.items() if labels is not None}


def of_series(values: Any) -> tuple[Any, ...] | None:
    """Return the declared categories of a series, in order; None without any."""
    series = nw.from_native(values, series_only=True, pass_through=True)
    native: Any = series.to_native() if isinstance(series, nw.Series) else values
    if isinstance(native, pl.Series):
        return tuple(native.dtype.categories) if isinstance(native.dtype, pl.Enum) else None
    dtype: Any = getattr(native, "dtype", None)
    if hasattr(dtype, "categories"):  # of pandas and its kin
        return _plain(dtype.categories)
    if hasattr(dtype, "pyarrow_dtype"):  # pandas' columns in Arrow's memory
        native = native.array.__arrow_array__()
    if not hasattr(getattr(native, "type", None), "index_type"):
        return None
    whole = native.unify_dictionaries().combine_chunks()  # a dictionary of pyarrow
    chunks = getattr(whole, "chunks", [whole])
    return _plain(chunks[0].dictionary.to_pylist()) if chunks else ()


def _plain(labels: Iterable[Any]) -> tuple[Any, ...]:
    items = map(plain, labels)
    return tuple(getattr(label, "item", lambda label=label: label)() for label in items)


def text(label: Any) -> str:
    """Return a label as text: the float 2.0 as 2."""
    whole = isinstance(label, float) and label.is_integer()
    return str(int(label) if whole else label)


def texts(values: pl.Series) -> pl.Series:
    """Return the labels of a column as text."""
    if values.dtype == pl.String:
        return values
    known = {value: text(value) for value in values.unique().drop_nulls()}
    converted = [None if value is None else known[value] for value in values.to_list()]
    return pl.Series(values.name, converted, dtype=pl.String)


def parse(written: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Parse --levels.

    Raises:
        FitError: it is not spelled COLUMN=first,second.

    Example:
        >>> parse(["size=small,large"])
        {'size': ('small', 'large')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for item in written:
        name, equals, labels = item.partition("=")
        values = next(csv.reader([labels], skipinitialspace=True), [])
        if not (name.strip() and equals and values and all(values)):
            raise FitOptionError(f"--levels must be {_SPELLING}, but got {item!r}.")
        if name in found:
            raise LevelsError(f"--levels names the column {name!r} twice; pass its levels once.")
        found[name] = tuple(values)
    return found


def listed_levels(name: str, labels: Sequence[Any], present: Sequence[Any]) -> tuple[Any, ...]:
    """Return the values of labels; refuse labels that do not occur.

    Raises:
        FitError: a label is there twice, is not in the table, or a value is not listed.
    """
    known = {text(value): value for value in present}
    asked = [text(label) for label in labels]
    where = f"levels of column {name!r}"
    for label in asked:
        if asked.count(label) > 1:
            raise LevelsError(f"the {where} list {label!r} twice; list each level once.")
        if label not in known:
            raise LevelsError(
                f"the {where} list {label!r}, which the table does not hold; it holds "
                f"{', '.join(sorted(known)[:8])}."
            )
    if absent := sorted(set(known) - set(asked)):
        raise LevelsError(
            f"the {where} do not list {', '.join(map(repr, absent[:8]))}, which the table holds; "
            "list every level."
        )
    return tuple(known[label] for label in asked)


def spelled(labels: Sequence[Any]) -> str:
    """Format labels for --levels."""
    escaped = [text(label).replace('"', '""') for label in labels]
    return ",".join(f'"{label}"' if set(label) & set(',"\n\r ') else label for label in escaped)


def option(name: str, labels: Sequence[Any]) -> str:
    """Return the option that declares an order."""
    return f"--levels {shlex.quote(f'{name}={spelled(labels)}')} (levels={{{name!r}: {[*labels]}}})"


def _is_number(label: Any) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def check_order(name: str, labels: Sequence[Any]) -> None:
    """Refuse a text target without a declared order.

    Raises:
        FitError: labels are text, other than numbers that are read as labels.
    """
    if not all(map(_is_number, labels)):
        raise TargetError(
            f"the target {name!r} holds text, whose order nothing declares; the alphabet would "
            f"give {' < '.join(map(str, labels[:20]))}; write the order, the lowest first, as in "
            f"{option(name, labels[:20])}, or use an ordered category dtype."
        )


def shown(label: Any) -> str:
    """Format a label for output, quoted if it contains blanks or line ends."""
    written = str(label)
    return (
        written
        if written == written.strip() and written.isprintable() and written
        else repr(written)
    )


def has_leading_zeros(values: pl.Series) -> bool:
    """Return whether a text column holds numbers such as 01234."""
    return values.dtype == pl.String and bool(values.str.contains(r"^0\d+$").any())


def zeros_lost(names: Sequence[str]) -> list[str]:
    """Return a note on columns that lost leading zeros, with the remedy."""
    return [
        _(
            "column {name!r} holds digits with leading zeros, such as zip codes, and is read as "
            "numbers; pass --as-labels {name!r} (as_labels=[{name!r}]) to keep them as labels."
        ).format(name=name)
        for name in names
    ]

"""Columns of text that do not hold labels: dates, or too many different texts."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from neglog.errors import FitError
from neglog.fitting.tables import date_text
from neglog.fitting.tables.text_numbers import leave

MOST_LEVELS = 5000
_FEW_LEVELS, _ROWS_A_LEVEL = 50, 2
_QUANTITY = r"^\s*[^\w\s]?\s*[+-]?\d[\d.,' ]*\s*[^\W\d]\D{0,5}$"
_UNIT = "most of them numbers with a unit; write the numbers alone into the column"
_WORDS = "as many as names, identifiers or free text have"


def check_levels(name: str, levels: Sequence[str], rows: int) -> None:
    """Refuse a column of text that does not hold labels, and say what it is instead.

    Raises:
        FitError: it is dates, or has too many different texts.
    """
    texts = pl.Series(levels, dtype=pl.String)
    if date_text.are_dates(texts):
        date_text.refuse(name, levels[0])
    most = min(max(_FEW_LEVELS, rows // _ROWS_A_LEVEL), MOST_LEVELS)
    if len(levels) <= most:
        return
    count = f"more than {MOST_LEVELS}" if len(levels) > MOST_LEVELS else str(len(levels))
    raise FitError(
        f"column {name!r} holds {count} different texts in {rows} rows, such as {levels[0]!r}, "
        f"more than {most}{cause(texts)}; {leave(name)}."
    )


def cause(texts: pl.Series) -> str:
    """Say why a column has many different texts."""
    are_quantities = 2 * int(texts.str.contains(_QUANTITY).sum()) > len(texts)
    return f": {_UNIT if are_quantities else _WORDS}"

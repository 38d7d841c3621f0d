"""Checks for text columns that do not hold labels: dates, or too many distinct values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from neglog.errors import listed
from neglog.errors.tables import LevelsError, TargetError
from neglog.fitting.tables import date_text
from neglog.fitting.tables.text_numbers import MARKER, SIGN, leave
from neglog.translation import gettext as _

MAX_LEVELS = 5000
_FEW_LEVELS, _ROWS_A_LEVEL = 50, 2
_MIN_LABELS = 2
_QUANTITY = r"^\s*[^\w\s]?\s*[+-]?\d[\d.,' ]*\s*[^\W\d]\D{0,5}$"
_UNIT = "most of them numbers with a unit; write the numbers alone into the column"
_WORDS = "as many as names, identifiers or free text have"


def check_levels(name: str, levels: Sequence[str], rows: int) -> None:
    """Refuse a text column that does not hold labels, and say what it holds.

    Raises:
        FitError: it is dates, or has too many different texts.
    """
    texts = pl.Series(levels, dtype=pl.String)
    if date_text.are_dates(texts):
        date_text.refuse(name, levels[0])
    limit = min(max(_FEW_LEVELS, rows // _ROWS_A_LEVEL), MAX_LEVELS)
    if len(levels) <= limit:
        return
    count = f"more than {MAX_LEVELS}" if len(levels) > MAX_LEVELS else str(len(levels))
    raise LevelsError(
        f"column {name!r} holds {count} different texts in {rows} rows, such as {levels[0]!r}, "
        f"more than {limit}{cause(texts)}; {leave(name)}."
    )


def refuse_signs(name: str, labels: Sequence[str]) -> None:
    """Refuse a target in which a sign such as ? would be a class.

    Raises:
        FitError: there is one among two labels or more.
    """
    sign = next(iter(_among(labels, SIGN)), None)
    if sign is not None and len(labels) > _MIN_LABELS:
        raise TargetError(
            f"the target {name!r} holds {sign!r} among labels such as {_label(labels)!r}; pass "
            f"--na {sign!r} (na=[{sign!r}]) if it stands for a missing value, or --as-labels "
            f"{name!r} (as_labels=[{name!r}]) if it is a class."
        )


def data_warnings(levels: Mapping[str, Sequence[str]]) -> list[str]:
    """Warn about levels of features that may mark missing values."""
    found = {name: mark for name, labels in levels.items() for mark in _among(labels, MARKER)[:1]}
    if not found:
        return []
    first = next(iter(found.values()))
    each = listed([f"{mark!r} of {name!r}" for name, mark in found.items()])
    return [
        _(
            "levels that may stand for missing values are kept: {each}; pass --na {first!r} "
            "(na=[{first!r}]) if they do."
        ).format(each=each, first=first)
    ]


def _among(labels: Sequence[str], pattern: str) -> list[str]:
    """Return the labels that match a pattern; none if the others are signs too, such as + and -."""
    texts = pl.Series(labels, dtype=pl.String)
    found = texts.str.contains(pattern)
    words = texts.filter(~found).str.contains(r"\w")
    return texts.filter(found).to_list() if len(words) and words.all() else []


def _label(labels: Sequence[str]) -> str:
    return next(label for label in labels if not pl.Series([label]).str.contains(SIGN).any())


def cause(texts: pl.Series) -> str:
    """Explain why a column has many distinct values."""
    are_quantities = 2 * int(texts.str.contains(_QUANTITY).sum()) > len(texts)
    return f": {_UNIT if are_quantities else _WORDS}"

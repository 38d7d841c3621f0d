"""Row selection: missing values, and the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import polars as pl

from neglog.errors import listed
from neglog.errors.tables import MissingValueError
from neglog.translation import gettext as _

REMEDY = (
    "pass --missing drop (in Python missing='drop') to leave out their rows, or --missing mean to "
    "fill in the means of columns of numbers"
)
_TEXT_REMEDY = (
    "text has no mean to fill in: pass --missing drop (in Python missing='drop') to leave out the "
    "rows, --drop to leave out the column, or give the missing values a label of their own in the "
    "table"
)


def left_out(count: int) -> list[str]:
    """Return a note on the rows dropped for missing values, if any."""
    one = _("{count} row with missing values is left out.")
    many = _("{count} rows with missing values are left out.")
    return [(one if count == 1 else many).format(count=count)] if count else []


def keep(
    frame: pl.DataFrame,
    missing: str | None,
    required: Sequence[str] = (),
    remedy: str = REMEDY,
    start: int = 0,
) -> pl.Series:
    """Return a mask of the used rows.

    Args:
        frame: the columns that are used.
        missing: ``"drop"``, ``"mean"``, or None to refuse.
        required: columns (the target) that are never filled in, whose rows are left out instead.
        remedy: what to do where they are refused.
        start: the number of the first row in the table.

    Raises:
        FitError: values are missing and nothing was said about them.
    """
    gaps = {c.name: c.is_null() for c in frame if c.null_count()}
    if gaps and missing is None:
        first = {name: start + int(gap.arg_max() or 0) for name, gap in gaps.items()}
        refuse({name: (int(gap.sum()), first[name]) for name, gap in gaps.items()}, remedy)
    if missing == "mean":
        texts = {n: gap for n, gap in gaps.items() if n not in required and has_no_mean(frame[n])}
        refuse_texts(
            {n: (int(gap.sum()), start + int(gap.arg_max() or 0)) for n, gap in texts.items()}
        )
    kept = pl.repeat(True, len(frame), dtype=pl.Boolean, eager=True)
    for name, gap in gaps.items():
        if missing == "drop" or name in required:
            kept &= ~gap
    return kept


def refuse_empty(names: Sequence[str], rows: int, required: Sequence[str]) -> None:
    """Refuse columns without any value: neither dropping rows nor a mean helps.

    Args:
        names: of the empty columns.
        rows: how many rows there are.
        required: columns that cannot be left out, as the target.
    """
    if not names:
        return
    needed = [name for name in names if name in required]
    remedy = "use a column that has values"
    if not needed:
        every = " ".join(f"--drop {name!r}" for name in names[:8])
        pronoun = "it" if len(names) == 1 else "them"
        remedy = f"leave {pronoun} out with {every} (drop={list(names[:8])})"
    shown = listed([repr(name) for name in needed or names])
    raise MissingValueError(f"column {shown} is empty: all {rows} values are missing; {remedy}.")


def has_no_mean(column: pl.Series) -> bool:
    """Whether a column holds labels, not numbers."""
    return not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null))


def refuse_texts(gaps: Mapping[str, tuple[int, int]]) -> None:
    """Refuse to fill in missing text.

    Args:
        gaps: how many values are missing of each column of text, and the first row of them.
    """
    if gaps:
        refuse(gaps, _TEXT_REMEDY)


def filled(gaps: Mapping[str, tuple[int, Any]], rows: int) -> list[str]:
    """Return a note on the values that replace missing ones.

    Args:
        gaps: how many values are missing of each column of numbers, and what stands for them.
        rows: how many rows the table has.
    """
    if not gaps:
        return []
    one = _("{name} ({count} of {rows}, with {value})")
    every = [
        one.format(name=repr(name), count=count, rows=rows, value=f"{fill:.6g}")
        for name, (count, fill) in gaps.items()
    ]
    text = _("missing values are filled in with the mean of the rows fitted: {columns}.")
    return [text.format(columns=", ".join(every))]


def refuse(gaps: Mapping[str, tuple[int, int]], remedy: str = REMEDY) -> NoReturn:
    """Refuse missing values.

    Args:
        gaps: how many are missing of each column, and the first row of them.
        remedy: what to do.
    """
    where = [f"{name!r} ({count}, first in row {row})" for name, (count, row) in gaps.items()]
    total = sum(count for count, _ in gaps.values())
    raise MissingValueError(
        f"{total} {'values are' if total > 1 else 'value is'} missing, in column "
        f"{listed(where)}, rows counted from 0; {remedy}."
    )


def split(
    count: int, classes: np.ndarray[Any, Any] | None, fraction: float, seed: int
) -> tuple[np.ndarray[Any, Any] | None, np.ndarray[Any, Any]]:
    """Split rows into training (None for all) and validation, stratified by class.

    Args:
        count: how many rows there are.
        classes: (N,) the class of every row; None where the target is a number.
        fraction: the part of the rows to hold out.
        seed: which of the possible splits.
    """
    if fraction == 0:
        return None, np.empty(0, dtype=np.int64)
    order = np.random.default_rng(seed).permutation(count)
    groups = [order]
    if classes is not None:
        groups = [order[classes[order] == k] for k in np.unique(classes)]
    group_held_out = np.concatenate([group[: int(fraction * len(group))] for group in groups])
    held_rows = np.zeros(count, dtype=bool)
    held_rows[group_held_out] = True
    return np.flatnonzero(~held_rows), np.flatnonzero(held_rows)

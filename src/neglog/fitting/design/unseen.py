"""Treatment of labels that the training rows did not contain."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from neglog.errors.options import FitOptionError
from neglog.fitting.design.column import Column
from neglog.fitting.tables.factor_levels import texts
from neglog.translation import gettext as _

UNSEEN = ("refuse", "base", "missing")


def replace_unseen(
    frame: pl.DataFrame, columns: Sequence[Column], unseen: str
) -> tuple[pl.DataFrame, list[str]]:
    """Replace unknown levels; return a note on the columns.

    Args:
        frame: the table.
        columns: those that the model reads.
        unseen: ``"refuse"`` leaves them, to be refused when the column is read; ``"base"`` and
            ``"missing"`` make them the column's first level, and a missing value.

    Raises:
        FitError: `unseen` is none of these.
    """
    if unseen not in UNSEEN:
        raise FitOptionError(f"unseen must be {' or '.join(UNSEEN)}, but got {unseen!r}.")
    notes = []
    for column in columns:
        if unseen == "refuse" or not column.levels or column.name not in frame.columns:
            continue
        text = texts(frame[column.name])
        invalid = text.is_not_null() & ~text.is_in(column.levels)
        if invalid.any():
            base = column.levels[0]
            frame = frame.with_columns(text.set(invalid, base if unseen == "base" else None))
            note = _(
                "column {name!r} holds levels that were not there when the model was fitted; they "
                "are taken as missing."
            )
            if unseen == "base":
                note = _(
                    "column {name!r} holds levels that were not there when the model was fitted; "
                    "they are taken as the base {base!r}."
                )
            notes.append(note.format(name=column.name, base=base))
    return frame, notes

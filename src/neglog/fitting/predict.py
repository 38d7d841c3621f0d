"""A saved model used again, on another table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from neglog.errors import FitError
from neglog.fitting import roles, rows, save, table
from neglog.fitting.data import encoded
from neglog.fitting.design import cleaned
from neglog.fitting.judge import Rows, judge
from neglog.fitting.linear.memory import Memory
from neglog.fitting.save import Saved
from neglog.fitting.table import Table
from neglog.fitting.targets import Target

_REMEDY = "fill them in, or fit the model again with --missing drop or mean"


@dataclass(frozen=True)
class Predictions:
    """What a saved model says of a table.

    Attributes:
        frame: the columns row, predicted and p[class] for each class; where the model has an
            ensemble, low and high; where the table has the target, truth and loss_nats too.
        loss: the mean loss in nats of the rows whose truth is known; None without any.
        left_out: how many rows were left out because values are missing.
        notes: how the table was read, each a sentence.
    """

    frame: pl.DataFrame
    loss: float | None
    left_out: int
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Judged:
    """A saved model, the rows of a table as it reads them, and what it says of them."""

    saved: Saved
    source: Memory
    rows: Rows
    has_target: bool
    left_out: int
    notes: list[str]

    def predictions(self) -> Predictions:
        """Return what a user sees of them."""
        frame = save.rows_frame(self.rows, self.saved.fitted.target.classes).with_columns(
            pl.col("loss_nats").fill_nan(None)
        )
        known = self.rows.loss[~np.isnan(self.rows.loss)]
        return Predictions(
            frame=frame if self.has_target else frame.drop("truth", "loss_nats"),
            loss=float(known.mean()) if len(known) else None,
            left_out=self.left_out,
            notes=self.notes,
        )


def predict(folder: str | Path, data: Any) -> Predictions:
    """Use the model that `neglog.fit` saved with ``out=folder``.

    Args:
        folder: where the model is.
        data: a CSV or Parquet file, or whatever `neglog.fit` takes as X.

    Raises:
        FitError: there is no model, or the table is not one that it can read.
    """
    return judged(folder, data).predictions()


def judged(folder: str | Path, data: Any) -> Judged:
    """Return what `predict` is made of.

    Raises:
        FitError: as `predict`.
    """
    saved = save.read(Path(folder))
    if isinstance(data, (str, Path)):
        return of_table(saved, table.read_file(data))
    source, _ = table.from_memory(data, None, saved.fitted.target.name)
    return of_table(saved, source)


def of_table(saved: Saved, source: Table, start: int = 0) -> Judged:
    """Use a model on a table, or on the part of one that begins with row `start`.

    Raises:
        FitError: the table is not one that the model can read.
    """
    design, target = saved.design, saved.fitted.target
    frame = cleaned(source.frame, design.inputs, start)
    kept = rows.keep(frame, design.missing, remedy=_REMEDY, start=start)
    others = roles.of_prediction(source, saved.options).filter(kept)
    truth = _truth(source.frame, target, kept)
    frame = frame.filter(kept)
    y = target.encode(pl.Series([None] * len(frame), dtype=pl.Float64) if truth is None else truth)
    memory = encoded(design, frame, y, others)
    return Judged(
        saved=saved,
        source=memory,
        rows=judge(saved.fitted, start + np.flatnonzero(kept.to_numpy()), memory),
        has_target=truth is not None,
        left_out=int((~kept).sum()),
        notes=list(source.notes),
    )


def _truth(frame: pl.DataFrame, target: Target, kept: pl.Series) -> pl.Series | None:
    if target.name not in frame.columns:
        return None
    column = frame[target.name].filter(kept)
    if target.classes is None and column.dtype == pl.String and column.null_count() < len(column):
        raise FitError(
            f"the target {target.name!r} must hold numbers, as when the model was fitted, but it "
            f"holds text such as {column.drop_nulls()[0]!r}."
        )
    return column

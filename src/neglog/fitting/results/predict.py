"""Predict with a model on another table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl

from neglog.errors.options import FitOptionError, PredictionError
from neglog.fitting.batches.in_memory_rows import InMemoryRows
from neglog.fitting.design import grouped, roles
from neglog.fitting.design import missing as missing_rows
from neglog.fitting.design.column import cleaned
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.encoding import encoded
from neglog.fitting.design.target import Target
from neglog.fitting.design.unseen import replace_unseen
from neglog.fitting.option_table.rows import ReadingOptions
from neglog.fitting.option_table.table import entries
from neglog.fitting.options.fit_options import Options
from neglog.fitting.prediction.fitted_model import Fitted
from neglog.fitting.prediction.row_predictions import RowPredictions, predict_rows
from neglog.fitting.results import save
from neglog.fitting.tables import in_memory, table, text_numbers
from neglog.fitting.tables.numerals import plain
from neglog.fitting.tables.read_file import read_file
from neglog.fitting.tables.reading import Reading
from neglog.fitting.tables.table import Table
from neglog.translation import gettext as _

_REMEDY = "fill them in, or fit the model again with --missing drop or mean"


class Model(Protocol):
    """The requirements of prediction, which fits and saved models fulfil."""

    @property
    def fitted(self) -> Fitted:
        """The model and its likelihood."""

    @property
    def design(self) -> Design:
        """How the columns of a table are encoded."""

    @property
    def options(self) -> Options:
        """The options of the fit."""


@dataclass(frozen=True)
class Predictions:
    """The predictions of a model for a table.

    Attributes:
        frame: the columns row, predicted and p[class] for each class; where the model has an
            ensemble, low and high; where the table has the target, truth and loss_nats too. A
            frame of the library that the table came as (a pandas one with its index); of polars for
            files and arrays.
        loss: the mean loss in nats of the rows whose truth is known; None without any.
        left_out: how many rows were left out because values are missing.
        notes: how the table was read, each a sentence.
    """

    frame: Any
    loss: float | None
    left_out: int
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PredictedRows:
    """A model, the encoded rows of a table, and their predictions."""

    model: Model
    source: InMemoryRows
    rows: RowPredictions
    has_target: bool
    left_out: int
    notes: list[str]
    trials: pl.Series | None = None

    def predictions(self) -> Predictions:
        """Return the public predictions."""
        frame = self.rows.frame(self.model.fitted.target.classes).with_columns(
            pl.col("loss_nats").fill_nan(None)
        )
        if self.trials is not None:
            expected = frame["predicted"] * self.trials
            frame = frame.with_columns(expected.alias("expected_count"))
        known = self.rows.loss[~np.isnan(self.rows.loss)]
        return Predictions(
            frame=frame if self.has_target else frame.drop("truth", "loss_nats"),
            loss=float(known.mean()) if len(known) else None,
            left_out=self.left_out,
            notes=self.notes,
        )


def predict(
    model: Model | str | Path,
    data: Any,
    *,
    unseen: str = "refuse",
    reading: Mapping[str, Any] | None = None,
) -> Predictions:
    """Predict the rows of a table.

    Args:
        model: what `neglog.fit` returned, or the folder that it wrote with ``out=``.
        data: the path of a file, or whatever `neglog.fit` takes as X.
        unseen: what becomes of a label that was not there when the model was fitted:
            ``"refuse"`` the table, take it as the ``"base"`` of its column, or as ``"missing"``.
        reading: the options of `neglog.fit` on how the table is read that differ from the fit's,
            such as ``{"separator": ";", "na": "?"}``.

    Raises:
        FitError: there is no model, or the table is not one that it can read.

    Example:
        >>> import neglog
        >>> fit = neglog.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 6.0])
        >>> round(fit.predict([[3.0]]).frame["predicted"][0], 6)
        8.333333
    """
    found = predicted_rows(model, data, unseen, reading=reading).predictions()
    return replace(found, frame=in_memory.as_frame_of(found.frame, data))


def predicted_rows(
    model: Model | str | Path,
    data: Any,
    unseen: str = "refuse",
    y: Any = None,
    reading: Mapping[str, Any] | None = None,
) -> PredictedRows:
    """Return encoded rows and predictions; see `predict`.

    Raises:
        FitError: as `predict`.
    """
    if isinstance(model, (str, Path)):
        model = save.read(Path(model))
    options = reading_of(model, reading or {})
    if isinstance(data, (str, Path)):
        source = read_file(data, options)
        frame = text_numbers.plain(text_numbers.convert(source.frame, options.known), options.texts)
        return predict_table(model, replace(source, frame=frame), unseen=unseen)
    source, _ = in_memory.from_memory(data, y, model.fitted.target.name, options)
    frame = text_numbers.plain(text_numbers.convert(source.whole(), options.known), options.texts)
    source = replace(source, frame=frame, numbers=None)
    _check_width(model, source)
    return predict_table(model, source, unseen=unseen)


def reading_of(model: Model, others: Mapping[str, Any]) -> Reading:
    """Return the reading options of a model, updated by some options.

    Raises:
        FitError: one of them is not an option of reading, or of no use.
    """
    known_names = entries(ReadingOptions)
    for name in others:
        if name not in known_names:
            raise FitOptionError(
                f"reading has no option {name!r}; choose among {', '.join(known_names)}."
            )
    options = replace(model.options, **others)
    known = dict(model.design.written)
    if {"thousands", "decimal"} & {*others}:
        marks = text_numbers.allowed(options.reading)[0]
        known = {name: marks + text_numbers.unit_of(own) for name, own in known.items()}
    return replace(options.reading, texts=texts(model), known=known, asked=frozenset(others))


def texts(model: Model) -> frozenset[str]:
    """Return the columns that a model reads as text."""
    target = model.fitted.target
    labels = {column.name for column in model.design.inputs if column.levels}
    labels.update(model.design.written, *(dates.name for dates in model.design.dates))
    if any(isinstance(label, str) for label in target.classes or ()):
        labels.add(target.name)
    return frozenset(labels)


def _check_width(model: Model, source: Table) -> None:
    """Refuse an array whose number of columns differs from the model's."""
    names, options = source.frame.columns, model.options
    if source.source != table.ARRAYS or options.formula is not None:
        return
    known = {column.name for column in model.design.inputs}
    others = {model.fitted.target.name, *options.drop, *options.roles.values()}
    invalid = set(names) - known - others
    if invalid and known <= set(names):
        raise PredictionError(
            f"X has {len(names)} columns, but the model was fitted to "
            f"{len(names) - len(invalid)}; pass the same ones in the same order."
        )


def predict_table(
    model: Model, source: Table, start: int = 0, unseen: str = "refuse"
) -> PredictedRows:
    """Predict a table, or the part of one that begins with row `start`.

    Raises:
        FitError: the table is not one that the model can read.
    """
    design, target = model.design, model.fitted.target
    frame, notes = replace_unseen(design.dated(source.frame, start), design.inputs, unseen)
    frame = cleaned(frame, design.inputs, start)
    kept = missing_rows.keep(frame, design.missing, remedy=_REMEDY, start=start)
    others = roles.of_prediction(source, model.options).filter(kept)
    truth = _truth(source.frame, target, kept)
    trials = others.columns.pop("trials", None)
    if model.options.trials is not None and truth is not None:
        truth = None if trials is None else grouped.proportions(truth, trials, None)
    frame = frame.filter(kept)
    filled = _("missing values are filled in with the means that the fit has stored: {means}.")
    each = _("{name!r} with {mean:.6g}")
    means = [each.format(name=n, mean=fill) for n, (_gap, fill) in design.filled(frame).items()]
    notes += [filled.format(means=", ".join(means))] * bool(means)
    y = target.encode(pl.Series([None] * len(frame), dtype=pl.Float64) if truth is None else truth)
    memory = encoded(design, frame, y, others)
    return PredictedRows(
        model=model,
        source=memory,
        rows=predict_rows(model.fitted, start + np.flatnonzero(kept.to_numpy()), memory),
        has_target=truth is not None,
        left_out=int((~kept).sum()),
        notes=[*source.notes, *notes],
        trials=trials,
    )


def _truth(frame: pl.DataFrame, target: Target, kept: pl.Series) -> pl.Series | None:
    if target.name not in frame.columns:
        return None
    column = frame[target.name].filter(kept)
    if target.classes is None and column.dtype == pl.String and column.null_count() < len(column):
        raise PredictionError(
            f"the target {target.name!r} must hold numbers, as when the model was fitted, but it "
            f"holds text such as {_text(column)!r}."
        )
    return column


def _text(column: pl.Series) -> str:
    """Return the first nonnumeric text of a column, or its first text."""
    texts = column.drop_nulls()
    others = texts.filter(plain(texts).is_null())
    return str((others if len(others) else texts)[0])

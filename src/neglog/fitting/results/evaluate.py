"""Evaluate a model on a table with known targets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neglog.errors.options import PredictionError
from neglog.fitting.design.missing import left_out
from neglog.fitting.linear import null_model
from neglog.fitting.linear.objective import Objective
from neglog.fitting.prediction.row_predictions import RowPredictions
from neglog.fitting.results.predict import Model, PredictedRows, predicted_rows
from neglog.translation import gettext as _


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a model on a table; all rows have equal weight.

    Attributes:
        target: its name.
        likelihood: the likelihood's name.
        rows: how many rows have a known target.
        left_out: how many were left out because a value is missing.
        loss_nats: the mean loss.
        null_nats: the mean loss of the model without features that fits this very table best; None
            where all targets are the same.
        accuracy: the part of the rows whose most probable class is theirs; None for numbers.
        r2: the coefficient of determination; None for classes.
        rmse, mae: the root of the mean squared error, and the mean absolute one; None for classes.
        predicted_rows: every row with a known target.
        classes: the labels; None where the target is a number.
        notes: how the table was read.
    """

    target: str
    likelihood: str
    rows: int
    left_out: int
    loss_nats: float
    null_nats: float | None
    accuracy: float | None
    r2: float | None
    rmse: float | None
    mae: float | None
    predicted_rows: RowPredictions = field(repr=False)
    classes: list[Any] | None = field(repr=False)
    notes: list[str] = field(repr=False)

    @property
    def loss_bits(self) -> float:
        """The mean loss in bits."""
        return self.loss_nats / math.log(2)

    @property
    def share_of_null(self) -> float | None:
        """The loss divided by the null model's; None for densities."""
        if self.classes is None or self.null_nats is None:
            return None
        return self.loss_nats / self.null_nats

    def figures(self) -> dict[str, Any]:
        """Return all metrics by name."""
        whole = {name: value for name, value in asdict(self).items() if name not in _LONG}
        return whole | {"loss_bits": self.loss_bits, "share_of_null": self.share_of_null}


_LONG = ("predicted_rows", "classes", "notes")


def evaluate(
    model: Model | str | Path, data: Any, y: Any = None, *, reading: Mapping[str, Any] | None = None
) -> Evaluation:
    """Evaluate a model on a table with known targets.

    Args:
        model: what `neglog.fit` returned, or the folder that it wrote with ``out=``.
        data: the path of a file, or whatever `neglog.fit` takes as X.
        y: (N,) the target, where the data do not hold it.
        reading: as of `neglog.predict`.

    Raises:
        FitError: there is no model, or the table is not one that it can read, or has no target.
    """
    predicted = predicted_rows(model, data, y=y, reading=reading)
    target = predicted.model.fitted.target
    known = np.flatnonzero(~np.isnan(predicted.rows.loss))
    if not len(known):
        raise PredictionError(
            f"the table tells no row's {target.name!r}, without which nothing can be evaluated; "
            "use neglog predict."
        )
    rows = predicted.rows.at(known)
    errors = (None,) * 3 if target.classes else _errors(rows)
    return Evaluation(
        target=target.name,
        likelihood=target.facts.name,
        rows=len(known),
        left_out=predicted.left_out,
        loss_nats=float(rows.loss.mean()),
        null_nats=_null(predicted, known),
        accuracy=float(np.mean(rows.truth == rows.predicted)) if target.classes else None,
        r2=errors[0],
        rmse=errors[1],
        mae=errors[2],
        predicted_rows=rows,
        classes=target.classes,
        notes=[
            *predicted.notes,
            *left_out(predicted.left_out),
            *_unknown_target_note(target.name, predicted, len(known)),
        ],
    )


def _unknown_target_note(name: str, predicted: PredictedRows, known: int) -> list[str]:
    """Return a note on rows without a target."""
    count = len(predicted.rows.loss) - known
    one = _("{count} row is left out, whose {name!r} is missing.")
    many = _("{count} rows are left out, whose {name!r} is missing.")
    return [(one if count == 1 else many).format(count=count, name=name)] if count else []


def _errors(rows: RowPredictions) -> tuple[float | None, float, float]:
    errors = rows.truth - rows.predicted
    size = float(np.abs(errors).max()) or 1.0  # else squares of 1e200 would be infinite
    mean_square = float(np.mean((errors / size) ** 2))
    spread = float(np.mean(((rows.truth - rows.truth.mean()) / size) ** 2))
    r2 = 1 - mean_square / spread if spread > 0 else None
    return r2, size * math.sqrt(mean_square), float(np.abs(errors).mean())


def _null(predicted: PredictedRows, known: np.ndarray[Any, Any]) -> float | None:
    source = predicted.source.at(torch.from_numpy(known))
    class_fractions = torch.unique(source.y, return_counts=True)[1].double() / len(known)
    if len(class_fractions) == 1:
        return None
    if predicted.model.fitted.target.classes is not None and source.offset is None:
        return float(-(class_fractions * class_fractions.log()).sum())
    return null_model.loss(Objective.of(predicted.model.fitted.response, source))

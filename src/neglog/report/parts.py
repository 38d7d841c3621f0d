"""The training and validation rows of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from neglog.fitting.prediction.row_predictions import RowPredictions
    from neglog.fitting.results.fit import Fit


@dataclass(frozen=True)
class WeightedRows:
    """Rows and their weights.

    Attributes:
        name: "training" or "validation".
        rows: what the model says of them.
        weight: (N,) what their losses are multiplied by.
        counts: (N,) how many observations each stands for.
    """

    name: str
    rows: RowPredictions
    weight: np.ndarray[Any, Any]
    counts: np.ndarray[Any, Any]


def parts(fit: Fit) -> list[WeightedRows]:
    """Return the fitted rows and held-out rows, if there are any, or a sample."""
    if not fit.data.whole:
        return [_judged(fit, "sampled training", fit.facts.sampled)]
    found = [_judged(fit, "training", fit.training)]
    if fit.data.validation_rows:
        found.append(_judged(fit, "validation", fit.validation))
    return found


def _judged(fit: Fit, name: str, rows: RowPredictions) -> WeightedRows:
    same = np.ones(len(rows.loss))
    weights = same if rows.weight is None else rows.weight
    return WeightedRows(
        name, rows, weights, weights if fit.options.weight_kind == "frequency" else same
    )

"""Warnings about a finished fit: an unsuitable likelihood, or target leakage."""

from __future__ import annotations

import math

import numpy as np

from neglog.fitting.likelihoods.misfit import Residuals
from neglog.fitting.prediction.row_predictions import predict_rows
from neglog.fitting.results.fit import Fit
from neglog.translation import gettext as _

_LEAK_RATIO = 5e-3  # of what the base rates lose
_SAMPLE_ROWS = 100_000  # the maximum number of rows that are used


def target_leak_warnings(result: Fit) -> list[str]:
    """Warn if the loss of a classifier is almost 0.

    The validation loss decides, if there is one, since a network may memorise training rows.
    """
    loss = result.loss if result.validation_loss is None else result.validation_loss
    may_memorise = bool(result.options.hidden) and result.validation_loss is None
    if result.classes is None or result.not_converged or may_memorise:
        return []
    largest_null = math.log(len(result.classes))  # which no null model exceeds, and costs nothing
    if loss > _LEAK_RATIO * largest_null or loss > _LEAK_RATIO * result.null_loss:
        return []
    text = _(
        "the mean loss is {loss} nats, almost 0 compared with the {null} of the base rates: the "
        "model knows the answer; look for a column that was recorded after the target, or "
        "computed from it."
    )
    return [text.format(loss=f"{loss:.1g}", null=f"{result.null_loss:.3g}")]


def misfit_warnings(fit: Fit) -> list[str]:
    """Return warnings of training rows that contradict the likelihood."""
    if fit.not_converged or fit.interrupted or fit.classes is not None:
        return []
    sample = fit.data.rows().sample(_SAMPLE_ROWS)
    rows = predict_rows(fit.fitted, np.arange(sample.rows), sample)
    truth = np.asarray(rows.truth, dtype=np.float64)
    weight = np.ones(len(truth)) if rows.weight is None else rows.weight
    used = weight > 0
    if fit.options.weight_kind == "frequency":
        weight = np.ones(len(truth))
    dispersion = None if fit.coefficients is None else fit.statistics.dispersion
    predicted = np.asarray(rows.predicted, dtype=np.float64)
    residuals = Residuals(fit.target, truth[used], predicted[used], weight[used], dispersion)
    return fit.fitted.target.facts.data_warnings(residuals) if len(residuals.truth) else []

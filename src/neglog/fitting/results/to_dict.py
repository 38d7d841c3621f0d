"""Results as plain data, for JSON output."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from neglog.fitting.results.evaluate import Evaluation
from neglog.fitting.results.fit import Fit


def of_fit(result: Fit) -> dict[str, Any]:
    """Return the results of a fit; losses in nats."""
    table = result.coefficients
    return {
        "source": result.source,
        "target": result.target,
        "likelihood": result.kind,
        "reason": result.reason,
        "classes": result.classes,
        "features": result.features,
        "model": result.model_text,
        "optimizer": result.optimizer,
        "converged": result.converged,
        "interrupted": result.interrupted,
        "outcome": result.outcome,
        "steps": result.count,
        "training_rows": result.data.training_rows,
        "validation_rows": result.data.validation_rows,
        "mean_loss_nats": result.loss,
        "validation_loss_nats": result.validation_loss,
        "null_loss_nats": result.null_loss,
        "gradient_norm": result.gradient_norm,
        "dispersion": result.fitted.dispersion,
        "statistics": None if table is None else _statistics(result),
        "coefficients": None if table is None else table.frame().to_dicts(),
        "covariance": None if table is None else table.kind,
        "notes": result.notes,
    }


def _statistics(result: Fit) -> dict[str, Any]:
    figures = result.statistics
    derived = (
        "aic",
        "bic",
        "dispersion",
        "pseudo_r2",
        "r2",
        "adjusted_r2",
        "ratio",
        "ratio_freedom",
        "ratio_p",
    )
    statistics = asdict(figures) | {name: getattr(figures, name) for name in derived}
    if result.options.penalised:  # which these say nothing of
        statistics |= dict.fromkeys(("aic", "bic", "ratio", "ratio_freedom", "ratio_p"))
    return statistics


def of_evaluation(evaluation: Evaluation, count: int) -> dict[str, Any]:
    """Return the metrics of an evaluation, and its rows with the highest losses."""
    order = np.argsort(-evaluation.predicted_rows.loss, kind="stable")[:count].tolist()
    rows = evaluation.predicted_rows.frame(evaluation.classes)[order].to_dicts()
    return {**evaluation.figures(), "worst": rows, "notes": evaluation.notes}

"""The statistics of a fit, each with its meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neglog.report.document import Table, number
from neglog.report.weights import probability

if TYPE_CHECKING:
    from neglog.fitting.results.fit import Fit


def tiles(fit: Fit) -> list[tuple[str, str]]:
    """Return the names and values of the most important figures."""
    found = [("mean loss, training rows", f"{number(fit.loss)} nats")]
    if fit.validation_loss is not None:
        found.append(("mean loss, validation rows", f"{number(fit.validation_loss)} nats"))
    found.append(("null loss, without features", f"{number(fit.null_loss)} nats"))
    if fit.classes is not None and fit.null_loss > 0:
        found.append(
            ("of the null loss explained", f"{100 * (1 - fit.loss / fit.null_loss):.1f} %")
        )
    else:
        found.append(("below the null loss, per row", f"{number(fit.null_loss - fit.loss)} nats"))
    return found


def table(fit: Fit) -> Table:
    """Return the statistics of a fit: name, value, meaning."""
    rows = [
        ["mean loss, training rows", _figure(fit.loss), _minimised(fit)],
        ["null loss", _figure(fit.null_loss), "the same, without features"],
    ]
    if fit.validation_loss is not None:
        what = "of rows that were not fitted"
        rows.insert(1, ["mean loss, validation rows", _figure(fit.validation_loss), what])
    if fit.classes is None and fit.data.whole:
        rows.append(["R²", _explained(fit), "explained fraction of the target's variance"])
    if fit.fitted.dispersion is not None:
        name = fit.fitted.target.facts.dispersion
        rows.append([name, number(fit.fitted.dispersion, 6), "the maximum-likelihood estimate"])
    if fit.coefficients is not None:
        rows += _likelihood(fit) + _deviance(fit)
    rows.append(["gradient norm at the end", number(fit.gradient_norm), "0 at the minimum"])
    if fit.decrement is not None:
        what = "the decrease of the loss in another step"
        rows.append(["Newton decrement", number(fit.decrement), what])
    caption = "Losses and log-likelihoods are in nats."
    if not fit.converged:
        caption += " The minimum was not reached: the statistics are those of the current weights."
    return Table(["statistic", "value", "meaning"], rows, "Statistics of the fit", caption)


def _minimised(fit: Fit) -> str:
    return "the minimised objective" + ", with the penalty" * fit.options.penalised


def _likelihood(fit: Fit) -> list[list[str]]:
    figures = fit.statistics
    known = "the same, without features"
    return [
        [
            "log-likelihood",
            _figure(figures.log_likelihood),
            "of all training rows, including constants",
        ],
        ["log-likelihood without features", _figure(figures.null_log_likelihood), known],
        ["parameters", str(figures.parameters), "the number of estimated parameters"],
        ["pseudo-R² (McFadden)", number(figures.pseudo_r2), "explained fraction of the null loss"],
        *([] if fit.options.penalised else _tests(fit)),
    ]


def _tests(fit: Fit) -> list[list[str]]:
    """Return the statistics that require maximum-likelihood weights."""
    figures = fit.statistics
    tested = f"test of all features: χ² with {figures.ratio_freedom} degrees of freedom"
    return [
        ["AIC", number(figures.aic, 6), "compares models of the same rows: lower is better"],
        ["BIC", number(figures.bic, 6), "the same, with a larger penalty on parameters"],
        ["likelihood ratio", number(figures.ratio, 6), tested],
        [
            "LR test p-value",
            probability(figures.ratio_p),
            "the probability of such a ratio without any effect",
        ],
    ]


def _deviance(fit: Fit) -> list[list[str]]:
    figures, rows = fit.statistics, []
    if figures.deviance is not None and figures.null_deviance is not None:
        what = "twice the loss in excess of a saturated model"
        rows.append(["deviance", number(figures.deviance, 6), what])
        known = "the same, without features"
        rows.append(["deviance without features", number(figures.null_deviance, 6), known])
    freedom = number(figures.freedom, 6)
    rows.append(["residual degrees of freedom", freedom, "rows minus weights"])
    if figures.dispersion is not None:
        what = "near 1 if the variance is the likelihood's; above 1, standard errors are too small"
        if fit.fitted.response.has_normal_errors:
            what = "the errors' variance"
        elif fit.fitted.dispersion is not None:
            what = "the dispersion used for the standard errors"
        rows.append(["Pearson χ² / degrees of freedom", number(figures.dispersion), what])
    return rows


def _explained(fit: Fit) -> str:
    truth = np.asarray(fit.training.truth, dtype=np.float64)
    predicted = np.asarray(fit.training.predicted, dtype=np.float64)
    # The squares of 1e200 would be infinite.
    unit = max(float(np.abs(truth).max()), float(np.abs(predicted).max())) or 1.0
    truth = truth / unit
    errors = truth - predicted / unit
    spread = float(((truth - truth.mean()) ** 2).sum())
    return number(1 - float((errors**2).sum()) / spread) if spread > 0 else "—"


def _figure(value: float) -> str:
    return number(value, 6)

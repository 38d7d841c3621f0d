"""How well a model fits, in figures, each with what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neglog.fitting.likelihoods.kinds import KINDS
from neglog.report.document import Table, number
from neglog.report.weights import probability

if TYPE_CHECKING:
    from neglog.fitting.results.fit import Fit


def tiles(fit: Fit) -> list[tuple[str, str]]:
    """Return the few figures that are looked at first: names and values."""
    found = [("mean loss, training rows", f"{number(fit.loss)} nats")]
    if fit.validation_loss is not None:
        found.append(("mean loss, validation rows", f"{number(fit.validation_loss)} nats"))
    found.append(("null loss, without features", f"{number(fit.null_loss)} nats"))
    if fit.classes is not None and fit.null_loss > 0:
        found.append(("of the null loss saved", f"{100 * (1 - fit.loss / fit.null_loss):.1f} %"))
    else:
        found.append(("saved per training row", f"{number(fit.null_loss - fit.loss)} nats"))
    return found


def table(fit: Fit) -> Table:
    """Return the statistics of a fit: name, value, what it says."""
    rows = [
        ["mean loss, training rows", _figure(fit.loss), _minimised(fit)],
        ["null loss", _figure(fit.null_loss), "the same, if no feature were known"],
    ]
    if fit.validation_loss is not None:
        what = "of rows that the fit has not seen"
        rows.insert(1, ["mean loss, validation rows", _figure(fit.validation_loss), what])
    if fit.classes is None and fit.data.whole:
        rows.append(["R²", _explained(fit), "share of the target's variance that is explained"])
    if fit.fitted.dispersion is not None:
        name = KINDS[fit.kind].dispersion
        rows.append([name, number(fit.fitted.dispersion, 6), "of greatest likelihood"])
    if fit.coefficients is not None:
        rows += _likelihood(fit) + _deviance(fit)
    rows.append(["gradient norm at the end", number(fit.gradient_norm), "0 at the minimum"])
    if fit.decrement is not None:
        what = "what one more step would save"
        rows.append(["Newton decrement", number(fit.decrement), what])
    caption = "Losses and log-likelihoods are in nats."
    if not fit.converged:
        caption += (
            " The minimum was not reached: what follows from the likelihood is that of the weights "
            "reached so far."
        )
    return Table(["figure", "value", "what it says"], rows, "Statistics of the fit", caption)


def _minimised(fit: Fit) -> str:
    return "what was minimised" + ", with the penalty added" * fit.options.penalised


def _likelihood(fit: Fit) -> list[list[str]]:
    figures = fit.statistics
    known = "the same, if no feature were known"
    return [
        [
            "log-likelihood",
            _figure(figures.log_likelihood),
            "of all training rows, constants included",
        ],
        ["log-likelihood without features", _figure(figures.null_log_likelihood), known],
        ["parameters", str(figures.parameters), "all that was estimated"],
        ["pseudo-R² (McFadden)", number(figures.pseudo_r2), "share of the null nats saved"],
        *([] if fit.options.penalised else _tests(fit)),
    ]


def _tests(fit: Fit) -> list[list[str]]:
    """Return what rests on the weights being those of greatest likelihood."""
    figures = fit.statistics
    tested = f"tests if the features matter: χ² with {figures.ratio_freedom} degrees of freedom"
    return [
        ["AIC", number(figures.aic, 6), "compares models of the same rows: lower is better"],
        ["BIC", number(figures.bic, 6), "the same, harder on parameters"],
        ["likelihood ratio", number(figures.ratio, 6), tested],
        [
            "P of the ratio",
            probability(figures.ratio_p),
            "the probability of a ratio as large, if none mattered",
        ],
    ]


def _deviance(fit: Fit) -> list[list[str]]:
    figures, rows = fit.statistics, []
    if figures.deviance is not None and figures.null_deviance is not None:
        what = "twice the nats above a model that meets every row's own target"
        rows.append(["deviance", number(figures.deviance, 6), what])
        known = "the same, if no feature were known"
        rows.append(["deviance without features", number(figures.null_deviance, 6), known])
    freedom = number(figures.freedom, 6)
    rows.append(["residual degrees of freedom", freedom, "rows less weights"])
    if figures.dispersion is not None:
        what = "the errors' variance"
        if fit.kind not in ("normal", "gamma"):
            what = "near 1 if the spread is the likelihood's; above it, errors are too small"
        elif fit.kind == "gamma":
            what = "the dispersion that the standard errors are made with"
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

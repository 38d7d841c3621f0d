"""The statistics of a fit, each with its meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neglog.report.document import Table, number
from neglog.report.weights import probability
from neglog.translation import gettext as _
from neglog.translation import joined

if TYPE_CHECKING:
    from neglog.fitting.results.fit import Fit


def tiles(fit: Fit) -> list[tuple[str, str]]:
    """Return the names and values of the most important figures."""
    nats = _("{value} nats")
    found = [(_("mean loss, training rows"), nats.format(value=number(fit.loss)))]
    if fit.validation_loss is not None:
        value = nats.format(value=number(fit.validation_loss))
        found.append((_("mean loss, validation rows"), value))
    found.append((_("null loss, without features"), nats.format(value=number(fit.null_loss))))
    if fit.classes is not None and fit.null_loss > 0:
        found.append(
            (_("of the null loss explained"), f"{100 * (1 - fit.loss / fit.null_loss):.1f} %")
        )
    else:
        value = nats.format(value=number(fit.null_loss - fit.loss))
        found.append((_("below the null loss, per row"), value))
    return found


def table(fit: Fit) -> Table:
    """Return the statistics of a fit: name, value, meaning."""
    rows = [
        [_("mean loss, training rows"), _figure(fit.loss), _minimised(fit)],
        [_("null loss"), _figure(fit.null_loss), _("the same, without features")],
    ]
    if fit.validation_loss is not None:
        what = _("of rows that were not fitted")
        rows.insert(1, [_("mean loss, validation rows"), _figure(fit.validation_loss), what])
    if fit.classes is None and fit.data.whole:
        rows.append(["R²", _explained(fit), _("explained fraction of the target's variance")])
    if fit.fitted.dispersion is not None:
        name, estimate = _(fit.fitted.target.facts.dispersion), number(fit.fitted.dispersion, 6)
        rows.append([name, estimate, _("the maximum-likelihood estimate")])
    if fit.coefficients is not None:
        rows += _likelihood(fit) + _deviance(fit)
    norm = number(fit.gradient_norm)
    rows.append([_("gradient norm at the end"), norm, _("0 at the minimum")])
    if fit.decrement is not None:
        what = _("the decrease of the loss in another step")
        rows.append([_("Newton decrement"), number(fit.decrement), what])
    caption = _("Losses and log-likelihoods are in nats.")
    if not fit.converged:
        current = _("The minimum was not reached: the statistics are those of the current weights.")
        caption = joined(caption, current)
    headers = [_("statistic"), _("value"), _("meaning")]
    return Table(headers, rows, _("Statistics of the fit"), caption)


def _minimised(fit: Fit) -> str:
    if fit.options.penalised:
        return _("the minimised objective, with the penalty")
    return _("the minimised objective")


def _likelihood(fit: Fit) -> list[list[str]]:
    figures = fit.statistics
    known = _("the same, without features")
    return [
        [
            _("log-likelihood"),
            _figure(figures.log_likelihood),
            _("of all training rows, including constants"),
        ],
        [_("log-likelihood without features"), _figure(figures.null_log_likelihood), known],
        [_("parameters"), str(figures.parameters), _("the number of estimated parameters")],
        [
            _("pseudo-R² (McFadden)"),
            number(figures.pseudo_r2),
            _("explained fraction of the null loss"),
        ],
        *([] if fit.options.penalised else _tests(fit)),
    ]


def _tests(fit: Fit) -> list[list[str]]:
    """Return the statistics that require maximum-likelihood weights."""
    figures = fit.statistics
    tested = _("test of all features: χ² with {count} degrees of freedom")
    tested = tested.format(count=figures.ratio_freedom)
    return [
        ["AIC", number(figures.aic, 6), _("compares models of the same rows: lower is better")],
        ["BIC", number(figures.bic, 6), _("the same, with a larger penalty on parameters")],
        [_("likelihood ratio"), number(figures.ratio, 6), tested],
        [
            _("LR test p-value"),
            probability(figures.ratio_p),
            _("the probability of such a ratio without any effect"),
        ],
    ]


def _deviance(fit: Fit) -> list[list[str]]:
    figures, rows = fit.statistics, []
    if figures.deviance is not None and figures.null_deviance is not None:
        what = _("twice the loss in excess of a saturated model")
        rows.append([_("deviance"), number(figures.deviance, 6), what])
        known = _("the same, without features")
        rows.append([_("deviance without features"), number(figures.null_deviance, 6), known])
    freedom = number(figures.freedom, 6)
    rows.append([_("residual degrees of freedom"), freedom, _("rows minus weights")])
    if figures.dispersion is not None:
        what = _(
            "near 1 if the variance is the likelihood's; above 1, standard errors are too small"
        )
        if fit.fitted.response.has_normal_errors:
            what = _("the errors' variance")
        elif fit.fitted.dispersion is not None:
            what = _("the dispersion used for the standard errors")
        rows.append([_("Pearson χ² / degrees of freedom"), number(figures.dispersion), what])
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

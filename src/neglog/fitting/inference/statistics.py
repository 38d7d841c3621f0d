"""Log-likelihood, deviance and derived statistics of a linear model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from scipy import stats

from neglog.fitting.batches.batch import Batch
from neglog.fitting.inference.coefficients import Coefficients
from neglog.fitting.likelihoods.classes import log_orderings
from neglog.fitting.likelihoods.row_losses import weighted
from neglog.fitting.linear import null_model
from neglog.fitting.linear.objective import Objective
from neglog.fitting.options.option_fields import OptionFields
from neglog.fitting.prediction.fitted_model import Fitted


@dataclass(frozen=True)
class Statistics:
    """Statistics of a linear model on its training rows.

    Attributes:
        rows: n; the sum of the weights if these are frequencies.
        parameters: k: the number of estimated weights, shared parameters and dispersion.
        freedom: n minus the number of weights: the residual degrees of freedom.
        log_likelihood, null_log_likelihood: in nats, of all rows, constants included.
        deviance, null_deviance: twice the nats above the saturated model, at a dispersion of 1;
            None if undefined.
        pearson: the sum of squared errors divided by the predicted variances.
        dispersion: Pearson's statistic divided by the residual degrees of freedom.
    """

    rows: float
    parameters: int
    freedom: float
    log_likelihood: float
    null_log_likelihood: float
    null_parameters: int
    deviance: float | None
    null_deviance: float | None
    pearson: float | None

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2k − 2 ln L."""
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, k ln n − 2 ln L."""
        return self.parameters * math.log(self.rows) - 2 * self.log_likelihood

    @property
    def dispersion(self) -> float | None:
        """Pearson's statistic divided by the residual degrees of freedom."""
        if self.pearson is None or self.freedom <= 0:
            return None
        return self.pearson / self.freedom

    @property
    def pseudo_r2(self) -> float:
        """McFadden's pseudo R²: the relative reduction of the null model's loss."""
        return 1 - self.log_likelihood / self.null_log_likelihood

    @property
    def r2(self) -> float | None:
        """The explained fraction of the null deviance; R² for a normal target."""
        if self.deviance is None or not self.null_deviance:
            return None
        return 1 - self.deviance / self.null_deviance

    @property
    def adjusted_r2(self) -> float | None:
        """R² adjusted for the degrees of freedom; None without any left."""
        if self.r2 is None or self.freedom <= 0:
            return None
        return 1 - (1 - self.r2) * (self.rows - 1) / self.freedom

    @property
    def ratio(self) -> float:
        """The likelihood-ratio statistic against the null model."""
        return 2 * (self.log_likelihood - self.null_log_likelihood)

    @property
    def ratio_freedom(self) -> int:
        """The degrees of freedom of the likelihood-ratio test."""
        return self.parameters - self.null_parameters

    @property
    def ratio_p(self) -> float:
        """The p-value of the likelihood-ratio test."""
        return float(stats.chi2.sf(self.ratio, self.ratio_freedom))


class Losses(NamedTuple):
    """Mean losses of the training rows.

    Attributes:
        fitted, null: of the model and of the null model, in nats.
        reached: of the model, in the response's units.
    """

    fitted: float
    null: float
    reached: float


def of(
    objective: Objective,
    fitted: Fitted,
    coefficients: Coefficients,
    options: OptionFields,
    losses: Losses,
) -> Statistics:
    """Return the statistics of a linear model.

    Args:
        objective: the mean loss of the training rows.
        fitted: the model.
        coefficients: those that are free are not NaN.
        options: of the fit.
        losses: the mean losses.
    """
    response = fitted.response
    weighs = options.sample_weight is not None
    frequency = options.weight_kind == "frequency"
    rows = objective.total if frequency else objective.used_rows
    # Precisions with a dispersion are taken to have the mean 1: the dispersion is then that of a
    # row of mean weight, and each row adds the logarithm of its weight.
    ratio = rows / objective.total if fitted.dispersion is not None else 1.0
    total = ratio * objective.total
    estimated = int((coefficients.estimate == coefficients.estimate).sum())
    # Thresholds replace intercepts; a scale or a dispersion is not a weight.
    weights = estimated - len(response.shared) * response.intercept
    dispersed = fitted.dispersion is not None
    null_parameters = response.outputs * response.intercept + len(response.shared) + dispersed
    log_weights = 0.0
    if not frequency and response.weight_power and weighs:
        logs = objective.sum(_log_weights) + rows * math.log(ratio)
        log_weights = logs * response.weight_power
    if response.grouped:
        log_weights = objective.sum(_log_ways)
    deviance, null_deviance, pearson = _deviance(fitted, objective, losses.reached)
    return Statistics(
        rows=rows,
        parameters=estimated + dispersed,
        freedom=rows - weights,
        log_likelihood=log_weights - total * losses.fitted,
        null_log_likelihood=log_weights - total * losses.null,
        null_parameters=null_parameters,
        deviance=deviance,
        null_deviance=null_deviance,
        pearson=pearson,
    )


def _log_weights(batch: Batch) -> torch.Tensor:
    assert batch.weight is not None
    return batch.weight[batch.weight > 0].log().sum()


def _log_ways(batch: Batch) -> torch.Tensor:
    assert batch.weight is not None
    return log_orderings(batch.y, batch.weight).sum()


def _deviance(
    fitted: Fitted, objective: Objective, reached: float
) -> tuple[float | None, float | None, float | None]:
    """Return the deviance, the null deviance, and Pearson's statistic; None if undefined."""
    response = fitted.response
    if not response.has_deviance:
        return None, None, None
    shared = fitted.shared if response.intercept else None  # thresholds stand for intercepts
    _, null = null_model.optimum(null_model.intercept_only(objective), shared)
    least = objective.mean(lambda y: response.saturated_loss(y, fitted.shared))
    twice = 2 * objective.total * response.deviance_unit
    sums = [twice * (loss - least) for loss in (reached, null)]
    return sums[0], sums[1], _pearson(fitted, objective)


def _pearson(fitted: Fitted, objective: Objective) -> float | None:
    """Return Σ (y − mean)² / variance; None without a mean and a variance."""
    response, total = fitted.response, torch.zeros(1, dtype=torch.float64)
    if not response.has_pearson:  # not decided by rows: a process may have none
        return None
    for batch in objective.source:
        y = response.encode_target(batch.y)
        squares = response.pearson(fitted.output(batch), fitted.shared, y)
        total += weighted(squares, batch.weight).sum()
    return float(objective.reduce(total))

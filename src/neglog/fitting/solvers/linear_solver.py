"""Fit a linear model to prepared rows, including standard errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from neglog.fitting.design.design_matrix import INTERCEPT
from neglog.fitting.design.prepared import Prepared
from neglog.fitting.inference.coefficients import Coefficients
from neglog.fitting.inference.covariance import ESTIMATORS, Counts, covariance, in_table_units
from neglog.fitting.likelihoods.responses import EXACT, Response
from neglog.fitting.likelihoods.row_losses import OnePredictorLosses, weighted
from neglog.fitting.linear import optimum
from neglog.fitting.linear.newton import Step
from neglog.fitting.linear.objective import Objective
from neglog.fitting.linear.optimum import Optimum
from neglog.fitting.network import standardise
from neglog.fitting.network.architecture import Architecture
from neglog.fitting.options.fit_options import Options
from neglog.fitting.prediction.fitted_model import Fitted
from neglog.fitting.results.fit import Fit
from neglog.fitting.running.outcome import Outcome
from neglog.fitting.running.progress import Epoch, Listener
from neglog.fitting.solvers.facts import LinearFacts
from neglog.fitting.solvers.linear_setup import check_covariance, objectives, penalty_of
from neglog.fitting.tables.factor_levels import shown
from neglog.translation import gettext as _


def solve(name: str, data: Prepared, options: Options, listener: Listener) -> Fit:
    """Fit the training rows; see `neglog.fit` for the options.

    Raises:
        FitError: the rows cannot be fitted.
    """
    objective, held_out = objectives(data, options)
    response, features, facts = objective.response, data.design.names, data.target.facts
    text = Architecture().describe(len(features), response.outputs, facts.output_name)
    optimizer = _describe(options, response.smooth)
    listener.describe(text, f"{facts.name}: {_(facts.loss)}", optimizer)
    recorder = _StepRecorder(objective, held_out, listener)
    result = _minimised(objective, features, recorder, options)
    listener.message("minimise", result.outcome.text)
    coefficients = _coefficients(objective, result, data, options)
    fitted = _fitted(objective, result, data)
    return Fit(
        source=name,
        fitted=fitted,
        data=data,
        options=options,
        model_text=text,
        optimizer=optimizer,
        outcome=result.outcome.text,
        converged=result.outcome.converged,
        facts=LinearFacts(data, fitted, coefficients, options, recorder.losses),
        count=len(recorder.losses) - 1,
        interrupted=recorder.interrupted,
        gradient_norm=_scaled_gradient_norm(result),
        decrement=result.decrement,
        coefficients=coefficients,
        notes=[
            *data.notes,
            *result.outcome.notes,
            *_few_frequencies(objective, result, options),
            *_unknown_density(objective, coefficients),
            *_unknown_information(coefficients, options),
        ],
    )


def _minimised(
    objective: Objective, features: list[str], recorder: _StepRecorder, options: Options
) -> Optimum:
    """Return the optimum, or the last step before Ctrl-C."""
    response, limit = objective.response, options.epochs or optimum.STEPS
    recorder.listener.start(limit)
    try:
        penalty = penalty_of(options, response)
        check_covariance(options, response)
        result = optimum.find_optimum(objective, features, recorder.step, limit, penalty)
        return _at_boundary(objective, result)
    except KeyboardInterrupt:
        return recorder.interrupted_optimum()
    finally:
        recorder.listener.stop()


class _StepRecorder:
    """Records the steps, and notifies the listener."""

    def __init__(
        self, objective: Objective, held_out: Objective | None, listener: Listener
    ) -> None:
        self.objective, self.held_out, self.listener = objective, held_out, listener
        self.losses: list[tuple[float, float | None]] = []
        self.interrupted = False
        self.last: Step | None = None

    def step(self, step: Step) -> None:
        """Record a step, or the start."""
        loss = None
        if self.held_out is not None:
            loss = self.held_out.value(step.weights, needs_hessian=False).loss
        self.losses.append((step.value.loss, loss))
        self.last = step
        if step.number and self.listener.needs_losses:
            self.listener.step(self._epoch(step.number))

    def interrupted_optimum(self) -> Optimum:
        """Return the last step as the result; raise KeyboardInterrupt without any."""
        if self.last is None:
            raise KeyboardInterrupt
        self.interrupted, step = True, self.last
        text = _("Ctrl-C after step {count}; the weights of that step are kept.").format(
            count=step.number
        )
        free = torch.arange(self.objective.size)
        return Optimum(step.weights, free, [], step.value, Outcome(False, text), step.decrement)

    def _epoch(self, number: int) -> Epoch:
        fitted, held_out = self.losses[-1]
        dispersion = self.objective.dispersion(fitted)
        nats = self.objective.nats(fitted, dispersion)
        if self.held_out is None or held_out is None:
            return Epoch(number, nats, None)
        return Epoch(number, nats, self.held_out.nats(held_out, dispersion))


def _scaled_gradient_norm(result: Optimum) -> float:
    """Return the norm of the gradient, scaled by the diagonal of the Hessian."""
    assert result.value.hessian is not None
    size = result.value.hessian.diagonal()[result.free].abs().sqrt()
    return float((result.value.gradient[result.free] / size.clamp(min=1e-300)).norm())


def _describe(options: Options, smooth: bool) -> str:
    if not smooth:
        return _("linear program: the loss has kinks, and no second derivative")
    if options.optimizer:
        return _("newton: first and second derivatives, all rows at once")
    return _(
        "newton (the default for linear models): first and second derivatives, all rows at once"
    )


def _at_boundary(objective: Objective, result: Optimum) -> Optimum:
    """Mark an optimum at the boundary, where the likelihood has no maximum, as not converged."""
    if result.outcome.text == optimum.exact_fit():
        return result
    response = objective.response
    first = objective.size - len(response.shared)
    assert result.value.hessian is not None
    information = result.value.hessian.diagonal()[first:] * objective.total
    text = response.edge(result.weights[first:], information)
    dispersion = objective.dispersion(result.value.loss)
    if dispersion is not None and dispersion <= EXACT * response.spread:
        text = optimum.exact_fit()
    return (
        replace(result, outcome=replace(result.outcome, converged=False, text=text))
        if text
        else result
    )


def _fitted(objective: Objective, result: Optimum, data: Prepared) -> Fitted:
    response, source = objective.response, objective.source
    width = source.features + 1
    output_weights = result.weights[: response.outputs * width].reshape(response.outputs, width)
    of = source.units
    units = standardise.Standardise(of.centre / of.scale, 1 / of.scale)
    layer = nn.Linear(width - 1, response.outputs, dtype=torch.float64)
    layer.weight.data, layer.bias.data = (
        output_weights[:, :-1].clone(),
        output_weights[:, -1].clone(),
    )
    model = nn.Sequential(units, layer).requires_grad_(False).eval()
    dispersion = objective.dispersion(result.value.loss)
    return Fitted(
        model, data.target, response, result.weights[response.outputs * width :], dispersion
    )


def _coefficients(
    objective: Objective, result: Optimum, data: Prepared, options: Options
) -> Coefficients:
    """Return the coefficients, with standard errors if the fit converged."""
    response, width = objective.response, objective.source.features + 1
    matrix, kind, freedom = torch.full((objective.size,) * 2, torch.nan).double(), "none", None
    if result.outcome.converged and result.value.hessian is not None and not options.penalised:
        rows = objective.total if options.weight_kind == "frequency" else objective.used_rows
        free_weights = int((result.free < response.outputs * width).sum())
        counts = Counts(float(rows), free_weights, options.weight_kind == "frequency")
        how = options.covariance or ("fisher" if response.smooth else "hc0")
        dispersion = _dispersion(objective, result, counts, how)
        made = covariance(
            objective, result.weights, result.free, result.value.hessian, how, counts, dispersion
        )
        matrix, kind, freedom = made.matrix, made.kind, made.freedom
    weights, error, correlation = in_table_units(objective, result.weights, result.free, matrix)
    left_out = [a * width + j.column for a in range(response.outputs) for j in result.aliases]
    weights[left_out] = error[left_out] = torch.nan
    order = _order(response, width)
    return Coefficients(
        names=_names(response, data),
        estimate=weights[order].numpy(),
        error=error[order].numpy(),
        correlation=correlation[order][:, order].numpy(),
        kind=kind,
        freedom=freedom,
        level=options.level,
    )


def _few_frequencies(objective: Objective, result: Optimum, options: Options) -> list[str]:
    """Warn if frequency weights leave too few rows for standard errors."""
    by_weights = options.sample_weight is not None and options.weight_kind == "frequency"
    if not by_weights or objective.total > len(result.free):
        return []
    return [
        _(
            "the sample weights sum to {total:g}; taken as frequencies, those are too few "
            "rows for the standard errors of {count} weights: if they are not counts, pass "
            "--weight-kind precision."
        ).format(total=objective.total, count=len(result.free))
    ]


def _unknown_density(objective: Objective, coefficients: Coefficients) -> list[str]:
    """Warn if the density at a kink cannot be estimated."""
    known = coefficients.kind == "none" or not np.isnan(coefficients.error).all()
    if objective.response.smooth or known:
        return []
    return [
        _(
            "there are no standard errors: the quantiles on either side of the fitted one coincide "
            "in too many rows to say how dense the errors are, as with few rows or many ties."
        )
    ]


def _unknown_information(coefficients: Coefficients, options: Options) -> list[str]:
    """Say so if Fisher's information was requested, but has no formula."""
    if options.covariance != "fisher" or coefficients.kind != "observed":
        return []
    return [
        _(
            "the Fisher information of this likelihood has no formula: the standard errors are "
            "those of the observed information."
        )
    ]


def _order(response: Response, width: int) -> list[int]:
    """Return the order of the weights in the table: the intercept of each output first."""
    order = []
    for start in range(0, response.outputs * width, width):
        order += [start + width - 1] * response.intercept + list(range(start, start + width - 1))
    return order + [response.outputs * width + j for j in range(len(response.shared))]


def _names(response: Response, data: Prepared) -> list[tuple[str, str]]:
    target, features = data.target, data.design.names
    outputs = [shown(label) for label in response.labelled(target.classes or [])] or [target.name]
    every = [INTERCEPT] * response.intercept + features
    return [(o, f) for o in outputs for f in every] + [("", name) for name in response.shared]


def _dispersion(objective: Objective, result: Optimum, counts: Counts, how: str) -> float:
    """Return the factor of the inverse information: Pearson's dispersion, as in R, or the scale."""
    if ESTIMATORS[how].by_pearson:
        return _pearson(objective, result) / counts.left
    return objective.response.covariance_scale(
        result.value.loss, objective.total, counts.left, lambda: _pearson(objective, result)
    )


def _pearson(objective: Objective, result: Optimum) -> float:
    """Return the sum of the squared errors over their variances."""
    squares = torch.zeros(1).double()
    for batch, losses in objective.losses_by_batch(result.weights):
        assert isinstance(losses, OnePredictorLosses)
        # The slope is (mean − y) mean′ / variance, and its expected square mean′² / variance.
        own = losses.slope[:, 0].square() / losses.expected()
        squares += weighted(own, batch.weight).sum()
    return float(objective.reduce(squares))

"""The maximum-likelihood weights of a linear model, or why they do not exist."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from neglog.errors.tables import ConstantFeaturesError
from neglog.fitting.likelihoods.responses import EXACT
from neglog.fitting.linear import separation
from neglog.fitting.linear.firth import firth_steps
from neglog.fitting.linear.newton import MANY_ROWS_TOLERANCE, TOLERANCE, Step, steps
from neglog.fitting.linear.nonsmooth import quantile
from neglog.fitting.linear.objective import Objective, Value
from neglog.fitting.linear.penalty import lasso_steps, ridge, standard_deviations
from neglog.fitting.linear.rank import Alias, aliases, describe
from neglog.fitting.running.outcome import Outcome, at_infinity
from neglog.translation import gettext as _

STEPS = 100
_SAMPLE_FRACTION = 20
_ROWS_PER_WEIGHT = 40
_MIN_SAMPLE = 20_000
_SAMPLE_STEPS = 12
_SAMPLE_TOLERANCE = 1e-9
_FAST = 8.0
_SLOW_STEPS = 3
_FLAT = 1e-10
_SMALL = math.log(1e-3)  # of the scale of the errors, whose logarithm the loss contains


def exact_fit() -> str:
    """Say that the errors are all 0."""
    return _(
        "the features reproduce the target exactly, so that the errors' scale is 0 and the "
        "likelihood has no maximum; the weights are those of least errors."
    )


@dataclass(frozen=True)
class Penalty:
    """The penalty added to the mean loss.

    Attributes:
        l2: the strength of the L2 penalty, for standardised columns.
        l1: the strength of the L1 penalty.
        firth: whether to apply Firth's correction.
    """

    l2: float = 0.0
    l1: float = 0.0
    firth: bool = False

    def __bool__(self) -> bool:
        """Whether there is a penalty."""
        return bool(self.l2 or self.l1 or self.firth)

    def steps(
        self,
        objective: Objective,
        weights: Tensor,
        free: Tensor,
        tolerance: float,
        known: Tensor | None,
    ) -> tuple[Objective, Iterator[Step]]:
        """Return the objective with its quadratic penalty, and the steps to its optimum."""
        if self.firth:
            return objective, firth_steps(objective, weights, free)
        if self:
            spread = standard_deviations(gram(objective))
            if self.l2:
                objective = replace(objective, ridge=ridge(objective, spread, self.l2))
            if self.l1:
                return objective, lasso_steps(objective, weights, free, spread, self.l1)
        return objective, steps(objective, weights, free, tolerance, known)


@dataclass(frozen=True)
class Optimum:
    """The result of the search.

    Attributes:
        weights: all of them, in the layout of `Objective`; those that are not free are 0.
        free: the indices of the weights that the rows determine.
        aliases: the columns dropped because they are linear combinations of others.
        value: the loss and its derivatives.
        outcome: whether and why the search ended at the maximum.
        decrement: the expected decrease of the mean loss by another step, in nats; None for linear
            programs.
    """

    weights: Tensor
    free: Tensor
    aliases: Sequence[Alias]
    value: Value
    outcome: Outcome
    decrement: float | None


def find_optimum(
    objective: Objective,
    names: Sequence[str],
    callback: Callable[[Step], None],
    limit: int = STEPS,
    penalty: Penalty | None = None,
) -> Optimum:
    """Find the maximum-likelihood weights.

    Args:
        objective: the rows and their likelihood.
        names: the names of the columns.
        callback: is called with the start and every step.
        limit: the maximum number of steps.
        penalty: the penalty, if any.
    """
    penalty = penalty or Penalty()
    sample = _sample(objective)
    found = _aliases(sample) if sample else []
    if found or sample is None:
        found = _aliases(objective)
    if len(found) == objective.source.features:
        raise ConstantFeaturesError(
            "no feature is left: every column is constant in the training rows; a model needs a "
            "column that varies."
        )
    if penalty.l2:  # which has one minimum however the columns depend on each other
        found = [alias for alias in found if alias.constant(objective.source.features)]
    free = _free_weights(objective, found)
    if not objective.response.smooth:
        return _solve_linear_program(objective, free, found, names, callback)
    weights = _initial_weights(objective)
    known = None
    if sample is not None and not penalty:
        weights, known = _warm_start(sample, weights, free)
    tolerance = TOLERANCE if sample is None else MANY_ROWS_TOLERANCE
    objective, iterates = penalty.steps(objective, weights, free, tolerance, known)
    step, outcome = _run(
        iterates, objective, free, names, callback, limit, has_minimum=bool(penalty)
    )
    outcome = _with_aliases(outcome, found, names)
    return Optimum(step.weights, free, found, step.value, outcome, step.decrement)


def _run(
    iterates: Iterator[Step],
    objective: Objective,
    free: Tensor,
    names: Sequence[str],
    callback: Callable[[Step], None],
    limit: int,
    has_minimum: bool,
) -> tuple[Step, Outcome]:
    """Run the steps; check for separation, unless the objective has a minimum."""
    monitor = _DivergenceMonitor()
    for step in iterates:
        callback(step)
        small = not has_minimum and monitor.scale_vanishes(objective, step)
        exact = _exact(objective, step, free) if small else None
        if exact is not None:
            return replace(step, weights=exact), Outcome(False, exact_fit())
        if monitor.suspects_divergence(step) and not has_minimum:
            separation_text = separation.separating_columns(objective, free, names)
            if separation_text:
                return step, at_infinity(separation_text, step.number, "step")
        if step.number == limit and not step.converged:
            text = _("the derivative is not zero after {count} steps; pass more with --epochs.")
            return step, Outcome(False, text.format(count=limit))
    unbounded = step.pivot < _FLAT or monitor.slow >= _SLOW_STEPS
    return step, _converged_outcome(step, unbounded and not has_minimum)


def _with_aliases(outcome: Outcome, found: Sequence[Alias], names: Sequence[str]) -> Outcome:
    if not found:
        return outcome
    note = _("left out, being combinations of the columns before them: {columns}.")
    note = note.format(columns=describe(found, names))
    return replace(outcome, notes=[*outcome.notes, note])


def _solve_linear_program(
    objective: Objective,
    free: Tensor,
    found: Sequence[Alias],
    names: Sequence[str],
    callback: Callable[[Step], None],
) -> Optimum:
    weights = quantile(objective, free)
    value = objective.value(weights)
    callback(Step(0, weights, value, 0.0, 1.0))
    callback(Step(1, weights, value, 0.0, 1.0, last=True))
    outcome = Outcome(True, _("the linear program has its optimum."))
    return Optimum(weights, free, found, value, _with_aliases(outcome, found, names), None)


def _converged_outcome(step: Step, unbounded: bool) -> Outcome:
    count = (_("{count} steps") if step.number > 1 else _("{count} step")).format(count=step.number)
    left = _("the Newton decrement is {decrement} nats").format(decrement=f"{step.decrement:.1g}")
    if not step.converged:
        text = _("no step lowers the loss any more after {count}, but {left}.")
        return Outcome(False, text.format(count=count, left=left))
    if unbounded:
        text = _(
            "the derivative is zero to rounding after {count}, but so is the curvature: some "
            "weights go on to infinity, as where a part of the rows is separated."
        )
        return Outcome(False, text.format(count=count))
    text = _("the derivative is zero after {count}: {left}.")
    return Outcome(True, text.format(count=count, left=left))


@dataclass
class _DivergenceMonitor:
    """A cheap heuristic for a maximum at infinity.

    Near a maximum each step squares the decrement; on the way to infinity each step divides it by
    e.
    """

    decrement: float = math.inf
    start: float = -math.inf
    slow: int = 0
    checked: bool = False
    scale_checked: bool = False

    def scale_vanishes(self, objective: Objective, step: Step) -> bool:
        """Return whether the scale of the errors is small for the first time."""
        self.start = step.value.loss if step.number == 0 else self.start
        small = objective.response.squares is not None and step.value.loss < self.start + _SMALL
        due, self.scale_checked = small and not self.scale_checked, self.scale_checked or small
        return due

    def suspects_divergence(self, step: Step) -> bool:
        """Record a step; return whether to check for separation."""
        before, self.decrement = self.decrement, step.decrement
        self.slow = self.slow + 1 if step.decrement * _FAST > before else 0
        due = self.slow == _SLOW_STEPS or (
            step.converged and step.pivot < _FLAT and not self.checked
        )
        self.checked = self.checked or due
        return due


def _exact(objective: Objective, step: Step, free: Tensor) -> Tensor | None:
    """Return the least-squares weights if they reproduce the target, so that the scale is 0."""
    assert objective.response.squares is not None
    squares = replace(objective, response=objective.response.squares)
    first = squares.size
    for found in islice(steps(squares, step.weights[:first], free[free < first]), _SAMPLE_STEPS):
        weights, loss = found.weights, found.value.loss
    if math.sqrt(2 * loss) > EXACT:
        return None
    return torch.cat([weights, objective.response.at_no_error(step.weights[first:])])


def _sample(objective: Objective) -> Objective | None:
    """Return the objective of a sample of the rows; None if there are few."""
    source = objective.source
    sample_size = max(
        objective.size * _ROWS_PER_WEIGHT, _MIN_SAMPLE, source.rows // _SAMPLE_FRACTION
    )
    if sample_size * 4 > source.rows:
        return None
    sample = Objective.of(objective.response, source.sample(sample_size))
    return sample if sample.total else None


def _aliases(objective: Objective) -> list[Alias]:
    intercept = objective.response.intercept
    return aliases(gram(objective), objective.source, intercept, objective.reduce)


def gram(objective: Objective) -> Tensor:
    """Return the (P + 1, P + 1) Gram matrix of the columns, the intercept last."""
    width = objective.source.features + 1
    total = torch.zeros(width, width, dtype=torch.float64)
    for batch in objective.source:
        ones = torch.ones(len(batch.y), dtype=torch.float64)
        total += batch.columns.gram(ones if batch.weight is None else batch.weight)
    return objective.reduce(total.reshape(-1)).reshape(width, width)


def _free_weights(objective: Objective, found: Sequence[Alias]) -> Tensor:
    width = objective.source.features + 1
    fixed = [alias.column for alias in found] + (
        [] if objective.response.intercept else [width - 1]
    )
    free = torch.ones(objective.size, dtype=torch.bool)
    for output in range(objective.response.outputs):
        free[[output * width + j for j in fixed]] = False
    return free.nonzero()[:, 0]


def _initial_weights(objective: Objective) -> Tensor:
    """Return the initial weights: 0 for all columns."""
    response, width = objective.response, objective.source.features + 1
    start = objective.start()
    weights = torch.zeros(response.outputs, width, dtype=torch.float64)
    weights[:, -1] = start[: response.outputs]
    return torch.cat([weights.reshape(-1), start[response.outputs :]])


def _warm_start(sample: Objective, weights: Tensor, free: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the optimum of the sample and its Hessian, if it converges."""
    for step in steps(sample, weights, free):
        if step.number > _SAMPLE_STEPS or step.pivot == 0.0:
            break
        if step.number and step.decrement < _SAMPLE_TOLERANCE:
            return step.weights, step.value.hessian
    return weights, None

"""The weights of greatest likelihood of a linear model, or why there are none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from neglog.errors import FitError
from neglog.fitting.likelihoods.responses import EXACT
from neglog.fitting.likelihoods.shared_parameters import Robust
from neglog.fitting.linear import separation
from neglog.fitting.linear.firth import firth_steps
from neglog.fitting.linear.newton import DECREMENT, OF_MANY_ROWS, Step, steps
from neglog.fitting.linear.nonsmooth import quantile
from neglog.fitting.linear.objective import Objective, Value
from neglog.fitting.linear.penalty import lasso_steps, ridge, spreads
from neglog.fitting.linear.rank import Alias, aliases, words
from neglog.fitting.running.outcome import Outcome, at_infinity

STEPS = 100
EXACT_FIT = (
    "the features reproduce the target exactly, so that the errors' scale is 0 and the likelihood "
    "has no maximum; the weights are those of least errors."
)
_SAMPLE_PART = 20
_ROWS_A_WEIGHT = 40
_LEAST_SAMPLE = 20_000
_SAMPLE_STEPS = 12
_SAMPLE_ENOUGH = 1e-9
_FAST = 8.0
_SLOW_STEPS = 3
_FLAT = 1e-10
_SMALL = math.log(1e-3)  # of the scale of Huber's errors


@dataclass(frozen=True)
class Penalty:
    """What is added to the mean loss.

    Attributes:
        l2: how much of half the squared weights, of columns in units of their standard deviation.
        l1: how much of their absolute values.
        firth: whether half the logarithm of the information's determinant is taken off.
    """

    l2: float = 0.0
    l1: float = 0.0
    firth: bool = False

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.l2 or self.l1 or self.firth)

    def steps(
        self,
        problem: Objective,
        weights: Tensor,
        free: Tensor,
        enough: float,
        known: Tensor | None,
    ) -> tuple[Objective, Iterator[Step]]:
        """Return the problem with its squares, and the steps to its optimum."""
        if self.firth:
            return problem, firth_steps(problem, weights, free)
        if self:
            spread = spreads(gram(problem))
            if self.l2:
                problem = replace(problem, ridge=ridge(problem, spread, self.l2))
            if self.l1:
                return problem, lasso_steps(problem, weights, free, spread, self.l1)
        return problem, steps(problem, weights, free, enough, known)


@dataclass(frozen=True)
class Optimum:
    """Where the search ended.

    Attributes:
        weights: all of them, in the layout of `Objective`; those that are not free are 0.
        free: the numbers of the weights that the rows determine.
        aliases: the columns that were left out since others make them up.
        value: the loss and its derivatives.
        outcome: whether this is the maximum of the likelihood, in words.
        decrement: the mean loss in nats that a further step is expected to save; None for a
            linear program, which takes none.
    """

    weights: Tensor
    free: Tensor
    aliases: Sequence[Alias]
    value: Value
    outcome: Outcome
    decrement: float | None


def find(
    problem: Objective,
    names: Sequence[str],
    watch: Callable[[Step], None],
    limit: int = STEPS,
    penalty: Penalty | None = None,
) -> Optimum:
    """Find the weights of greatest likelihood.

    Args:
        problem: the rows and their likelihood.
        names: the columns' names.
        watch: hears of the start and of every step.
        limit: the most steps.
        penalty: what is added to the loss.
    """
    penalty = penalty or Penalty()
    sample = _sample(problem)
    found = _aliases(sample) if sample else []
    if found or sample is None:
        found = _aliases(problem)
    if len(found) == problem.source.features:
        raise FitError(
            "no feature is left: every column is constant in the training rows; a model needs a "
            "column that varies."
        )
    if penalty.l2:  # which has one minimum however the columns depend on each other
        found = [alias for alias in found if alias.constant(problem.source.features)]
    free = _free(problem, found)
    if not problem.response.smooth:
        return _by_program(problem, free, found, names, watch)
    weights = _null(problem)
    known = None
    if sample is not None and not penalty:
        weights, known = _warm(sample, weights, free)
    enough = DECREMENT if sample is None else OF_MANY_ROWS
    problem, taken = penalty.steps(problem, weights, free, enough, known)
    step, outcome = _followed(taken, problem, free, names, watch, limit, sure=bool(penalty))
    outcome = _with_aliases(outcome, found, names)
    return Optimum(step.weights, free, found, step.value, outcome, step.decrement)


def _followed(
    taken: Iterator[Step],
    problem: Objective,
    free: Tensor,
    names: Sequence[str],
    watch: Callable[[Step], None],
    limit: int,
    sure: bool,
) -> tuple[Step, Outcome]:
    """Follow the steps to where they end; unless it is sure that they do, look where they lead."""
    doubt = _Doubt()
    for step in taken:
        watch(step)
        small = not sure and doubt.about_scale(problem, step)
        exact = _exact(problem, step, free) if small else None
        if exact is not None:
            return replace(step, weights=exact), Outcome(False, EXACT_FIT)
        if doubt.about(step) and not sure:
            how = separation.found(problem, free, names)
            if how:
                return step, at_infinity(how, step.number, "step")
        if step.number == limit and not step.arrived:
            text = f"the derivative is not zero after {limit} steps; pass more with --epochs."
            return step, Outcome(False, text)
    endless = step.pivot < _FLAT or doubt.slow >= _SLOW_STEPS
    return step, _arrived(step, endless and not sure)


def _with_aliases(outcome: Outcome, found: Sequence[Alias], names: Sequence[str]) -> Outcome:
    if not found:
        return outcome
    note = f"left out, being combinations of the columns before them: {words(found, names)}."
    return replace(outcome, notes=[*outcome.notes, note])


def _by_program(
    problem: Objective,
    free: Tensor,
    found: Sequence[Alias],
    names: Sequence[str],
    watch: Callable[[Step], None],
) -> Optimum:
    weights = quantile(problem, free)
    value = problem.value(weights)
    watch(Step(0, weights, value, 0.0, 1.0))
    watch(Step(1, weights, value, 0.0, 1.0, last=True))
    outcome = Outcome(True, "the linear program has its optimum.")
    return Optimum(weights, free, found, value, _with_aliases(outcome, found, names), None)


def _arrived(step: Step, endless: bool) -> Outcome:
    count = f"{step.number} step{'s' * (step.number > 1)}"
    left = f"the Newton decrement is {step.decrement:.1g} nats"
    if not step.arrived:
        return Outcome(False, f"no step lowers the loss any more after {count}, but {left}.")
    if endless:
        text = (
            f"the derivative is zero to rounding after {count}, but so is the curvature: some "
            "weights go on to infinity, as where a part of the rows is separated."
        )
        return Outcome(False, text)
    return Outcome(True, f"the derivative is zero after {count}: {left}.")


@dataclass
class _Doubt:
    """Whether the steps look as if the maximum were at infinity: cheap, and never sure.

    Near a maximum the decrement is squared by every step; on the way to infinity each step
    divides it by e, for ever.
    """

    decrement: float = math.inf
    slow: int = 0
    asked: bool = False
    measured: bool = False

    def about_scale(self, problem: Objective, step: Step) -> bool:
        """Return whether the errors' scale is small for the first time."""
        small = isinstance(problem.response, Robust) and float(step.weights[-1]) < _SMALL
        due, self.measured = small and not self.measured, self.measured or small
        return due

    def about(self, step: Step) -> bool:
        """Look at a step; return whether it is time to make sure."""
        before, self.decrement = self.decrement, step.decrement
        self.slow = self.slow + 1 if step.decrement * _FAST > before else 0
        due = self.slow == _SLOW_STEPS or (step.arrived and step.pivot < _FLAT and not self.asked)
        self.asked = self.asked or due
        return due


def _exact(problem: Objective, step: Step, free: Tensor) -> Tensor | None:
    """Return the weights of least squares where they reproduce the target, so that no scale is."""
    response = problem.response
    assert isinstance(response, Robust)
    squares = replace(problem, response=response.squares)
    for found in islice(steps(squares, step.weights[:-1], free[:-1]), _SAMPLE_STEPS):
        weights, loss = found.weights, found.value.loss
    if math.sqrt(2 * loss) > EXACT:
        return None
    return torch.cat([weights, weights.new_tensor([math.log(EXACT)])])


def _sample(problem: Objective) -> Objective | None:
    """Return the problem of some of the rows; None where all of them are few."""
    source = problem.source
    wanted = max(problem.size * _ROWS_A_WEIGHT, _LEAST_SAMPLE, source.rows // _SAMPLE_PART)
    if wanted * 4 > source.rows:
        return None
    sample = Objective.of(problem.response, source.sample(wanted))
    return sample if sample.total else None


def _aliases(problem: Objective) -> list[Alias]:
    intercept = problem.response.intercept
    return aliases(gram(problem), problem.source, intercept, problem.reduce)


def gram(problem: Objective) -> Tensor:
    """Return (P + 1, P + 1): the products of the columns with each other, the intercept's last."""
    width = problem.source.features + 1
    total = torch.zeros(width, width, dtype=torch.float64)
    for batch in problem.source:
        ones = torch.ones(len(batch.y), dtype=torch.float64)
        total += batch.columns.gram(ones if batch.weight is None else batch.weight)
    return problem.reduce(total.reshape(-1)).reshape(width, width)


def _free(problem: Objective, found: Sequence[Alias]) -> Tensor:
    width = problem.source.features + 1
    held = [alias.column for alias in found] + ([] if problem.response.intercept else [width - 1])
    free = torch.ones(problem.size, dtype=torch.bool)
    for output in range(problem.response.outputs):
        free[[output * width + j for j in held]] = False
    return free.nonzero()[:, 0]


def _null(problem: Objective) -> Tensor:
    """Return the weights to begin with: none for any column."""
    response, width = problem.response, problem.source.features + 1
    start = problem.start()
    weights = torch.zeros(response.outputs, width, dtype=torch.float64)
    weights[:, -1] = start[: response.outputs]
    return torch.cat([weights.reshape(-1), start[response.outputs :]])


def _warm(sample: Objective, weights: Tensor, free: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the optimum of the sample and its Hessian, if it has one."""
    for step in steps(sample, weights, free):
        if step.number > _SAMPLE_STEPS or step.pivot == 0.0:
            break
        if step.number and step.decrement < _SAMPLE_ENOUGH:
            return step.weights, step.value.hessian
    return weights, None

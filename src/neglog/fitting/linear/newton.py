"""Newton's method: the weights where the derivative of the mean loss is zero.

The Newton decrement, half the squared length of the gradient in the Hessian's own metric, is the
mean loss in nats that the next step is expected to save. It does not depend on units, and it is the
stopping criterion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neglog.errors.options import DivergenceError
from neglog.fitting.linear.objective import Objective, Value

TOLERANCE = 1e-18
"""Below it, another step would not change eight digits of the standard errors."""
MANY_ROWS_TOLERANCE = 1e-14
"""The same for expensive passes: standard errors are then exact to seven digits."""
CONVERGED_DECREMENT = 1e-10
"""Below it, a search that rounding stops has converged."""
ROUNDING = 1e-13
"""The relative increase of a sum that counts as rounding."""
_HALVINGS = 40
_SLOW, _FASTEST = 0.05, 1e-4  # of a known Hessian: what its steps leave of the decrement
_STUCK = 0.5  # of the decrement: even on the way to infinity a step leaves less, 1/e


@dataclass(frozen=True)
class Step:
    """The result of a step.

    Attributes:
        number: the number of steps so far.
        weights: the weights after the step.
        value: the loss and its derivatives there; at the end, one negligible step earlier.
        decrement: the expected decrease of the mean loss by the last step, in nats.
        pivot: the smallest pivot of the Hessian scaled to a unit diagonal; 0 if singular.
        last: whether this is the last step.
    """

    number: int
    weights: Tensor
    value: Value
    decrement: float
    pivot: float
    last: bool = False

    @property
    def converged(self) -> bool:
        """Whether the search has converged."""
        return self.last and self.decrement < CONVERGED_DECREMENT


def steps(
    objective: Objective,
    weights: Tensor,
    free: Tensor,
    tolerance: float = TOLERANCE,
    known: Tensor | None = None,
) -> Iterator[Step]:
    """Yield the start and every step, until the gradient is zero or no step helps.

    Args:
        objective: the rows and their likelihood.
        weights: the initial weights.
        free: the indices of the free weights.
        tolerance: the decrement at which to stop.
        known: a Hessian from near the optimum. It shows the way as long as each step makes the
            decrement much smaller, at the price of the gradient alone; the last step, from which
            standard errors come, always computes its own Hessian.
    """
    value, number, previous_decrement = (
        objective.value(weights, needs_hessian=known is None),
        0,
        math.inf,
    )
    while True:
        fresh = value.hessian is not None
        known = value.hessian if value.hessian is not None else known
        assert known is not None
        # The first process's, as the last bits of it could part them.
        newton_step, pivot = objective.gather(
            newton_direction(known[free][:, free], value.gradient[free])
        )[0]
        decrement = float(value.gradient[free] @ newton_step) / 2
        yield Step(number, weights, replace(value, hessian=known), decrement, pivot)
        number += 1
        stuck = decrement < CONVERGED_DECREMENT and decrement > _STUCK * previous_decrement
        if fresh and (decrement < tolerance or stuck):
            yield Step(
                number, _moved(weights, free, newton_step), value, decrement, pivot, last=True
            )
            return
        rate = 0.0 if math.isinf(previous_decrement) else decrement / previous_decrement
        needs_hessian = fresh or rate > _SLOW or decrement * max(rate, _FASTEST) < tolerance
        for _ in range(_HALVINGS):
            candidate = _moved(weights, free, newton_step)
            candidate_value = objective.value(candidate, needs_hessian)
            if candidate_value.minimised <= value.minimised + ROUNDING * max(
                1.0, abs(value.minimised)
            ):
                break
            newton_step = newton_step / 2
        else:
            ended = value if fresh else objective.value(weights)
            yield Step(number, weights, ended, decrement, pivot, last=True)
            return
        weights, value, previous_decrement = candidate, candidate_value, decrement


def _moved(weights: Tensor, free: Tensor, newton_step: Tensor) -> Tensor:
    return weights.index_add(0, free, -newton_step)


def newton_direction(hessian: Tensor, gradient: Tensor) -> tuple[Tensor, float]:
    """Return the Newton direction, and the smallest pivot of the scaled Hessian.

    A Hessian that is not numerically positive definite is damped.
    """
    if not hessian.isfinite().all() or not gradient.isfinite().all():
        raise DivergenceError(
            "the loss or its derivatives are not finite: some value of the table, "
            "or some weight, is too large; look for one far from the others."
        )
    size = hessian.diagonal().abs().clamp(min=torch.finfo(torch.float64).tiny).sqrt()
    scaled = hessian / size[:, None] / size
    damping = 0.0
    while True:
        damped = scaled + damping * torch.eye(len(scaled), dtype=scaled.dtype)
        factor, failed = torch.linalg.cholesky_ex(damped)
        if not failed:
            newton_step = torch.cholesky_solve((gradient / size)[:, None], factor)[:, 0] / size
            return newton_step, 0.0 if damping else float(factor.diagonal().min()) ** 2
        damping = max(10 * damping, 1e-14)

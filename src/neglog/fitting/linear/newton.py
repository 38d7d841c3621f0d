"""Newton's method: the weights where the derivative of the mean loss is zero.

The Newton decrement, half the squared length of the gradient in the Hessian's own metric, is the
mean loss in nats that the next step is expected to save. It knows no units, of the columns or of
the target, and it is what the search stops on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neglog.errors import FitError
from neglog.fitting.linear.objective import Objective, Value

TOLERANCE = 1e-18
"""Below it, one more step would leave eight digits of the standard errors as they are."""
MANY_ROWS_TOLERANCE = 1e-14
"""The same where a pass is expensive: standard errors are then right to seven digits."""
CONVERGED_DECREMENT = 1e-10
"""At it, a search that rounding keeps from going on has arrived."""
ROUNDING = 1e-13
"""By how much, of the loss or of one nat, a sum may rise without having risen."""
_HALVINGS = 40
_SLOW, _FASTEST = 0.05, 1e-4  # of a known Hessian: what its steps leave of the decrement
_STUCK = 0.5  # of the decrement: even on the way to infinity a step leaves less, 1/e


@dataclass(frozen=True)
class Step:
    """Where a step has led.

    Attributes:
        number: how many steps were taken.
        weights: where they led.
        value: the loss and its derivatives there, or, at the end, one negligible step before.
        decrement: the mean loss in nats that the last step was expected to save.
        pivot: the least pivot of the Hessian, its diagonal scaled to 1; 0 where it is singular.
        last: whether the search ends here.
    """

    number: int
    weights: Tensor
    value: Value
    decrement: float
    pivot: float
    last: bool = False

    @property
    def converged(self) -> bool:
        """Whether there is nothing left to save."""
        return self.last and self.decrement < CONVERGED_DECREMENT


def steps(
    objective: Objective,
    weights: Tensor,
    free: Tensor,
    tolerance: float = TOLERANCE,
    known: Tensor | None = None,
) -> Iterator[Step]:
    """Yield the start, then step after step, until the derivative is zero or nothing moves.

    Args:
        objective: what is minimised.
        weights: where to begin.
        free: the numbers of the weights that may change.
        tolerance: the decrement of the last step.
        known: a Hessian from near the optimum. It shows the way as long as each step makes the
            decrement much smaller, at the price of the gradient alone; the last step, from which
            standard errors come, always has a Hessian of its own.
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
    """Return the Newton direction, and the least pivot of the Hessian scaled to a diagonal of 1.

    A Hessian that is not positive definite, to rounding, is lifted.
    """
    if not hessian.isfinite().all() or not gradient.isfinite().all():
        raise FitError(
            "the loss or its derivatives are no finite numbers any more: some value of the table, "
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

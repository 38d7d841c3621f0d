"""How the slopes of elements change, by the elementwise kernel: one pass for a product of many.

The kernel weighs a formula's values, and a weight of 0 hides what it meets. Here the formula is the
curvature and the weights are the moves: no move along an infinite curvature is 0, not NaN. What it
returns cannot be differentiated again; `curvature` says the same in torch's operations.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from neglog.engine.cpu import elementwise as elementwise_cpu
from neglog.engine.derivatives import Facts
from neglog.engine.problem import ElementwiseProblem
from neglog.likelihood import Likelihood
from neglog.support import anything


def change(problem: ElementwiseProblem, tangent: Tensor, above: float) -> Tensor | None:
    """Return above · the change of the slope by the one input, or None if the kernel won't serve.

    It pays where the curvature is a formula and not a number.
    """
    likelihood: Any = problem.likelihood
    plain = len(problem.inputs) == 1 and problem.weight is None and problem.reduction != "none"
    if not (plain and tangent.numel()) or _is_constant(likelihood):
        return None
    count = problem.y.numel() if problem.reduction == "mean" else 1
    weighed = problem._replace(
        likelihood=_curvature_of(likelihood), weight=tangent, masked=True,
        factor=problem.factor * above / count, reduction="sum",
    )  # fmt: skip
    tensors = weighed.tensors()
    return elementwise_cpu.run(
        weighed.split_tensors()[0], tensors, (True, *[False] * len(tensors))
    )[1][0]


class _Curvature:
    """A formula in the place of a loss and of its gradient, over all numbers."""

    given: tuple[str, ...]
    settings: tuple[str, ...]
    domains = (anything,)
    support = anything
    well_conditioned = None

    def __init__(self, likelihood: type[Likelihood]) -> None:
        self.name = f"{likelihood.name}_curvature"
        self.inputs, self.given = likelihood.inputs, likelihood.given
        self.settings = likelihood.settings
        self.nll = self.grad = self.grad_target = likelihood.curvature


@cache
def _curvature_of(likelihood: type[Likelihood]) -> Any:
    return _Curvature(likelihood)


@cache
def _is_constant(likelihood: type[Likelihood]) -> bool:
    one = torch.ones(1)
    facts = Facts(likelihood, (1.0,) * len(likelihood.settings))
    ((second,),) = facts.plain_curvature([one] * (2 + len(likelihood.given)))
    return isinstance(second, float)

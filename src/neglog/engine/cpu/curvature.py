"""Tangents of elementwise gradients, computed by the elementwise kernel in one pass.

The kernel multiplies a formula's values by weights, and a weight of 0 excludes its element. Here
the formula is the curvature and the weights are the tangents: a tangent of 0 times an infinite
curvature is 0, not NaN. The result cannot be differentiated again; `engine.curvature` computes the
same with torch's operations.
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
    """Return upstream · the tangent of the gradient of the one input; None without a kernel.

    It is faster only if the curvature is a formula and not a number.
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
    """The curvature in the place of a loss and its gradient, for any number as the target."""

    given: tuple[str, ...]
    settings: tuple[str, ...]
    domains = (anything,)
    support = anything
    well_conditioned = None

    def __init__(self, likelihood: type[Likelihood]) -> None:
        self.name = f"{likelihood.name}_curvature"
        self.inputs, self.given = likelihood.inputs, likelihood.given
        self.settings = likelihood.settings
        self.given_domains = (anything,) * len(likelihood.given)
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

"""Elementwise problems on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor

from neglog.engine import layout, memory, precision
from neglog.engine.gpu import jit, launch
from neglog.engine.problem import ElementwiseProblem

RUNS, MANY = 8, 1 << 21  # blocks per program, for many elements


def run(
    problem: ElementwiseProblem, tensors: Sequence[Any], needs_grad: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the loss and its gradients with respect to the tensors that require one.

    All tensors have one shape and dtype; results have the memory layout of the first input.
    """
    pass_ = _Pass(problem, tensors)
    gradients = pass_.fresh(needs_grad)
    value = memory.empty_like(pass_.tensors[0]) if problem.reduction == "none" else None
    return pass_.run(gradients, value=value), gradients


def vjp(
    problem: ElementwiseProblem,
    tensors: Sequence[Any],
    needs_grad: Sequence[bool],
    upstream: Tensor,
    gradients: list[Tensor | None] | None,
) -> list[Tensor | None]:
    """Return upstream · gradients, in the memory of gradients for an upstream of 1 if given.

    If the upstream gradient is 1, the kernel, which reads it, computes nothing.
    """
    pass_ = _Pass(problem, tensors)
    keeps = gradients is not None
    if gradients is None:
        gradients = pass_.fresh(needs_grad)
    upstream = upstream.resolve_neg()
    if upstream.dim():
        upstream = layout.in_order_of(tensors[0])(upstream.contiguous())
    pass_.run(gradients, upstream=upstream, keeps=keeps)
    return gradients


class _Pass:
    """One problem, with its tensors in one memory layout."""

    def __init__(self, problem: ElementwiseProblem, tensors: Sequence[Any]) -> None:
        self.problem, self.likelihood = problem, cast("Any", problem.likelihood)
        self.tensors = layout.side_by_side(problem, tensors)
        self.size = self.tensors[0].numel()

    def fresh(self, needs_grad: Sequence[bool]) -> list[Tensor | None]:
        """Return memory for the gradients that are needed."""
        full = (*needs_grad, *[False] * (len(self.tensors) - len(needs_grad)))
        return [memory.empty_like(self.tensors[0]) if needed else None for needed in full]

    def run(
        self,
        gradients: Sequence[Tensor | None],
        value: Tensor | None = None,
        upstream: Tensor | None = None,
        keeps: bool = False,
    ) -> Tensor:
        """Write gradients and losses; return the losses, or their sum."""
        problem, size = self.problem, self.size
        n, first = len(problem.inputs), self.tensors[0]
        inputs, y, given, weight = (
            self.tensors[:n], self.tensors[n], self.tensors[n + 1 : -1], self.tensors[-1]
        )  # fmt: skip
        slopes = gradients[: n + 1]
        *periods, weight_period = [size if t is None else t.numel() for t in (*given, weight)]
        summed = value is None and upstream is None
        by_inputs = {f"BY_{i}": slope is not None for i, slope in enumerate(slopes[:n])}
        flags = launch.chosen(
            WEIGHTED=weight is not None, MASKED=problem.masked and weight is not None,
            REPEATS={*periods, weight_period} != {size}, VALUED=value is not None, SUMMED=summed,
            **by_inputs, BY_Y=slopes[n] is not None,
            SCALED=upstream is not None and not upstream.dim(),
            PULLED=upstream is not None and upstream.dim() > 0, KEEPS=keeps,
        )  # fmt: skip
        narrow = precision.is_narrow(problem.settings)
        kernel, block = jit.elementwise(self.likelihood, first.dtype, narrow, flags)
        runs = RUNS if size >= MANY else 1
        programs = -(-size // (block * runs))
        sums = launch.partial_sums(programs if summed else 1, first)
        scale = problem.factor / size if problem.reduction == "mean" else problem.factor
        places = launch.there((*inputs, *given, y, weight, upstream, value, *slopes), first)
        settings = map(launch.bits, problem.settings)
        numbers = (size, runs, *periods, weight_period, launch.bits(scale), *settings)
        with launch.on(first):
            launch.start(kernel, programs, (*places, sums, *numbers))
            if not summed:
                return first if value is None else value
            return launch.total(sums, scale, first.dtype)

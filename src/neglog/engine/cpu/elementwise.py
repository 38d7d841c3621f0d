"""Elementwise losses on a CPU: the loss and the gradients of tensors."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neglog.engine import layout, memory, precision, values
from neglog.engine.cpu import overflow, threads
from neglog.engine.cpu.jit import Kernel, compile_kernel
from neglog.engine.cpu.kernels.elementwise import (
    BLOCK,
    EACH,
    FACTS,
    GRADIENT,
    PARTIALS,
    PERIOD,
    SCALARS,
    SETTINGS,
    SIZE,
    TENSORS,
    VALUE,
    all_well_conditioned,
    elementwise,
    kept,
    one_run,
    put_losses,
    repeat,
)
from neglog.engine.cpu.kernels.placeholders import in_real
from neglog.engine.cpu.kernels.sums import compensated_sum, plain_sum, two_sum
from neglog.engine.problem import ElementwiseProblem
from neglog.primitives.unrolled import unrolled
from neglog.support import anything


@cache
def kernel(
    likelihood: Any,
    dtype: torch.dtype,
    narrow: bool,
    weighted: bool,
    outputs: tuple[bool, ...],
) -> Kernel:
    """Compile the kernel for one likelihood, one dtype, and the required gradients.

    Well-conditioned targets are computed in float32, if float32 holds the settings (`narrow`).
    """
    counts = {"INPUTS": len(likelihood.inputs), "GIVEN": len(likelihood.given)}
    counts |= {"SETS": len(likelihood.settings)}
    formulas = {fact: getattr(likelihood, fact) for fact in ("nll", "grad", "grad_target")}
    formulas["contains"] = likelihood.support.contains
    formulas |= {f"admits_{i}": domain.contains for i, domain in enumerate(likelihood.domains)}
    given_domains = enumerate(likelihood.given_domains)
    formulas |= {f"accepts_{i}": domain.contains for i, domain in given_domains}
    helpers: dict[str, Any] = sums_for(dtype) | {"kept": kept, "one_run": _loop(*counts.values())}
    helpers |= {"put_losses": put_losses, "repeat": repeat}
    *by_inputs, by_y = outputs
    flags: dict[str, int] = {f"BY_{i}": wanted for i, wanted in enumerate(by_inputs)}
    flags |= {"BY_ANY": any(by_inputs), "BY_Y": by_y, "WEIGHTED": weighted} | counts
    well_conditioned: Any = precision.well_conditioned(likelihood, dtype, narrow, weighted, by_y)
    flags["NARROWS"] = narrows = well_conditioned not in (None, anything)
    facts = (elementwise, dtype, likelihood.name, formulas, helpers, flags)
    if not narrows:
        return compile_kernel(*facts, real=np.float64 if well_conditioned is None else np.float32)
    formulas["is_well_conditioned"] = well_conditioned.contains
    helpers["all_well_conditioned"] = all_well_conditioned
    # A well-conditioned target is in the support and is not checked again.
    there = {"nll": likelihood.well_conditioned_nll, "grad": likelihood.well_conditioned_grad}
    return compile_kernel(
        *facts, well_conditioned=formulas | there | {"contains": anything.contains}
    )


@cache
def _loop(inputs: int, given: int, settings: int) -> Any:
    """Return `one_run` for numbers of inputs, given tensors and settings."""
    return in_real(unrolled(one_run, {"n": inputs, "g": given, "s": settings}))


def sums_for(dtype: torch.dtype) -> dict[str, Any]:
    """Return the helpers that sum losses whose total is rounded to a dtype."""
    exact = dtype == torch.float64
    return {"two_sum": two_sum, "sum_of": compensated_sum if exact else plain_sum}


class Plan:
    """The parts of a problem that do not depend on its tensors: computed once, run often."""

    def __init__(
        self,
        problem: ElementwiseProblem,
        dtype: torch.dtype,
        size: int,
        periods: Any,
        needs_grad: Any,
    ) -> None:
        self.problem = problem
        likelihood: Any = problem.likelihood
        settings, reduction = problem.settings, problem.reduction
        if len(settings) != len(likelihood.settings):  # the kernel would read beyond them
            raise ValueError(f"{likelihood.name} has the settings {likelihood.settings}")
        mean = reduction == "mean"
        scale = problem.factor / size if mean and size else problem.factor
        self.dtype, self.blocks, self.scale = dtype, -(-size // BLOCK), scale
        self.each, self.empty_mean = reduction == "none", mean and not size
        self.inputs = n = len(likelihood.inputs)
        self.outputs = [(i, TENSORS + FACTS * i + GRADIENT) for i in range(n + 1) if needs_grad[i]]
        narrow, weighted = precision.is_narrow(settings), periods[-1] is not None
        self.kernel = kernel(likelihood, dtype, narrow, weighted, tuple(needs_grad[: n + 1]))
        hidden = 0.0 if problem.masked else math.nan
        partials = array("d", bytes(16 * self.blocks))
        self.scalars = array("d", (scale, hidden)) + partials
        self.settings = array("d", settings)  # its address is among the arguments
        self.scalar, self.fresh_scalar = memory.scalar(dtype), memory.allocator(dtype.itemsize)
        self.fresh = memory.allocator(size * dtype.itemsize)
        self.args = array("q", bytes(8 * (TENSORS + FACTS * len(periods))))
        self.args[SIZE], self.args[EACH] = size, self.each
        self.args[SETTINGS] = self.settings.buffer_info()[0]
        self.args[TENSORS + PERIOD :: FACTS] = array("q", (period or 0 for period in periods))
        self.scratch: list[tuple[array[int], array[float], int]] = []

    def run(self, tensors: Sequence[Any]) -> tuple[Tensor, list[Tensor | None]]:
        """Return the loss and the gradients of contiguous tensors."""
        try:
            scratch = self.scratch.pop()
        except IndexError:  # in use by another thread, or lost in a failed call
            scratch = memory.scratch(self.args, self.scalars, SCALARS)
        args, scalars, address = scratch
        n, args[0] = self.inputs, 0
        first, y = tensors[0], tensors[n]
        value = self.fresh(y) if self.each else self.fresh_scalar(self.scalar)
        args[VALUE] = value.data_ptr()
        at = TENSORS
        for tensor in tensors:
            if tensor is not None:
                args[at] = tensor.data_ptr()
            at += FACTS
        gradients: list[Tensor | None] = [None] * len(tensors)
        for i, arg in self.outputs:
            gradients[i] = gradient = self.fresh(first)
            args[arg] = gradient.data_ptr()
        if self.blocks == 1:
            self.kernel.held(address)
            total, outside = scalars[PARTIALS], scalars[PARTIALS + 1]
        else:
            threads.run(self.kernel, args, self.blocks)
            total, outside = total_of(scalars[PARTIALS::2]), any(scalars[PARTIALS + 1 :: 2])
        self.scratch.append(scratch)
        if outside:
            self._check(tensors)
        if self.blocks != 1 and not self.each:  # otherwise the kernel has written it
            mean = math.nan if self.empty_mean else total * self.scale
            value = torch.tensor(mean, dtype=self.dtype)
        if not math.isfinite(total):
            value = overflow.of_elements(self._holding(tensors), self.scale, value, gradients)
        return value, gradients

    def _holding(self, tensors: Sequence[Any]) -> ElementwiseProblem:
        missing = len(self.problem.tensors()) - len(tensors)
        return self.problem.with_tensors((*tensors, *[None] * missing))

    def _check(self, tensors: Sequence[Any]) -> None:
        values.check(self._holding(tensors))


_plans = lru_cache(maxsize=256)(Plan)
forget = _plans.cache_clear


def plan_for(
    problem: ElementwiseProblem, tensors: Sequence[Any], needs_grad: Sequence[bool]
) -> Plan:
    """Return the plan of a problem without tensors, for contiguous tensors like these.

    Given tensors and the weight may have fewer elements than the target, and then repeat.
    """
    y = tensors[len(problem.inputs)]
    periods = tuple([None if t is None else t.numel() for t in tensors])
    plan: Plan = _plans(problem, y.dtype, y.numel(), periods, tuple(needs_grad))
    return plan


def run(
    problem: ElementwiseProblem, tensors: Sequence[Any], needs_grad: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the reduced loss, and the gradients of the tensors that require one.

    All tensors have one shape and one dtype; results have the memory order of the first input.
    The same pass counts the values outside their sets: `SupportError` says which.
    """
    tensors = layout.side_by_side(problem, tensors)
    return plan_for(problem, tensors, needs_grad).run(tensors)


def total_of(sums: array[float]) -> float:
    """Return the total of the sums of blocks, rounded once."""
    try:
        return math.fsum(sums)
    except (OverflowError, ValueError):  # infinities, or an infinite total
        return sum(sums)

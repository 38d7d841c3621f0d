"""The elementwise shape on a CPU: tensors in, loss and gradients out."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

from neglog.engine import memory, threads, values
from neglog.engine.jit import Kernel, compile_kernel
from neglog.engine.loops.elementwise import (
    BLOCK,
    BY_INPUT,
    BY_TARGET,
    EACH,
    GIVEN,
    INPUTS,
    NOTES,
    NUMBERS,
    SIZE,
    SLOTS,
    TARGET,
    VALUE,
    WEIGHT,
    admits_both,
    all_settled,
    elementwise,
    kept,
    one_run,
    put_losses,
)
from neglog.engine.loops.sums import compensated_sum, plain_sum, two_sum
from neglog.engine.problem import Elements
from neglog.support import anything


@cache
def kernel(
    likelihood: Any, dtype: torch.dtype, weighted: bool, outputs: tuple[bool, ...]
) -> Kernel:
    """Compile the loop for one likelihood, one dtype, and the outputs that are wanted."""
    formulas = {fact: getattr(likelihood, fact) for fact in ("nll", "grad", "grad_target")}
    formulas["contains"] = likelihood.support.contains
    two = len(likelihood.inputs) == 2
    slots = ("admits_first", "admits_second") if two else ("admits",)
    for slot, domain in zip(slots, likelihood.domains, strict=True):
        formulas[slot] = domain.contains
    helpers: dict[str, Any] = {"admits": admits_both} if two else {}
    helpers |= sums_for(dtype) | {"kept": kept, "one_run": one_run, "put_losses": put_losses}
    flags = dict(zip(("BY_FIRST", "BY_SECOND", "BY_Y"), outputs, strict=True))
    flags |= {"WEIGHTED": weighted, "TWO_INPUTS": two}
    flags |= {"GIVES": bool(likelihood.given), "SETS": bool(likelihood.settings)}
    flags["SETTLES"] = settles = likelihood.settled is not None and dtype != torch.float64
    half = dtype in (torch.bfloat16, torch.float16)  # whose rounding hides what cancels
    if settles:
        formulas["is_settled"] = likelihood.settled.contains
        helpers["all_settled"] = all_settled
    facts = (elementwise, dtype, likelihood.name, formulas, helpers, flags)
    if not settles:
        return compile_kernel(*facts, narrow=half)
    # A settled target is inside its set and need not be looked at again.
    seen = {"contains": anything.contains}
    return compile_kernel(*facts, narrow_too=("one_run",), narrowly=seen)


def sums_for(dtype: torch.dtype) -> dict[str, Any]:
    """Return the helpers that add up losses which will be rounded to a dtype."""
    exact = dtype == torch.float64
    return {"two_sum": two_sum, "sum_of": compensated_sum if exact else plain_sum}


class Plan:
    """All that can be said of a problem before its tensors are there: made once, run often."""

    def __init__(
        self, problem: Elements, dtype: torch.dtype, size: int, weighted: bool, wanted: Any
    ) -> None:
        self.problem = problem
        likelihood: Any = problem.likelihood
        settings, reduction = problem.settings, problem.reduction
        mean = reduction == "mean"
        scale = problem.factor / size if mean and size else problem.factor
        self.dtype, self.blocks, self.scale = dtype, -(-size // BLOCK), scale
        self.each, self.empty_mean = reduction == "none", mean and not size
        self.inputs = n = len(likelihood.inputs)
        places = (*(BY_INPUT, BY_INPUT + 1)[:n], BY_TARGET)
        self.outputs = [(i, place) for i, place in enumerate(places) if wanted[i]]
        outputs = (wanted[0], n == 2 and wanted[1], wanted[n])
        self.kernel = kernel(likelihood, dtype, weighted, outputs)
        setting = settings[0] if settings else 0.0
        hidden = 0.0 if problem.masked else math.nan
        notes = array("d", bytes(16 * self.blocks))
        self.numbers = array("d", (scale, setting, hidden, 0.0)) + notes
        self.slots = array("q", bytes(8 * SLOTS))
        self.slots[SIZE], self.slots[EACH] = size, self.each

    def run(self, tensors: Sequence[Any]) -> tuple[Tensor, list[Tensor | None]]:
        """Return the loss and the gradients of contiguous tensors."""
        slots, numbers, n = self.slots[:], self.numbers[:], self.inputs
        first, y = tensors[0], tensors[n]
        slots[NUMBERS], _ = numbers.buffer_info()
        slots[INPUTS], slots[TARGET] = first.data_ptr(), y.data_ptr()
        value = memory.empty_like(y) if self.each else memory.empty_scalar(self.dtype)
        slots[VALUE] = value.data_ptr()
        if n == 2:
            slots[INPUTS + 1] = tensors[1].data_ptr()
        for slot, tensor in zip((WEIGHT, GIVEN), tensors[:n:-1], strict=False):
            if tensor is not None:
                slots[slot] = tensor.data_ptr()
        gradients: list[Tensor | None] = [None] * len(tensors)
        for i, slot in self.outputs:
            gradients[i] = gradient = memory.empty_like(first)
            slots[slot] = gradient.data_ptr()
        if self.blocks == 1:
            self.kernel.held(slots.buffer_info()[0])
            if numbers[NOTES + 1]:
                self._check(tensors)
            return value, gradients
        threads.run(self.kernel, slots, self.blocks)
        if any(numbers[NOTES + 1 :: 2]):
            self._check(tensors)
        if not self.each:
            total = math.nan if self.empty_mean else total_of(numbers[NOTES::2]) * self.scale
            value = torch.tensor(total, dtype=self.dtype)
        return value, gradients

    def _check(self, tensors: Sequence[Any]) -> None:
        missing = len(self.problem.tensors()) - len(tensors)
        values.check(self.problem.holding((*tensors, *[None] * missing)))


_plans = lru_cache(maxsize=256)(Plan)


def plan_for(problem: Elements, tensors: Sequence[Any], wanted: Sequence[bool]) -> Plan:
    """Return the plan of a problem without tensors, for contiguous tensors like these."""
    y = tensors[len(problem.inputs)]
    plan: Plan = _plans(problem, y.dtype, y.numel(), tensors[-1] is not None, tuple(wanted))
    return plan


def run(
    problem: Elements, tensors: Sequence[Any], wanted: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the reduced loss, and the wanted ones of its derivatives by the tensors.

    All tensors are of one shape and of one dtype; what comes back lies in memory as the first
    input does. The pass itself counts values outside their sets: `SupportError` says which.
    """
    if not all(t is None or (t.is_contiguous() and not t.is_neg()) for t in tensors):
        change = in_order_of(tensors[0])
        tensors = [None if t is None else change(t) for t in tensors]
    return plan_for(problem, tensors, wanted).run(tensors)


def total_of(sums: array[float]) -> float:
    """Return the sum of blocks' sums, rounded once."""
    try:
        return math.fsum(sums)
    except (OverflowError, ValueError):  # infinities, or what adds up to them
        return sum(sums)


def in_order_of(first: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what lays a tensor out in memory without gaps, in the order of the first one.

    Elements that lie in one order can be walked in that order, whatever their strides.
    """
    strides = torch.empty_like(first, device="meta").stride()

    def laid_out(tensor: Tensor) -> Tensor:
        if tensor.stride() == strides and not tensor.is_neg():
            return tensor
        return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype).copy_(tensor)

    return laid_out

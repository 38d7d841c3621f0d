"""The shape of rows on a CPU: tensors in, loss and gradient out."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog.engine import memory, threads, values
from neglog.engine.elementwise_cpu import sums_for, total_of
from neglog.engine.jit import Kernel, compile_kernel
from neglog.engine.loops import columns, rows, survey
from neglog.engine.loops.rows_slots import (
    GRADIENT,
    IGNORED,
    LABELS,
    NOTES,
    NUMBERS,
    SHARES,
    SLOTS,
    TARGETS,
    VALUE,
    WEIGHT,
    X,
)
from neglog.engine.loops.sums import two_sum
from neglog.engine.problem import RowsOfClasses

FEW = 32  # classes; more of them fill the vectors by themselves


class Layout(NamedTuple):
    """Where the numbers of x lie: see `rows_slots`."""

    outer: int
    inner: int
    classes: int
    row_step: int
    class_step: int

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return self.outer * self.inner


def layout_of(x: Tensor) -> Layout:
    """Describe contiguous rows (N, K), or (N, K, L) with L rows in each of N."""
    if x.dim() == 3:
        return Layout(x.shape[0], x.shape[2], x.shape[1], 1, x.shape[2])
    return Layout(1, x.shape[0], x.shape[1], x.shape[1], 1)


@cache
def kernel(template: Any, likelihood: Any, dtype: torch.dtype, flags: tuple[str, ...]) -> Kernel:
    """Compile one of the loops for one likelihood, one dtype, and what there is beside the rows."""
    formulas = {"nll": likelihood.nll, "grad": likelihood.grad} if likelihood else {}
    names = ("SOFTMAX", "SHARED", "WEIGHTED", "VALUED", "DIFFERENTIATED", "LABELLED", "TARGETED")
    label = likelihood.name if likelihood else ""
    chosen = {name: name in flags for name in names}
    helpers = _helpers(template, dtype, chosen["SOFTMAX"])
    # Against a label nothing cancels; against shares the probabilities may.
    narrow = dtype != torch.float64 and (template is not rows.target_rows or _is_half(dtype))
    return compile_kernel(template, dtype, label, formulas, helpers, chosen, narrow=narrow)


def _is_half(dtype: torch.dtype) -> bool:
    return dtype in (torch.float16, torch.bfloat16)


def _helpers(template: Any, dtype: torch.dtype, softmax: bool) -> dict[str, Any]:
    helpers: dict[str, Any] = {"two_sum": two_sum}
    if template is survey.survey:
        return helpers | {"counted": survey.counted, "weighed": survey.weighed}
    helpers |= sums_for(dtype) | {"power": power_for(dtype)}
    if template is columns.label_columns:
        return helpers | {step: getattr(columns, step) for step in columns.STEPS}
    helpers |= {step: getattr(rows, step) for step in ("rows_of_a_block", "powers")}
    if template is rows.label_rows:
        row = rows.label_row if softmax else rows.picked_row
        return helpers | {"label_and_share": rows.label_and_share, "one_row": row}
    steps = ("set_parts", "around_the_peak", "target_row")
    return helpers | {step: getattr(rows, step) for step in steps}


def power_for(dtype: torch.dtype) -> Any:
    """Return the e^(z − top) that loses nothing which a dtype could tell."""
    return rows.exact_power if dtype == torch.float64 else rows.power


class Plan:
    """All that can be said of a problem before its tensors are there: made once, run often."""

    def __init__(
        self, problem: RowsOfClasses, like: Tensor, labelled: bool, extras: tuple[bool, bool],
        differentiate: bool,
    ) -> None:  # fmt: skip
        self.problem, self.dtype, self.layout = problem, like.dtype, layout_of(like)
        self.mean, self.each = problem.reduction == "mean", problem.reduction == "none"
        self.target, self.differentiate = LABELS if labelled else TARGETS, differentiate
        self.softmax = problem.likelihood.softmax
        self.counts = labelled or extras[1]
        template, self.blocks = _loop(problem, self.layout, labelled)
        present = {
            "SOFTMAX": self.softmax, "WEIGHTED": extras[0], "SHARED": extras[1],
            "VALUED": self.each, "DIFFERENTIATED": differentiate,
            "LABELLED": labelled, "TARGETED": not labelled,
        }  # fmt: skip
        flags = tuple(name for name, there in present.items() if there)
        likelihood: Any = problem.likelihood
        self.kernel = kernel(template, likelihood, self.dtype, flags)
        facts = tuple(flag for flag in flags if flag in ("WEIGHTED", "SHARED", "LABELLED"))
        self.survey = kernel(survey.survey, None, self.dtype, facts) if self.counts else None
        parts = (1.0, 1.0 - problem.smoothing, problem.smoothing / self.layout.classes, 0.0)
        self.numbers = array("d", parts) + array("d", bytes(16 * self.blocks))
        self.surveyed = -(-self.layout.rows // survey.BLOCK)
        self.slots = array("q", (0, *self.layout, problem.ignored, *[0] * (SLOTS - 1 - IGNORED)))

    def run(self, tensors: Sequence[Any]) -> tuple[Tensor, list[Tensor | None]]:
        """Return the loss and the gradient of contiguous tensors, its labels checked first."""
        slots, numbers = self.slots[:], self.numbers[:]
        x = tensors[0]
        slots[X], slots[self.target] = x.data_ptr(), tensors[1].data_ptr()
        for slot, tensor in zip((WEIGHT, SHARES), tensors[2:], strict=False):
            if tensor is not None:
                slots[slot] = tensor.data_ptr()
        counted = self._counted(slots, tensors)
        if self.mean:
            numbers[0] = 1.0 / counted if counted else math.nan
        value = memory.empty_scalar(self.dtype)
        if self.each:
            value = memory.empty_line(self.layout.rows, self.dtype)
        slots[VALUE], slots[NUMBERS] = value.data_ptr(), numbers.buffer_info()[0]
        gradient = None
        if self.differentiate:  # of log-probabilities only the labels' is not 0
            gradient = memory.empty_like(x)
            if not self.softmax:
                gradient.zero_()
            slots[GRADIENT] = gradient.data_ptr()
        threads.run(self.kernel, slots, self.blocks)
        if not self.each and (self.blocks != 1 or (self.mean and not counted)):
            empty = self.mean and not counted
            total = math.nan if empty else total_of(numbers[NOTES::2])
            value = torch.tensor(total, dtype=self.dtype)
        return value, [gradient, *[None] * (len(tensors) - 1)]

    def _counted(self, slots: array[int], tensors: Sequence[Any]) -> float:
        """Return what a mean divides by."""
        if self.survey is None:
            return float(self.layout.rows)
        numbers = array("d", bytes(8 * (NOTES + 2 * self.surveyed)))
        slots = slots[:]
        slots[NUMBERS] = numbers.buffer_info()[0]
        threads.run(self.survey, slots, self.surveyed)
        if self.surveyed == 1:
            total, strangers = numbers[NOTES], numbers[NOTES + 1]
        else:
            total, strangers = total_of(numbers[NOTES::2]), sum(numbers[NOTES + 1 :: 2])
        if strangers:
            full = (*tensors, None, None)[:4]
            values.check_labels(self.problem.holding(full))
        return total


_plans = lru_cache(maxsize=256)(
    lambda problem, dtype, shape, *facts: Plan(
        problem, torch.empty(shape, dtype=dtype, device="meta"), *facts
    )
)


def plan_for(problem: RowsOfClasses, tensors: Sequence[Any], wanted: Sequence[bool]) -> Plan:
    """Return the plan of a problem without tensors, for contiguous tensors like these."""
    x, y, weight, share = tensors
    extras = (weight is not None, share is not None)
    labelled = not y.is_floating_point()
    plan: Plan = _plans(problem, x.dtype, x.shape, labelled, extras, wanted[0])
    return plan


def run(
    problem: RowsOfClasses, tensors: Sequence[Any], wanted: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the reduced loss, and its derivative by x if that is wanted.

    Labels are checked before anything is computed: `SupportError` says which is no class.
    """
    if not all(t is None or (t.is_contiguous() and not t.is_neg()) for t in tensors):
        tensors = [None if t is None else t.resolve_neg().contiguous() for t in tensors]
    return plan_for(problem, tensors, wanted).run(tensors)


def _loop(problem: RowsOfClasses, layout: Layout, labelled: bool) -> tuple[Any, int]:
    """Choose a loop by the target and by how the classes lie; return it and its blocks."""
    if problem.smoothing or not labelled:
        template: Any = rows.target_rows
    elif problem.likelihood.softmax and (layout.class_step > 1 or layout.classes <= FEW):
        parts = columns.work_of(layout.inner, layout.classes)[2]
        return columns.label_columns, layout.outer * parts
    else:
        template = rows.label_rows
    return template, -(-layout.rows // rows.rows_of_a_block(layout.classes))

"""Row-wise problems on a CPU."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from neglog.engine import memory, values
from neglog.engine.cpu import overflow, threads
from neglog.engine.cpu.elementwise import sums_for, total_of
from neglog.engine.cpu.jit import Kernel, compile_kernel
from neglog.engine.cpu.kernels import (
    columns,
    pairs,
    powers,
    rows,
    spread,
    spread_steps,
    survey,
    targets,
)
from neglog.engine.cpu.kernels.rows_args import (
    ARGS,
    BY_TARGET,
    EACH,
    GRADIENT,
    IGNORED,
    LABELS,
    PARTIALS,
    ROW_WEIGHTS,
    SCALARS,
    SETTINGS,
    TARGETS,
    VALUE,
    WEIGHT,
    X,
)
from neglog.engine.cpu.kernels.sums import two_sum
from neglog.engine.layout import in_order_of, rows_lie_close
from neglog.engine.precision import is_linear
from neglog.engine.problem import RowwiseProblem
from neglog.primitives.packed import MOST, packed

FEW = 32  # classes; more of them fill the vectors by themselves


class Layout(NamedTuple):
    """The memory layout of x: see `rows_args`."""

    outer: int
    inner: int
    classes: int
    row_step: int
    class_step: int
    outer_step: int

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self.outer * self.inner


def layout_of(x: Tensor) -> Layout:
    """Return the layout of rows (N, K), or (N, K, L) with N · L rows: see `rows_lie_close`."""
    if x.dim() == 2:
        return Layout(1, x.shape[0], x.shape[1], x.shape[1], 1, x.numel())
    outer, classes, inner = x.shape
    outer_step, class_step, row_step = x.stride()
    if outer * classes * inner == 0 or x.is_contiguous():
        outer_step, class_step, row_step = classes * inner, inner, 1
    return Layout(outer, inner, classes, row_step, class_step, outer_step)


# What a kernel is compiled for. It reads the rest from its arguments, so that a weight, another
# reduction or a call without a gradient does not wait for a compiler.
FLAGS = ("SOFTMAX", "TARGETED", "BY_Y")


@cache
def kernel(template: Any, likelihood: Any, dtype: torch.dtype, flags: tuple[str, ...]) -> Kernel:
    """Compile one of the loops for one likelihood, one dtype and flags."""
    facts = ("nll", "grad", "grad_target") if likelihood else ()
    formulas = {fact: packed(getattr(likelihood, fact), likelihood.settings) for fact in facts}
    label = likelihood.name if likelihood else ""
    chosen = {name: name in flags for name in FLAGS} | {"FINE": dtype == torch.float64}
    # Against a label nothing cancels; against soft targets the probabilities may.
    cancels = chosen["TARGETED"] or (likelihood and not is_linear(likelihood))
    by_columns = template is spread.spread_columns  # which keeps tops in their own type
    real = np.float64 if cancels and not by_columns else real_for(dtype)
    chosen["NEAR"] = real is np.float64 and not chosen["FINE"]
    helpers = {"two_sum": two_sum} | sums_for(dtype) | _helpers(template, chosen)
    return compile_kernel(template, dtype, label, formulas, helpers, chosen, real=real)


def real_for(dtype: torch.dtype) -> Any:
    """Return the dtype of computations without cancellation."""
    return np.float64 if dtype == torch.float64 else np.float32


def _helpers(template: Any, chosen: dict[str, bool]) -> dict[str, Any]:
    if template is survey.survey:
        return {"counted": survey.counted, "weighed": survey.weighed}
    steps: dict[str, Any] = {"settings_of": rows.settings_of}
    if template is columns.label_columns:
        return steps | {step: getattr(columns, step) for step in columns.STEPS}
    if template is spread.spread_columns:
        steps["spread_work"] = spread.spread_work
        steps |= {step: getattr(spread_steps, step) for step in spread_steps.STEPS}
        steps |= {step: getattr(pairs, step) for step in pairs.STEPS}
        return steps | {"spread_tile": spread.spread_tile}
    helpers = steps | {step: getattr(powers, step) for step in powers.STEPS}
    helpers |= {step: getattr(rows, step) for step in ("rows_of_a_block", "row_weight_of")}
    if not (chosen["SOFTMAX"] or chosen["TARGETED"]):
        return helpers | {"treat_block": rows.picked_block}
    if chosen["TARGETED"]:
        helpers |= {step: getattr(targets, step) for step in targets.STEPS}
        helpers["treat_batch"] = targets.target_batch
    else:
        helpers |= {"scale_row": rows.scale_row, "treat_batch": rows.label_batch}
    return helpers | {"leave_out": rows.leave_out, "treat_block": rows.softmax_block}


class Plan:
    """The parts of a problem that do not depend on its tensors: computed once, run often."""

    def __init__(
        self, problem: RowwiseProblem, like: Tensor, labelled: bool, extras: tuple[bool, bool],
        differentiate: bool, by_target: bool,
    ) -> None:  # fmt: skip
        self.problem, self.dtype, self.layout = problem, like.dtype, layout_of(like)
        self.scalar = memory.scalar(like.dtype)
        self.fresh_scalar = memory.allocator(like.dtype.itemsize)
        self.fresh = _allocator(like)
        self.mean, self.each = problem.reduction == "mean", problem.reduction == "none"
        self.target, self.differentiate = LABELS if labelled else TARGETS, differentiate
        self.softmax = problem.likelihood.softmax
        self.counts = labelled or extras[1]
        template, self.blocks = _loop(problem, self.layout, labelled)
        self.by_rows = template is rows.rows
        self.by_target = by_target and self.by_rows
        facts = (self.softmax, bool(problem.smoothing) or not labelled, self.by_target)
        flags = tuple(name for name, there in zip(FLAGS, facts, strict=True) if there)
        likelihood: Any = problem.likelihood
        self.kernel = kernel(template, likelihood, self.dtype, flags if self.by_rows else ())
        self.survey = kernel(survey.survey, None, self.dtype, ()) if self.counts else None
        parts = (1.0, 1.0 - problem.smoothing, problem.smoothing / self.layout.classes, 0.0)
        self.scalars = array("d", parts) + array("d", bytes(16 * max(1, self.blocks)))
        self.count = float(self.layout.rows)
        self.surveyed = -(-self.layout.rows // survey.BLOCK)
        self.args = array("q", (0, *self.layout, *[0] * (ARGS - 1 - len(self.layout))))
        self.args[IGNORED], self.args[EACH] = problem.ignored, self.each
        self.settings = array("d", (*problem.settings, *[0.0] * (MOST - len(problem.settings))))
        self.args[SETTINGS] = self.settings.buffer_info()[0]
        self.scratch: list[tuple[array[int], array[float], int]] = []

    def run(
        self, tensors: Sequence[Any], into: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor | None]]:
        """Return the loss and the gradient of contiguous tensors, after checking the labels.

        The gradient with respect to the target is returned only if it is needed and `by_target` is
        true. The gradient may be written into x, if the kernel reads a whole row before writing it.
        """
        try:
            scratch = self.scratch.pop()
        except IndexError:  # it is in use by another thread, or by a call that failed
            scratch = memory.scratch(self.args, self.scalars, SCALARS)
        args, scalars, address = scratch
        x, args[0] = tensors[0], 0
        args[X], args[self.target] = x.data_ptr(), tensors[1].data_ptr()
        if len(tensors) > 2:
            for arg, tensor in zip((WEIGHT, ROW_WEIGHTS), tensors[2:], strict=False):
                if tensor is not None:
                    args[arg] = tensor.data_ptr()
        counted = self.count
        if self.survey is not None:
            counted = self._counted(self.survey, args, scalars, address, tensors)
        if self.mean:
            scalars[0] = 1.0 / counted if counted else math.nan
        if self.each:
            value = memory.empty_line(self.layout.rows, self.dtype)
        else:
            value = self.fresh_scalar(self.scalar)
        args[VALUE] = value.data_ptr()
        gradient = None
        if self.differentiate:  # for log-probabilities only the labels' gradients are not 0
            gradient = self.fresh(x) if into is None or not self.by_rows else into
            if not self.softmax:
                gradient.zero_()
            args[GRADIENT] = gradient.data_ptr()
        slope = None
        if self.by_target:
            slope = memory.empty_like(tensors[1])
            args[BY_TARGET] = slope.data_ptr()
        if self.blocks == 1:
            self.kernel.held(address)
            total = scalars[PARTIALS]
        else:
            threads.run(self.kernel, args, self.blocks)
            total = total_of(scalars[PARTIALS::2])
        factor, empty = scalars[0], self.mean and not counted
        self.scratch.append(scratch)
        if not math.isfinite(total) and not empty and into is None:  # else x holds the gradient
            value = overflow.of_rows(self._holding(tensors), factor, value)
        elif not self.each and (self.blocks != 1 or empty):
            value = torch.tensor(math.nan if empty else total, dtype=self.dtype)
        return value, [gradient, slope, *[None] * (len(tensors) - 2)]

    def _counted(
        self,
        survey: Kernel,
        args: array[int],
        scalars: array[float],
        address: int,
        tensors: Sequence[Any],
    ) -> float:
        """Return the divisor of a mean."""
        if self.surveyed == 1:
            survey.held(address)
            args[0] = 0
            total, invalid = scalars[PARTIALS], scalars[PARTIALS + 1]
        else:
            args, scalars = args[:], array("d", bytes(8 * (PARTIALS + 2 * self.surveyed)))
            args[SCALARS] = scalars.buffer_info()[0]
            threads.run(survey, args, self.surveyed)
            total, invalid = total_of(scalars[PARTIALS::2]), sum(scalars[PARTIALS + 1 :: 2])
        if invalid:
            values.check_labels(self._holding(tensors))
        return total

    def _holding(self, tensors: Sequence[Any]) -> RowwiseProblem:
        return self.problem.with_tensors((*tensors, None, None)[:4])


def _allocator(like: Tensor) -> Any:
    """Return an allocator of gradients, in the memory order of x without gaps."""
    dense = torch.empty_like(like)
    if dense.stride() == like.stride():
        return memory.allocator(like.nbytes)
    size, shape, strides = like.numel(), like.shape, dense.stride()
    return lambda x: memory.empty((size,), x.dtype, x.device).as_strided(shape, strides)


_plans = lru_cache(maxsize=256)(
    lambda problem, dtype, shape, strides, *facts: Plan(
        problem, torch.empty_strided(shape, strides, dtype=dtype, device="meta"), *facts
    )
)


def plan_for(problem: RowwiseProblem, tensors: Sequence[Any], needs_grad: Sequence[bool]) -> Plan:
    """Return the plan of a problem without tensors, for tensors as `laid_out` returns them."""
    x, y, weight, sample_weight = tensors
    extras = (weight is not None, sample_weight is not None)
    labelled = not y.is_floating_point()
    moves = (needs_grad[0], not labelled and any(needs_grad[1:2]))
    plan: Plan = _plans(problem, x.dtype, x.shape, x.stride(), labelled, extras, *moves)
    return plan


def run(
    problem: RowwiseProblem,
    tensors: Sequence[Any],
    needs_grad: Sequence[bool],
    into: Tensor | None = None,
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the reduced loss, and its gradient with respect to x if required.

    The gradient may be written `into` the memory of x, which is then overwritten. Labels are
    validated before the computation: `SupportError` names the first one out of range.
    """
    if not all(t is None or (t.is_contiguous() and not t.is_neg()) for t in tensors):
        tensors = laid_out(tensors)
    return plan_for(problem, tensors, needs_grad).run(tensors, into)


def laid_out(tensors: Sequence[Any]) -> list[Any]:
    """Return tensors that the kernels can read, with probabilities in the memory order of x."""
    plain: list[Any] = [None if t is None else t.resolve_neg() for t in tensors]
    x, y, weight, sample_weight = plain
    if not rows_lie_close(x):
        x = x.contiguous()
    y = in_order_of(x)(y) if y.dim() > 1 else y.contiguous()
    return [x, y, *(None if t is None else t.contiguous() for t in (weight, sample_weight))]


def _loop(problem: RowwiseProblem, layout: Layout, labelled: bool) -> tuple[Any, int]:
    """Choose a kernel by the target and the memory layout; return it and its blocks."""
    if problem.likelihood.softmax and (layout.class_step > 1 or layout.classes <= FEW):
        spreads = problem.smoothing or not labelled
        work_of = spread.spread_work if spreads else columns.work_of
        parts = work_of(layout.inner, layout.classes)[2]
        return spread.spread_columns if spreads else columns.label_columns, layout.outer * parts
    return rows.rows, -(-layout.rows // rows.rows_of_a_block(layout.rows, layout.classes))

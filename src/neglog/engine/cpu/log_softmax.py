"""log softmax on a CPU, for callers that need the log-probabilities."""

from __future__ import annotations

from array import array
from functools import cache
from typing import Any

import torch
from torch import Tensor

from neglog.engine import memory, reference
from neglog.engine.backend import is_batched
from neglog.engine.cpu import threads
from neglog.engine.cpu.jit import Kernel, compile_kernel
from neglog.engine.cpu.kernels import powers
from neglog.engine.cpu.kernels.log_softmax import (
    log_softmax as log_softmax_kernel,
)
from neglog.engine.cpu.kernels.log_softmax import (
    log_softmax_backward,
    log_softmax_backward_row,
    log_softmax_row,
)
from neglog.engine.cpu.kernels.rows import rows_of_a_block
from neglog.engine.cpu.kernels.sums import two_sum
from neglog.engine.cpu.rows import layout_of, real_for
from neglog.engine.derivatives import Facts
from neglog.engine.precision import is_linear
from neglog.engine.problem import RowwiseProblem, rows_as


@cache
def _kernel(template: Any, dtype: torch.dtype) -> Kernel:
    helpers: dict[str, Any] = {"rows_of_a_block": rows_of_a_block}
    if template is log_softmax_backward:
        helpers["log_softmax_backward_row"] = log_softmax_backward_row
    else:
        helpers |= {"two_sum": two_sum, "log_softmax_row": log_softmax_row}
        helpers |= {step: getattr(powers, step) for step in powers.STEPS}
    flags = {"FINE": dtype == torch.float64, "NEAR": False}
    return compile_kernel(template, dtype, helpers=helpers, flags=flags, real=real_for(dtype))


def forward(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return ln p of contiguous rows (N, K), and 1 − p of each row's most probable class, (N,)."""
    log_p, doubts = memory.empty_like(x), memory.empty_line(x.shape[0], x.dtype)
    _run(log_softmax_kernel, x, None, doubts, log_p)
    return log_p, doubts


def backward(log_p: Tensor, upstream: Tensor, doubts: Tensor) -> Tensor:
    """Return the gradient with respect to the logits, given the results of `forward`."""
    gradient = memory.empty_like(log_p)
    _run(log_softmax_backward, log_p, upstream, doubts, gradient)
    return gradient


def by_target(problem: RowwiseProblem) -> Tensor:
    """Return the gradient of target probabilities, times the weights of row and class."""
    given, problem = problem.x, problem.by_rows()
    x, sample_weight = problem.x, problem.sample_weight
    wide = x.float() if x.element_size() < 4 else x
    log_p = memory.empty_like(wide) if not x.numel() else forward(wide.contiguous())[0]
    slope = _by_target(problem, log_p)
    scale: Any = 1.0 - problem.smoothing
    if sample_weight is not None:
        scale = scale * sample_weight[:, None]
    if problem.reduction == "mean":
        scale = scale / (len(x) if sample_weight is None else sample_weight.sum())
    for factor in (scale, problem.weight):
        if factor is not None:
            slope.mul_(factor)
        if isinstance(factor, Tensor):  # 0 · ∞ is 0, and excluded rows may be NaN
            slope.masked_fill_(factor == 0, 0.0)
    return rows_as(slope.to(x.dtype), given)


def _by_target(problem: RowwiseProblem, log_p: Tensor) -> Tensor:
    """Return the derivatives of the loss of each class by its target, in memory of their own."""
    if is_linear(problem.likelihood):
        return log_p.neg_()
    kept, smoothing = problem.y.to(log_p.dtype), problem.smoothing
    target = (1.0 - smoothing) * kept + smoothing / log_p.shape[1]
    facts = Facts(problem.likelihood, problem.settings)
    return facts.evaluate("grad_target", (log_p, target))[0].clone()


def log_softmax(x: Tensor) -> Tensor:
    """Return log softmax over the last dimension of a tensor that is not empty."""
    result: Tensor = _apply(x)
    return result


class _LogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        log_p, doubts = forward(x.reshape(-1, x.shape[-1]).contiguous())
        result = log_p.reshape(x.shape)
        ctx.save_for_backward(result, doubts)
        return result

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        log_p, doubts = ctx.saved_tensors
        if torch.is_grad_enabled() or is_batched(upstream):
            return reference.log_softmax_vjp(log_p, upstream)
        classes = log_p.shape[-1]
        pair = (log_p.reshape(-1, classes), upstream.reshape(-1, classes).contiguous())
        return backward(*pair, doubts).reshape(log_p.shape)


_apply: Any = super(torch.autograd.Function, _LogSoftmax).apply  # as `autograd.differentiable`


def _run(template: Any, x: Tensor, upstream: Tensor | None, doubts: Tensor, result: Tensor) -> None:
    kept = x.resolve_neg(), upstream if upstream is None else upstream.resolve_neg()
    tensors = (kept[0], None, kept[1], None, None, doubts, result)
    layout = layout_of(x)
    addresses = (0 if t is None else t.data_ptr() for t in tensors)
    steps = (layout.classes, layout.classes, 1, layout.classes)
    args = array("q", (0, layout.rows, 1, *steps, 0, 0, *addresses, 0, 0, 0))
    blocks = -(-layout.rows // rows_of_a_block(layout.rows, layout.classes))
    threads.run(_kernel(template, x.dtype), args, blocks)

"""The engines: how a declared likelihood becomes a reduced loss with a gradient.

Each shape has three readings of the one formula: the Numba kernel (eager, on a CPU), the same
kernel behind a custom operator (`torch.compile`), and the reference (everything else: other
devices, double backward, `torch.func`, targets that want a gradient).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog import errors
from neglog.engine import ops, reference
from neglog.likelihood import Elementwise, Rows

_HALF = (torch.float16, torch.bfloat16)
_PLAIN = (Tensor, torch.nn.Parameter)


def elementwise(
    likelihood: type[Elementwise],
    x: Tensor,
    y: Tensor,
    *,
    given: Sequence[Tensor] = (),
    weight: Tensor | None = None,
    factor: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """Return `factor` times the loss of x (any shape) against y (the same shape), reduced.

    `given` and `weight` are of x's shape too. Halves are computed in float32.
    """
    dtype = x.dtype
    x, y, *rest = (_widened(t) for t in (x, y, *given, *([] if weight is None else [weight])))
    given, weight = rest[: len(given)], rest[-1] if weight is not None else None
    if not _kernel_serves(x, y):
        loss = factor * reference.elementwise(likelihood, x, y, *given)
        if _values_are_known(y):
            check_values(likelihood, x, y)
        return _reduced(loss if weight is None else loss * weight, reduction).to(dtype)
    if torch.compiler.is_compiling():
        loss, _ = ops.elementwise(likelihood.name, x, y, [*given], weight, factor, reduction)
    else:
        loss = _apply(_ElementwiseLoss, likelihood, x, y, given, weight, factor, reduction)
    return loss.to(dtype)


def rows(
    likelihood: type[Rows],
    x: Tensor,
    y: Tensor,
    *,
    weight: Tensor | None = None,
    ignored: int = -100,
    smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Return the loss of rows x (N, K) against labels (N,) of int64 or probabilities (N, K).

    A mean over labels divides by the weight of the labels that count, a mean over probabilities
    by N, as in torch.
    """
    dtype = x.dtype
    x, y = _widened(x), y if y.dim() == 1 else _widened(y)
    weight = None if weight is None else weight.to(x.dtype)
    if not _kernel_serves(x, y):
        return _rows_by_reference(likelihood, x, y, weight, ignored, smoothing, reduction).to(dtype)
    options = (weight, ignored, smoothing, 1.0, reduction)
    if torch.compiler.is_compiling():
        loss: Tensor = ops.rows(likelihood.name, x, y, *options)[0]
    else:
        loss = _apply(_RowsLoss, likelihood, x, y, *options)
    return loss.to(dtype)


def log_softmax(x: Tensor) -> Tensor:
    """Return log softmax over the last dimension."""
    dtype = x.dtype
    x = _widened(x)
    if x.numel() == 0:
        return torch.log_softmax(x, -1).to(dtype)
    if torch.compiler.is_compiling() or not _kernel_serves(x):
        return reference.log_softmax(x).to(dtype)
    return _apply(_LogSoftmax, x).to(dtype)


class _LogSoftmax(torch.autograd.Function):
    """The CPU kernels; a backward that must itself be differentiable goes by the reference."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        from neglog.engine import log_softmax_cpu

        log_p, doubts = log_softmax_cpu.forward(x.reshape(-1, x.shape[-1]).contiguous())
        result = log_p.reshape(x.shape)
        ctx.save_for_backward(x, result, doubts)
        return result

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        from neglog.engine import log_softmax_cpu

        x, log_p, doubts = ctx.saved_tensors
        if torch.is_grad_enabled():
            again = reference.log_softmax(x)
            by_x: Tensor = torch.autograd.grad(again, x, upstream, create_graph=True)[0]
            return by_x
        classes = x.shape[-1]
        pair = (log_p.reshape(-1, classes), upstream.reshape(-1, classes).contiguous())
        return log_softmax_cpu.backward(*pair, doubts).reshape(x.shape)


def _rows_by_reference(
    likelihood: type[Rows],
    x: Tensor,
    y: Tensor,
    weight: Tensor | None,
    ignored: int,
    smoothing: float,
    reduction: str,
) -> Tensor:
    labelled = y.dim() == 1
    keep = y != ignored if labelled else torch.ones_like(x[:, 0], dtype=torch.bool)
    if labelled and _values_are_known(y):
        check_labels(y, x.shape[1], ignored)
    by_class = x.new_ones(x.shape[1]) if weight is None else weight
    loss = reference.rows(likelihood, x, y, by_class, keep, smoothing)
    if reduction != "mean":
        return _reduced(loss, reduction)
    counted = by_class[torch.where(keep, y, 0)] * keep if labelled else torch.ones_like(loss)
    return loss.sum() / counted.sum()


class _ElementwiseLoss(torch.autograd.Function):
    """The CPU kernel; a backward that must itself be differentiable goes by the reference."""

    @staticmethod
    def forward(
        ctx: Any,
        likelihood: type[Elementwise],
        x: Tensor,
        y: Tensor,
        given: Sequence[Tensor],
        weight: Tensor | None,
        factor: float,
        reduction: str,
    ) -> Tensor:
        x, y, given = x.contiguous(), y.contiguous(), [t.contiguous() for t in given]
        weight = None if weight is None else weight.contiguous()
        options = (given, weight, factor, reduction, ctx.needs_input_grad[1])
        loss, ctx.gradient = run_elementwise(likelihood, x, y, *options)
        ctx.save_for_backward(x, y, weight, *given)
        ctx.facts = likelihood, factor, reduction
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        x, y, weight, *given = ctx.saved_tensors
        likelihood, factor, reduction = ctx.facts
        if torch.is_grad_enabled():
            gradient = factor * reference.score(likelihood, x, y, *given)
            gradient = gradient if weight is None else gradient * weight
            by_x = upstream * (gradient / x.numel() if reduction == "mean" else gradient)
        else:
            again = (likelihood, x, y, given, weight, factor, reduction, True)
            by_x = _handed_out(ctx, upstream, lambda: run_elementwise(*again)[1])
        return None, by_x, None, None, None, None, None


class _RowsLoss(torch.autograd.Function):
    """The CPU kernel; a backward that must itself be differentiable goes by the reference."""

    @staticmethod
    def forward(
        ctx: Any,
        likelihood: type[Rows],
        x: Tensor,
        y: Tensor,
        weight: Tensor | None,
        ignored: int,
        smoothing: float,
        factor: float,
        reduction: str,
    ) -> Tensor:
        x, y = x.contiguous(), y.contiguous()
        options = (ignored, smoothing, factor, reduction)
        loss, ctx.gradient = run_rows(likelihood, x, y, weight, *options, ctx.needs_input_grad[1])
        ctx.save_for_backward(x, y, weight)
        ctx.facts = likelihood, ignored, smoothing, factor, reduction
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        x, y, weight = ctx.saved_tensors
        likelihood, ignored, smoothing, factor, reduction = ctx.facts
        if torch.is_grad_enabled():
            loss = _rows_by_reference(likelihood, x, y, weight, ignored, smoothing, reduction)
            (by_x,) = torch.autograd.grad(loss, x, upstream, create_graph=True)
        else:
            again = (likelihood, x, y, weight, ignored, smoothing, factor, reduction, True)
            by_x = _handed_out(
                ctx,
                upstream[:, None] if upstream.dim() == 1 else upstream,
                lambda: run_rows(*again)[1],
            )
        return None, by_x, None, None, None, None, None, None


def run_elementwise(
    likelihood: type[Elementwise],
    x: Tensor,
    y: Tensor,
    given: Sequence[Tensor],
    weight: Tensor | None,
    factor: float,
    reduction: str,
    differentiate: bool,
) -> tuple[Tensor, Tensor]:
    """Run the CPU kernel; raise `SupportError` for a value outside its set."""
    from neglog.engine import elementwise_cpu

    options = (weight, factor, reduction, differentiate)
    loss, gradient, outside = elementwise_cpu.run(likelihood, x, y, list(given), *options)
    if outside:
        check_values(likelihood, x, y)
    return loss, gradient


def run_rows(
    likelihood: type[Rows],
    x: Tensor,
    y: Tensor,
    weight: Tensor | None,
    ignored: int,
    smoothing: float,
    factor: float,
    reduction: str,
    differentiate: bool,
) -> tuple[Tensor, Tensor]:
    """Run the CPU kernel; raise `SupportError` for a label that is no class."""
    from neglog.engine import rows_cpu

    options = (ignored, smoothing, factor, reduction, differentiate)
    loss, gradient, strangers = rows_cpu.run(likelihood, x, y, weight, *options)
    if strangers:
        check_labels(y, x.shape[1], ignored)
    return loss, gradient


def check_values(likelihood: type[Elementwise], x: Tensor, y: Tensor) -> None:
    """Raise `SupportError` if an input or a target lies outside its set, with the first place."""
    for name, values, where in (("input", x, likelihood.domain), ("target", y, likelihood.support)):
        outside = ~where.contains(values)
        if outside.any():
            raise errors.SupportError(errors.outside(name, where.words, values, outside))


def check_labels(labels: Tensor, classes: int, ignored: int) -> None:
    """Raise `SupportError` if a label is no class, with the first one's place."""
    outside = (labels != ignored) & ((labels < 0) | (labels >= classes))
    if outside.any():
        raise errors.SupportError(errors.wrong_labels(labels, outside, classes, ignored))


def _kernel_serves(x: Tensor, y: Tensor | None = None) -> bool:
    """Tell whether the Numba kernels may run: plain float tensors on a CPU, no transform."""
    if y is not None and y.requires_grad and torch.is_grad_enabled():
        return False
    return (
        all(type(t) in _PLAIN and t.device.type == "cpu" for t in (x, x if y is None else y))
        and x.dtype in (torch.float32, torch.float64)
        and not torch._C._are_functorch_transforms_active()
        and torch.autograd.forward_ad._current_level < 0
    )


def _values_are_known(y: Tensor) -> bool:
    """Tell whether looking at values is possible and free of a device synchronisation."""
    return (
        y.device.type == "cpu"
        and type(y) is Tensor
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )


def _widened(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in _HALF else tensor


def _apply(function: Any, *arguments: Any) -> Tensor:
    """Call an autograd function, which torch leaves untyped."""
    result: Tensor = function.apply(*arguments)
    return result


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def _handed_out(ctx: Any, upstream: Tensor, again: Callable[[], Tensor]) -> Tensor:
    """Return upstream · gradient, which for the usual upstream of 1 is the kernel's own memory.

    Whoever gets that memory may write to it (it becomes `x.grad`), so it is given away once; a
    second backward through the same graph computes the gradient again.
    """
    gradient: Tensor = again() if ctx.gradient is None else ctx.gradient
    if upstream.dim() == 0 and upstream.item() == 1.0:
        ctx.gradient = None
        return gradient
    return upstream * gradient

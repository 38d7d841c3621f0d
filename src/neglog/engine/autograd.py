"""The CPU kernels in eager mode; a backward that is differentiated goes by the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.engine import reference
from neglog.likelihood import Elementwise, Rows


def elementwise(
    likelihood: type[Elementwise],
    x: Tensor,
    y: Tensor,
    given: Sequence[Tensor],
    weight: Tensor | None,
    factor: float,
    reduction: str,
) -> Tensor:
    """Return the reduced loss of tensors of one shape and one dtype."""
    return reference.apply(_Elementwise, likelihood, x, y, given, weight, factor, reduction)


def rows(likelihood: type[Rows], *problem: Any) -> Tensor:
    """Return the reduced loss of a problem: x, y, weight, ignored, smoothing, reduction."""
    return reference.apply(_Rows, likelihood, *problem)


def log_softmax(x: Tensor) -> Tensor:
    """Return log softmax over the last dimension of a tensor that is not empty."""
    return reference.apply(_LogSoftmax, x)


class _Elementwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, likelihood: Any, x: Tensor, y: Tensor, given: Any, *rest: Any) -> Tensor:
        from neglog.engine import elementwise_cpu

        weight, factor, reduction = rest
        x, y, given = x.contiguous(), y.contiguous(), [t.contiguous() for t in given]
        weight = None if weight is None else weight.contiguous()
        options = (factor, reduction, ctx.needs_input_grad[1])
        loss, ctx.gradient = elementwise_cpu.run(likelihood, x, y, given, weight, *options)
        ctx.save_for_backward(x, y, weight, *given)
        ctx.facts = likelihood, factor, reduction
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        from neglog.engine import elementwise_cpu

        x, y, weight, *given = ctx.saved_tensors
        likelihood, factor, reduction = ctx.facts
        if torch.is_grad_enabled():
            gradient = factor * reference.score(likelihood, x, y, *given)
            gradient = gradient if weight is None else gradient * weight
            by_x = upstream * (gradient / x.numel() if reduction == "mean" else gradient)
        else:
            again = (likelihood, x, y, given, weight, factor, reduction, True)
            by_x = _handed_out(ctx, upstream, lambda: elementwise_cpu.run(*again)[1])
        return None, by_x, None, None, None, None, None


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, likelihood: Any, x: Tensor, y: Tensor, *rest: Any) -> Tensor:
        from neglog.engine import rows_cpu

        x, y = x.contiguous(), y.contiguous()
        weight, *options = rest
        problem: Any = (x, y, weight, *options, ctx.needs_input_grad[1])
        loss, ctx.gradient = rows_cpu.run(likelihood, *problem)
        ctx.save_for_backward(x, y, weight)
        ctx.facts = likelihood, options
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        from neglog.engine import rows_cpu

        (likelihood, options), problem = ctx.facts, ctx.saved_tensors
        if torch.is_grad_enabled():
            loss = reference.reduced_rows(likelihood, *problem, *options)
            (by_x,) = torch.autograd.grad(loss, problem[0], upstream, create_graph=True)
        else:
            upstream = upstream[:, None] if upstream.dim() == 1 else upstream
            again = (likelihood, *problem, *options, True)
            by_x = _handed_out(ctx, upstream, lambda: rows_cpu.run(*again)[1])
        return None, by_x, None, None, None, None, None


class _LogSoftmax(torch.autograd.Function):
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
        if _is_batch(upstream):
            rest = upstream.sum(-1, keepdim=True) - upstream
            lost: Tensor = upstream * torch.expm1(log_p) + log_p.exp() * rest
            return -lost
        classes = x.shape[-1]
        pair = (log_p.reshape(-1, classes), upstream.reshape(-1, classes).contiguous())
        return log_softmax_cpu.backward(*pair, doubts).reshape(x.shape)


def _is_batch(upstream: Tensor) -> bool:
    """Tell whether `is_grads_batched` maps this backward over many upstream gradients."""
    return torch._C._functorch.is_legacy_batchedtensor(upstream)


def _handed_out(ctx: Any, upstream: Tensor, again: Callable[[], Tensor]) -> Tensor:
    """Return upstream · gradient, which for the usual upstream of 1 is the kernel's own memory.

    Whoever gets that memory may write to it (it becomes `x.grad`), so it is given away once; a
    second backward through the same graph computes the gradient again.
    """
    gradient: Tensor = again() if ctx.gradient is None else ctx.gradient
    if _is_batch(upstream):  # which has no one value to look at
        return upstream * gradient
    if upstream.dim() == 0 and upstream.item() == 1.0:
        ctx.gradient = None
        return gradient
    return upstream * gradient

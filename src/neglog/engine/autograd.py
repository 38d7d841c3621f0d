"""The CPU kernels in eager mode; a backward that is differentiated goes by the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.engine import reference
from neglog.engine.derivatives import apply
from neglog.engine.problem import Elements, RowsOfClasses


def elements(problem: Elements) -> Tensor:
    """Return the reduced loss of plain float32 or float64 tensors on a CPU."""
    result: Tensor = apply(_Elements, problem, *problem.inputs, problem.y)
    return result


def rows(problem: RowsOfClasses) -> Tensor:
    """Return the reduced loss of plain float32 or float64 rows on a CPU."""
    result: Tensor = apply(_Rows, problem, problem.x)
    return result


def log_softmax(x: Tensor) -> Tensor:
    """Return log softmax over the last dimension of a tensor that is not empty."""
    result: Tensor = apply(_LogSoftmax, x)
    return result


class _Elements(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, problem: Elements, *_: Tensor) -> Tensor:
        from neglog.engine import elementwise_cpu

        wanted = ctx.needs_input_grad[1:]
        loss, ctx.gradients = elementwise_cpu.run(problem, wanted)
        _remember(ctx, problem)
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        from neglog.engine import elementwise_cpu

        saved, wanted = ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():
            problem = ctx.problem.holding(saved)
            return None, *_derived(reference.reduced_elements, problem, wanted, upstream)

        def again() -> Any:
            return elementwise_cpu.run(ctx.problem.holding(saved), wanted)[1]

        return None, *_handed_out(ctx, upstream, again)


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, problem: RowsOfClasses, _: Tensor) -> Tensor:
        from neglog.engine import rows_cpu

        wanted = ctx.needs_input_grad[1]
        loss, gradient = rows_cpu.run(problem, wanted)
        ctx.gradients = (gradient,)
        _remember(ctx, problem)
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        from neglog.engine import rows_cpu

        saved = ctx.saved_tensors
        if torch.is_grad_enabled():
            problem = ctx.problem.holding(saved)
            return None, *_derived(reference.reduced_rows, problem, (True,), upstream)

        def again() -> Any:
            return (rows_cpu.run(ctx.problem.holding(saved), True)[1],)

        upstream = upstream[:, None] if upstream.dim() == 1 else upstream
        return None, *_handed_out(ctx, upstream, again)


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


def _remember(ctx: Any, problem: Elements | RowsOfClasses) -> None:
    """Keep a problem, its tensors so that torch raises if they were written to or are gone."""
    tensors = problem.tensors()
    ctx.save_for_backward(*tensors)
    ctx.problem = problem.holding([None] * len(tensors))


def _derived(
    loss: Callable[..., Tensor], problem: Any, wanted: Sequence[bool], upstream: Tensor
) -> list[Tensor | None]:
    """Return the derivatives by the wanted ones of a problem's first tensors, differentiable again.

    They are taken by views of the tensors: one that was computed from another would otherwise
    count in the other's derivative.
    """
    problem = problem.each(lambda t: t.view_as(t))
    tensors = problem.tensors()
    leaves = [t for t, want in zip(tensors, wanted, strict=False) if want]
    slopes = iter(torch.autograd.grad(loss(problem), leaves, upstream, create_graph=True))
    return [next(slopes) if want else None for want in wanted]


def _is_batch(upstream: Tensor) -> bool:
    """Tell whether `is_grads_batched` maps this backward over many upstream gradients."""
    return torch._C._functorch.is_legacy_batchedtensor(upstream)


def _handed_out(
    ctx: Any, upstream: Tensor, again: Callable[[], Sequence[Tensor | None]]
) -> list[Tensor | None]:
    """Return upstream · gradients, which for the usual upstream of 1 are the kernel's own memory.

    Whoever gets that memory may write to it (it becomes `x.grad`), so it is given away once; a
    second backward through the same graph computes the gradients again.
    """
    gradients = again() if ctx.gradients is None else ctx.gradients
    if not _is_batch(upstream) and upstream.dim() == 0 and upstream.item() == 1.0:
        ctx.gradients = None
        return list(gradients)
    return [None if g is None else upstream * g for g in gradients]

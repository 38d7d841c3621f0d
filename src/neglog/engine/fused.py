"""Losses of torch's operations whose value and gradient a kernel computes on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from neglog.engine import values
from neglog.engine.backend import is_batched

Kernel = Callable[[Tensor, bool], tuple[Tensor, Tensor | None]]
Formula = Callable[[Tensor], Tensor]


def serves(x: Tensor, *others: Tensor | None) -> bool:
    """Return whether a kernel may compute a loss of tensors, of which only x is differentiated."""
    known = values.are_known(x, *(t for t in others if t is not None))
    constant = not any(t.requires_grad for t in others if t is not None)
    return known and constant and forward_ad._current_level < 0 and x.numel() > 0


def loss(x: Tensor, kernel: Kernel, formula: Formula) -> Tensor:
    """Return the losses of a kernel.

    Args:
        x: (…, K), which the kernel `serves`.
        kernel: returns the losses (…), and the gradient of each row's if it is required.
        formula: returns the same losses by torch's operations, for second derivatives.
    """
    if not (torch.is_grad_enabled() and x.requires_grad):
        return kernel(x.detach(), False)[0]
    result: Tensor = _apply(kernel, formula, x)
    return result


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kernel: Kernel, formula: Formula, x: Tensor) -> Tensor:
        losses, ctx.gradient = kernel(x.detach(), True)
        ctx.kernel, ctx.formula = kernel, formula
        ctx.save_for_backward(x)
        return losses

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, None, Tensor]:
        """Return upstream · gradients, in memory that is returned once."""
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled() or is_batched(upstream):
            with torch.enable_grad():
                x = x.view_as(x)
                losses = ctx.formula(x)
            found = torch.autograd.grad(losses, x, upstream, create_graph=torch.is_grad_enabled())
            return None, None, found[0]
        gradient = ctx.gradient if ctx.gradient is not None else ctx.kernel(x.detach(), True)[1]
        ctx.gradient = None
        assert gradient is not None
        # A mean expands one number, which multiplies faster than one for each row.
        one = not any(upstream.stride())
        return None, None, gradient.mul_(upstream.flatten()[0] if one else upstream[..., None])


_apply: Any = _Loss.apply

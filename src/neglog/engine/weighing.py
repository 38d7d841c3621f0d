"""Losses times differentiable weights, where 0 · ∞ is 0 in the derivatives of both modes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from neglog.device import tensor_like
from neglog.engine.derivatives import apply, is_nested_forward_mode, product, total


def weighed(loss: Tensor, weight: Tensor) -> Tensor:
    """Return loss · weight; in its tangent an infinite loss times a zero tangent of weight is 0."""
    if _is_plain(weight):
        return loss * weight
    result: Tensor = apply(_Weighed, *torch.broadcast_tensors(loss, weight))
    return result


def divided(total: Tensor, divisor: Tensor | float) -> Tensor:
    """Return total / divisor, with the same rule for the tangent of the divisor."""
    # A 0-dimensional tangent times a float, or divided by one, is float64: hence the tensors.
    if not isinstance(divisor, Tensor):
        moves = forward_ad._current_level >= 0
        return total / (tensor_like(divisor, total) if moves else divisor)
    if _is_plain(divisor):
        return total / divisor
    return weighed(total, divisor.reciprocal())


def _is_plain(weight: Tensor) -> bool:
    moves = forward_ad._current_level >= 0 or weight.requires_grad
    return not moves or torch.compiler.is_compiling() or is_nested_forward_mode()


class _Weighed(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(loss: Tensor, weight: Tensor) -> Tensor:
        return loss * weight

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
        loss, weight = ctx.saved_tensors
        return product(upstream, weight), product(upstream, loss)

    @staticmethod
    def jvp(ctx: Any, of_loss: Tensor | None, of_weight: Tensor | None) -> Tensor:
        loss, weight = ctx.saved_tensors
        terms = [] if of_loss is None else [product(weight, of_loss)]
        terms += [] if of_weight is None else [product(of_weight, loss)]
        return total(terms, loss)

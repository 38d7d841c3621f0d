"""log softmax in torch's operations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog.engine import inspection
from neglog.engine.derivatives import apply, is_nested_forward_mode


class _LogSoftmax(torch.autograd.Function):
    """log softmax over the last dimension, accurate where one class has a probability near 1.

    The term of the largest logit, e⁰ = 1, is excluded from the sum and added by `log1p`, and 1 − p
    is computed as −expm1(ln p): neither cancels.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor) -> Tensor:
        top = logits.amax(-1, keepdim=True)
        is_top = logits == top
        shifted = logits - top
        others = torch.where(is_top, 0.0, shifted.exp()).sum(-1, keepdim=True) + (top - top)
        return shifted - torch.log1p(others + (is_top.sum(-1, keepdim=True) - 1))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (log_p,) = ctx.saved_tensors
        return log_softmax_vjp(log_p, upstream)


class _LogSoftmaxInBothModes(_LogSoftmax):
    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (log_p,) = ctx.saved_tensors
        return log_softmax_jvp(log_p, tangent)


def log_softmax_vjp(log_p: Tensor, upstream: Tensor) -> Tensor:
    """Return upstream · the derivatives of log softmax, given its values."""
    p, whole = log_p.exp(), upstream.sum(-1, keepdim=True)
    if is_spread(p):
        return upstream - p * whole
    return -upstream * torch.expm1(log_p) - p * (whole - upstream)


def log_softmax_jvp(log_p: Tensor, move: Tensor) -> Tensor:
    """Return the jvp of log softmax, given its values."""
    # A constant added to a row changes nothing. It is chosen so that the class of high
    # probability has the tangent 0, since next to a probability of 1 other tangents would cancel.
    p = log_p.exp()
    if not is_spread(p):
        move = move - torch.where(p > 0.5, move, 0.0).sum(-1, keepdim=True)
    return move - (p * move).sum(-1, keepdim=True)


FEW = 32  # classes, of which some torch operations are slower than their parts


def is_spread(p: Tensor) -> bool:
    """Return whether no class is known to have a high probability: then nothing cancels."""
    return p.shape[-1] >= FEW and inspection.are_all(p.detach().amax(-1) <= 0.5)


def log_softmax(logits: Tensor) -> Tensor:
    """Return log softmax over the last dimension of a non-empty floating tensor."""
    if is_nested_forward_mode():
        return torch.log_softmax(logits, -1)
    function = _LogSoftmax if torch.compiler.is_compiling() else _LogSoftmaxInBothModes
    result: Tensor = apply(function, logits)
    return result

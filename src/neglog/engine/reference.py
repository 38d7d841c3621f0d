"""The loops as torch runs them: the formula itself, on any device, differentiable twice.

The derivatives are the declared ones and not torch's derivatives of the formula, which are wrong
where an exact form has a kink that the loss has not (|logit| at 0).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog.likelihood import Elementwise, Rows


def apply(function: Any, *arguments: Any) -> Tensor:
    """Call an autograd function, which torch leaves untyped."""
    result: Tensor = function.apply(*arguments)
    return result


class _Nll(torch.autograd.Function):
    """`nll`, with `grad` and `grad_target` as its derivatives."""

    generate_vmap_rule = True

    @staticmethod
    def forward(likelihood: type[Elementwise], x: Tensor, y: Tensor, *given: Tensor) -> Tensor:
        return torch.as_tensor(likelihood.nll(x, *given, y))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.likelihood, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        x, y, *given = ctx.saved_tensors
        by_x = by_y = None
        if ctx.needs_input_grad[1]:
            by_x = upstream * score(ctx.likelihood, x, y, *given)
        if ctx.needs_input_grad[2]:
            by_y = upstream * ctx.likelihood.grad_target(x, *given, y)
        return None, by_x, by_y, *(None for _ in given)


class _Score(torch.autograd.Function):
    """`grad`, with `curvature` as its derivative by the input."""

    generate_vmap_rule = True

    @staticmethod
    def forward(likelihood: type[Elementwise], x: Tensor, y: Tensor, *given: Tensor) -> Tensor:
        return torch.as_tensor(likelihood.grad(x, *given, y))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.likelihood, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        x, y, *given = ctx.saved_tensors
        by_x = by_y = None
        if ctx.needs_input_grad[1]:
            by_x = upstream * ctx.likelihood.curvature(x, *given, y)
        if ctx.needs_input_grad[2]:
            by_y = torch.func.vjp(lambda t: ctx.likelihood.grad(x, *given, t), y)[1](upstream)[0]
        return None, by_x, by_y, *(None for _ in given)


def score(likelihood: type[Elementwise], x: Tensor, y: Tensor, *given: Tensor) -> Tensor:
    """Return the declared `grad`, differentiable again."""
    return apply(_Score, likelihood, x, y, *given)


def elementwise(likelihood: type[Elementwise], x: Tensor, y: Tensor, *given: Tensor) -> Tensor:
    """Return the loss of every element; all tensors of one floating dtype."""
    return apply(_Nll, likelihood, x, y, *given)


class _LogSoftmax(torch.autograd.Function):
    """log softmax over the last dimension, exact where one class holds nearly all probability.

    The largest logit's own term, e⁰ = 1, is left out of the sum and given back by `log1p`, and
    1 − p is formed as −expm1(ln p): neither cancels.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(logits: Tensor) -> Tensor:
        top = logits.amax(-1, keepdim=True)
        is_top = logits == top
        shifted = logits - top
        others = torch.where(is_top, 0.0, shifted.exp()).sum(-1, keepdim=True)
        return shifted - torch.log1p(others + (is_top.sum(-1, keepdim=True) - 1))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (log_p,) = ctx.saved_tensors
        rest = upstream.sum(-1, keepdim=True) - upstream
        by_logits: Tensor = -upstream * torch.expm1(log_p) - log_p.exp() * rest
        return by_logits


def log_softmax(logits: Tensor) -> Tensor:
    """Return log softmax over the last dimension of a non-empty floating tensor."""
    return apply(_LogSoftmax, logits)


def rows(
    likelihood: type[Rows], x: Tensor, y: Tensor, weight: Tensor, keep: Tensor, smoothing: float
) -> Tensor:
    """Return the loss of every row.

    Args:
        likelihood: the declaration.
        x: rows (N, K), floating.
        y: labels (N,) of int64, or rows (N, K) of class probabilities.
        weight: one weight per class, (K,).
        keep: which rows count, (N,); the others contribute 0, whatever they hold.
        smoothing: the part of the target spread evenly over the classes.
    """
    x = torch.where(keep[:, None], x, 0.0)
    log_p = log_softmax(x) if likelihood.softmax else x
    if y.dim() == 1 and smoothing == 0.0:
        label = torch.where(keep, y, 0)
        truth = log_p.gather(1, label[:, None])[:, 0]
        term = likelihood.nll(truth, torch.ones_like(truth)) * weight[label]
    else:
        if y.dim() == 1:
            y = one_hot(torch.where(keep, y, 0), x)
        target = (1.0 - smoothing) * y + smoothing / x.shape[1]
        term = (likelihood.nll(log_p, target) * weight).sum(1)
    return torch.where(keep, term, 0.0)


def reduced_rows(
    likelihood: type[Rows],
    x: Tensor,
    y: Tensor,
    weight: Tensor | None,
    ignored: int,
    smoothing: float,
    reduction: str,
) -> Tensor:
    """Return the reduced loss of rows; see `rows` for what is left out here."""
    labelled = y.dim() == 1
    keep = y != ignored if labelled else torch.ones_like(x[:, 0], dtype=torch.bool)
    by_class = x.new_ones(x.shape[1]) if weight is None else weight
    loss = rows(likelihood, x, y, by_class, keep, smoothing)
    if reduction != "mean":
        return reduced(loss, reduction)
    counted = by_class[torch.where(keep, y, 0)] * keep if labelled else torch.ones_like(loss)
    return loss.sum() / counted.sum()


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """Return the losses, their mean or their sum."""
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def one_hot(labels: Tensor, like: Tensor) -> Tensor:
    """Return rows of `like`'s shape and dtype with a 1 at each label."""
    return torch.zeros_like(like).scatter(1, labels[:, None], 1.0)

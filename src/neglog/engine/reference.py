"""The shapes as torch runs them: the formula itself, on any device, differentiable twice.

The derivatives are the declared ones and not torch's derivatives of the formula, which are wrong
where an exact form has a kink that the loss has not (|logit| at 0).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from neglog.device import tensor_like
from neglog.engine import levels
from neglog.engine.derivatives import apply, as_tensors, is_nested_forward_mode, nll
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem
from neglog.engine.weighing import divided, weighed

HALF = (torch.float16, torch.bfloat16)


def reduced_elements(problem: ElementwiseProblem) -> Tensor:
    """Return the reduced loss of elements, computed in float32 or more."""
    dtype = problem.y.dtype
    if dtype in HALF:
        return reduced_elements(problem.each(Tensor.float)).to(dtype)
    problem, weight = shown(problem), problem.weight
    loss = nll(problem.likelihood, problem.settings, *problem.inputs, *problem.given, problem.y)
    if problem.factor != 1.0:  # as a tensor: a tangent of no dimensions times a float is float64
        loss = loss * torch.full((), problem.factor, dtype=loss.dtype, device=loss.device)
    return reduced(loss if weight is None else weighed(loss, weight), problem.reduction)


def shown(problem: ElementwiseProblem) -> ElementwiseProblem:
    """Return a problem in which what does not count is replaced, so that no NaN comes back."""
    if not problem.masked or problem.weight is None:
        return problem
    counts = problem.weight != 0
    *others, weight = problem.tensors()
    fillers = enumerate(others, start=1)  # apart: two equal inputs may be a pole
    return problem.with_tensors([*(torch.where(counts, t, float(i)) for i, t in fillers), weight])


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
        others = torch.where(is_top, 0.0, shifted.exp()).sum(-1, keepdim=True) + (top - top)
        return shifted - torch.log1p(others + (is_top.sum(-1, keepdim=True) - 1))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (log_p,) = ctx.saved_tensors
        return log_softmax_pulled(log_p, upstream)


class _LogSoftmaxInBothModes(_LogSoftmax):
    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Tensor:
        (log_p,) = ctx.saved_tensors
        return log_softmax_pushed(log_p, tangent)


def log_softmax_pulled(log_p: Tensor, upstream: Tensor) -> Tensor:
    """Return upstream · the derivatives of log softmax, given its values."""
    p, whole = log_p.exp(), upstream.sum(-1, keepdim=True)
    if is_spread(p):
        return upstream - p * whole
    return -upstream * torch.expm1(log_p) - p * (whole - upstream)


def log_softmax_pushed(log_p: Tensor, move: Tensor) -> Tensor:
    """Return how log softmax changes as its logits move, given its values."""
    # A row that moves as a whole does not change. A class with most of the probability is held
    # still, since next to a probability of 1 the others' changes would cancel.
    p = log_p.exp()
    if not is_spread(p):
        move = move - torch.where(p > 0.5, move, 0.0).sum(-1, keepdim=True)
    return move - (p * move).sum(-1, keepdim=True)


FEW = 32  # classes, of which some torch operations are slower than their parts


def is_spread(p: Tensor) -> bool:
    """Tell whether no class is known to have most of the probability: then nothing cancels."""
    return p.shape[-1] >= FEW and levels.are_all(p.detach().amax(-1) <= 0.5)


def log_softmax(logits: Tensor) -> Tensor:
    """Return log softmax over the last dimension of a non-empty floating tensor."""
    if is_nested_forward_mode():
        return torch.log_softmax(logits, -1)
    function = _LogSoftmax if torch.compiler.is_compiling() else _LogSoftmaxInBothModes
    result: Tensor = apply(function, logits)
    return result


def losses_of_rows(problem: RowwiseProblem, keep: Tensor) -> Tensor:
    """Return the loss of every row; those that are not kept contribute 0, whatever they hold."""
    likelihood, x, y, smoothing = problem.likelihood, problem.x, problem.y, problem.smoothing
    weight = x.new_ones(x.shape[1]) if problem.weight is None else problem.weight
    x = torch.where(keep[:, None], x, 0.0)
    log_p = log_softmax(x) if likelihood.softmax and x.numel() else x
    if y.dim() == 1 and smoothing == 0.0:
        label, known = labels_of(problem, keep)
        truth = log_p.gather(1, label[:, None])[:, 0]
        term = weighed(nll(likelihood, (), truth, torch.ones_like(truth)), weight[label]) * known
    else:
        if y.dim() == 1:
            label, known = labels_of(problem, keep)
            y = one_hot(label, x) * known[:, None]
        target = torch.where(keep[:, None], (1.0 - smoothing) * y + smoothing / x.shape[1], 0.0)
        term = weighed(nll(likelihood, (), log_p, target), weight).sum(1)
    return torch.where(keep, term, 0.0)


def reduced_rows(problem: RowwiseProblem) -> Tensor:
    """Return the reduced loss of rows, computed in float32 or more."""
    dtype = problem.x.dtype
    if dtype in HALF:
        return reduced_rows(problem.each(Tensor.float)).to(dtype)
    problem = problem.by_rows()
    loss = losses_of_rows(problem, kept_rows(problem))
    if problem.share is not None:
        loss = weighed(loss, problem.share)
    if problem.reduction == "mean":
        return divided(loss.sum(), count_of_rows(problem))
    return reduced(loss, problem.reduction)


def kept_rows(problem: RowwiseProblem) -> Tensor:
    """Tell which rows count."""
    x, y, share = problem.x, problem.y, problem.share
    keep = y != problem.ignored if y.dim() == 1 else x.new_ones(len(x), dtype=torch.bool)
    return keep if share is None else keep & (share != 0)


def labels_of(problem: RowwiseProblem, keep: Tensor) -> tuple[Tensor, Tensor]:
    """Return labels that are classes, and 1 where they are the rows' own, NaN where those are none.

    A row that is not kept has the label 0. A label that is no class would stop a device.
    """
    label = torch.where(keep, problem.y, 0)
    known = (label >= 0) & (label < problem.x.shape[1])
    ones = problem.x.new_ones(())
    return torch.where(known, label, 0), torch.where(known, ones, ones * math.nan)


def shown_rows(problem: RowwiseProblem, keep: Tensor) -> RowwiseProblem:
    """Return rows in which those that are not kept are replaced, so that no NaN comes back."""
    y = problem.y if problem.y.dim() == 1 else torch.where(keep[:, None], problem.y, 0.0)
    return problem._replace(x=torch.where(keep[:, None], problem.x, 0.0), y=y)


def count_of_rows(problem: RowwiseProblem) -> Tensor:
    """Return what a mean over the rows divides by, in the dtype of the rows."""
    return weights_of_rows(problem).sum()


def weights_of_rows(problem: RowwiseProblem) -> Tensor:
    """Return how much each row counts in a mean."""
    problem = problem.by_rows()
    keep = kept_rows(problem)
    count = keep.to(problem.x.dtype)
    if problem.y.dim() == 1 and problem.weight is not None:
        label, known = labels_of(problem, keep)
        count = count * problem.weight[label] * known
    return count if problem.share is None else count * problem.share


def scales_of_rows(problem: RowwiseProblem) -> Tensor:
    """Return what each row's loss is multiplied by before all are added, (N,)."""
    rows = problem.by_rows()
    each = rows.x.new_ones(len(rows.x)) if rows.share is None else rows.share
    return each / count_of_rows(rows) if problem.reduction == "mean" else each


def sums_of_targets(problem: RowwiseProblem, keep: Tensor) -> Tensor:
    """Return the sum of each row's target, every class by its weight, (N,)."""
    x, y, weight, smoothing = problem.x, problem.y, problem.weight, problem.smoothing
    if y.dim() == 1:
        label, known = labels_of(problem, keep)
        total = known if weight is None else weight[label] * known
    else:
        total = y.sum(1) if weight is None else y @ weight
    if smoothing:
        spread = 1.0 if weight is None else weight.sum() / x.shape[1]
        total = (1.0 - smoothing) * total + smoothing * spread
    return total


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """Return the losses, their mean or their sum."""
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


def one_hot(labels: Tensor, like: Tensor) -> Tensor:
    """Return rows of `like`'s shape and dtype with a 1 at each label."""
    return torch.zeros_like(like).scatter(1, labels[:, None], 1.0)


def constant(problem: ElementwiseProblem) -> Tensor:
    """Return what the likelihood's `nll` drops, for every target."""
    y = problem.y
    dropped = problem.likelihood.constant(*as_tensors(problem.settings, y), y)
    return tensor_like(dropped, y).expand_as(y)

"""The loss of rows in torch's operations, on any device, differentiable twice."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neglog.engine.derivatives import nll
from neglog.engine.problem import RowwiseProblem
from neglog.engine.reference.elementwise import reduced
from neglog.engine.reference.log_softmax import log_softmax
from neglog.engine.values import HALF
from neglog.engine.weighing import divided, weighed


def losses_of_rows(problem: RowwiseProblem, keep: Tensor) -> Tensor:
    """Return the loss of every row; excluded rows contribute exactly 0."""
    likelihood, x, y, smoothing = problem.likelihood, problem.x, problem.y, problem.smoothing
    weight = x.new_ones(x.shape[1]) if problem.weight is None else problem.weight
    x = torch.where(keep[:, None], x, 0.0)
    log_p = log_softmax(x) if likelihood.softmax and x.numel() else x
    if y.dim() == 1 and smoothing == 0.0:
        label, known = labels_of(problem, keep)
        truth = log_p.gather(1, label[:, None])[:, 0]
        term = nll(likelihood, problem.settings, truth, torch.ones_like(truth))
        term = weighed(term, weight[label]) * known
    else:
        target = targets_of(problem, keep)
        term = weighed(nll(likelihood, problem.settings, log_p, target), weight).sum(1)
    return torch.where(keep, term, 0.0)


def reduced_rows(problem: RowwiseProblem) -> Tensor:
    """Return the reduced loss of rows, computed in float32 or more."""
    dtype = problem.x.dtype
    if dtype in HALF:
        return reduced_rows(problem.each(Tensor.float)).to(dtype)
    problem = problem.by_rows()
    loss = losses_of_rows(problem, kept_rows(problem))
    if problem.sample_weight is not None:
        loss = weighed(loss, problem.sample_weight)
    if problem.reduction == "mean":
        return divided(loss.sum(), count_of_rows(problem))
    return reduced(loss, problem.reduction)


def kept_rows(problem: RowwiseProblem) -> Tensor:
    """Return a mask of the included rows."""
    x, y, sample_weight = problem.x, problem.y, problem.sample_weight
    keep = y != problem.ignored if y.dim() == 1 else x.new_ones(len(x), dtype=torch.bool)
    return keep if sample_weight is None else keep & (sample_weight != 0)


def labels_of(problem: RowwiseProblem, keep: Tensor) -> tuple[Tensor, Tensor]:
    """Return valid labels, and for each row 1, or NaN for a label out of range.

    Excluded rows have the label 0, since a label out of range would raise an assertion on a GPU.
    """
    label = torch.where(keep, problem.y, 0)
    known = (label >= 0) & (label < problem.x.shape[1])
    ones = problem.x.new_ones(())
    return torch.where(known, label, 0), torch.where(known, ones, ones * math.nan)


def shown_rows(problem: RowwiseProblem, keep: Tensor) -> RowwiseProblem:
    """Return rows in which excluded rows are replaced, so that none results in NaN."""
    y = problem.y if problem.y.dim() == 1 else torch.where(keep[:, None], problem.y, 0.0)
    return problem._replace(x=torch.where(keep[:, None], problem.x, 0.0), y=y)


def count_of_rows(problem: RowwiseProblem) -> Tensor:
    """Return the divisor of a mean over the rows, in the dtype of the rows."""
    return weights_of_rows(problem).sum()


def weights_of_rows(problem: RowwiseProblem) -> Tensor:
    """Return the weight of each row in a mean."""
    problem = problem.by_rows()
    keep = kept_rows(problem)
    count = keep.to(problem.x.dtype)
    if problem.y.dim() == 1 and problem.weight is not None:
        label, known = labels_of(problem, keep)
        count = count * problem.weight[label] * known
    return count if problem.sample_weight is None else count * problem.sample_weight


def scales_of_rows(problem: RowwiseProblem) -> Tensor:
    """Return the (N,) factors of the row losses."""
    rows = problem.by_rows()
    each = rows.x.new_ones(len(rows.x)) if rows.sample_weight is None else rows.sample_weight
    return each / count_of_rows(rows) if problem.reduction == "mean" else each


def targets_of(problem: RowwiseProblem, keep: Tensor) -> Tensor:
    """Return the target of each class, smoothed; 0 in excluded rows."""
    x, y, smoothing = problem.x, problem.y, problem.smoothing
    if y.dim() == 1:
        label, known = labels_of(problem, keep)
        y = one_hot(label, x) * known[:, None]
    return torch.where(keep[:, None], (1.0 - smoothing) * y + smoothing / x.shape[1], 0.0)


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


def one_hot(labels: Tensor, like: Tensor) -> Tensor:
    """Return rows of `like`'s shape and dtype with a 1 at each label."""
    return torch.zeros_like(like).scatter(1, labels[:, None], 1.0)

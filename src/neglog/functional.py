"""The losses as functions, with the names and signatures of `torch.nn.functional`.

Every loss is in nats. `reduction` is ``"mean"``, ``"sum"`` or ``"none"``; `size_average` and
`reduce` are torch's deprecated spellings of it. The prediction comes first, the target second.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog import engine, guards
from neglog.families import (
    Bernoulli,
    BernoulliProbability,
    Categorical,
    CategoricalLogProbability,
    Normal,
    WeightedBernoulli,
)
from neglog.likelihood import Rows


def sse_loss(input: Tensor, target: Tensor, reduction: str = "sum") -> Tensor:
    """Return the sum of squared errors: twice the `Normal` loss.

    Args:
        input: predictions, any shape.
        target: real numbers, the same shape.
        reduction: as everywhere; the name promises the sum.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: neither tensor is floating.
        SupportError: a target is NaN or infinite (found on a CPU).

    >>> sse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(4.)
    """
    return mse_loss(input, target, reduction=reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the mean squared error: twice the `Normal` loss, averaged.

    Args:
        input: predictions, any shape.
        target: real numbers, the same shape.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: how the losses become one number.
        weight: a factor for every element, of the same shape; a mean divides by its sum.

    Raises:
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: neither tensor is floating.
        SupportError: a target is NaN or infinite (found on a CPU).

    >>> mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = guards.reduction(size_average, reduce, reduction)
    guards.tensors(input=input, target=target)
    guards.same_shape(input, target)
    dtype = guards.common_dtype(input, target)
    input, target = input.to(dtype), target.to(dtype)
    if weight is None:
        return engine.elementwise(Normal, input, target, factor=2.0, reduction=reduction)
    guards.no_gradient(weight=weight)
    guards.same_shape(input, weight, "weight")
    weight = weight.to(dtype)
    how = "none" if reduction == "none" else "sum"
    loss = engine.elementwise(Normal, input, target, weight=weight, factor=2.0, reduction=how)
    return loss / weight.sum() if reduction == "mean" else loss


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the `BernoulliProbability` loss: binary cross-entropy on probabilities.

    Prefer `binary_cross_entropy_with_logits`: a sigmoid that has saturated to exactly 0 or 1 has
    lost the loss, which here, as in torch, is then 100.

    Args:
        input: probabilities of a yes, any shape.
        target: 1 for yes, 0 for no, or a probability; the same shape and dtype.
        weight: a factor for every element, broadcast to the input.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: how the losses become one number; a mean divides by the number of elements.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: the dtypes differ, or are not floating.
        SupportError: an input or a target lies outside [0, 1] (found on a CPU).

    >>> binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = guards.reduction(size_average, reduce, reduction)
    _check_pair(input, target, weight=weight)
    full = guards.expanded("weight", weight, input)
    return engine.elementwise(BernoulliProbability, input, target, weight=full, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return the `Bernoulli` loss: binary cross-entropy on log-odds, exact at every logit.

    Args:
        input: logits, any shape.
        target: 1 for yes, 0 for no, or a probability; the same shape and dtype.
        weight: a factor for every element, broadcast to the input.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: how the losses become one number; a mean divides by the number of elements.
        pos_weight: how often each yes counts, broadcast to the input.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: the dtypes differ, or are not floating.
        SupportError: a target lies outside [0, 1] (found on a CPU).

    >>> binary_cross_entropy_with_logits(torch.tensor([20.0]), torch.tensor([1.0]))
    tensor(2.0612e-09)
    """
    reduction = guards.reduction(size_average, reduce, reduction)
    _check_pair(input, target, weight=weight, pos_weight=pos_weight)
    full = guards.expanded("weight", weight, input)
    positive = guards.expanded("pos_weight", pos_weight, input)
    if positive is None:
        return engine.elementwise(Bernoulli, input, target, weight=full, reduction=reduction)
    return engine.elementwise(
        WeightedBernoulli, input, target, given=(positive,), weight=full, reduction=reduction
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the `CategoricalLogProbability` loss: minus the log-probability of the label.

    Args:
        input: log-probabilities (C,), (N, C) or (N, C, d₁, …), as `log_softmax` makes them.
        target: labels 0 … C − 1 of any integer dtype: (), (N,) or (N, d₁, …).
        weight: one factor per class, (C,); a mean divides by the weight of the labels.
        size_average: deprecated, see `reduction`.
        ignore_index: the label that does not count.
        reduce: deprecated, see `reduction`.
        reduction: how the losses become one number.

    Raises:
        ShapeError: the target's shape is not the input's without its class dimension.
        DtypeError: the labels are not integers.
        SupportError: a label is no class (found on a CPU).

    >>> nll_loss(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """
    reduction = guards.reduction(size_average, reduce, reduction)
    guards.tensors(input=input, target=target)
    classes = guards.logits(input, single_class=True)
    guards.labels(input, target)
    guards.no_gradient(weight=weight)
    guards.class_weight(weight, classes)
    return _rows(CategoricalLogProbability, input, target, weight, ignore_index, 0.0, reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the `Categorical` loss: cross-entropy of logits, exact for certain rows too.

    Args:
        input: logits (C,), (N, C) or (N, C, d₁, …), with at least two classes.
        target: labels 0 … C − 1 of any integer dtype, (), (N,) or (N, d₁, …); or class
            probabilities, floating and of the input's shape.
        weight: one factor per class, (C,).
        size_average: deprecated, see `reduction`.
        ignore_index: the label that does not count.
        reduce: deprecated, see `reduction`.
        reduction: how the losses become one number; a mean divides by the weight of the labels,
            or by the number of rows where the target is probabilities.
        label_smoothing: the part of each target that is spread evenly over the classes.

    Raises:
        ShapeError: the target's shape does not fit, or there is only one class.
        DtypeError: the labels are not integers.
        ArgumentError: the smoothing lies outside [0, 1], or `ignore_index` names a class of
            probabilities.
        SupportError: a label is no class (found on a CPU).

    >>> cross_entropy(torch.tensor([[0.0, 20.0]]), torch.tensor([1]))
    tensor(2.0612e-09)
    """
    reduction = guards.reduction(size_average, reduce, reduction)
    guards.tensors(input=input, target=target)
    classes = guards.logits(input, single_class=False)
    guards.smoothing(label_smoothing)
    guards.no_gradient(weight=weight)
    guards.class_weight(weight, classes)
    if target.shape == input.shape and target.is_floating_point():
        guards.no_ignored_probability(ignore_index)
        input = input.to(torch.promote_types(input.dtype, target.dtype))
    else:
        guards.labels(input, target)
    options = (weight, ignore_index, label_smoothing, reduction)
    return _rows(Categorical, input, target, *options)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None
) -> Tensor:
    """Return the logarithm of the softmax along a dimension, exact for certain rows too.

    Args:
        input: logits, any shape.
        dim: the dimension of the classes; leaving it out is deprecated, as in torch.
        _stacklevel: unused, in torch's signature.
        dtype: convert the input first.

    Raises:
        DtypeError: the input is not floating and no dtype is given.

    >>> log_softmax(torch.tensor([0.0, 20.0]), dim=0)
    tensor([-2.0000e+01, -2.0612e-09])
    """
    guards.tensors(input=input)
    dim = guards.softmax_dim(input, dim)
    input = input if dtype is None else input.to(dtype)
    guards.floating(input)
    if input.dim() == 0:
        return torch.log_softmax(input, dim)
    return engine.log_softmax(input.movedim(dim, -1)).movedim(-1, dim)


def _check_pair(input: Tensor, target: Tensor, **weights: Tensor | None) -> None:
    guards.tensors(input=input, target=target)
    guards.same_shape(input, target)
    guards.same_dtype(input, target)
    guards.no_gradient(**weights)


def _rows(
    likelihood: type[Rows],
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignored: int,
    smoothing: float,
    reduction: str,
) -> Tensor:
    """Lay the classes out as the last of two dimensions, and the losses as the target was."""
    probable = target.is_floating_point()
    if input.dim() == 1:
        input, target = input[None], target[None]
        shape = torch.Size()
    else:
        shape = input.shape[:1] + input.shape[2:]
    classes = input.shape[1]

    def laid_out(t: Tensor) -> Tensor:
        return t if t.dim() == 2 else t.movedim(1, -1).reshape(-1, classes)

    x = laid_out(input)
    y = laid_out(target.to(input.dtype)) if probable else target.reshape(-1).long()
    loss = engine.rows(
        likelihood,
        x,
        y,
        weight=weight,
        ignored=ignored,
        smoothing=smoothing,
        reduction=reduction,
    )
    return loss.reshape(shape) if reduction == "none" else loss

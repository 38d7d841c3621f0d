"""Losses of class labels and of class probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog import engine, validation
from neglog.distributed.plan import Plan
from neglog.engine import RowwiseProblem
from neglog.functional.common import (
    Extras,
    RowwiseRequest,
    loss,
    loss_in_its_own_dtype,
    rounded,
)
from neglog.functional.extras import wide
from neglog.likelihood import Rows
from neglog.likelihoods import Categorical, CategoricalLogProbability


@loss
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    class_dim: int = 1,
) -> RowwiseRequest:
    """Return the `CategoricalLogProbability` loss: minus the log-probability of the label.

    Args:
        input: log-probabilities (C,), (N, C) or (N, C, d₁, …), as returned by `log_softmax`.
        target: labels 0 … C − 1 of any integer dtype: (), (N,) or (N, d₁, …).
        weight: one weight per class, (C,); a mean divides by the sum of the labels' weights.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per row, (), (N,) or
        (N, d₁, …).

    Raises:
        ShapeError: the target's shape is not the input's without its class dimension.
        DtypeError: the labels are not integers.
        SupportError: a label is out of range (checked on a CPU).

    >>> nll_loss(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    validation.tensors(input=input, target=target)
    input = validation.classes_second(input, class_dim)
    classes = validation.logits(input, single_class=True)
    validation.labels(input, target)
    validation.class_weight(weight, classes)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    options = (weight, validation.ignored(ignore_index), 0.0, reduction)
    return _rows(CategoricalLogProbability, input, target, *options, extras)


@loss
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    class_dim: int = 1,
    offset: Tensor | None = None,
) -> RowwiseRequest | Tensor:
    """Return the `Categorical` loss: cross-entropy of logits, accurate for nearly certain rows too.

    Args:
        input: logits (C,), (N, C) or (N, C, d₁, …), with at least two classes.
        target: labels 0 … C − 1 of any integer dtype, (), (N,) or (N, d₁, …); or class
            probabilities, floating and of the input's shape.
        weight: one weight per class, (C,); a mean divides by the sum of the labels' weights, or by
            the number of rows if the target holds probabilities.
        class_dim: the dimension of the classes, in the input and in probabilities.
        offset: numbers to add to the logits, one per class, (C,). With the logarithms of the
            classes' shares of the training data, the logits are those of balanced classes: logit
            adjustment, balanced softmax.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per row, (), (N,) or
        (N, d₁, …).

    Raises:
        ShapeError: the target's shape does not fit, or there is only one class.
        DtypeError: the labels are not integers.
        ArgumentError: the smoothing lies outside [0, 1], or `ignore_index` names a class of
            probabilities.
        SupportError: a label is out of range (checked on a CPU).

    >>> cross_entropy(torch.tensor([[0.0, 20.0]]), torch.tensor([1]))
    tensor(2.0612e-09)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    options = (weight, ignore_index, label_smoothing, class_dim, reduction)
    if offset is None:
        return declared_rows(Categorical, input, target, *options, extras)
    validation.tensors(input=input, offset=offset)
    validation.real(input=input, offset=offset)
    dtype = torch.promote_types(input.dtype, offset.dtype)
    moved = validation.with_offset(input.to(wide(dtype)), offset, class_dim)
    return rounded(declared_rows(Categorical, moved, target, *options, extras), dtype)


@loss_in_its_own_dtype
def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: torch.dtype | None = None
) -> Tensor:
    """Return the log-probabilities of `Categorical`: the logarithm of the softmax.

    They are accurate for nearly certain rows too.

    Args:
        input: logits, any shape.
        dim: the dimension of the classes; omitting it is deprecated, as in torch.
        _stacklevel: unused; part of torch's signature.
        dtype: convert the input first.

    Returns:
        Log-probabilities of the input's shape, in nats.

    Raises:
        DtypeError: the input is not floating and no dtype is given.

    >>> log_softmax(torch.tensor([0.0, 20.0]), dim=0)
    tensor([-2.0000e+01, -2.0612e-09])
    """
    validation.tensors(input=input)
    dim = validation.softmax_dim(input, dim)
    validation.floating_dtype("dtype", dtype)
    input = input if dtype is None else input.to(dtype)
    validation.floating(input)
    if input.dim() == 0:
        return torch.log_softmax(input, dim)
    return engine.log_softmax(input.movedim(dim, -1)).movedim(-1, dim).contiguous()


def declared_rows(
    likelihood: type[Rows],
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    label_smoothing: float,
    class_dim: int,
    reduction: str,
    extras: Extras,
    settings: tuple[float, ...] = (),
) -> RowwiseRequest:
    """Return the request of a loss of labels or class probabilities after checking its arguments.

    Args:
        likelihood: the declaration.
        input: a row over the classes for each loss, the classes in `class_dim`.
        target: labels, or probabilities of the input's shape.
        weight: one weight per class.
        ignore_index: the label to ignore.
        label_smoothing: the fraction of each target that is spread evenly over the classes.
        class_dim: the dimension of the classes.
        reduction: as in torch.
        extras: the keyword-only arguments of all losses.
        settings: the numbers of the declaration's `settings`.
    """
    validation.tensors(input=input, target=target)
    validation.smoothing(label_smoothing)
    probable = target.shape == input.shape and target.is_floating_point()
    input = validation.classes_second(input, class_dim)
    classes = validation.logits(input, single_class=False)
    validation.class_weight(weight, classes)
    if probable:
        validation.no_ignored_probability(ignore_index)
        target = validation.classes_second(target, class_dim)
        input = input.to(torch.promote_types(input.dtype, target.dtype))
    else:
        validation.labels(input, target)
    options = (weight, validation.ignored(ignore_index), label_smoothing, reduction)
    return _rows(likelihood, input, target, *options, extras, settings)


def _rows(
    likelihood: type[Rows],
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignored: int,
    smoothing: float,
    reduction: str,
    extras: Extras,
    settings: tuple[float, ...] = (),
) -> RowwiseRequest:
    """Arrange the classes as the last of two dimensions, and the losses in the target's shape."""
    probable = target.is_floating_point()
    if input.dim() == 1:
        shape = torch.Size()
        input, target = input[None], target[None] if probable else target.reshape(1)
    else:
        shape = input.shape[:1] + input.shape[2:]
    x = input
    if input.dim() > 2:
        last = input.movedim(1, -1)
        x = last.reshape(-1, input.shape[1]) if last.is_contiguous() else input.flatten(2)
    y = target.to(input.dtype) if probable else target.long()
    if probable and y.dim() > 2:
        y = y.flatten(2) if x.dim() == 3 else y.movedim(1, -1).reshape(x.shape)
    elif y.dim() != (2 if probable else 1):
        y = y.reshape(-1)
    weight = None if weight is None else weight.to(x.dtype)
    facts = (ignored, smoothing, reduction, settings)
    problem = RowwiseProblem(likelihood, x, y, weight, None, *facts)
    return RowwiseRequest(problem, extras, shape)

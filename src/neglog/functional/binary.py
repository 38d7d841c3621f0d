"""Losses of binary targets."""

from __future__ import annotations

from torch import Tensor

from neglog import engine, validation
from neglog.compatibility import is_torch_compatible
from neglog.distributed.plan import Plan
from neglog.engine import ElementwiseProblem
from neglog.functional.common import ElementwiseRequest, Extras, loss, loss_in_its_own_dtype
from neglog.likelihood import Elementwise
from neglog.likelihoods import (
    Bernoulli,
    BernoulliProbability,
    SignedBernoulli,
    SmoothedBernoulli,
    SmoothedWeightedBernoulli,
    WeightedBernoulli,
)


@loss
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    ignore_index: int | None = None,
    class_dim: int | None = None,
) -> ElementwiseRequest:
    """Return the `BernoulliProbability` loss: binary cross-entropy on probabilities.

    Prefer `binary_cross_entropy_with_logits`: if a sigmoid has saturated to exactly 0 or 1, the
    loss is not known any more and, as in torch, is set to 100.

    Args:
        input: probabilities of class 1, any shape.
        target: 0, 1 or a probability; the same shape and dtype.
        weight: an elementwise weight, broadcast to the input; a mean does not divide by it.
        class_dim: the input dimension of a one-dimensional weight.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: the dtypes differ, or are not floating.
        SupportError: an input or a target lies outside [0, 1] (checked on a CPU).

    >>> import torch
    >>> binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    input, target = _pair(input, target)
    full = validation.expanded("weight", weight, input, class_dim)
    problem = ElementwiseProblem(
        BernoulliProbability, (input,), target, weight=full, reduction=reduction
    )
    if is_torch_compatible():
        engine.check_inputs(problem)  # as torch does
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    counts = validation.counted(target, ignore_index)
    repeatable = not is_torch_compatible()
    return ElementwiseRequest(problem, extras, counts=counts, repeatable=repeatable)


@loss
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    ignore_index: int | None = None,
    class_dim: int | None = None,
    label_smoothing: float = 0.0,
) -> ElementwiseRequest:
    """Return the `Bernoulli` loss: binary cross-entropy on logits, accurate at every logit.

    Args:
        input: logits, any shape.
        target: 0, 1 or a probability; the same shape and dtype.
        weight: an elementwise weight, broadcast to the input; a mean does not divide by it.
        pos_weight: the weight of positive targets, broadcast to the input.
        class_dim: the input dimension of a one-dimensional weight.
        label_smoothing: moves each target towards ½: y becomes (1 − s) · y + ½ · s.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: the dtypes differ, or are not floating.
        ArgumentError: the smoothing lies outside [0, 1].
        SupportError: a target lies outside [0, 1] (checked on a CPU).

    >>> import torch
    >>> binary_cross_entropy_with_logits(torch.tensor([20.0]), torch.tensor([1.0]))
    tensor(2.0612e-09)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    input, target = _pair(input, target)
    validation.no_gradient(pos_weight=pos_weight)
    full = validation.expanded("weight", weight, input, class_dim)
    positive = validation.expanded("pos_weight", pos_weight, input, class_dim)
    validation.smoothing(label_smoothing)
    likelihood: type[Elementwise] = Bernoulli if positive is None else WeightedBernoulli
    settings: tuple[float, ...] = ()
    if label_smoothing:
        likelihood = SmoothedBernoulli if positive is None else SmoothedWeightedBernoulli
        settings = (float(label_smoothing),)
    given = () if positive is None else (positive,)
    facts = (given, settings, full)
    problem = ElementwiseProblem(likelihood, (input,), target, *facts, reduction=reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return ElementwiseRequest(problem, extras, counts=validation.counted(target, ignore_index))


@loss
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    ignore_index: int | None = None,
) -> ElementwiseRequest:
    """Return the `SignedBernoulli` loss: binary cross-entropy on logits with labels −1 and +1.

    Args:
        input: logits, any shape.
        target: +1 or −1; the same shape.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: neither tensor is floating.
        SupportError: a target is neither −1 nor +1 (checked on a CPU).

    >>> import torch
    >>> soft_margin_loss(torch.tensor([20.0]), torch.tensor([1.0]))
    tensor(2.0612e-09)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    validation.tensors(input=input, target=target)
    input, target = validation.aligned(input, target, into_input=True)
    dtype = validation.common_dtype(input, target)
    x, y = input.to(dtype), target.to(dtype)
    problem = ElementwiseProblem(SignedBernoulli, (x,), y, reduction=reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return ElementwiseRequest(problem, extras, counts=validation.counted(y, ignore_index))


@loss_in_its_own_dtype
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    ignore_index: int | None = None,
    class_dim: int = -1,
) -> ElementwiseRequest | Tensor:
    """Return the `Bernoulli` loss of several labels per sample, averaged over the labels.

    Mask and sample weights have the input's shape, or its leading dimensions: they apply to the
    labels of a sample.

    Args:
        input: logits (…, C).
        target: 0, 1 or a probability; the same shape.
        weight: one weight per label, (C,), or anything that broadcasts to the input; a mean does
            not divide by it.
        class_dim: the dimension of the labels.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per sample, (…).

    Raises:
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: neither tensor is floating.
        SupportError: a target lies outside [0, 1] (checked on a CPU).

    >>> import torch
    >>> multilabel_soft_margin_loss(torch.tensor([[20.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(0.3466)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    validation.tensors(input=input, target=target)
    input, target = validation.aligned(input, target)
    dtype = validation.common_dtype(input, target)
    x, y = input.to(dtype), target.to(dtype)
    full = validation.expanded("weight", weight, x, None if class_dim == -1 else class_dim)
    over_labels = reduction in ("none", "sum", "batchmean")
    factor = 1.0 / max(1, x.shape[class_dim]) if over_labels else 1.0
    problem = ElementwiseProblem(
        Bernoulli, (x,), y, weight=full, factor=factor, reduction=reduction
    )
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    request = ElementwiseRequest(problem, extras, counts=validation.counted(y, ignore_index))
    return request.compute().sum(class_dim) if reduction == "none" else request


def _pair(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    validation.tensors(input=input, target=target)
    validation.same_shape(input, target)
    return validation.same_dtype(input, target)

"""Losses of classes that weigh an observation by the probability that the model gives to it."""

from __future__ import annotations

from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.functional.classes import declared_rows
from neglog.functional.common import ElementwiseRequest, Extras, RowwiseRequest, loss
from neglog.functional.declared import declared
from neglog.functional.options import with_options
from neglog.likelihoods import Asymmetric, Focal, GeneralizedCrossEntropy, Poly, SigmoidFocal


@loss
@with_options(lambda gamma: validation.not_negative(gamma=gamma))
def focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    class_dim: int = 1,
) -> RowwiseRequest:
    """Return the `Focal` loss of logits: cross-entropy times (1 − p)^gamma, p that of the label.

    `sigmoid_focal_loss` is the loss of binary targets.

    Args:
        input: logits (C,), (N, C) or (N, C, d₁, …), with at least two classes.
        target: labels, (), (N,) or (N, d₁, …); or class probabilities of the input's shape.
        gamma: how much less a nearly certain row counts, 0 or more; 0 is cross-entropy.
        weight: one weight per class, (C,), the α of the paper; a mean divides by the sum of the
            labels' weights, as in `cross_entropy`.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per row, (), (N,) or
        (N, d₁, …).

    Raises:
        ArgumentError: an option lies outside its range.
        ShapeError: the target's shape does not fit, or there is only one class.
        DtypeError: the labels are not integers.
        SupportError: a label is out of range (checked on a CPU).

    >>> import torch
    >>> focal_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([1]))
    tensor(0.0018)
    """
    options = (weight, ignore_index, label_smoothing, class_dim)
    reduction = validation.reduction(None, None, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared_rows(Focal, input, target, *options, reduction, extras, (float(gamma),))


@loss
@with_options(lambda epsilon: validation.within("(-inf, inf)", epsilon=epsilon))
def poly_loss(
    input: Tensor,
    target: Tensor,
    epsilon: float = 1.0,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    class_dim: int = 1,
) -> RowwiseRequest:
    """Return the `Poly` loss of logits, Poly-1: cross-entropy plus epsilon · (1 − p).

    Args:
        input: logits (C,), (N, C) or (N, C, d₁, …), with at least two classes.
        target: labels, (), (N,) or (N, d₁, …); or class probabilities of the input's shape.
        epsilon: the change of the first coefficient; 0 is cross-entropy.
        weight: one weight per class, (C,), as in `cross_entropy`.

    Returns:
        The loss, in nats if epsilon is 0: one number, or with ``reduction="none"`` one per row, (),
        (N,) or (N, d₁, …).

    Raises:
        ArgumentError: an option lies outside its range.
        ShapeError: the target's shape does not fit, or there is only one class.
        DtypeError: the labels are not integers.
        SupportError: a label is out of range (checked on a CPU).

    >>> import torch
    >>> poly_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(1.1931)
    """
    options = (weight, ignore_index, label_smoothing, class_dim)
    reduction = validation.reduction(None, None, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared_rows(Poly, input, target, *options, reduction, extras, (float(epsilon),))


@loss
@with_options(lambda q: validation.within("(0, 1]", q=q))
def generalized_cross_entropy(
    input: Tensor,
    target: Tensor,
    q: float = 0.7,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    class_dim: int = 1,
) -> RowwiseRequest:
    """Return the `GeneralizedCrossEntropy` loss of logits, (1 − p^q) / q, for labels with errors.

    Args:
        input: logits (C,), (N, C) or (N, C, d₁, …), with at least two classes.
        target: labels, (), (N,) or (N, d₁, …); or class probabilities of the input's shape.
        q: above 0 and at most 1: near 0 cross-entropy, at 1 the absolute error 1 − p, which wrong
            labels disturb least.
        weight: one weight per class, (C,), as in `cross_entropy`.

    Returns:
        The loss, in nats in the limit q → 0: one number, or with ``reduction="none"`` one per row,
        (), (N,) or (N, d₁, …).

    Raises:
        ArgumentError: an option lies outside its range.
        ShapeError: the target's shape does not fit, or there is only one class.
        DtypeError: the labels are not integers.
        SupportError: a label is out of range (checked on a CPU).

    >>> import torch
    >>> generalized_cross_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([1]), q=1.0)
    tensor(0.5000)
    """
    options = (weight, ignore_index, label_smoothing, class_dim)
    reduction = validation.reduction(None, None, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    settings = (float(q),)
    return declared_rows(
        GeneralizedCrossEntropy, input, target, *options, reduction, extras, settings
    )


def _check_focal(alpha: float, gamma: float) -> None:
    validation.not_negative(gamma=gamma)
    validation.within("(-inf, 1]", alpha=alpha)


@loss
@with_options(_check_focal)
def sigmoid_focal_loss(
    input: Tensor,
    target: Tensor,
    alpha: float = 0.25,
    gamma: float = 2.0,
    reduction: str = "none",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    ignore_index: int | None = None,
) -> ElementwiseRequest:
    """Return the `SigmoidFocal` loss of logits, that of torchvision.

    Args:
        input: logits, any shape.
        target: 0, 1 or a probability; the same shape.
        alpha: the weight of a 1; a 0 has the weight 1 − alpha. Below 0, both have the weight 1.
        gamma: how much less a nearly certain element counts, 0 or more.

    Raises:
        ArgumentError: an option lies outside its range.
        ShapeError: the shapes differ.
        DtypeError: neither tensor is floating.
        SupportError: a target lies outside [0, 1] (checked on a CPU).

    >>> import torch
    >>> sigmoid_focal_loss(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor([0.0433])
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    settings = (float(alpha), float(gamma))
    options = (settings, reduction, extras)
    return declared(SigmoidFocal, (input,), target, *options, ignore_index=ignore_index)


def _check_asymmetric(gamma_neg: float, gamma_pos: float, clip: float) -> None:
    validation.not_negative(gamma_neg=gamma_neg, gamma_pos=gamma_pos)
    validation.within("[0, 1)", clip=clip)


@loss
@with_options(_check_asymmetric)
def asymmetric_loss(
    input: Tensor,
    target: Tensor,
    gamma_neg: float = 4.0,
    gamma_pos: float = 1.0,
    clip: float = 0.05,
    reduction: str = "sum",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    ignore_index: int | None = None,
) -> ElementwiseRequest:
    """Return the `Asymmetric` loss of logits for many labels, most of which are not there.

    The defaults are those of the authors' `AsymmetricLoss`. It is computed exactly, without their
    `eps`, and its gradient is complete, as that of their AsymmetricLossOptimized.

    Args:
        input: logits, any shape.
        target: 0 or 1; the same shape.
        gamma_neg: how much less a nearly certain 0 counts, 0 or more.
        gamma_pos: how much less a nearly certain 1 counts, 0 or more.
        clip: zeros of a probability up to this do not count; 0 or more, and below 1.

    Raises:
        ArgumentError: an option lies outside its range.
        ShapeError: the shapes differ.
        DtypeError: neither tensor is floating.
        SupportError: a target is neither 0 nor 1 (checked on a CPU).

    >>> import torch
    >>> asymmetric_loss(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.0]))
    tensor(0.3711)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    settings = (float(gamma_neg), float(gamma_pos), float(clip))
    options = (settings, reduction, extras)
    return declared(Asymmetric, (input,), target, *options, ignore_index=ignore_index)

"""Losses of a real target with one prediction."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.engine import ElementwiseProblem
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.options import with_options
from neglog.likelihood import Elementwise
from neglog.likelihoods import Huber, Laplace, Normal


@loss
def sse_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "sum",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the sum of squared errors: twice the `Normal` loss.

    Args:
        input: predictions, any shape.
        target: real numbers, the same shape.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: neither tensor is floating.
        SupportError: a target is NaN or infinite (checked on a CPU).

    >>> sse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(4.)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return _location(Normal, input, target, reduction, extras, factor=2.0)


@loss
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the mean squared error: twice the `Normal` loss, averaged.

    Args:
        input: predictions, any shape.
        target: real numbers, the same shape.
        weight: an elementwise weight of the same shape; a mean divides by its sum.

    Raises:
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: neither tensor is floating.
        SupportError: a target is NaN or infinite (checked on a CPU).

    >>> mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return _location(Normal, input, target, reduction, extras, factor=2.0, weight=weight)


@loss
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the mean absolute error: the `Laplace` loss.

    Args:
        input: predictions, any shape; the error of complex numbers is their distance.
        target: real numbers, the same shape.
        weight: an elementwise weight of the same shape; a mean divides by its sum.

    Raises:
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: neither tensor is floating.
        SupportError: a target is NaN or infinite (checked on a CPU).

    >>> l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    validation.tensors(input=input, target=target)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if input.is_complex() or target.is_complex():
        input, target = validation.aligned(input, target)
        input = (input - target).abs()
        target = torch.zeros_like(input)
    return _location(Laplace, input, target, reduction, extras, weight=weight)


@loss
@with_options(lambda delta: validation.positive(delta=delta))
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Huber` loss: squared errors up to `delta`, absolute errors beyond.

    Args:
        input: predictions, any shape.
        target: real numbers, the same shape.
        delta: the error at which the loss turns linear, in the target's units.
        weight: an elementwise weight of the same shape; as in torch, and unlike in
            `mse_loss`, a mean divides by the number of elements.

    Raises:
        ArgumentError: delta is not above 0.
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: neither tensor is floating.
        SupportError: a target is NaN or infinite (checked on a CPU).

    >>> huber_loss(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 3.0]))
    tensor(1.5000)
    """
    reduction = validation.reduction(None, None, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    options: Any = {"settings": (float(delta),), "weight": weight}
    options["by_weights"] = False  # as in torch
    return _location(Huber, input, target, reduction, extras, **options)


@loss
@with_options(lambda beta: validation.not_negative(beta=beta))
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Huber` loss divided by its delta, here `beta`; at 0 the `Laplace` loss.

    Args:
        input: predictions, any shape.
        target: real numbers, the same shape.
        beta: the error at which the loss turns linear, in the target's units.

    Raises:
        ArgumentError: beta is below 0.
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: neither tensor is floating.
        SupportError: a target is NaN or infinite (checked on a CPU).

    >>> smooth_l1_loss(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 3.0]), beta=2.0)
    tensor(1.1250)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    validation.tensors(input=input, target=target)
    smallest = 1e-300 if torch.float64 in (input.dtype, target.dtype) else 1e-30
    if beta < smallest:  # its reciprocal overflows, and hardly any error is as small
        return _location(Laplace, input, target, reduction, extras)
    options: Any = {"settings": (float(beta),), "factor": 1.0 / beta}
    return _location(Huber, input, target, reduction, extras, **options)


def _location(
    likelihood: type[Elementwise],
    input: Tensor,
    target: Tensor,
    reduction: str,
    extras: Extras,
    *,
    weight: Tensor | None = None,
    settings: tuple[float, ...] = (),
    factor: float = 1.0,
    by_weights: bool = True,
) -> ElementwiseRequest:
    """Return the loss of one real prediction; `by_weights` divides a mean by their sum."""
    reduction = validation.reduction(None, None, reduction)
    weights = {} if weight is None else {"weight": weight}
    validation.tensors(input=input, target=target, **weights)
    input, target = validation.aligned(input, target)
    dtype = validation.common_dtype(input, target, *weights.values())
    if weight is not None:
        validation.same_shape(input, weight, "weight")
        weight = weight.to(dtype)
    x, y = input.to(dtype), target.to(dtype)
    problem = ElementwiseProblem(
        likelihood, (x,), y, (), settings, weight, False, factor, reduction
    )
    mean_of_weights = by_weights and weight is not None
    return ElementwiseRequest(problem, extras, mean_of_weights=mean_of_weights)

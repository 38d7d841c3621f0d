"""Losses of a real target whose errors are heavier-tailed than normal, or asymmetric."""

from __future__ import annotations

from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.declared import declared
from neglog.functional.options import with_options
from neglog.likelihoods import Expectile, LogCosh, ScaledLaplace, StudentT


@loss
def log_cosh_loss(
    input: Tensor,
    target: Tensor,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `LogCosh` loss: ln cosh of the error, which is smooth and robust to outliers.

    Args:
        input: predictions, any shape.
        target: real numbers, the same shape.
        full: whether to add the constant ln π.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a target is NaN or infinite (checked on a CPU).

    >>> import torch
    >>> log_cosh_loss(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(1.3250)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared(LogCosh, (input,), target, (), reduction, extras, full=full)


@loss
@with_options(lambda level: validation.between(0, 1, level=level))
def expectile_loss(
    input: Tensor,
    target: Tensor,
    level: float = 0.5,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Expectile` loss: squared errors, of which those above and below differ in weight.

    Args:
        input: predictions, any shape.
        target: real numbers, the same shape.
        level: the level of the expectile, between 0 and 1: the weight of errors below the target.
        full: whether to add the constant of the likelihood.

    Raises:
        ArgumentError: the level does not lie between 0 and 1.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a target is NaN or infinite (checked on a CPU).

    >>> import torch
    >>> expectile_loss(torch.tensor([0.0]), torch.tensor([2.0]), level=0.75)
    tensor(3.)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared(Expectile, (input,), target, (level,), reduction, extras, full=full)


@loss
@with_options(lambda df: validation.positive(df=df))
def student_t_nll_loss(
    input: Tensor,
    scale: Tensor | float,
    target: Tensor,
    df: float = 4.0,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `StudentT` loss: a real target with heavy-tailed errors.

    Args:
        input: locations, any shape.
        scale: scales above 0, in the input's shape or broadcast into it; or one number.
        target: real numbers, in the input's shape.
        df: the degrees of freedom, above 0.
        full: whether to add the terms that depend on `df` alone.

    Raises:
        ArgumentError: `df` is not above 0.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a scale is not above 0, or a target is NaN or infinite (checked on a CPU).

    >>> import torch
    >>> student_t_nll_loss(torch.tensor([0.0]), torch.tensor([1.0]), torch.tensor([2.0]), df=3.0)
    tensor(1.6946)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared(StudentT, (input, scale), target, (df,), reduction, extras, full=full)


@loss
@with_options(lambda eps: validation.positive(eps=eps))
def laplace_nll_loss(
    input: Tensor,
    scale: Tensor | float,
    target: Tensor,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `ScaledLaplace` loss: absolute errors with a predicted scale.

    Args:
        input: locations, any shape.
        scale: scales of 0 or more, in the input's shape or broadcast into it; or one number.
        target: real numbers, in the input's shape.
        full: whether to add the constant ln 2.
        eps: the smallest scale; scales below it have its derivatives.

    Raises:
        ArgumentError: eps is not above 0.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a scale is negative, or a target is NaN or infinite (checked on a CPU).

    >>> import torch
    >>> laplace_nll_loss(torch.tensor([0.0]), torch.tensor([4.0]), torch.tensor([2.0]))
    tensor(1.8863)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared(ScaledLaplace, (input, scale), target, (eps,), reduction, extras, full=full)

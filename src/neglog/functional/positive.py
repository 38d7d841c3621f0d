"""Losses of a positive target."""

from __future__ import annotations

from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.engine import ElementwiseProblem
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.declared import declared
from neglog.functional.options import with_options
from neglog.functional.tweedie_series import log_density_terms
from neglog.likelihoods import Gamma, InverseGaussian, LogNormal, Tweedie


@loss
@with_options(lambda shape: validation.positive(shape=shape))
def gamma_nll_loss(
    input: Tensor,
    target: Tensor,
    shape: float = 1.0,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Gamma` loss: a positive target whose deviation grows with its mean.

    Args:
        input: the logarithms of the means, any shape.
        target: numbers above 0, the same shape.
        shape: the shape of the distribution, above 0: the larger, the smaller the variance.
        full: whether to add the terms that depend on the shape and the target alone.

    Raises:
        ArgumentError: the shape is not above 0.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a target is not above 0 (checked on a CPU).

    >>> import torch
    >>> gamma_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]), shape=3.0)
    tensor(6.)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared(Gamma, (input,), target, (shape,), reduction, extras, full=full)


@loss
@with_options(lambda shape: validation.positive(shape=shape))
def inverse_gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    shape: float = 1.0,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `InverseGaussian` loss: a positive, strongly skewed target.

    Args:
        input: the logarithms of the means, any shape.
        target: numbers above 0, the same shape.
        shape: the shape of the distribution, above 0: the larger, the smaller the variance.
        full: whether to add the terms that depend on the shape and the target alone.

    Raises:
        ArgumentError: the shape is not above 0.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a target is not above 0 (checked on a CPU).

    >>> import torch
    >>> inverse_gaussian_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]), shape=3.0)
    tensor(0.7500)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared(InverseGaussian, (input,), target, (shape,), reduction, extras, full=full)


@loss
def log_normal_nll_loss(
    input: Tensor,
    scale: Tensor | float,
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
    """Return the `LogNormal` loss: a positive target whose logarithm is normal.

    Args:
        input: the means of the logarithms, any shape.
        scale: the standard deviations of the logarithms, above 0, in the input's shape or broadcast
            into it; or one number.
        target: numbers above 0, in the input's shape.
        full: whether to add the terms that depend on the target alone.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a scale or a target is not above 0 (checked on a CPU).

    >>> import torch
    >>> log_normal_nll_loss(torch.zeros(1), torch.ones(1), torch.tensor([2.0]), full=True)
    tensor(1.8523)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared(LogNormal, (input, scale), target, (), reduction, extras, full=full)


def _check_tweedie(exponent: float, dispersion: float, full: bool | str) -> None:
    validation.between(1, 2, exponent=exponent)
    validation.positive(dispersion=dispersion)
    validation.one_of("full", full, (False, True, "exact"))


@loss
@with_options(_check_tweedie)
def tweedie_loss(
    input: Tensor,
    target: Tensor,
    exponent: float = 1.5,
    dispersion: float = 1.0,
    full: bool | str = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Tweedie` loss: a target that is 0 or positive, a sum of a few gamma variables.

    Args:
        input: the logarithms of the means, any shape.
        target: numbers of 0 or more, the same shape.
        exponent: the power of the mean to which the variance is proportional, between 1 and 2.
        dispersion: the variance divided by that power, above 0.
        full: False omits the terms of the target alone; True adds those of half the deviance, so
            that the loss is 0 where the mean is the target; ``"exact"`` adds the series of the
            density, so that the loss is the whole negative log-likelihood.

    Raises:
        ArgumentError: the exponent does not lie between 1 and 2, the dispersion is not above 0, or
            `full` is neither a bool nor ``"exact"``.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a target is negative (checked on a CPU).

    >>> import torch
    >>> tweedie_loss(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(6.)
    >>> tweedie_loss(torch.tensor([0.0]), torch.tensor([0.0]), full="exact")
    tensor(2.)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    settings = (exponent, dispersion)
    request = declared(Tweedie, (input,), target, settings, reduction, extras)
    constants = {True: _deviance_terms, "exact": _series_terms}
    if not full:
        return request
    return ElementwiseRequest(request.problem, extras, constant=constants[full])


def _deviance_terms(problem: ElementwiseProblem) -> Tensor:
    """Return minus the loss of means that are equal to the targets."""
    exponent, dispersion = problem.settings
    above = 2.0 - exponent
    return -(problem.y**above) / (above * (exponent - 1.0) * dispersion)


def _series_terms(problem: ElementwiseProblem) -> Tensor:
    """Return minus the logarithm of the terms of the density that depend on the target alone."""
    return -log_density_terms(problem.y, *problem.settings)

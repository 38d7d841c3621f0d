"""Losses of a normal prediction: a weighted likelihood, a score, and censored targets."""

from __future__ import annotations

from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.engine import values
from neglog.errors import sentence
from neglog.errors.arguments import MissingArgumentError
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.declared import declared
from neglog.functional.options import with_options
from neglog.likelihoods import BetaWeightedNormal, CensoredNormal, NormalScore


@loss
@with_options(lambda beta: validation.not_negative(beta=beta))
def beta_nll_weighted_gaussian(
    input: Tensor,
    var: Tensor | float,
    target: Tensor,
    beta: float = 0.5,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `BetaWeightedNormal` loss: Gaussian NLL weighted by variance^beta.

    The weight has no gradient. Poorly predicted targets, which have a large variance, keep more of
    their gradient than under `gaussian_nll_loss`.

    Args:
        input: means, any shape.
        var: variances above 0, in the input's shape or broadcast into it; or one number.
        target: real numbers, in the input's shape.
        beta: the power: 0 for the likelihood, 1 for the mean's gradient of squared errors.

    Raises:
        ArgumentError: beta is negative.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a variance is not above 0, or a target is NaN or infinite (checked on a CPU).

    >>> import torch
    >>> args = torch.tensor([0.0]), torch.tensor([4.0]), torch.tensor([2.0])
    >>> beta_nll_weighted_gaussian(*args)
    tensor(2.3863)
    """
    frozen = var.detach() if isinstance(var, Tensor) else var
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    inputs, given = (input, var), (frozen,)
    return declared(BetaWeightedNormal, inputs, target, (beta,), reduction, extras, given=given)


@loss
def crps_loss(
    input: Tensor,
    scale: Tensor | float,
    target: Tensor,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `NormalScore` of normal predictions: the continuous ranked probability score.

    It is a proper score in the unit of the target, not a likelihood: the predicted scale is
    rewarded for being right, and outliers count with their distance instead of its square.

    Args:
        input: means, any shape.
        scale: deviations above 0, in the input's shape or broadcast into it; or one number.
        target: real numbers, in the input's shape.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a scale is not above 0, or a target is NaN or infinite (checked on a CPU).

    Returns:
        The score, in the unit of the target and not in nats: one number, or with
        ``reduction="none"`` the score of each element in the input's shape.

    >>> import torch
    >>> crps_loss(torch.tensor([0.0]), torch.tensor([1.0]), torch.tensor([2.0]))
    tensor(1.4528)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared(NormalScore, (input, scale), target, (), reduction, extras)


@loss
def censored_normal_nll_loss(
    input: Tensor,
    scale: Tensor | float,
    target: Tensor,
    censoring: Tensor | None = None,
    upper: Tensor | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `CensoredNormal` loss: the Tobit model of targets that are known by bounds only.

    Args:
        input: means, any shape.
        scale: deviations above 0, in the input's shape or broadcast into it; or one number.
        target: real numbers, in the input's shape: the values, or the bounds of censored ones.
        censoring: what is known, in the input's shape: 0, the target is the value; −1, the value is
            at most the target; 1, it is at least the target; 2, it is between the target and
            `upper`. Without it, all targets are values.
        upper: the upper ends of intervals, in the input's shape; read where `censoring` is 2.

    Raises:
        ArgumentError: `upper` is missing where `censoring` is 2.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a scale is not above 0, a target is NaN or infinite, or `censoring` holds
            another number (checked on a CPU).

    >>> import torch
    >>> mean, scale, target = torch.zeros(2), torch.ones(2), torch.tensor([0.0, 0.0])
    >>> censored_normal_nll_loss(mean, scale, target, torch.tensor([0, 1]), reduction="none")
    tensor([0.9189, 0.6931])
    """
    if censoring is not None and upper is None:
        validation.tensors(censoring=censoring)
        _check_ends(censoring)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    given = (0.0 if censoring is None else censoring, 0.0 if upper is None else upper)
    return declared(CensoredNormal, (input, scale), target, (), reduction, extras, given=given)


def _check_ends(censoring: Tensor) -> None:
    """Refuse intervals without an end."""
    if values.are_known(censoring) and censoring.numel() and censoring.amax() > 1:
        expected = "upper must hold the ends of the intervals, where censoring is 2"
        raise MissingArgumentError(sentence(expected, "it is None"))

"""Losses of a share and of an angle."""

from __future__ import annotations

from torch import Tensor

from neglog.distributed.plan import Plan
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.declared import declared
from neglog.likelihoods import Beta, VonMises


@loss
def beta_nll_loss(
    input: Tensor,
    concentration0: Tensor | float,
    target: Tensor,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Beta` loss: a share between 0 and 1.

    Args:
        input: the concentrations towards 1, `concentration1`, above 0, any shape.
        concentration0: the concentrations towards 0, above 0, in the input's shape or broadcast
            into it; or one number. For a mean m and a precision p they are m · p and (1 − m) · p.
        target: numbers between 0 and 1, in the input's shape.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a target is not between 0 and 1, or a concentration is not above 0
            (checked on a CPU).

    >>> import torch
    >>> beta_nll_loss(torch.tensor([2.0]), torch.tensor([1.0]), torch.tensor([0.25]))
    tensor(0.6931)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return declared(Beta, (input, concentration0), target, (), reduction, extras)


@loss
def von_mises_nll_loss(
    input: Tensor,
    concentration: Tensor | float,
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
    """Return the `VonMises` loss: an angle in radians.

    Args:
        input: the locations, any shape.
        concentration: the concentrations of 0 or more, in the input's shape or broadcast into it;
            or one number.
        target: angles in radians, in the input's shape; whole turns make no difference.
        full: whether to add the constant ln 2π.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a concentration is negative, or a target is NaN or infinite (checked on a
            CPU).

    >>> import torch
    >>> von_mises_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([1.0]))
    tensor(-0.2566)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    inputs = (input, concentration)
    return declared(VonMises, inputs, target, (), reduction, extras, full=full)

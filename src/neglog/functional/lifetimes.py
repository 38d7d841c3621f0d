"""Losses of the time until an event, which may be censored on the right."""

from __future__ import annotations

from torch import Tensor

from neglog.distributed.plan import Plan
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.declared import declared
from neglog.likelihoods import Exponential, Weibull


@loss
def exponential_nll_loss(
    input: Tensor,
    target: Tensor,
    event: Tensor | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Exponential` loss: the time until an event of constant hazard.

    Args:
        input: the logarithms of the rates, any shape.
        target: times of 0 or more, in the input's shape.
        event: True or 1 where the event was observed, False or 0 where the observation ended at the
            target without it; in the input's shape. Without it, all events were observed.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a time is negative or NaN, or `event` is neither 0 nor 1 (checked on a CPU).

    >>> import torch
    >>> exponential_nll_loss(torch.zeros(2), torch.tensor([1.0, 2.0]), torch.tensor([True, False]))
    tensor(1.5000)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    given = (1.0 if event is None else event,)
    return declared(Exponential, (input,), target, (), reduction, extras, given=given)


@loss
def weibull_nll_loss(
    input: Tensor,
    log_shape: Tensor | float,
    target: Tensor,
    event: Tensor | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Weibull` loss: the time until an event whose hazard rises or falls.

    Args:
        input: the logarithms of the scales, any shape.
        log_shape: the logarithms of the shapes, in the input's shape or broadcast into it; or one
            number. The hazard rises for a shape above 1.
        target: times above 0, in the input's shape.
        event: True or 1 where the event was observed, False or 0 where the observation ended at the
            target without it; in the input's shape. Without it, all events were observed.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a time is not above 0, or `event` is neither 0 nor 1 (checked on a CPU).

    >>> import torch
    >>> log_scale, times = torch.zeros(2), torch.tensor([1.0, 2.0])
    >>> weibull_nll_loss(log_scale, 0.0, times, torch.tensor([True, False]))
    tensor(1.5000)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    inputs, given = (input, log_shape), (1.0 if event is None else event,)
    return declared(Weibull, inputs, target, (), reduction, extras, given=given)

"""Losses of the time until an event, which may be censored on the right."""

from __future__ import annotations

from torch import Tensor

from neglog import validation
from neglog.engine import values
from neglog.errors import ArgumentError, sentence
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
) -> ElementwiseRequest:
    """Return the `Exponential` loss: the time until an event of constant hazard.

    Args:
        input: the logarithms of the rates, any shape.
        target: times of 0 or more, in the input's shape.
        event: True or 1 where the event was observed, False or 0 where the observation ended at the
            target without it; in the input's shape. Without it, all events were observed.

    Raises:
        ArgumentError: `event` holds other numbers than 0 and 1 (checked on a CPU).
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a time is negative or NaN (checked on a CPU).

    >>> import torch
    >>> exponential_nll_loss(torch.zeros(2), torch.tensor([1.0, 2.0]), torch.tensor([True, False]))
    tensor(1.5000)
    """
    extras = Extras(mask, sample_weight, normalizer, empty)
    given = (_observed(event),)
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
        ArgumentError: `event` holds other numbers than 0 and 1 (checked on a CPU).
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a time is not above 0 (checked on a CPU).

    >>> import torch
    >>> log_scale, times = torch.zeros(2), torch.tensor([1.0, 2.0])
    >>> weibull_nll_loss(log_scale, 0.0, times, torch.tensor([True, False]))
    tensor(1.5000)
    """
    extras = Extras(mask, sample_weight, normalizer, empty)
    inputs, given = (input, log_shape), (_observed(event),)
    return declared(Weibull, inputs, target, (), reduction, extras, given=given)


def _observed(event: Tensor | None) -> Tensor | float:
    """Return 1 where an event was observed."""
    if event is None:
        return 1.0
    validation.tensors(event=event)
    if values.are_known(event) and not event.dtype.is_complex:
        strange = (event != 0) & (event != 1)
        if strange.any():
            got = f"it holds {event[strange][0].item()!r}"
            remedy = "the order is input, target, event"
            raise ArgumentError(sentence("event must hold 0 and 1", got, remedy=remedy))
    return event

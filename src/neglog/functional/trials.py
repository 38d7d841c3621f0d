"""Losses of the number of successes in a known number of trials."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from neglog.distributed.plan import Plan
from neglog.engine import ElementwiseProblem, values
from neglog.errors import sentence
from neglog.errors.tensors import ValueOutsideError
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.declared import declared
from neglog.likelihoods import BetaBinomial, Binomial
from neglog.primitives import log_gamma, log_rising


@loss
def binomial_nll_loss(
    input: Tensor,
    target: Tensor,
    total_count: Tensor | float = 1.0,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Binomial` loss: the number of successes in known numbers of trials.

    Args:
        input: the log-odds of a success, any shape.
        target: numbers of successes, in the input's shape.
        total_count: the numbers of trials, in the input's shape or broadcast into it; or one
            number.
        full: whether to add minus the logarithm of the binomial coefficient.

    Raises:
        SupportError: a count exceeds its number of trials (checked on a CPU).
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a count is negative (checked on a CPU).

    >>> import torch
    >>> binomial_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]), 3.0, full=True)
    tensor(0.9808)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    _check_trials(target, total_count, mask, sample_weight)
    given = (total_count,)
    request = declared(Binomial, (input,), target, (), reduction, extras, given=given)
    constant = _orders if full else None
    return ElementwiseRequest(request.problem, extras, constant=constant, repeatable=False)


@loss
def beta_binomial_nll_loss(
    input: Tensor,
    concentration0: Tensor | float,
    target: Tensor,
    total_count: Tensor | float = 1.0,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `BetaBinomial` loss: successes in trials whose probability varies.

    Args:
        input: the concentrations of successes, `concentration1`, above 0, any shape.
        concentration0: the concentrations of failures, above 0, in the input's shape or broadcast
            into it; or one number.
        target: numbers of successes, in the input's shape.
        total_count: the numbers of trials, in the input's shape or broadcast into it; or one
            number.
        full: whether to add minus the logarithm of the binomial coefficient.

    Raises:
        SupportError: a count exceeds its number of trials (checked on a CPU).
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a count is negative, or a concentration is not above 0 (checked on a CPU).

    >>> import torch
    >>> beta_binomial_nll_loss(torch.ones(1), torch.ones(1), torch.tensor([2.0]), 3.0, full=True)
    tensor(1.3863)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    _check_trials(target, total_count, mask, sample_weight)
    inputs, given = (input, concentration0), (total_count,)
    request = declared(BetaBinomial, inputs, target, (), reduction, extras, given=given)
    constant = _orders if full else None
    return ElementwiseRequest(request.problem, extras, constant=constant, repeatable=False)


def _orders(problem: ElementwiseProblem) -> Tensor:
    """Return minus the logarithm of the number of orders of successes and failures."""
    y, (total_count,) = problem.y, problem.given
    return log_gamma(y + 1.0) - log_rising(total_count - y + 1.0, y)


def _check_trials(
    target: Tensor,
    total_count: Tensor | float,
    mask: Tensor | None,
    sample_weight: Tensor | None,
) -> None:
    """Refuse an included count above its number of trials, where values may be read."""
    given: list[Any] = [target, *(t for t in (mask, sample_weight) if t is not None)]
    given += [] if isinstance(total_count, (int, float)) else [total_count]
    if not all(isinstance(t, Tensor) and values.are_known(t) for t in given):
        return  # arguments of a wrong kind have messages of their own
    try:
        above = target > total_count
        for included in (mask, sample_weight):
            if included is not None:  # of elements, or of rows
                ones = (1,) * (above.dim() - included.dim())
                above = above & (included != 0).reshape(included.shape + ones)
    except RuntimeError:  # shapes that do not fit have a message of their own
        return
    if above.any():
        index = tuple(above.nonzero()[0].tolist())
        found = target.expand(above.shape)[index].item()
        got = f"target{list(index)} is {found:g}"
        raise ValueOutsideError(sentence("a target must not exceed total_count", got))

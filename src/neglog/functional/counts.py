"""Losses of counts."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neglog import validation
from neglog.compatibility import is_torch_compatible
from neglog.distributed.plan import Plan
from neglog.engine import ElementwiseProblem, reference
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.options import with_options
from neglog.likelihoods import Poisson, PoissonRate


def _check_options(full: bool | str, eps: float) -> None:
    validation.one_of("full", full, (False, True, "exact"))
    if not is_torch_compatible():
        validation.not_negative(eps=eps)


@loss
@with_options(_check_options)
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool | str = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Poisson` loss of log-rates, or the `PoissonRate` loss of rates.

    Args:
        input: the logarithms of the rates, any shape; the rates if `log_input` is False.
        target: counts, the same shape.
        log_input: whether the input holds logarithms.
        full: True adds Stirling's approximation of ln y!, as torch does; ``"exact"`` adds ln y!.
        eps: added to a rate under the logarithm.

    Raises:
        ArgumentError: `full` is neither a bool nor ``"exact"``, or eps is negative.
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: an input is complex.
        SupportError: a count or a rate is negative (checked on a CPU).

    >>> poisson_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]), full="exact")
    tensor(1.6931)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    validation.tensors(input=input, target=target)
    input, target = validation.aligned(input, target)
    dtype = validation.common_dtype(input, target, whole=True)
    x, y = input.to(dtype), target.to(dtype)
    if log_input:
        problem = ElementwiseProblem(Poisson, (x,), y, reduction=reduction)
    else:
        problem = ElementwiseProblem(
            PoissonRate, (x,), y, settings=(float(eps),), reduction=reduction
        )
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    constants = {False: None, True: _stirling_term, "exact": reference.constant}
    return ElementwiseRequest(problem, extras, constant=constants[full])


def _stirling_term(problem: ElementwiseProblem) -> Tensor:
    """Return torch's approximation of ln y!."""
    y = problem.y
    approximate = y * torch.log(y) - y + 0.5 * torch.log(2 * math.pi * y)
    return torch.where(y > 1, approximate, 0.0)

"""Losses of a count with more zeros, or fewer, than its distribution has."""

from __future__ import annotations

from torch import Tensor

from neglog.distributed.plan import Plan
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.declared import declared
from neglog.likelihoods import PoissonHurdle, ZeroInflatedNegativeBinomial, ZeroInflatedPoisson


@loss
def zero_inflated_poisson_nll_loss(
    input: Tensor,
    zi_logits: Tensor | float,
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
    """Return the `ZeroInflatedPoisson` loss: a count with extra zeros.

    Args:
        input: the logarithms of the rates, any shape.
        zi_logits: the log-odds of an extra zero, in the input's shape or broadcast into it; or one
            number.
        target: counts, in the input's shape.
        full: whether to add ln y!, which depends on the target alone (0 for a zero).

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a count is negative (checked on a CPU).

    >>> import torch
    >>> zero_inflated_poisson_nll_loss(torch.zeros(2), torch.zeros(2), torch.tensor([0.0, 2.0]))
    tensor(1.0365)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    inputs = (input, zi_logits)
    return declared(ZeroInflatedPoisson, inputs, target, (), reduction, extras, full=full)


@loss
def zero_inflated_negative_binomial_nll_loss(
    input: Tensor,
    total_count: Tensor | float,
    zi_logits: Tensor | float,
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
    """Return the `ZeroInflatedNegativeBinomial` loss: an overdispersed count with extra zeros.

    Args:
        input: the logarithms of the means of the count, any shape: ln μ of scvi-tools.
        total_count: the number of failures r above 0, in the input's shape or broadcast into it; or
            one number. The variance is μ + μ² / r; statistics packages call 1 / r the dispersion,
            and scvi-tools calls r θ.
        zi_logits: the log-odds of an extra zero, in the input's shape or broadcast into it; or one
            number.
        target: counts, in the input's shape.
        full: whether to add ln y!, which depends on the target alone. scvi-tools adds it.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a count is negative, or a total count is not above 0 (checked on a CPU).

    >>> import torch
    >>> zero, y = torch.zeros(2), torch.tensor([0.0, 2.0])
    >>> zero_inflated_negative_binomial_nll_loss(zero, 2.0, zero, y)
    tensor(1.1175)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    inputs, likelihood = (input, total_count, zi_logits), ZeroInflatedNegativeBinomial
    return declared(likelihood, inputs, target, (), reduction, extras, full=full)


@loss
def poisson_hurdle_nll_loss(
    input: Tensor,
    zero_logits: Tensor | float,
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
    """Return the `PoissonHurdle` loss: a count whose zeros have a model of their own.

    Args:
        input: the logarithms of the rates before zeros are excluded, any shape.
        zero_logits: the log-odds of a zero, in the input's shape or broadcast into it; or one
            number.
        target: counts, in the input's shape.
        full: whether to add ln y!, which depends on the target alone (0 for a zero).

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a count is negative (checked on a CPU).

    >>> import torch
    >>> poisson_hurdle_nll_loss(torch.zeros(2), torch.zeros(2), torch.tensor([0.0, 2.0]))
    tensor(0.9638)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    inputs = (input, zero_logits)
    return declared(PoissonHurdle, inputs, target, (), reduction, extras, full=full)

"""Losses of a count whose variance exceeds its mean."""

from __future__ import annotations

from torch import Tensor

from neglog.distributed.plan import Plan
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.declared import declared
from neglog.likelihoods import NegativeBinomialLogits, NegativeBinomialMean


@loss
def negative_binomial_nll_loss(
    input: Tensor,
    total_count: Tensor | float,
    target: Tensor,
    from_logits: bool = False,
    full: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `NegativeBinomialMean` loss of log means, or the `NegativeBinomialLogits` loss.

    Args:
        input: the logarithms of the means, any shape; or the log-odds, with `from_logits`.
        total_count: the number of failures r above 0, in the input's shape or broadcast into it; or
            one number. The variance is μ + μ² / r; statistics packages call 1 / r the dispersion,
            and scvi-tools calls r θ.
        target: counts, in the input's shape.
        from_logits: whether the input holds the logits of `torch.distributions.NegativeBinomial`.
        full: whether to add ln y!, which depends on the target alone.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a count is negative, or a total count is not above 0 (checked on a CPU).

    >>> import torch
    >>> log_mean, total_count = torch.tensor([0.0]), torch.tensor([2.0])
    >>> negative_binomial_nll_loss(log_mean, total_count, torch.tensor([3.0]))
    tensor(0.9287)
    """
    likelihood = NegativeBinomialLogits if from_logits else NegativeBinomialMean
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    inputs = (input, total_count)
    return declared(likelihood, inputs, target, (), reduction, extras, full=full)

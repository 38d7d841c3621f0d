"""The Kullback–Leibler divergence between class probabilities, class by class."""

from __future__ import annotations

from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.engine import ElementwiseProblem
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.likelihoods import RelativeEntropy, RelativeEntropyOfLog


@loss
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `RelativeEntropy` of the target's distribution from the input's.

    ``reduction="batchmean"`` is the divergence itself; ``"mean"`` divides by the number of classes
    too, as in torch.

    Args:
        input: log-probabilities, any shape.
        target: probabilities, the same shape; their logarithms if `log_target`.
        log_target: whether the target holds logarithms.

    Raises:
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: neither tensor is floating.
        SupportError: a probability is negative (checked on a CPU).

    >>> import torch
    >>> p = torch.tensor([[0.5, 0.5]])
    >>> kl_div(torch.tensor([[0.25, 0.75]]).log(), p, reduction="batchmean")
    tensor(0.1438)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    warns = reduction == "mean" and normalizer is None
    if warns:
        message = "kl_div: 'mean' divides by the number of classes too; 'batchmean' does not"
        validation.warn(message, 3)
    validation.tensors(input=input, target=target)
    input, target = validation.aligned(input, target)
    dtype = validation.common_dtype(input, target)
    likelihood = RelativeEntropyOfLog if log_target else RelativeEntropy
    problem = ElementwiseProblem(
        likelihood, (input.to(dtype),), target.to(dtype), reduction=reduction
    )
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return ElementwiseRequest(problem, extras, repeatable=not warns)

"""The loss of a real target with a predicted variance."""

from __future__ import annotations

from torch import Tensor

from neglog import engine, validation
from neglog.compatibility import is_torch_compatible
from neglog.distributed.plan import Plan
from neglog.engine import ElementwiseProblem, reference
from neglog.functional.common import ElementwiseRequest, Extras, loss_in_its_own_dtype
from neglog.functional.options import with_options
from neglog.likelihoods import HeteroscedasticNormal


@loss_in_its_own_dtype
@with_options(lambda eps: validation.positive(eps=eps))
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `HeteroscedasticNormal` loss: a normal target with a predicted variance.

    Args:
        input: means, any shape.
        target: real numbers, the same shape.
        var: variances in the input's shape, without its last dimension, or with a last
            dimension of 1; or one number for all, a float or a tensor, which may be learnt.
        full: whether to add the constant ½ ln 2π.
        eps: the smallest variance; variances below it have its derivatives.

    Raises:
        ArgumentError: eps is not above 0.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating.
        SupportError: a variance is negative, or a target is NaN or infinite (checked on a CPU).

    >>> import torch
    >>> gaussian_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([4.0]))
    tensor(1.1931)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.tensors(input=input, target=target)
    var = validation.variance(var, input)
    input, target = validation.aligned(input, target)
    var = var.expand_as(input)
    dtype = validation.common_dtype(input, target, var)
    inputs, y = (input.to(dtype), var.to(dtype)), target.to(dtype)
    problem = ElementwiseProblem(
        HeteroscedasticNormal, inputs, y, settings=(float(eps),), reduction=reduction
    )
    if is_torch_compatible():
        engine.check_inputs(problem)  # as torch does
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return ElementwiseRequest(problem, extras, constant=reference.constant if full else None)

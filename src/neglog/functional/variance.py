"""The loss of a real target whose variance is emitted too."""

from __future__ import annotations

from torch import Tensor

from neglog import engine, guards
from neglog.compatibility import is_torch_compatible
from neglog.engine import Elements, reference
from neglog.families import HeteroscedasticNormal
from neglog.functional.common import Extras, loss_in_its_own_dtype, of_elements


@loss_in_its_own_dtype
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
) -> Tensor:
    """Return the `HeteroscedasticNormal` loss: a normal target whose variance is emitted too.

    Args:
        input: means, any shape.
        target: real numbers, the same shape.
        var: variances, of the input's shape, or without its last dimension, or with a last
            dimension of 1; or one number for all, as a float or a tensor that may learn.
        full: whether to add the constant ½ ln 2π.
        eps: the least variance; below it the derivatives are those at it.
        reduction: how the losses become one number.
        mask: see `neglog.functional`.
        sample_weight: see `neglog.functional`.
        normalizer: see `neglog.functional`.
        empty: see `neglog.functional`.

    Raises:
        ArgumentError: eps is not above 0.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating.
        SupportError: a variance is negative, or a target is NaN or infinite (found on a CPU).

    >>> import torch
    >>> gaussian_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([4.0]))
    tensor(1.1931)
    """
    reduction = guards.reduction(None, None, reduction)
    guards.tensors(input=input, target=target)
    guards.positive(eps=eps)
    var = guards.variance(var, input)
    input, target = guards.aligned(input, target)
    var = var.expand_as(input)
    dtype = guards.common_dtype(input, target, var)
    inputs, y = (input.to(dtype), var.to(dtype)), target.to(dtype)
    problem = Elements(
        HeteroscedasticNormal, inputs, y, settings=(float(eps),), reduction=reduction
    )
    if is_torch_compatible():
        engine.check_inputs(problem)  # as torch does
    extras = Extras(mask, sample_weight, normalizer, empty)
    return of_elements(problem, extras, constant=reference.constant if full else None)

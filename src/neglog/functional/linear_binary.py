"""A linear layer with binary outputs and the loss of its logits in one."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.engine.projection import Head, Operands, dense_target
from neglog.functional.binary import binary_cross_entropy_with_logits
from neglog.functional.common import Extras, loss_in_its_own_dtype
from neglog.functional.layer import Layer
from neglog.likelihoods import Bernoulli, WeightedBernoulli


@loss_in_its_own_dtype
def linear_binary_cross_entropy_with_logits(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: str = "mean",
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    memory: int | str | None = None,
    loss_dtype: torch.dtype | None = None,
) -> Tensor:
    """Return the `Bernoulli` loss of a linear layer's logits, computed in chunks of rows.

    Args:
        input: rows (…, features).
        linear_weight: (C, features), for C binary outputs.
        target: probabilities of class 1, floating or bool, (…, C); or the integer indices of the
            positive outputs, (…, k), where negative indices are ignored. Integer zeros and ones
            are refused, because they look like indices.
        linear_bias: (C,).
        weight: one weight per output, (C,); a mean does not divide by it, as in torch.
        pos_weight: the weight of positive targets, one per output, (C,), or one for all.
        mask: True for the rows to include, (…).
        sample_weight: the weight of each row, (…); a mean divides by their sum.

    Returns:
        The loss in nats: one number; a mean is over all rows and outputs. With
        ``reduction="none"`` (…, C), as large as the logits, which are all kept in memory.

    Raises:
        ShapeError: the shapes of input, layer and target do not match.
        DtypeError: the dtypes of input and layer differ.
        SupportError: a probability or an index is out of range (checked on a CPU).

    >>> rows, layer = torch.eye(2), torch.zeros(5, 2)
    >>> linear_binary_cross_entropy_with_logits(rows, layer, torch.tensor([[0, 3], [1, -1]]))
    tensor(0.6931)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.no_gradient(weight=weight, pos_weight=pos_weight)
    layer = Layer(input, linear_weight, linear_bias, memory)
    validation.flat(linear_weight)
    operands = layer.with_binary_targets(target, weight, pos_weight)
    likelihood = Bernoulli if pos_weight is None else WeightedBernoulli
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if reduction == "none":
        return _whole(layer, operands, target, weight, pos_weight, extras).to(
            loss_dtype or layer.dtype
        )
    head = Head(likelihood.name)
    return layer.reduced(head, operands, extras, reduction, loss_dtype)


def _whole(
    layer: Layer,
    operands: Operands,
    target: Tensor,
    weight: Tensor | None,
    pos_weight: Tensor | None,
    extras: Extras,
) -> Tensor:
    """Return a loss for each logit."""
    dtype = operands.computed_in
    x, w, b = (None if t is None else t.to(dtype) for t in (layer.x, layer.w, layer.b))
    loss_weight = extras.loss_weights(layer.leading, layer.x, None)
    if loss_weight is not None:
        x = torch.where(loss_weight.reshape(-1, 1) != 0, cast(Tensor, x), 0.0)
    logits = torch.nn.functional.linear(cast(Tensor, x), cast(Tensor, w), b)
    logits = logits.reshape(*layer.leading, layer.classes)
    if not target.is_floating_point() and target.dtype != torch.bool:
        target = dense_target(logits.reshape(len(layer.x), -1), operands)
    target = target.reshape(logits.shape).to(logits.dtype)
    return binary_cross_entropy_with_logits(
        logits,
        target,
        weight,
        pos_weight=pos_weight,
        reduction="none",
        mask=extras.mask,
        sample_weight=extras.sample_weight,
    )

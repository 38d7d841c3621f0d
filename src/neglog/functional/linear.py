"""A linear layer and the loss of its logits in one, without all logits in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.engine.projection import MARGINS, Head
from neglog.functional.common import Extras, loss_in_its_own_dtype
from neglog.functional.layer import Layer
from neglog.functional.options import with_options
from neglog.likelihoods import Categorical


def _check_head(
    softcap: float | None,
    temperature: float,
    z_loss: float,
    scale: float | None,
    margin: float,
    margin_type: str,
) -> None:
    validation.positive(temperature=temperature, softcap=1.0 if softcap is None else softcap)
    validation.not_negative(z_loss=z_loss)
    validation.margin(margin, margin_type, MARGINS)
    if scale is None:
        validation.scaled(margin)
    else:
        validation.positive(scale=scale)


@loss_in_its_own_dtype
@with_options(_check_head)
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor | tuple[Tensor, Tensor],
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    offset: Tensor | None = None,
    scale: float | None = None,
    margin: float = 0.0,
    margin_type: str = "arcface",
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    memory: int | str | None = None,
    loss_dtype: torch.dtype | None = None,
) -> Tensor:
    """Return the `Categorical` loss of a linear layer's logits, computed in chunks of rows.

    Rows that are ignored, masked or of weight 0 are skipped in the matrix products. Only the
    gradients take memory in addition to the logits of a chunk, in float32 or more until they are
    complete.

    Args:
        input: rows (…, features), any leading dimensions.
        linear_weight: (C, features); or (C, d₁, …, features) for an input (N, features), whose
            losses are then (N, d₁, …).
        target: labels 0 … C − 1 of any integer dtype, (…) or (N, d₁, …); class probabilities,
            floating, (…, C) or (N, C, d₁, …); or a pair of the probabilities of a few classes
            and these classes, both (…, k), where negative classes are ignored. The weight of
            such a row is the sum of its probabilities.
        linear_bias: (C,) or (C, d₁, …).
        weight: one weight per class, (C,); a mean divides by it as that of `cross_entropy` does. If
            it requires a gradient, memory holds all logits.
        ignore_index: the label to ignore, -100 by default.
        options: torch's chunking; accepted for compatibility, without effect (see `memory`).
        z_loss: the weight of the squared log-sum-exp of the logits, added to each loss.
        offset: numbers to add to the logits after the temperature, one per class, (C,), such as the
            logarithms of the classes' shares of the training data: see `cross_entropy`.
        scale: if given, the logits are scale times the cosines of the angles between the rows and
            the classes' weights, for labels and a layer without bias.
        margin: makes the logit of the label smaller, with `scale`.
        margin_type: ``"arcface"`` adds the margin, in radians, to the angle; ``"cosface"``
            subtracts it from the cosine.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` (…), or (N, d₁, …).

    Raises:
        ShapeError: the shapes of input, layer and target do not match.
        DtypeError: their dtypes do not match.
        ArgumentError: an option lies outside its range.
        SupportError: a label is out of range (checked on a CPU).

    >>> rows, layer = torch.eye(3), torch.tensor([[0.0, 20.0, 0.0], [0.0, 0.0, 20.0]])
    >>> linear_cross_entropy(rows, layer, torch.tensor([1, 0, 1]))
    tensor(0.2310)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.smoothing(label_smoothing)
    layer = Layer(input, linear_weight, linear_bias, memory)
    operands, ignored = layer.with_class_targets(target, weight, ignore_index)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if offset is not None:
        validation.no_softcap("offset", softcap)
        operands = layer.with_offset(operands, offset, temperature)
    if scale is not None:
        validation.cosines(operands.y, layer.inner, linear_bias, offset, softcap, temperature)
        operands = layer.with_directions(operands, ignored, extras)
        temperature = 1.0 / scale
    head = Head(
        Categorical.name,
        ignored=ignored,
        smoothing=float(label_smoothing),
        softcap=float(softcap or 0.0),
        temperature=float(temperature),
        z_loss=float(z_loss),
        positions=layer.positions,
        margin=float(margin),
        margin_type=margin_type,
    )
    return layer.reduced(head, operands, extras, reduction, loss_dtype)

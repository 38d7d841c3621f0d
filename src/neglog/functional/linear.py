"""A linear layer and the loss of its logits in one: the logits are never whole in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog import guards
from neglog.engine.projection import Head
from neglog.families import Categorical
from neglog.functional.common import Extras, loss_in_its_own_dtype
from neglog.functional.layer import Layer


@loss_in_its_own_dtype
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
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    memory: int | str | None = None,
    loss_dtype: torch.dtype | None = None,
) -> Tensor:
    """Return the `Categorical` loss of a linear layer's logits, a workspace of them at a time.

    Args:
        input: rows (…, features), of any leading dimensions.
        linear_weight: (C, features); or (C, d₁, …, features) for an input (N, features), which
            has a loss (N, d₁, …) then.
        target: labels 0 … C − 1 of any integer dtype, (…) or (N, d₁, …); class probabilities,
            floating, (…, C) or (N, C, d₁, …); or a pair of the probabilities of a few classes
            and the classes, both (…, k), a negative class for none. A row of a pair counts as
            much as its probabilities' sum.
        linear_bias: (C,) or (C, d₁, …).
        weight: one factor per class, (C,). One that wants a gradient needs the logits whole.
        reduction: how the losses become one number; a mean divides as in `cross_entropy`.
        ignore_index: the label that does not count, -100 unless given.
        label_smoothing: the part of each target that is spread evenly over the classes.
        options: torch's choice of pieces: taken, and without effect (see `memory`).
        softcap: logits become softcap · tanh(logits / softcap).
        temperature: what logits are divided by, after that; probabilities are taken as they are.
        z_loss: what the squared logarithm of the sum of powers counts beside each loss.
        mask: see `neglog.functional`.
        sample_weight: see `neglog.functional`.
        normalizer: see `neglog.functional`.
        empty: see `neglog.functional`.
        memory: bytes for logits, a number or as in ``"256MiB"``; beside them there are only the
            gradients, which are in float32 or more until they are complete. Unless given, a 16th
            of the machine's memory, 256 MiB at most; there is always room for one row.
        loss_dtype: the dtype of the loss, computed in float32 or more, if not the input's.

    Raises:
        ShapeError: the shapes of input, layer and target do not belong together.
        DtypeError: their dtypes do not.
        ArgumentError: an option lies outside its range.
        SupportError: a label is no class (found on a CPU).

    Rows that do not count (ignored, masked, of weight 0) are not multiplied at all.

    >>> rows, layer = torch.eye(3), torch.tensor([[0.0, 20.0, 0.0], [0.0, 0.0, 20.0]])
    >>> linear_cross_entropy(rows, layer, torch.tensor([1, 0, 1]))
    tensor(0.2310)
    """
    reduction = guards.reduction(None, None, reduction)
    guards.smoothing(label_smoothing)
    guards.positive(temperature=temperature, softcap=1.0 if softcap is None else softcap)
    guards.not_negative(z_loss=z_loss)
    layer = Layer(input, linear_weight, linear_bias, memory)
    operands, ignored = layer.classified(target, weight, ignore_index)
    head = Head(
        Categorical.name,
        ignored=ignored,
        smoothing=float(label_smoothing),
        softcap=float(softcap or 0.0),
        temperature=float(temperature),
        z_loss=float(z_loss),
        positions=layer.positions,
    )
    extras = Extras(mask, sample_weight, normalizer, empty)
    return layer.reduced(head, operands, extras, reduction, loss_dtype)

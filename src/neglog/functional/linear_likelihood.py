"""A linear layer and the loss of any declared likelihood of rows in one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.distributed.plan import Plan
from neglog.engine.projection import Head
from neglog.errors import sentence
from neglog.errors.arguments import OptionError
from neglog.functional.common import Extras, loss_in_its_own_dtype
from neglog.functional.layer import Layer
from neglog.functional.likelihood import declaration, refuse_unknown, settings
from neglog.likelihood import Likelihood


@loss_in_its_own_dtype
def linear_likelihood_loss(
    likelihood: type[Likelihood],
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor | tuple[Tensor, Tensor],
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    temperature: float = 1.0,
    offset: Tensor | None = None,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    memory: int | str | None = None,
    loss_dtype: torch.dtype | None = None,
    **options: Any,
) -> Tensor:
    """Return a declared loss of a linear layer's logits, computed in chunks of rows.

    It is `likelihood_loss` on the logits of the layer, which are not in memory at once: see
    `linear_cross_entropy`.

    Args:
        likelihood: the declaration, a class that derives from `neglog.Rows`, with `softmax` True.
        input: rows (…, features), any leading dimensions.
        linear_weight: (C, features); or (C, d₁, …, features) for an input (N, features), whose
            losses are then (N, d₁, …).
        target: labels (…); class probabilities (…, C); or a pair of the probabilities of K classes
            and these classes, both (…, K), as in `linear_cross_entropy`.
        linear_bias: (C,) or (C, d₁, …).
        weight: one weight per class, (C,).
        ignore_index: the label to ignore, -100 by default.
        offset: numbers to add to the logits after the temperature, one per class, (C,).
        options: the `settings` of the declaration by name.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per row, (…) or (N, d₁, …).

    Raises:
        ArgumentError: the declaration is not one of rows of logits; a setting is missing, unknown
            or of the wrong type; or an option lies outside its range.
        ShapeError: the shapes of input, layer and target do not match.
        DtypeError: their dtypes do not match.
        SupportError: a label is out of range (checked on a CPU).

    >>> from neglog.likelihoods import GeneralizedCrossEntropy
    >>> rows, layer = torch.eye(2), torch.zeros(4, 2)
    >>> linear_likelihood_loss(GeneralizedCrossEntropy, rows, layer, torch.tensor([0, 3]), q=1.0)
    tensor(0.7500)

    Source: that of the declaration.
    """
    declaration(likelihood)
    if likelihood.elementwise or not getattr(likelihood, "softmax", False):
        expected = "linear_likelihood_loss takes a declaration of rows of logits, with softmax"
        raise OptionError(sentence(expected, f"got {likelihood.__name__}"))
    refuse_unknown(likelihood, options, likelihood.settings)
    reduction = validation.reduction(None, None, reduction)
    validation.smoothing(label_smoothing)
    validation.positive(temperature=temperature, softcap=1.0 if softcap is None else softcap)
    layer = Layer(input, linear_weight, linear_bias, memory)
    operands, ignored = layer.with_class_targets(target, weight, ignore_index)
    if offset is not None:
        validation.no_softcap("offset", softcap)
        operands = layer.with_offset(operands, offset, temperature)
    head = Head(
        likelihood.key,
        ignored=ignored,
        smoothing=float(label_smoothing),
        softcap=float(softcap or 0.0),
        temperature=float(temperature),
        positions=layer.positions,
        settings=settings(likelihood, options),
    )
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    return layer.reduced(head, operands, extras, reduction, loss_dtype)

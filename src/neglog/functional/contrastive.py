"""Contrastive losses, computed without the matrix of all pairs."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog import validation
from neglog.device import tensor_like
from neglog.engine import values
from neglog.engine.projection import Head
from neglog.functional.common import Extras, loss_in_its_own_dtype
from neglog.functional.layer import Layer
from neglog.likelihoods import Bernoulli, Categorical


@loss_in_its_own_dtype
def info_nce(
    query: Tensor,
    key: Tensor,
    *,
    temperature: Tensor | float = 0.1,
    symmetric: bool = False,
    normalize: bool = True,
    reduction: str = "mean",
    sample_weight: Tensor | None = None,
    memory: int | str | None = None,
    loss_dtype: torch.dtype | None = None,
) -> Tensor:
    """Return the contrastive loss InfoNCE: `Categorical`, each query's own key among all keys.

    Args:
        query: (N, features).
        key: (N, features), row i belonging to query i; further rows are negatives only.
        temperature: the divisor of the similarities: a number, or a 0-dimensional tensor, which
            may be learnt, best as its logarithm: ``temperature=(-log_scale).exp()``.
        symmetric: average with the loss of each key among all queries, as CLIP does.
        normalize: divide rows by their norms, so that similarities are cosines.
        sample_weight: the weight of each pair, (N,).

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` one per query, (N,).

    Raises:
        ShapeError: query and key are not rows of the same features, or there are too few keys.
        DtypeError: their dtypes differ.
        ArgumentError: the temperature is not above 0 (a tensor is checked on a CPU).

    Source: A. van den Oord, Y. Li, O. Vinyals, Representation learning with contrastive predictive
    coding, 2018; A. Radford et al., Learning transferable visual models from natural language
    supervision, 2021.

    >>> info_nce(torch.eye(3), torch.eye(3))
    tensor(9.0796e-05)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.pairs(query, key, same=symmetric)
    validation.one_number("temperature", temperature)
    heat = 1.0
    if isinstance(temperature, Tensor):
        if values.are_known(temperature):
            validation.known_temperature(temperature)
    else:
        validation.positive(temperature=temperature)
        heat = float(temperature)
    if normalize:
        query, key = _unit(query), _unit(key)

    def one_way(rows: Tensor, classes: Tensor) -> Tensor:
        if isinstance(temperature, Tensor):
            rows = _times(rows, 1.0 / temperature)
        layer = Layer(rows, classes, None, memory)
        labels = torch.arange(len(rows), device=rows.device)
        operands, _ = layer.with_class_targets(labels, None, None, allow_single_class=True)
        head = Head(Categorical.name, temperature=heat)
        extras = Extras(sample_weight=sample_weight)
        return layer.reduced(head, operands, extras, reduction, loss_dtype)

    loss = one_way(query, key)
    return (loss + one_way(key, query)) / 2 if symmetric else loss


@loss_in_its_own_dtype
def siglip(
    image: Tensor,
    text: Tensor,
    *,
    logit_scale: Tensor | float = 10.0,
    logit_bias: Tensor | float = -10.0,
    normalize: bool = True,
    reduction: str = "mean",
    sample_weight: Tensor | None = None,
    memory: int | str | None = None,
    loss_dtype: torch.dtype | None = None,
) -> Tensor:
    """Return the sigmoid loss of pairs: `Bernoulli`, 1 for each image with its own text.

    Args:
        image: (N, features).
        text: (N, features), row i belonging to image i; further rows are negatives only.
        logit_scale: the factor of the similarities; it may be learnt, best as its logarithm, as
            in the paper.
        logit_bias: added to the scaled similarities; it may be learnt.
        normalize: divide rows by their norms, so that similarities are cosines.
        reduction: ``"sum"``, or ``"mean"`` over the images of the sums over all texts.
        sample_weight: the weight of each image, (N,).

    Returns:
        The loss in nats, one number.

    Raises:
        ShapeError: image and text are not rows of the same features, or there are too few texts.

    Source: X. Zhai, B. Mustafa, A. Kolesnikov, L. Beyer, Sigmoid loss for language image
    pre-training, ICCV 2023.

    >>> siglip(torch.eye(3), torch.eye(3), logit_bias=-5.0)
    tensor(0.0201)
    """
    validation.pairs(image, text, same=False)
    validation.one_of("reduction", reduction, ("mean", "sum"))
    validation.one_number("logit_scale", logit_scale)
    validation.one_number("logit_bias", logit_bias)
    if normalize:
        image, text = _unit(image), _unit(text)
    bias = tensor_like(logit_bias, image)
    layer = Layer(_times(image, logit_scale), text, bias.reshape(()).expand(len(text)), memory)
    labels = torch.arange(len(image), device=image.device)[:, None]
    operands = layer.operands(None)._replace(chosen=labels)
    extras = Extras(sample_weight=sample_weight)
    reduction = "mean of rows" if reduction == "mean" else reduction
    return layer.reduced(Head(Bernoulli.name), operands, extras, reduction, loss_dtype)


def _times(rows: Tensor, factor: Tensor | float) -> Tensor:
    """Return rows times a number, rounded once."""
    wide = rows.float() if rows.dtype in values.HALF else rows
    if isinstance(factor, Tensor):
        factor = factor.reshape(()).to(wide.dtype)
    return (wide * factor).to(rows.dtype)


def _unit(rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows, dim=-1)

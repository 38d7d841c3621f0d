"""Losses in which the classes are the other side of the batch, without the matrix of all pairs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neglog import guards
from neglog.engine.projection import Head
from neglog.families import Bernoulli
from neglog.functional.common import Extras, loss_in_its_own_dtype
from neglog.functional.layer import Layer
from neglog.functional.linear import linear_cross_entropy


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
    """Return the contrastive loss InfoNCE: `Categorical`, a query's own key among all keys.

    Args:
        query: (N, features).
        key: (N, features), row i belonging to query i; or more rows, which belong to none.
        temperature: what the similarities are divided by: a number, or a tensor of no dimensions
            that may be learnt.
        symmetric: take the mean with the loss of each key among all queries, as CLIP does.
        normalize: divide rows by their lengths, so that similarities are cosines.
        reduction: how the losses become one number; ``"none"`` gives (N,).
        sample_weight: how much each pair counts, (N,).
        memory: bytes for similarities, as in `linear_cross_entropy`.
        loss_dtype: the dtype of the loss, computed in float32 or more, if not the query's.

    Raises:
        ShapeError: query and key are not rows of the same features, or there are too few keys.

    Source: A. van den Oord, Y. Li, O. Vinyals, Representation learning with contrastive predictive
    coding, 2018; A. Radford et al., Learning transferable visual models from natural language
    supervision, 2021.

    >>> info_nce(torch.eye(3), torch.eye(3))
    tensor(9.0796e-05)
    """
    guards.pairs(query, key, same=symmetric)
    guards.temperature(temperature)
    if normalize:
        query, key = _unit(query), _unit(key)
    own = torch.arange(len(query), device=query.device)
    options: dict[str, Any] = {
        "reduction": reduction,
        "sample_weight": sample_weight,
        "memory": memory,
        "loss_dtype": loss_dtype,
    }
    loss = linear_cross_entropy(query / temperature, key, own, **options)
    if not symmetric:
        return loss
    return (loss + linear_cross_entropy(key / temperature, query, own, **options)) / 2


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
    """Return the sigmoid loss of pairs: `Bernoulli`, a yes for each image with its own text.

    Args:
        image: (N, features).
        text: (N, features), row i belonging to image i; or more rows, which belong to none.
        logit_scale: what the similarities are multiplied by; it may be learnt.
        logit_bias: what is added then; it may be learnt.
        normalize: divide rows by their lengths, so that similarities are cosines.
        reduction: ``"sum"``, or ``"mean"`` over the images, of each the sum over all texts.
        sample_weight: how much each image counts, (N,).
        memory: bytes for similarities, as in `linear_cross_entropy`.
        loss_dtype: the dtype of the loss, computed in float32 or more, if not the image's.

    Raises:
        ShapeError: image and text are not rows of the same features, or there are too few texts.

    Source: X. Zhai, B. Mustafa, A. Kolesnikov, L. Beyer, Sigmoid loss for language image
    pre-training, ICCV 2023.

    >>> siglip(torch.eye(3), torch.eye(3), logit_bias=-5.0)
    tensor(0.0201)
    """
    guards.pairs(image, text, same=False)
    guards.one_of("reduction", reduction, ("mean", "sum"))
    if normalize:
        image, text = _unit(image), _unit(text)
    bias = torch.as_tensor(logit_bias, dtype=image.dtype, device=image.device)
    layer = Layer(image * logit_scale, text, bias.expand(len(text)), memory)
    own = torch.arange(len(image), device=image.device)[:, None]
    operands = layer.operands(None)._replace(chosen=own)
    extras = Extras(sample_weight=sample_weight)
    reduction = "mean of rows" if reduction == "mean" else reduction
    return layer.reduced(Head(Bernoulli.name), operands, extras, reduction, loss_dtype)


def _unit(rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows, dim=-1)

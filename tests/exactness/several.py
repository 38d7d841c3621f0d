"""Losses of several tensors, and how these are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from exactness import structures as book
from exactness.declared import FEW, Draw
from exactness.kinds import Kind, as_it_is
from exactness.loss import Loss
from exactness.textbook import Truth
from neglog import criteria, functional

ROWS = max(1, FEW // 2)


def _signs(rng: Any, shape: Any) -> Any:
    return rng.choice([-1.0, 1.0], shape[0])


def _real_rows(rng: Any, shape: Any) -> Any:
    return 3 * rng.normal(size=shape)


def _real_targets(rng: Any, shape: Any) -> Any:
    return 3 * rng.normal(size=shape[0])


def _orders(rng: Any, shape: Any) -> Any:
    return rng.permuted(np.broadcast_to(np.arange(shape[1]), shape), axis=1)


def _times(rng: Any, shape: Any) -> Any:
    return rng.integers(0, 3, shape).astype(float)


def _intervals(rng: Any, shape: Any) -> Any:
    return rng.integers(0, shape[1], shape[0])


def _label_lists(rng: Any, shape: Any) -> Any:
    return np.broadcast_to([3, 0, -1, 1], shape)


def _sequences(rng: Any, shape: Any) -> Any:
    return rng.integers(1, book.CLASSES, (shape[0], 2))


def _binary_labels(rng: Any, shape: Any) -> Any:
    return rng.integers(0, 2, shape[0]).astype(float)


def _places(rng: Any, shape: Any) -> Any:
    return np.arange(shape[0])


def _like(rng: Any, x: Any, y: Any) -> Any:
    return 3 * rng.normal(size=x.shape)


def _logarithms(rng: Any, x: Any, y: Any) -> Any:
    return 0.5 * rng.normal(size=x.shape)


def _occurred(rng: Any, x: Any, y: Any) -> Any:
    return rng.integers(0, 2, x.shape).astype(float)


def _happened(rng: Any, x: Any, y: Any) -> Any:
    return _binary_labels(rng, x.shape)


def _factors(rng: Any, x: Any, y: Any) -> Any:
    square = np.tril(rng.normal(size=(*x.shape, x.shape[1])), -1)
    return square + np.eye(x.shape[1]) * rng.uniform(0.5, 2, (*x.shape, 1))


def _weights(rows: int) -> Draw:
    """Return what draws the weights of a book.layer, the same for every row of the input."""
    return lambda rng, x, y: np.broadcast_to(
        rng.normal(size=(rows, x.shape[1])), (len(x), rows, x.shape[1])
    )


def _by_rows(name: str) -> Callable[..., Any]:
    """Return the call of a loss that returns one number for several of the drawn ones."""

    def call(f: Any, x: Any, y: Any, *others: Any, reduction: str) -> Any:
        each = getattr(f, name)(x, y, *others, reduction=reduction)
        return each if reduction == "mean" else each.sum(1, dtype=torch.float64).to(x.dtype)

    return call


def _cox(f: Any, x: Any, y: Any, event: Any, reduction: str) -> Any:
    strata = torch.arange(len(x)).repeat_interleave(x.shape[1])
    each = f.cox_ph_loss(
        x.flatten(), y.flatten(), event.flatten(), strata=strata, reduction=reduction
    )
    if reduction == "mean":
        return each
    return each.view(x.shape).sum(1, dtype=torch.float64).to(x.dtype)


def _mixture(f: Any, x: Any, y: Any, mean: Any, log_scale: Any, reduction: str) -> Any:
    return f.mixture_density_loss(x, mean, log_scale, y, reduction=reduction)


def _vectors(f: Any, x: Any, y: Any, factor: Any, reduction: str) -> Any:
    return f.multivariate_normal_nll_loss(x, factor, y, reduction=reduction)


def _ctc(f: Any, x: Any, y: Any, reduction: str) -> Any:
    lengths = (torch.full((len(x),), size) for size in (book.STEPS, y.shape[1]))
    if reduction == "mean":  # torch's divides by the lengths of the targets
        return f.ctc_loss(x.transpose(0, 1), y, *lengths, reduction="sum") / len(x)
    return f.ctc_loss(x.transpose(0, 1), y, *lengths, reduction=reduction)


def _adaptive(f: Any, x: Any, y: Any, reduction: str) -> Any:
    home = criteria if f is functional else torch.nn
    found = book.adaptive_layer(home, x.dtype)(x, y)
    return found.loss if reduction == "mean" else -found.output


def _second(name: str, **options: Any) -> Callable[..., Any]:
    """Return the call of a loss whose second argument is the further tensor."""
    return lambda f, x, y, other, **o: getattr(f, name)(x, other, y, **options, **o)


def _layer(name: str) -> Callable[..., Any]:
    def call(f: Any, x: Any, y: Any, weight: Any, reduction: str) -> Any:
        return getattr(f, name)(x, weight[0], y, reduction=reduction)

    return call


def _binary_layer(f: Any, x: Any, y: Any, weight: Any, reduction: str) -> Any:
    target = y[:, None]
    each = f.linear_binary_cross_entropy_with_logits(x, weight[0], target, reduction=reduction)
    return each if reduction == "mean" else each[:, 0]


def _pairs(f: Any, x: Any, y: Any, keys: Any, reduction: str) -> Any:
    return f.info_nce(x, keys[0], reduction=reduction)


def _images(f: Any, x: Any, y: Any, texts: Any, reduction: str) -> Any:
    if reduction == "mean":
        return f.siglip(x, texts[0])
    each = [f.siglip(x[i : i + 1], texts[0].roll(-i, 0), reduction="sum") for i in range(len(x))]
    return torch.stack(each)


def _loss(
    name: str,
    target: Callable[[Any, Any], Any],
    formula: Callable[..., list[Any]],
    *further: Draw,
    shape: tuple[int, ...] = (ROWS, book.WIDTH),
    inputs: int = 1,
    call: Callable[..., Any] | None = None,
    link: Callable[[Any], Any] = as_it_is,
    count: Callable[..., Any] = lambda *sample: 1,
    roundings: int = 0,
) -> Loss:
    def plain(f: Any, *tensors: Any, reduction: str) -> Any:
        return getattr(f, name)(*tensors, reduction=reduction)

    def truth(*sample: Any) -> Truth:
        return book.differentiated(formula, inputs)(*sample)._replace(count=count(*sample))

    kind = Kind(link, target, (shape,))
    return Loss(
        name, kind, call or plain, truth, further, inputs, chained=True, roundings=roundings
    )


def _log_softmax(z: Any) -> Any:
    z = z - z.max(-1, keepdims=True)
    found = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return np.maximum(found, -16_000.0)  # of `STEPS` frames, the sum is a float16


LOSSES = (
    _loss("plackett_luce_loss", _orders, book.plackett_luce),
    _loss("cox_ph_loss", _times, book.cox, _occurred, shape=(ROWS, 6), call=_cox,
          count=lambda x, y, event: sum(event)),
    _loss("discrete_hazard_loss", _intervals, book.hazards, _happened),
    _loss("corn_loss", _intervals, book.conditional, call=_by_rows("corn_loss"),
          count=lambda x, y: min(y + 1, len(x))),
    _loss("mixture_density_loss", _real_targets, book.mixture, _like, _logarithms, inputs=3,
          call=_mixture),
    _loss(
        "multivariate_normal_nll_loss", _real_rows, book.multivariate_normal, _factors,
        shape=(ROWS, 3), inputs=2, call=_vectors,
    ),
    Loss(
        "ctc_loss", Kind(_log_softmax, _sequences, ((ROWS, book.STEPS, book.CLASSES),)), _ctc,
        book.ctc_of_logits, chained=True,
    ),
    _loss("adaptive_log_softmax_with_loss", _intervals, book.adaptive, call=_adaptive, roundings=8),
    _loss("cosine_embedding_loss", _signs, book.cosine, _like, inputs=2,
          call=_second("cosine_embedding_loss")),
    _loss("multi_margin_loss", _intervals, book.multi_margin),
    _loss("multilabel_margin_loss", _label_lists, book.multilabel_margin),
    _loss("triplet_margin_loss", _real_rows, book.triplet, _like, inputs=2),
    _loss("triplet_margin_with_distance_loss", _real_rows, book.triplet, _like, inputs=2),
    _loss("linear_cross_entropy", _intervals, book.layer, _weights(5),
          call=_layer("linear_cross_entropy"), roundings=8),
    _loss("linear_binary_cross_entropy_with_logits", _binary_labels, book.binary_layer,
          _weights(1), call=_binary_layer, roundings=8),
    _loss("info_nce", _places, book.info_nce, _weights(ROWS), call=_pairs, roundings=16),
    _loss("siglip", _places, book.siglip, _weights(ROWS), call=_images, roundings=16),
)  # fmt: skip

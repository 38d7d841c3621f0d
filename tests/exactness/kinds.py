"""How the predictions and the targets of a loss are drawn, by what the prediction means.

What a kind leaves `None` it does not have, and the regimes that need it leave the kind out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

POINTS = int(os.environ.get("NEGLOG_EXACTNESS_POINTS", "60"))  # for each cell, at least
CLASSES = (2, 3, 10, 100, 1000)
ROWS = tuple((max(1, POINTS // classes), classes) for classes in CLASSES)


@dataclass(frozen=True)
class Kind:
    """The numbers that a loss takes, all drawn in float64; `shape` is the prediction's.

    Attributes:
        link: turns any real numbers into predictions.
        target: draws targets.
        shapes: of the predictions.
        soft: draws targets strictly between labels.
        optimum: the prediction at which the loss of a target is least.
        at_loss: the prediction at which the loss of a target is about so much, however little.
        centre: predictions of which none is preferred to another, or to the target.
        others: classes other than the target's, to which the prediction may give no probability.
    """

    link: Callable[[Any], Any]
    target: Callable[[Any, Any], Any]
    shapes: tuple[tuple[int, ...], ...] = ((POINTS,),)
    soft: Callable[[Any, Any], Any] | None = None
    optimum: Callable[[Any], Any] | None = None
    at_loss: Callable[[Any, Any], Any] | None = None
    centre: Callable[[Any, Any], Any] | None = None
    others: Callable[[Any, Any], Any] | None = None


def as_it_is(z: Any) -> Any:
    return z


def sigmoid(z: Any) -> Any:
    return np.exp(-np.logaddexp(0, -z))


def _reals(rng: Any, shape: Any) -> Any:
    # A third of them 0, about which a prediction can come as near as it likes.
    return 3 * rng.normal(size=shape) * (rng.random(shape) > 1 / 3)


def _labels(rng: Any, shape: Any) -> Any:
    return rng.integers(0, 2, shape).astype(float)


def _counts(rng: Any, shape: Any) -> Any:
    return rng.poisson(np.exp(rng.normal(1, 1.5, shape))).astype(float)


def between(rng: Any, shape: Any) -> Any:
    return rng.uniform(0.001, 0.999, shape)


def _zeros(y: Any, shape: Any) -> Any:
    return np.zeros(shape)


def _logit_at(y: Any, loss: Any) -> Any:
    return -(2 * y - 1) * np.log(np.expm1(loss))


def _row_at(y: Any, loss: Any) -> Any:
    """Lift the label's logit above those of the other classes, which are equal."""
    rows = np.zeros((len(y), loss.shape[1]))
    rows[np.arange(len(y)), y] = np.log(loss.shape[1] - 1) - np.log(np.expm1(loss[:, 0]))
    return rows


def _classes(rng: Any, shape: Any) -> Any:
    return rng.integers(0, shape[1], shape[0])


def _other_classes(y: Any, shape: Any) -> Any:
    return np.arange(shape[1]) != y[:, None]


def _shares(rng: Any, shape: Any) -> Any:
    powers = np.exp(2 * rng.normal(size=shape))
    return powers / powers.sum(1, keepdims=True)


REAL = Kind(
    as_it_is,
    _reals,
    optimum=as_it_is,
    at_loss=lambda y, loss: y + np.sqrt(loss),
    centre=lambda y, shape: y,
)
NORMAL = replace(REAL, at_loss=None)  # its least loss is not 0
LOG_RATE = Kind(as_it_is, _counts, optimum=lambda y: np.log(np.maximum(y, 1)))
RATE = Kind(np.abs, _counts, optimum=as_it_is)
LOG_MEAN = Kind(as_it_is, lambda rng, shape: rng.gamma(2.5, size=shape) + 1e-3, optimum=np.log)
LOGIT = Kind(
    as_it_is,
    _labels,
    soft=between,
    optimum=lambda y: np.log(y / (1 - y)),
    at_loss=_logit_at,
    centre=_zeros,
)
LOGITS_OF_LABELS = replace(LOGIT, shapes=((max(1, POINTS // 4), 4),))
SIGNED_LOGIT = Kind(
    as_it_is,
    lambda rng, shape: 2 * _labels(rng, shape) - 1,
    at_loss=lambda y, loss: _logit_at((y + 1) / 2, loss),
    centre=_zeros,
)
END = Kind(as_it_is, _labels)
PROBABILITY = Kind(
    sigmoid,
    _labels,
    soft=between,
    optimum=as_it_is,
    at_loss=lambda y, loss: np.where(y == 0, -np.expm1(-loss), np.exp(-loss)),
)
SHARE = Kind(lambda z: -abs(z), _labels, soft=between, optimum=np.log)
LOG_SHARE = Kind(lambda z: -abs(z), lambda rng, shape: -abs(_reals(rng, shape)), optimum=as_it_is)
LABEL = Kind(
    as_it_is,
    _classes,
    ROWS,
    at_loss=_row_at,
    centre=lambda y, shape: np.ones(shape),
    others=_other_classes,
)
SMOOTHED_LABEL = replace(LABEL, at_loss=None, others=None)  # each class has its share
SHARES = Kind(as_it_is, _shares, ROWS, optimum=np.log, centre=lambda y, shape: np.ones(shape))
LOG_PROBABILITIES = Kind(lambda z: -abs(z), _classes, ROWS, others=_other_classes)

"""Losses of declared likelihoods, and how their tensors are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from exactness import formulas as book
from exactness import kinds
from exactness.kinds import Kind
from exactness.loss import Loss

FEW = max(1, kinds.POINTS * 2 // 5)
Draw = Callable[[Any, Any, Any], Any]


def _loss(
    name: str,
    kind: Kind,
    formula: Callable[..., list[Any]],
    *further: Draw,
    call: Callable[..., Any] | None = None,
    inputs: int = 1,
    roundings: int = 0,
) -> Loss:
    """Return a loss, which takes the prediction, the other inputs, the target and the rest."""

    def plain(f: Any, x: Any, y: Any, *others: Any, reduction: str) -> Any:
        arguments = (x, *others[: inputs - 1], y, *others[inputs - 1 :])
        return getattr(f, name)(*arguments, reduction=reduction)

    kind = replace(kind, shapes=((FEW,),)) if kind.shapes == kinds.REAL.shapes else kind
    truth = book.differentiated(formula, inputs)
    return Loss(
        name, kind, call or plain, truth, further, inputs, chained=True, roundings=roundings
    )


def _with(name: str, inputs: int = 1, **options: Any) -> Callable[..., Any]:
    """Return the call of a function with options."""

    def call(f: Any, x: Any, y: Any, *others: Any, reduction: str) -> Any:
        arguments = (x, *others[: inputs - 1], y, *others[inputs - 1 :])
        return getattr(f, name)(*arguments, reduction=reduction, **options)

    return call


def _scales(rng: Any, x: Any, y: Any) -> Any:
    return 10 ** rng.uniform(-2, 2, x.shape)


def _totals(rng: Any, x: Any, y: Any) -> Any:
    return 10 ** rng.uniform(-1, 2, x.shape)


def _reals(rng: Any, x: Any, y: Any) -> Any:
    return 3 * rng.normal(size=x.shape)


def _logarithms(rng: Any, x: Any, y: Any) -> Any:
    return 0.5 * rng.normal(size=x.shape)


def _events(rng: Any, x: Any, y: Any) -> Any:
    return rng.integers(0, 2, x.shape).astype(float)


def _trials(rng: Any, x: Any, y: Any) -> Any:
    return y + rng.integers(0, 9, x.shape)


def _censoring(rng: Any, x: Any, y: Any) -> Any:
    return rng.choice([-1.0, 0.0, 1.0, 2.0], x.shape)


def _upper(rng: Any, x: Any, y: Any) -> Any:
    """Draw numbers above the targets, near and far; no half precision rounds two to one."""
    return y + (1 + abs(y)) * 10 ** rng.uniform(-1.5, 0.3, y.shape)


def _rows(name: str, weigh: Callable[[Any], list[Any]], **options: Any) -> Loss:
    kind = replace(kinds.LABEL, shapes=kinds.ROWS[1:4], others=None)
    return Loss(name, kind, _with(name, **options), book.row_of(weigh), chained=True)


RATE = replace(kinds.LOG_RATE, link=lambda z: np.clip(z, -200, 200), optimum=None)
TIME = replace(kinds.LOG_MEAN, optimum=None)
POSITIVE = replace(kinds.RATE, link=lambda z: np.clip(abs(z), 1e-4, 1e4), optimum=None)
COUNT_LOGIT = replace(kinds.LOG_RATE, optimum=None)
LOGIT = replace(kinds.LOGIT, soft=None, optimum=None, at_loss=None)
ANGLE = Kind(kinds.as_it_is, lambda rng, shape: rng.uniform(-3, 3, shape), optimum=kinds.as_it_is)
SHARE = replace(POSITIVE, target=kinds.between)
SIGN = replace(kinds.SIGNED_LOGIT, at_loss=None)
CLASS = Kind(kinds.as_it_is, lambda rng, shape: rng.integers(0, 4, shape))
ERROR = replace(kinds.REAL, at_loss=None)


def _thresholds(rng: Any, x: Any, y: Any) -> Any:
    return np.broadcast_to(np.sort(2 * rng.normal(size=3)), (*x.shape, 3))


def _ordinal(f: Any, x: Any, y: Any, thresholds: Any, reduction: str) -> Any:
    return f.ordinal_loss(x, y, thresholds[0], reduction=reduction)


LOSSES = (
    _loss("sse_loss", kinds.REAL, book.square),
    _loss("expectile_loss", ERROR, book.expectile, call=_with("expectile_loss", level=book.LEVEL)),
    _loss("log_cosh_loss", ERROR, book.log_cosh),
    _loss(
        "student_t_nll_loss", ERROR, book.student_t, _scales, inputs=2,
        call=_with("student_t_nll_loss", 2, df=book.DF),
    ),
    _loss("laplace_nll_loss", ERROR, book.laplace, _scales, inputs=2),
    _loss("beta_nll_weighted_gaussian", ERROR, book.weighted_normal, _scales, inputs=2),
    _loss("crps_loss", ERROR, book.normal_score, _scales, inputs=2),
    _loss(
        "censored_normal_nll_loss", ERROR, book.censored, _scales, _censoring, _upper,
        inputs=2,
    ),
    _loss("exponential_nll_loss", TIME, book.exponential, _events),
    _loss("weibull_nll_loss", TIME, book.weibull, _logarithms, _events, inputs=2),
    _loss("log_normal_nll_loss", kinds.LOG_MEAN, book.log_normal, _scales, inputs=2),
    _loss(
        "inverse_gaussian_nll_loss", kinds.LOG_MEAN, book.inverse_gaussian,
        call=_with("inverse_gaussian_nll_loss", shape=book.SHAPE),
    ),
    _loss(
        "tweedie_loss", kinds.LOG_MEAN, book.tweedie,
        call=_with("tweedie_loss", exponent=book.EXPONENT, dispersion=book.DISPERSION),
    ),
    _loss(
        "negative_binomial_nll_loss", RATE,
        book.negative_binomial_of_mean, _totals, inputs=2,
    ),
    _loss(
        "negative_binomial_nll_loss, logits", COUNT_LOGIT,
        book.negative_binomial_of_logits, _totals, inputs=2,
        call=_with("negative_binomial_nll_loss", 2, from_logits=True),
    ),
    _loss("zero_inflated_poisson_nll_loss", RATE, book.zero_inflated_poisson, _reals, inputs=2),
    _loss(
        "zero_inflated_negative_binomial_nll_loss", RATE, book.zero_inflated_negative_binomial,
        _totals, _reals, inputs=3,
    ),
    _loss("poisson_hurdle_nll_loss", RATE, book.hurdle, _reals, inputs=2),
    _loss("binomial_nll_loss", COUNT_LOGIT, book.binomial, _trials),
    _loss("beta_binomial_nll_loss", POSITIVE, book.beta_binomial, _totals, _trials, inputs=2),
    _loss("beta_nll_loss", SHARE, book.beta, _totals, inputs=2),
    _loss("von_mises_nll_loss", ANGLE, book.von_mises, _totals, inputs=2),
    _loss("sigmoid_focal_loss", LOGIT, book.sigmoid_focal),
    _loss("asymmetric_loss", LOGIT, book.asymmetric, call=_with("asymmetric_loss", clip=book.CLIP)),
    Loss(
        "bce_with_logits, smoothed", replace(LOGIT, shapes=((FEW,),)),
        _with("binary_cross_entropy_with_logits", label_smoothing=book.SMOOTHING),
        book.smoothed_bernoulli, chained=True,
    ),
    _rows("focal_loss", book.focal),
    _rows("poly_loss", book.poly),
    _rows("generalized_cross_entropy", book.generalized),
    _loss("ordinal_loss", CLASS, book.of_thresholds, _thresholds, call=_ordinal),
    _loss("hinge_embedding_loss", SIGN, book.hinge_embedding),
    _loss(
        "margin_ranking_loss", SIGN, book.margin_ranking, _reals, inputs=2,
        call=_with("margin_ranking_loss", 2, margin=book.MARGIN),
    ),
    _loss(
        "bradley_terry_loss", SIGN, book.bradley_terry, _reals, inputs=2,
        call=lambda f, x, y, other, **o: f.bradley_terry_loss(x, other, book.MARGIN, **o),
        roundings=4,
    ),
)  # fmt: skip

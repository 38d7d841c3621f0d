"""The losses of neglog or torch, and the textbook formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exactness import declared, formulas, kinds, several, textbook
from exactness.loss import Loss
from neglog import engine, functional, likelihoods
from neglog.engine import ElementwiseProblem


def _variances(rng: Any, x: Any, y: Any) -> Any:
    """Draw variances of all magnitudes, below torch's floor too; a third are the best ones."""
    anywhere = 10 ** rng.uniform(-8, 4, x.shape)
    best = np.minimum((x - y) ** 2, 6e4)  # within float16
    return np.where((rng.random(x.shape) < 1 / 3) & (x != y), best, anywhere)


def _factors(rng: Any, x: Any, y: Any) -> Any:
    return rng.uniform(0.1, 4, x.shape)


def _class_weights(rng: Any, x: Any, y: Any) -> Any:
    return np.broadcast_to(rng.uniform(0.1, 4, x.shape[1]), x.shape)


def _other_ends(rng: Any, x: Any, y: Any) -> Any:
    """Draw the other end of an interval, on 0's side, near and far; no half rounds them to one."""
    return x - np.sign(x) * (1 + abs(x)) * 10 ** rng.uniform(-2, 0.3, x.shape)


def _lower_ends(rng: Any, x: Any, y: Any) -> Any:
    return np.clip(x + (1 + abs(x)) * rng.uniform(-2, 1, x.shape), -6e4, 5e4)


def _upper_ends(rng: Any, x: Any, y: Any) -> Any:
    """Draw numbers above the lower ends, near and far; no half precision rounds two to one."""
    width = (1 + abs(x)) * (1 + 10 ** rng.uniform(-1.5, 0.3, x.shape))
    return np.clip(x + width, -6e4, 6e4)  # within float16


def _declared(likelihood: Any, *settings: float) -> Callable[..., Any]:
    """Return the call of a declaration that has no function of its own, and torch no such loss."""

    def call(f: Any, x: Any, y: Any, *others: Any, reduction: str) -> Any:
        if f is not functional:
            raise NotImplementedError
        facts = likelihood, (x, *others), y.to(x.dtype), (), settings
        return engine.loss(ElementwiseProblem(*facts, reduction=reduction))

    return call


SMOOTHING = 0.1
DELTA, BETA = 1.3, 0.7  # which no float is
LEVEL, SHAPE, DISPERSION = 0.9, 2.3, 0.7
REAL = (
    Loss("mse", kinds.REAL, lambda f, *t, **o: f.mse_loss(*t, **o), textbook.square),
    Loss("l1", kinds.REAL, lambda f, *t, **o: f.l1_loss(*t, **o), textbook.distance),
    Loss(
        "smooth_l1",
        kinds.REAL,
        lambda f, *t, **o: f.smooth_l1_loss(*t, beta=BETA, **o),
        textbook.huber(BETA, BETA),
    ),
    Loss(
        "huber",
        kinds.REAL,
        lambda f, *t, **o: f.huber_loss(*t, delta=DELTA, **o),
        textbook.huber(DELTA, 1),
    ),
    Loss(
        "huber, delta 1", kinds.REAL, lambda f, *t, **o: f.huber_loss(*t, **o), textbook.huber(1, 1)
    ),
    Loss(
        "gaussian_nll",
        kinds.NORMAL,
        lambda f, *t, **o: f.gaussian_nll_loss(*t, **o),
        textbook.normal(1e-6),
        (_variances,),
        inputs=2,
    ),
    Loss(
        "quantile",
        kinds.REAL,
        lambda f, *t, **o: f.quantile_loss(*t, LEVEL, **o),
        textbook.check(LEVEL),
    ),
    Loss(
        "gamma",
        kinds.LOG_MEAN,
        lambda f, *t, **o: f.gamma_nll_loss(*t, SHAPE, **o),
        textbook.gamma(SHAPE),
    ),
)
COUNTS = (
    Loss(
        "poisson", kinds.LOG_RATE, lambda f, *t, **o: f.poisson_nll_loss(*t, **o), textbook.poisson
    ),
    Loss(
        "poisson rate",
        kinds.RATE,
        lambda f, *t, **o: f.poisson_nll_loss(*t, log_input=False, **o),
        textbook.poisson_rate(1e-8),
    ),
    Loss(
        "negative binomial",
        kinds.LOG_RATE,
        _declared(likelihoods.NegativeBinomial, DISPERSION),
        textbook.negative_binomial(DISPERSION),
    ),
)
BINARY = (
    Loss(
        "bce_with_logits",
        kinds.LOGIT,
        lambda f, *t, **o: f.binary_cross_entropy_with_logits(*t, **o),
        textbook.bernoulli,
    ),
    Loss(
        "bce_with_logits, pos_weight",
        kinds.LOGIT,
        lambda f, x, y, w, **o: f.binary_cross_entropy_with_logits(x, y, pos_weight=w, **o),
        textbook.bernoulli,
        (_factors,),
    ),
    Loss(
        "bce",
        kinds.PROBABILITY,
        lambda f, *t, **o: f.binary_cross_entropy(*t, **o),
        textbook.bernoulli_probability,
    ),
    Loss(
        "soft_margin",
        kinds.SIGNED_LOGIT,
        lambda f, *t, **o: f.soft_margin_loss(*t, **o),
        textbook.signed_bernoulli,
    ),
    Loss(
        "multilabel_soft_margin",
        kinds.LOGITS_OF_LABELS,
        lambda f, *t, **o: f.multilabel_soft_margin_loss(*t, **o),
        textbook.many_bernoulli,
    ),
    Loss(
        "logistic interval",
        kinds.END,
        _declared(likelihoods.LogisticInterval),
        textbook.interval,
        (_other_ends,),
        inputs=2,
        chained=True,
    ),
    Loss(
        "ordered logit",
        declared.CLASS,
        _declared(likelihoods.OrderedLogit),
        formulas.differentiated(formulas.ordered, 3),
        (_lower_ends, _upper_ends),
        inputs=3,
        chained=True,
    ),
)
SHARES = (
    Loss(
        "kl_div",
        kinds.SHARE,
        lambda f, *t, **o: f.kl_div(*t, **o),
        textbook.relative_entropy,
        mean="batchmean",  # "mean" warns
    ),
    Loss(
        "kl_div, log_target",
        kinds.LOG_SHARE,
        lambda f, *t, **o: f.kl_div(*t, log_target=True, **o),
        textbook.relative_entropy_of_log,
        mean="batchmean",
    ),
)


def _weighed(function: str, **options: Any) -> Callable[..., Any]:
    """Return the call of a loss of rows, whose class weights were drawn as a row for each."""

    def call(f: Any, x: Any, y: Any, weights: Any, **o: Any) -> Any:
        return getattr(f, function)(x, y, weight=weights[0], **options, **o)

    return call


CLASSES = (
    Loss(
        "nll_loss",
        kinds.LOG_PROBABILITIES,
        lambda f, *t, **o: f.nll_loss(*t, **o),
        textbook.log_probability_of_label,
    ),
    Loss(
        "nll_loss, weight",
        kinds.LOG_PROBABILITIES,
        _weighed("nll_loss"),
        textbook.log_probability_of_label,
        (_class_weights,),
    ),
    Loss(
        "cross_entropy",
        kinds.LABEL,
        lambda f, *t, **o: f.cross_entropy(*t, **o),
        textbook.label(0),
    ),
    Loss(
        "cross_entropy, weight",
        kinds.LABEL,
        _weighed("cross_entropy"),
        textbook.label(0),
        (_class_weights,),
    ),
    Loss(
        "cross_entropy, smoothed",
        kinds.SMOOTHED_LABEL,
        _weighed("cross_entropy", label_smoothing=SMOOTHING),
        textbook.label(SMOOTHING),
        (_class_weights,),
    ),
    Loss(
        "cross_entropy, soft",
        kinds.SHARES,
        lambda f, *t, **o: f.cross_entropy(*t, **o),
        textbook.categorical,
    ),
    Loss(
        "cross_entropy, soft, weight",
        kinds.SHARES,
        _weighed("cross_entropy"),
        textbook.categorical,
        (_class_weights,),
    ),
)
LOSSES = (
    *REAL, *COUNTS, *BINARY, *SHARES, *CLASSES, *declared.LOSSES, *several.LOSSES
)  # fmt: skip

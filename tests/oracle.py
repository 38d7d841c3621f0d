"""The formulas and the distributions in sixty digits: what every other reading is held against."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mpmath as mp
import numpy as np

from neglog.likelihood import Likelihood
from neglog.words import bind

mp.mp.dps = 60


def _guarded(function: Any, limits: dict[float, Any]) -> Any:
    return lambda x: limits[float(x)] if float(x) in limits else function(x)


INF = float("inf")
WORDS = {
    "absolute": abs,
    "at_least": lambda x, bound: max(x, mp.mpf(bound)),
    "exp": _guarded(mp.exp, {-INF: mp.mpf(0), INF: mp.inf}),
    "log": _guarded(mp.log, {0.0: -mp.inf, INF: mp.inf}),
    "log1p": _guarded(mp.log1p, {-1.0: -mp.inf, INF: mp.inf}),
    "sigmoid": _guarded(lambda x: 1 / (1 + mp.exp(-x)), {-INF: mp.mpf(0), INF: mp.mpf(1)}),
    "softplus": _guarded(lambda x: mp.log1p(mp.exp(x)), {-INF: mp.mpf(0), INF: mp.inf}),
    "where": lambda condition, yes, no: yes if condition else no,
}


def _bernoulli(probs: Any = None, logits: Any = None) -> Any:
    yes = probs if logits is None else 1 / (1 + mp.exp(-logits))
    no = 1 - probs if logits is None else 1 / (1 + mp.exp(logits))
    return SimpleNamespace(log_prob=lambda y: y * mp.log(yes) + (1 - y) * mp.log(no))


def _normal(mean: Any, deviation: Any) -> Any:
    def log_prob(y: Any) -> Any:
        return -(((y - mean) / deviation) ** 2) / 2 - mp.log(deviation * mp.sqrt(2 * mp.pi))

    return SimpleNamespace(log_prob=log_prob)


def _categorical(logits: list[Any]) -> Any:
    total = mp.log(sum(mp.exp(z) for z in logits))
    return SimpleNamespace(log_prob=lambda k: logits[k] - total)


DISTRIBUTIONS = SimpleNamespace(Bernoulli=_bernoulli, Normal=_normal, Categorical=_categorical)


def formula(likelihood: type[Likelihood], fact: str) -> Any:
    """Return one of a declaration's formulas, computing in sixty digits."""
    return bind(getattr(likelihood, fact), WORDS, mp.mpf)


def log_prob(likelihood: type[Likelihood], *inputs: Any) -> Any:
    """Return the log-probability function of the declared distribution, in sixty digits."""
    words = WORDS | {"distributions": DISTRIBUTIONS}
    return bind(likelihood.distribution, words, mp.mpf)(*inputs).log_prob


def ulps(got: Any, true: Any, real: type) -> float:
    """Return how many units in the last place of `real` lie between got and true."""
    got = float(got)
    if mp.isnan(true) or np.isnan(got):
        return 0.0 if mp.isnan(true) and np.isnan(got) else INF
    with np.errstate(over="ignore"):
        nearest = real(float(true))
    if np.isinf(nearest) or np.isinf(got):
        return 0.0 if got == nearest else INF
    return float(abs(mp.mpf(got) - true) / mp.mpf(float(np.spacing(np.abs(nearest)))))

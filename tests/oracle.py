"""The formulas and the distributions in sixty digits: what every other reading is held against."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mpmath as mp
import numpy as np

from neglog.likelihood import Likelihood
from neglog.primitives.binding import bind
from neglog.support import Support, positive

mp.mp.dps = 60


def _guarded(function: Any, limits: dict[float, Any]) -> Any:
    return lambda x: limits[float(x)] if float(x) in limits else function(x)


INF = float("inf")


def _power(x: Any, exponent: Any) -> Any:
    """Return x to a power as C does: 1 to any power is 1, and so is anything to the power of 0."""
    exponent = mp.mpf(exponent)
    if exponent == 0 or x == 1:
        return mp.mpf(1)
    if mp.isinf(exponent):
        grows = (abs(x) > 1) == (exponent > 0)
        return mp.mpf(1) if x == -1 else mp.inf if grows else mp.mpf(0)
    if x == 0 or mp.isinf(x):
        sign = -1 if x < 0 and exponent % 2 == 1 else 1
        return sign * mp.inf if (x == 0) == (exponent < 0) else mp.mpf(0)
    if x < 0 and exponent % 1 != 0:
        return mp.nan
    return x**exponent


def _nonnegative(function: Any, at_zero: Any, at_infinity: Any) -> Any:
    limits = {0.0: at_zero, INF: at_infinity, -INF: mp.nan}
    guarded = _guarded(function, limits)
    return lambda x: mp.nan if x < 0 else guarded(x)


def _bessel(order: int, x: Any) -> Any:
    return mp.besseli(order, x) * mp.exp(-abs(x))


def _bessel_ratio(x: Any) -> Any:
    return _bessel(1, x) / _bessel(0, x)


def _bessel_ratio_slope(x: Any) -> Any:
    if x == 0:
        return mp.mpf(0.5)
    if abs(x) > 1e20:
        return (1 + 0.5 / abs(x)) / (2 * x * x)
    with mp.workdps(150):
        ratio = _bessel_ratio(x)
        return 1 - ratio / x - ratio**2


def _log_ndtr(x: Any) -> Any:
    return mp.log1p(-mp.ncdf(-x)) if x > 0 else mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)


def _inverse_mills(x: Any) -> Any:
    return -x - 1 / x if x < -1e20 else mp.npdf(x) / mp.ncdf(x)


def _inverse_mills_sum(x: Any) -> Any:
    if x < -1e20:
        return -1 / x
    with mp.workdps(150):
        return x + _inverse_mills(x)


def _log_rising(r: Any, y: Any) -> Any:
    if y == 0:
        return mp.mpf(0)
    if r == 0:
        return -mp.inf
    if mp.isinf(r) or mp.isinf(y):
        return mp.inf
    with mp.workdps(150):
        return mp.loggamma(r + y) - mp.loggamma(r)


def _polygamma_difference(order: int, r: Any, y: Any) -> Any:
    if y == 0 or mp.isinf(r):
        return mp.mpf(0)
    if r == 0 or (mp.isinf(y) and order == 0):
        return -mp.inf if order else mp.inf
    with mp.workdps(150):
        above = 0 if mp.isinf(y) else mp.psi(order, r + y)
        return above - mp.psi(order, r)


def _log_beta(a: Any, b: Any) -> Any:
    a, b = min(a, b), max(a, b)
    if a == 0:
        return mp.nan if mp.isinf(b) else mp.inf
    if mp.isinf(b):
        return -mp.inf
    with mp.workdps(150):
        return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


WORDS = {
    "absolute": abs,
    "at_least": lambda x, bound: max(x, mp.mpf(bound)),
    "bessel_ratio": _guarded(_bessel_ratio, {-INF: mp.mpf(-1), INF: mp.mpf(1)}),
    "bessel_ratio_slope": _guarded(_bessel_ratio_slope, {-INF: mp.mpf(0), INF: mp.mpf(0)}),
    "centred_sigmoid": lambda x: mp.tanh(x / 2) / 2,
    "cos": _guarded(mp.cos, {-INF: mp.nan, INF: mp.nan}),
    "difference": lambda a, b: mp.mpf(0) if a == b else a - b,
    "digamma": _nonnegative(mp.digamma, -mp.inf, mp.inf),
    "digamma_difference": lambda r, y: _polygamma_difference(0, r, y),
    "erf": mp.erf,
    "erfc": mp.erfc,
    "exp": _guarded(mp.exp, {-INF: mp.mpf(0), INF: mp.inf}),
    "expm1": _guarded(mp.expm1, {-INF: mp.mpf(-1), INF: mp.inf}),
    "gaussian": _guarded(lambda x: mp.exp(-(x**2)), {-INF: mp.mpf(0), INF: mp.mpf(0)}),
    "i0e": _guarded(lambda x: _bessel(0, x), {-INF: mp.mpf(0), INF: mp.mpf(0)}),
    "i1e": _guarded(lambda x: _bessel(1, x), {-INF: mp.mpf(0), INF: mp.mpf(0)}),
    "inverse_mills": _guarded(_inverse_mills, {-INF: mp.inf, INF: mp.mpf(0)}),
    "inverse_mills_sum": _guarded(_inverse_mills_sum, {-INF: mp.mpf(0), INF: mp.inf}),
    "log": _guarded(mp.log, {0.0: -mp.inf, INF: mp.inf}),
    "log1p": _guarded(mp.log1p, {-1.0: -mp.inf, INF: mp.inf}),
    "log_beta": _log_beta,
    "log_gamma": _nonnegative(mp.loggamma, mp.inf, mp.inf),
    "log_i0": _guarded(lambda x: mp.log(mp.besseli(0, x)), {-INF: mp.inf, INF: mp.inf}),
    "log_ndtr": _guarded(_log_ndtr, {-INF: -mp.inf, INF: mp.mpf(0)}),
    "log_rising": _log_rising,
    "maximum": lambda a, b: max(a, mp.mpf(b)),
    "minimum": lambda a, b: min(a, mp.mpf(b)),
    "power": _power,
    "sigmoid": _guarded(lambda x: 1 / (1 + mp.exp(-x)), {-INF: mp.mpf(0), INF: mp.mpf(1)}),
    "sin": _guarded(mp.sin, {-INF: mp.nan, INF: mp.nan}),
    "softplus": _guarded(lambda x: mp.log1p(mp.exp(x)), {-INF: mp.mpf(0), INF: mp.inf}),
    "sqrt": lambda x: mp.nan if x < 0 else mp.sqrt(x),
    "tanh": _guarded(mp.tanh, {-INF: mp.mpf(-1), INF: mp.mpf(1)}),
    "trigamma": _nonnegative(lambda x: mp.psi(1, x), mp.inf, mp.mpf(0)),
    "trigamma_difference": lambda r, y: _polygamma_difference(1, r, y),
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


def _laplace(mean: Any, scale: Any) -> Any:
    return SimpleNamespace(log_prob=lambda y: -abs(y - mean) / scale - mp.log(2 * scale))


def _asymmetric_laplace(quantile: Any, level: Any) -> Any:
    def log_prob(y: Any) -> Any:
        check = (y - quantile) * (level if y > quantile else level - 1)
        return mp.log(level * (1 - level)) - check

    return SimpleNamespace(log_prob=log_prob)


def _gamma(shape: Any, rate: Any) -> Any:
    def log_prob(y: Any) -> Any:
        return mp.log(rate**shape * y ** (shape - 1) / mp.gamma(shape)) - rate * y

    return SimpleNamespace(log_prob=log_prob)


def _huber(mean: Any, delta: Any) -> Any:
    def unscaled(error: Any) -> Any:
        return error**2 / 2 if abs(error) < delta else delta * (abs(error) - delta / 2)

    ends = [-mp.inf, -delta, 0, delta, mp.inf]
    area = mp.quad(lambda error: mp.exp(-unscaled(error)), ends)
    return SimpleNamespace(log_prob=lambda y: -unscaled(y - mean) - mp.log(area))


def _logistic_interval(lower: Any, upper: Any) -> Any:
    """Bring the sigmoids to a common denominator, whose difference is not of numbers near 1."""
    low, high = mp.exp(min(lower, upper)), mp.exp(max(lower, upper))
    whole = (1 + low) * (1 + high)
    parts = {1: (high - low) / whole, 0: (1 + 2 * low + low * high) / whole}
    return SimpleNamespace(log_prob=lambda y: mp.log(parts[int(y)]))


def _negative_binomial(count: Any, logits: Any) -> Any:
    def log_prob(y: Any) -> Any:
        ways = mp.gamma(y + count) / mp.gamma(count) / mp.gamma(y + 1)
        yes, no = 1 / (1 + mp.exp(-logits)), 1 / (1 + mp.exp(logits))
        return mp.log(ways) + y * mp.log(yes) + count * mp.log(no)

    return SimpleNamespace(log_prob=log_prob)


def _poisson(rate: Any) -> Any:
    return SimpleNamespace(log_prob=lambda y: y * mp.log(rate) - rate - mp.log(mp.gamma(y + 1)))


def _signed(logit: Any) -> Any:
    return SimpleNamespace(log_prob=lambda y: -mp.log(1 + mp.exp(-y * logit)))


DISTRIBUTIONS = SimpleNamespace(
    AsymmetricLaplace=_asymmetric_laplace,
    Bernoulli=_bernoulli,
    Categorical=_categorical,
    Gamma=_gamma,
    Huber=_huber,
    Laplace=_laplace,
    LogisticInterval=_logistic_interval,
    LogShare=lambda log_p: SimpleNamespace(log_prob=lambda y: mp.exp(y) * log_p),
    NegativeBinomial=_negative_binomial,
    Normal=_normal,
    Poisson=_poisson,
    Share=lambda log_p: SimpleNamespace(log_prob=lambda y: y * log_p),
    SignedBernoulli=_signed,
)


def formula(likelihood: type[Likelihood], fact: str) -> Any:
    """Return one of a declaration's formulas, computing in sixty digits."""
    return bind(getattr(likelihood, fact), WORDS, mp.mpf)


def log_prob(likelihood: type[Likelihood], *inputs: Any) -> Any:
    """Return the log-probability function of the declared distribution, in sixty digits."""
    words = WORDS | {"distributions": DISTRIBUTIONS}
    return bind(likelihood.distribution, words, mp.mpf)(*inputs).log_prob


INTEGERS = range(200)  # far above any rate in the tests


def total(support: Support, f: Any, kinks: list[Any]) -> Any:
    """Return the sum of f over the support of a target that is yes or no, a count, or real."""
    if support.points is not None:
        points = INTEGERS if support.points == "integers" else support.points
        return sum(f(mp.mpf(y)) for y in points)
    if support is positive:
        return mp.quad(f, [0, 1, 10, 100, mp.inf])
    inner = sorted({k + side for k in kinks for side in (0, -40, 40)})
    return mp.quad(f, [-mp.inf, *inner, mp.inf])


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

"""The formulas and the distributions in sixty digits: what every other reading is held against."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mpmath as mp
import numpy as np

from neglog.likelihood import Likelihood
from neglog.primitives.binding import bind
from neglog.primitives.digits import INF
from neglog.primitives.digits import VOCABULARY as WORDS
from neglog.support import Support, open_unit_interval, positive

mp.mp.dps = 60


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


def _asymmetric_normal(expectile: Any, level: Any) -> Any:
    def unscaled(error: Any) -> Any:
        return error**2 * (level if error > 0 else 1 - level)

    area = mp.quad(lambda error: mp.exp(-unscaled(error)), [-mp.inf, 0, mp.inf])
    return SimpleNamespace(log_prob=lambda y: -unscaled(y - expectile) - mp.log(area))


def _hyperbolic_secant(mean: Any) -> Any:
    return SimpleNamespace(log_prob=lambda y: -mp.log(mp.pi * mp.cosh(y - mean)))


def _inverse_gaussian(mean: Any, shape: Any) -> Any:
    def log_prob(y: Any) -> Any:
        scale = mp.sqrt(shape / (2 * mp.pi * y**3))
        return mp.log(scale) - shape * (y - mean) ** 2 / (2 * mean**2 * y)

    return SimpleNamespace(log_prob=log_prob)


def _log_normal(location: Any, scale: Any) -> Any:
    log_prob = _normal(location, scale).log_prob
    return SimpleNamespace(log_prob=lambda y: log_prob(mp.log(y)) - mp.log(y))


def _student_t(df: Any, location: Any, scale: Any) -> Any:
    def log_prob(y: Any) -> Any:
        area = mp.gamma(df / 2) * mp.sqrt(df * mp.pi) * scale / mp.gamma((df + 1) / 2)
        return -(df + 1) / 2 * mp.log(1 + ((y - location) / scale) ** 2 / df) - mp.log(area)

    return SimpleNamespace(log_prob=log_prob)


def _beta(one: Any, zero: Any) -> Any:
    def log_prob(y: Any) -> Any:
        return (one - 1) * mp.log(y) + (zero - 1) * mp.log1p(-y) - mp.log(mp.beta(one, zero))

    return SimpleNamespace(log_prob=log_prob)


def _von_mises(loc: Any, concentration: Any) -> Any:
    def log_prob(y: Any) -> Any:
        area = mp.log(2 * mp.pi * mp.besseli(0, concentration))
        return concentration * mp.cos(y - loc) - area

    return SimpleNamespace(log_prob=log_prob)


def _zero_inflated(count: Any, zi_logits: Any) -> Any:
    extra = 1 / (1 + mp.exp(-zi_logits))

    def log_prob(y: Any) -> Any:
        return mp.log((extra if y == 0 else 0) + mp.exp(count.log_prob(y)) * (1 - extra))

    return SimpleNamespace(log_prob=log_prob)


def _poisson_hurdle(rate: Any, zero_logits: Any) -> Any:
    zero = 1 / (1 + mp.exp(-zero_logits))

    def log_prob(y: Any) -> Any:
        if y == 0:
            return mp.log(zero)
        return mp.log(1 - zero) + _poisson(rate).log_prob(y) - mp.log(-mp.expm1(-rate))

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
    AsymmetricNormal=_asymmetric_normal,
    Bernoulli=_bernoulli,
    Beta=_beta,
    Categorical=_categorical,
    Gamma=_gamma,
    Huber=_huber,
    HyperbolicSecant=_hyperbolic_secant,
    InverseGaussian=_inverse_gaussian,
    Laplace=_laplace,
    LogisticInterval=_logistic_interval,
    LogNormal=_log_normal,
    LogShare=lambda log_p: SimpleNamespace(log_prob=lambda y: mp.exp(y) * log_p),
    NegativeBinomial=_negative_binomial,
    Normal=_normal,
    Poisson=_poisson,
    PoissonHurdle=_poisson_hurdle,
    Share=lambda log_p: SimpleNamespace(log_prob=lambda y: y * log_p),
    SignedBernoulli=_signed,
    StudentT=_student_t,
    VonMises=_von_mises,
    ZeroInflated=_zero_inflated,
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
    if support is open_unit_interval:
        with mp.workdps(25):  # sixty digits of special functions would take minutes
            ends = [*(mp.mpf(10) ** -k for k in (40, 20, 10, 5, 2)), 0.75]
            ends += [1 - mp.mpf(10) ** -k for k in (5, 12)]  # as floats, others are 1
            return mp.quad(f, ends)
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

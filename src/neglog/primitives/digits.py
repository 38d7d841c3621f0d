"""The primitives in mpmath: as many digits as its precision is set to, limits at infinity."""

from __future__ import annotations

from typing import Any

import mpmath as mp


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
    with mp.workdps(mp.mp.dps + 90):
        ratio = _bessel_ratio(x)
        return 1 - ratio / x - ratio**2


def _log_i0(x: Any) -> Any:
    return x * x / 4 if abs(x) < 1e-20 else mp.log(mp.besseli(0, x))


def _erfc(x: Any) -> Any:
    return mp.erfc(min(x, mp.mpf(1000)))  # mpmath fails far above


def _log_ndtr(x: Any) -> Any:
    half = _erfc(abs(x) / mp.sqrt(2)) / 2
    return mp.log1p(-half) if x > 0 else mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)


def _inverse_mills(x: Any) -> Any:
    return -x - 1 / x if x < -1e20 else mp.npdf(x) / mp.ncdf(x)


def _inverse_mills_sum(x: Any) -> Any:
    if x < -1e20:
        return -1 / x
    with mp.workdps(mp.mp.dps + 90):
        return x + _inverse_mills(x)


def _digits(r: Any, y: Any) -> int:
    """Return how many digits a difference over y requires to keep those that are set."""
    more = 140 if mp.isinf(y) else 20 + 3 * max(0, -int(mp.log10(abs(y / r))))
    return int(mp.mp.dps) + more


_TINY = mp.mpf(10) ** -100
"""Of a ratio to this, the first term of a series suffices."""


def _log_rising(r: Any, y: Any) -> Any:
    if y == 0:
        return mp.mpf(0)
    if r == 0:
        return -mp.inf
    if mp.isinf(r) or mp.isinf(y):
        return mp.inf
    if abs(y) < _TINY * r:
        return y * (mp.log(r) if r > 1 / _TINY else mp.psi(0, r))
    with mp.workdps(_digits(r, y)):
        return mp.loggamma(r + y) - mp.loggamma(r)


def _polygamma_difference(order: int, r: Any, y: Any) -> Any:
    if y == 0 or mp.isinf(r):
        return mp.mpf(0)
    if r == 0 or (mp.isinf(y) and order == 0):
        return -mp.inf if order else mp.inf
    if abs(y) < _TINY * r:
        return y * mp.psi(order + 1, r)
    with mp.workdps(_digits(r, y)):
        above = 0 if mp.isinf(y) else mp.psi(order, r + y)
        return above - mp.psi(order, r)


def _log_beta(a: Any, b: Any) -> Any:
    a, b = min(a, b), max(a, b)
    if a == 0:
        return mp.nan if mp.isinf(b) else mp.inf
    if mp.isinf(b):
        return -mp.inf
    if a < _TINY * b:
        return mp.loggamma(a) - a * (mp.log(b) if b > 1 / _TINY else mp.psi(0, b))
    with mp.workdps(_digits(b, a)):
        return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


VOCABULARY: dict[str, Any] = {
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
    "erfc": _erfc,
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
    "log_i0": _guarded(_log_i0, {-INF: mp.inf, INF: mp.inf}),
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


class Real:
    """A number of mpmath that divides by 0 as floats do: an unused branch of a `where` may."""

    def __init__(self, value: Any) -> None:
        self.value = mp.mpf(value)

    def __add__(self, other):
        return Real(self.value + plain(other))

    def __radd__(self, other):
        return Real(plain(other) + self.value)

    def __sub__(self, other):
        return Real(self.value - plain(other))

    def __rsub__(self, other):
        return Real(plain(other) - self.value)

    def __mul__(self, other):
        return Real(self.value * plain(other))

    def __rmul__(self, other):
        return Real(plain(other) * self.value)

    def __truediv__(self, other):
        return Real(_quotient(self.value, plain(other)))

    def __rtruediv__(self, other):
        return Real(_quotient(mp.mpf(plain(other)), self.value))

    def __neg__(self):
        return Real(-self.value)

    def __lt__(self, other):
        return self.value < plain(other)

    def __le__(self, other):
        return self.value <= plain(other)

    def __gt__(self, other):
        return self.value > plain(other)

    def __ge__(self, other):
        return self.value >= plain(other)

    def __eq__(self, other):
        return self.value == plain(other)

    def __ne__(self, other):
        return self.value != plain(other)

    def __hash__(self):
        return hash(self.value)


def plain(value: Any) -> Any:
    """Return the number of mpmath that a `Real` holds; anything else is returned unchanged."""
    return value.value if isinstance(value, Real) else value


def _quotient(a: Any, b: Any) -> Any:
    if b != 0:
        return a / b
    return mp.nan if a == 0 or mp.isnan(a) else mp.sign(a) * mp.inf


def dividing_by_zero(name: str) -> Any:
    """Return a primitive that takes and returns `Real`s; NaN at a pole that mpmath refuses."""

    def call(*operands):
        try:
            found = VOCABULARY[name](*map(plain, operands))
        except (ValueError, ZeroDivisionError):
            found = mp.nan
        return Real(found)

    return call

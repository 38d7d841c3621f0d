"""The primitives in NumPy's `longdouble`, which on most CPUs has a far wider range than float64.

The special functions are exact to float64's digits: the wider range matters here.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import torch

from neglog.primitives import reference
from neglog.primitives.binding import bind

real = np.longdouble


def _at_least(x: Any, bound: Any) -> Any:
    return np.where(x < bound, bound, x)


def _sigmoid(x: Any) -> Any:
    power = np.exp(-np.abs(x))
    return np.where(x > 0, real(1), power) / (1 + power)


def _by_float64(name: str) -> Callable[[Any], Any]:
    """Return a function of torch, which underflows to 0 and overflows to ∞ as float64 does."""
    function = getattr(reference, name)

    def compute(x: Any) -> Any:
        found = function(torch.as_tensor(np.asarray(x, np.float64))).numpy().astype(real)
        return found if np.ndim(x) else found[()]

    return compute


def _far(name: str, bound: float, formula: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of torch up to a size of x, and an asymptotic formula beyond."""
    near = _by_float64(name)
    return lambda x: np.where(np.abs(x) > bound, formula(x), near(x))


def _log_ndtr(x: Any) -> Any:
    below = -x * x / 2 - np.log(-x * real(2.5066282746310005)) - 1 / (x * x)
    return np.where(x < -1e5, below, _by_float64("log_ndtr")(x))


def _inverse_mills(x: Any) -> Any:
    return np.where(x < -1e10, -x, _by_float64("inverse_mills")(x))


def _inverse_mills_sum(x: Any) -> Any:
    return np.where(x < -1e10, -1 / x, _by_float64("inverse_mills_sum")(x))


def _scaled_bessel(x: Any) -> Any:
    return 1 / np.sqrt(real(6.283185307179586) * np.abs(x))


def _difference(a: Any, b: Any) -> Any:
    gap = a - b
    return np.where((a == b) & (gap != gap), real(0), gap)


def _stepped(name: str) -> FunctionType:
    """Return a function that the reference computes by steps up to Stirling's formula."""
    names = vars(reference) | {"log": np.log, "log1p": np.log1p, "where": np.where}
    names["_tensors"] = lambda *numbers: numbers
    for part in ("_stirling", "_digamma_tail", "_trigamma_tail", "trigamma"):
        names[part] = bind(names[part], names, real)
    return bind(names[name], names, real)


def _log_gamma(x: Any) -> Any:
    s = x + 10
    stirling = bind(reference._stirling, vars(reference), real)
    total = (s - 0.5) * np.log(s) - s + real(0.9189385332046727) + stirling(s)
    for step in range(10):
        total = total - np.log(x + step)
    return np.where(x == np.inf, x, total)


def _digamma(x: Any) -> Any:
    s = x + 10
    total = np.log(s) - 0.5 / s - bind(reference._digamma_tail, vars(reference), real)(s)
    for step in range(10):
        total = total - 1 / (x + step)
    return np.where(x < 0, np.nan, total)


def _log_beta(a: Any, b: Any) -> Any:
    smaller, larger = np.minimum(a, b), np.maximum(a, b)
    return _log_gamma(smaller) - _stepped("log_rising")(larger, smaller)


VOCABULARY: dict[str, Any] = {
    "absolute": np.abs,
    "at_least": _at_least,
    "bessel_ratio": _by_float64("bessel_ratio"),
    "bessel_ratio_slope": _far("bessel_ratio_slope", 1e15, lambda x: 0.5 / x / x),
    "centred_sigmoid": lambda x: np.tanh(x / 2) / 2,
    "cos": np.cos,
    "difference": _difference,
    "digamma": _digamma,
    "digamma_difference": _stepped("digamma_difference"),
    "erf": _by_float64("erf"),
    "erfc": _by_float64("erfc"),
    "exp": np.exp,
    "expm1": np.expm1,
    "gaussian": lambda x: np.exp(-x * x),
    "i0e": _far("i0e", 1e15, _scaled_bessel),
    "i1e": _far("i1e", 1e15, lambda x: np.sign(x) * _scaled_bessel(x)),
    "inverse_mills": _inverse_mills,
    "inverse_mills_sum": _inverse_mills_sum,
    "log": np.log,
    "log1p": np.log1p,
    "log_beta": _log_beta,
    "log_gamma": _log_gamma,
    "log_i0": _far("log_i0", 1e15, lambda x: np.abs(x) + np.log(_scaled_bessel(x))),
    "log_ndtr": _log_ndtr,
    "log_rising": _stepped("log_rising"),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "power": np.power,
    "sigmoid": _sigmoid,
    "sin": np.sin,
    "softplus": lambda x: np.logaddexp(real(0), x),
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "trigamma": _stepped("trigamma"),
    "trigamma_difference": _stepped("trigamma_difference"),
    "where": np.where,
}


def extended(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Return a formula that computes in `longdouble`; infinities and NaN pass without a warning."""
    bound = bind(formula, VOCABULARY, real)

    def compute(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return bound(*arguments)

    return compute

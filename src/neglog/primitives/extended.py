"""The primitives in NumPy's `longdouble`, which on most CPUs has a far wider range than float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neglog.primitives.binding import bind

real = np.longdouble


def _at_least(x: Any, bound: Any) -> Any:
    return np.where(x < bound, bound, x)


def _sigmoid(x: Any) -> Any:
    power = np.exp(-np.abs(x))
    return np.where(x > 0, real(1), power) / (1 + power)


VOCABULARY: dict[str, Any] = {
    "absolute": np.abs,
    "at_least": _at_least,
    "centred_sigmoid": lambda x: np.tanh(x / 2) / 2,
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "sigmoid": _sigmoid,
    "softplus": lambda x: np.logaddexp(real(0), x),
    "where": np.where,
}


def extended(formula: Callable[..., Any]) -> Callable[..., Any]:
    """Return a formula that computes in `longdouble`; infinities and NaN pass without a warning."""
    bound = bind(formula, VOCABULARY, real)

    def compute(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return bound(*arguments)

    return compute

"""The primitives compiled by Numba, in float32 and float64; see `arithmetic`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from neglog.primitives import arithmetic, formats
from neglog.primitives.binding import bind
from neglog.primitives.bits import (
    JIT,
    at_least,
    bits_of,
    divided,
    evaluated,
    float_of,
    square_root,
    where,
)
from neglog.primitives.polynomials import coefficients

_CHOICES: dict[str, Any] = {
    "absolute": abs,
    "at_least": at_least,
    "where": where,
}
_BITS: dict[str, Any] = {"bits_of": bits_of, "float_of": float_of, "square_root": square_root}


@cache
def vocabulary(real: Any) -> dict[str, Any]:
    """Return the primitives that compute in float32 or in float64."""
    return arithmetic.vocabulary(_Compiler(real))


@cache
def power(real: Any) -> Any:
    """Return the function e^(z − top), for top ≥ z."""
    return arithmetic.power(_Compiler(real))


@cache
def near_vocabulary() -> dict[str, Any]:
    """Return the primitives that compute in float64 for results rounded to float32."""
    return arithmetic.near_vocabulary(_Compiler(np.float64))


class _Compiler:
    """Numba, for one float type."""

    choices = _CHOICES

    def __init__(self, real: Any) -> None:
        self.format = formats.FORMATS[real]
        self._names = _CHOICES | _BITS | {"real": real, "whole": self.format.whole}
        self._names |= {"narrow": np.float32, "widen": np.float64}

    @property
    def wide(self) -> _Compiler:
        """Return the compiler that computes in float64."""
        return _Compiler(np.float64)

    def word(self, function: Callable[..., Any]) -> Any:
        """Compile a primitive whose constants have the float type."""
        return njit(bind(function, self._names, self.format.real), **JIT)

    def polynomial(
        self, function: Callable[[Decimal], Decimal], low: float, high: float, degree: int
    ) -> Any:
        """Return a primitive: the polynomial that approximates the function on an interval."""
        return evaluated(coefficients(function, low, high, degree))

    def tabulated(self, coefficients: Sequence[float]) -> Any:
        """Return a primitive: the polynomial with coefficients."""
        return evaluated(list(coefficients))

    def divided_polynomial(self, coefficients: Sequence[float]) -> Any:
        """Return a primitive: (P(x) − P(y)) / (x − y) of the polynomial P with coefficients."""
        return divided(list(coefficients))

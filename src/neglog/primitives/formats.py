"""The float types that primitives are compiled for, and what a backend offers to compile them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Format:
    """A float type: the layout of its bits, and the degrees of its polynomials.

    Attributes:
        real: the type.
        whole: the integer type of the same width.
        ln2_high: ln 2 with few enough digits that its product with an exponent is exact.
        highest: above it, `exp` is ∞.
        lowest: below it, `exp` is 0.
        exp_degree, log_degree, softplus_degree, centred_degree: of the polynomials.
    """

    real: Any
    whole: Any
    ln2_high: float
    highest: float
    lowest: float
    exp_degree: int
    log_degree: int
    softplus_degree: int
    centred_degree: int

    @property
    def mantissa(self) -> int:
        """Return the number of bits of the mantissa."""
        return int(np.finfo(self.real).nmant)

    @property
    def bias(self) -> int:
        """Return the exponent bias."""
        return 1 - int(np.finfo(self.real).minexp)

    @property
    def ln2_low(self) -> float:
        """Return ln 2 − `ln2_high`."""
        return float(Decimal(2).ln() - Decimal(self.ln2_high))

    def bits(self, number: float) -> int:
        """Return a number's bits as an integer."""
        return int(self.real(number).view(self.whole))


FORMATS: dict[Any, Format] = {
    np.float32: Format(np.float32, np.int32, 0.693359375, 90.0, -105.0, 4, 7, 4, 5),
    np.float64: Format(np.float64, np.int64, 0.6931471803691238, 710.0, -746.0, 10, 19, 10, 10),
}


class Compiler(Protocol):
    """A backend that compiles primitives in one float type."""

    @property
    def format(self) -> Format:
        """Return the float type."""

    @property
    def wide(self) -> Compiler:
        """Return the compiler that computes in float64."""

    @property
    def choices(self) -> dict[str, Any]:
        """Return the non-arithmetic primitives: `absolute`, `at_least` and `where`."""

    def word(self, function: Callable[..., Any]) -> Any:
        """Compile a primitive whose constants have the float type."""

    def polynomial(
        self, function: Callable[[Decimal], Decimal], low: float, high: float, degree: int
    ) -> Any:
        """Return a primitive: the polynomial that approximates a function on an interval."""

    def divided_polynomial(self, coefficients: Sequence[float]) -> Any:
        """Return a primitive: (P(x) − P(y)) / (x − y) of the polynomial P with coefficients."""

    def tabulated(self, coefficients: Sequence[float]) -> Any:
        """Return a primitive: the polynomial with coefficients."""

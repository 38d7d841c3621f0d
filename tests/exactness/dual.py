"""Numbers of mpmath that carry their derivatives, and the functions of textbook formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp


class Dual:
    """A number and its derivatives, by the places of the numbers that it depends on."""

    def __init__(self, value: Any, slopes: dict[int, Any]) -> None:
        self.value, self.slopes = value, slopes

    def chain(self, value: Any, slope: Any) -> Dual:
        """Return a function of this number: its value and its derivative."""
        return Dual(value, {place: slope * own for place, own in self.slopes.items()})

    def __add__(self, other: Any) -> Dual:
        slopes = dict(self.slopes)
        for place, slope in slopes_of(other).items():
            slopes[place] = slopes.get(place, 0) + slope
        return Dual(self.value + value_of(other), slopes)

    def __mul__(self, other: Any) -> Dual:
        if not isinstance(other, Dual):
            return self.chain(self.value * other, other)
        product = self.value * other.value
        return self.chain(product, other.value) + other.chain(0, self.value)

    def __truediv__(self, other: Any) -> Dual:
        return self * power(other, -1)

    def __neg__(self) -> Dual:
        return self.chain(-self.value, -1)

    def __sub__(self, other: Any) -> Dual:
        return self + -other

    def __rsub__(self, other: Any) -> Dual:
        return -self + other

    def __rtruediv__(self, other: Any) -> Dual:
        return power(self, -1) * other

    __radd__, __rmul__ = __add__, __mul__


def value_of(number: Any) -> Any:
    """Return a number without its derivatives."""
    return number.value if isinstance(number, Dual) else number


def slopes_of(number: Any) -> dict[int, Any]:
    """Return the derivatives of a number."""
    return number.slopes if isinstance(number, Dual) else {}


def function_of(
    value: Callable[[Any], Any], slope: Callable[[Any, Any], Any]
) -> Callable[..., Any]:
    """Return a function of numbers of either kind; the slope takes the number and the value."""

    def function(number: Any) -> Any:
        found = value(value_of(number))
        return number.chain(found, slope(number.value, found)) if _is_dual(number) else found

    return function


def _is_dual(number: Any) -> bool:
    return isinstance(number, Dual)


exp = function_of(mp.exp, lambda x, e: e)
log = function_of(mp.log, lambda x, _: 1 / x)
log1p = function_of(mp.log1p, lambda x, _: 1 / (1 + x))
sqrt = function_of(mp.sqrt, lambda x, root: 1 / (2 * root))
cos = function_of(mp.cos, lambda x, _: -mp.sin(x))
cosh = function_of(mp.cosh, lambda x, _: mp.sinh(x))
erf = function_of(mp.erf, lambda x, _: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x))
absolute = function_of(abs, lambda x, _: mp.sign(x))
hinge = function_of(lambda x: max(x, 0), lambda x, _: mp.mpf(x > 0))
log_gamma = function_of(mp.loggamma, lambda x, _: mp.digamma(x))
normal = function_of(mp.ncdf, lambda z, _: mp.npdf(z))
bessel = function_of(lambda x: mp.besseli(0, x), lambda x, _: mp.besseli(1, x))


def power(number: Any, exponent: Any) -> Any:
    """Return a power, of which only the base has derivatives."""
    base = value_of(number)
    found = base**exponent
    return number.chain(found, exponent * base ** (exponent - 1)) if _is_dual(number) else found


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e⁻ˣ)."""
    return 1 / (1 + exp(-x))


def softplus(x: Any) -> Any:
    """Return −ln σ(−x)."""
    return log(1 + exp(x))

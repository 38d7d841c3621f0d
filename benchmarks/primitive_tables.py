"""Write `src/neglog/primitives/tables.py`: polynomials that approximate special functions.

``python benchmarks/primitive_tables.py`` interpolates each function of `FUNCTIONS` at Chebyshev
points, in fifty digits, with the lowest degree whose relative error is below the stated one.
`tests/test_primitives.py` compares the stored coefficients with the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mpmath import mp

mp.dps = 50
ROOT = "1.4616321449683623412626595423257213284681962"  # of the digamma function
Function = Callable[[Any], Any]


class Table(NamedTuple):
    """A function on an interval, and the binary logarithm of the polynomial's relative error."""

    function: Function
    low: Any
    high: Any
    bits: int = -54


def _at_zero(function: Function, limit: Any) -> Function:
    return lambda t: mp.mpf(limit) if abs(t) < mp.mpf(10) ** -14 else function(t)


def _of_root(function: Function, limit: Any) -> Function:
    return _at_zero(lambda t: function(mp.sqrt(t)), limit)


def _scaled_erfc(x: Any) -> Any:
    """Return e^(x²) erfc(x)."""
    if x < 50:
        return mp.exp(x * x) * mp.erfc(x)
    terms = (mp.fac2(2 * k - 1) * (-1) ** k / (2 * x * x) ** k for k in range(12))
    return sum(terms) / (x * mp.sqrt(mp.pi))


def _mills_sum(t: Any) -> Any:
    """Return φ(−t) / Φ(−t) − t."""
    if t > 1e6:
        return 1 / t
    with mp.workdps(90):
        return mp.sqrt(2 / mp.pi) / _scaled_erfc(t / mp.sqrt(2)) - t


def _folded(function: Function, limit: Any) -> Function:
    """Return a function of x ≥ 0 as one of (x − 4) / (x + 4)."""
    return lambda q: limit if q > 1 - mp.mpf(10) ** -15 else function(4 * (1 + q) / (1 - q))


def _of_inverse_square(function: Function, limit: Any) -> Function:
    def of(w: Any) -> Any:
        with mp.workdps(80):
            return mp.mpf(limit) if w < mp.mpf(10) ** -8 else function(1 / mp.sqrt(w))

    return of


def _stirling(x: Any) -> Any:
    return x * (mp.loggamma(x) - (x - 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def _scaled_bessel(order: int) -> Function:
    """Return √x e^(−x) I(x)."""

    def of(x: Any) -> Any:
        if x < 120:
            return mp.besseli(order, x) * mp.exp(-x) * mp.sqrt(x)
        total, term = mp.mpf(0), mp.mpf(1)
        for k in range(45):
            total += term
            term *= -(4 * order**2 - (2 * k + 1) ** 2) / ((k + 1) * 8 * x)
        return total / mp.sqrt(2 * mp.pi)

    return of


def _slope(x: Any) -> Any:
    """Return x² A′(x) of the ratio A = I₁ / I₀."""
    if x > 1e12:
        return mp.mpf(0.5)
    with mp.workdps(80):
        ratio = _scaled_bessel(1)(x) / _scaled_bessel(0)(x)
        return (1 - ratio / x - ratio**2) * x * x


def _slope_numerator(x: Any) -> Any:
    """Return A′(x) I₀(x)²."""
    zero, one = mp.besseli(0, x), mp.besseli(1, x)
    return zero**2 - one**2 - zero * one / x


def _of_inverse(function: Function) -> Function:
    return lambda t: function(1 / max(t, mp.mpf(10) ** -30))


def _ratio(x: Any) -> Any:
    return _scaled_bessel(1)(x) / _scaled_bessel(0)(x)


_TWO = 0.26  # just above 1 / 2²: at its ends, the derivative of a polynomial is least exact
_PI_4 = 0.7854**2
_BESSEL = 100.0, mp.mpf(1) / 10  # the square of where the near ones end, and its inverse root
_FAR_SLOPE = 225.0, mp.mpf(1) / 15  # where the polynomial of the inverse is well-conditioned
FUNCTIONS = {
    "SINE": Table(_of_root(lambda x: (mp.sin(x) - x) / x**3, -1 / mp.mpf(6)), 0, _PI_4, -50),
    "COSINE": Table(
        _of_root(lambda x: (mp.cos(x) - 1 + x * x / 2) / x**4, 1 / mp.mpf(24)), 0, _PI_4, -48
    ),
    "INVERSE_TANH": Table(
        _of_root(lambda s: (mp.atanh(s) - s - s**3 / 3) * 2 / s**5, mp.mpf(2) / 5), 0, 0.0401, -50
    ),
    "ERF": Table(_of_root(lambda x: mp.erf(x) / x, 2 / mp.sqrt(mp.pi)), 0, 1),
    "SCALED_ERFC": Table(
        _folded(lambda x: (1 + 2 * x) * _scaled_erfc(x), 2 / mp.sqrt(mp.pi)), -1, 1
    ),
    "MILLS_SUM": Table(_folded(lambda t: (1 + t) * _mills_sum(t), mp.mpf(1)), -1, 1),
    "LOG_GAMMA_ONE": Table(_at_zero(lambda z: mp.loggamma(1 + z) / z, -mp.euler), -0.3, 0.7),
    "LOG_GAMMA_TWO": Table(_at_zero(lambda z: mp.loggamma(2 + z) / z, 1 - mp.euler), -0.6, 1),
    "STIRLING": Table(_of_inverse_square(_stirling, mp.mpf(1) / 12), 0, _TWO),
    "DIGAMMA_ROOT": Table(
        _at_zero(lambda u: mp.digamma(mp.mpf(ROOT) + u) / u, mp.psi(1, mp.mpf(ROOT))),
        1 - mp.mpf(ROOT),
        2 - mp.mpf(ROOT),
    ),
    "DIGAMMA_TAIL": Table(
        _of_inverse_square(
            lambda x: x * x * (mp.log(x) - 1 / (2 * x) - mp.digamma(x)), mp.mpf(1) / 12
        ),
        0,
        _TWO,
    ),
    "TRIGAMMA_TAIL": Table(
        _of_inverse_square(
            lambda x: x**3 * (mp.psi(1, x) - 1 / x - 1 / (2 * x * x)), mp.mpf(1) / 6
        ),
        0,
        _TWO,
    ),
    "BESSEL_ZERO": Table(_of_root(lambda x: mp.besseli(0, x), 1), 0, _BESSEL[0]),
    "BESSEL_ZERO_LESS_ONE": Table(
        _of_root(lambda x: (mp.besseli(0, x) - 1) / x**2, 0.25), 0, _BESSEL[0]
    ),
    "WIDE_BESSEL_ZERO": Table(_of_root(lambda x: mp.besseli(0, x), 1), 0, _FAR_SLOPE[0]),
    "BESSEL_ONE": Table(_of_root(lambda x: mp.besseli(1, x) / x, 0.5), 0, _BESSEL[0]),
    "BESSEL_SLOPE": Table(_of_root(_slope_numerator, 0.5), 0, _FAR_SLOPE[0]),
    "FAR_BESSEL_ZERO": Table(_of_inverse(_scaled_bessel(0)), 0, _BESSEL[1], -53),
    "FAR_BESSEL_ONE": Table(_of_inverse(_scaled_bessel(1)), 0, _BESSEL[1], -53),
    "FAR_BESSEL_RATIO": Table(_of_inverse(_ratio), 0, _BESSEL[1], -53),
    "FAR_BESSEL_SLOPE": Table(_of_inverse(_slope), 0, _FAR_SLOPE[1], -53),
}


def coefficients(table: Table) -> list[float]:
    """Return those of the lowest degree that is exact enough."""
    for degree in range(5, 40):
        found = interpolated(table, degree)
        if error(table, found) < mp.mpf(2) ** table.bits:
            return [float(c) for c in found]
    raise ValueError("no polynomial is exact enough")


def error(table: Table, found: list[Any], points: int = 60) -> Any:
    """Return the largest relative error of a polynomial."""
    low, width = mp.mpf(table.low), mp.mpf(table.high) - table.low
    angles = (mp.pi * (j + 0.37) / points for j in range(points))
    xs = [low + width * (1 - mp.cos(angle)) / 2 for angle in angles]
    return max(abs(mp.polyval(found[::-1], x) / table.function(x) - 1) for x in xs)


def interpolated(table: Table, degree: int) -> list[Any]:
    """Return c₀, c₁, … of the polynomial through the function's values at Chebyshev points."""
    low, width = mp.mpf(table.low), mp.mpf(table.high) - table.low
    angles = [mp.pi * (j + 0.5) / (degree + 1) for j in range(degree + 1)]
    points = [low + width * (1 + mp.cos(angle)) / 2 for angle in angles]
    found = [table.function(x) for x in points]
    for order in range(1, degree + 1):
        for j in range(degree, order - 1, -1):
            found[j] = (found[j] - found[j - 1]) / (points[j] - points[j - order])
    result = [found[-1]]
    for point, value in zip(points[-2::-1], found[-2::-1], strict=True):
        raised, same = [mp.mpf(0), *result], [*result, mp.mpf(0)]
        result = [a - point * b for a, b in zip(raised, same, strict=True)]
        result[0] += value
    return result


def main() -> None:
    """Write the module."""
    lines = ['"""Polynomials of `benchmarks/primitive_tables.py`, which writes this file."""', ""]
    for name, table in FUNCTIONS.items():
        found = coefficients(table)
        print(name, len(found) - 1, flush=True)
        lines += [f"{name} = (", *(f"    {c!r}," for c in found), ")"]
    file = Path(__file__).parents[1] / "src/neglog/primitives/tables.py"
    file.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

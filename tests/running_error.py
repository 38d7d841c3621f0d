"""How far rounding may take a formula: each number carries a bound of its own error.

The textbook's running error analysis (N. J. Higham, Accuracy and stability of numerical
algorithms, 2002, section 3.3): an operation passes its arguments' errors on and adds one rounding
of its own; a word adds three units in the last place, which `test_primitives.py` holds it to.
"""

from __future__ import annotations

from typing import Any

import limits
import oracle
from mpmath import mp

from neglog.primitives.binding import bind


class Rounded:
    """A number in sixty digits, and how far its rounded twin may be from it."""

    eps = mp.mpf(0)

    def __init__(self, value: Any, error: Any = 0) -> None:
        self.value, self.error = mp.mpf(value), mp.mpf(error)

    def rounded(self, value: Any, error: Any, units: float = 0.5) -> Rounded:
        return Rounded(value, error + units * self.eps * abs(value) + mp.mpf(10) ** -44)

    def __add__(self, other):
        return self.rounded(self.value + other.value, self.error + other.error)

    def __sub__(self, other):
        return self + -other

    def __neg__(self):
        return Rounded(-self.value, self.error)

    def __mul__(self, other):
        passed = abs(self.value) * other.error + abs(other.value) * self.error
        return self.rounded(self.value * other.value, passed + self.error * other.error)

    def __truediv__(self, other):
        if not other.value:  # in a branch that is not taken
            return Rounded(mp.nan)
        value = self.value / other.value
        return self.rounded(value, (self.error + abs(value) * other.error) / abs(other.value))

    def __lt__(self, other):
        return self.value < other.value

    def __le__(self, other):
        return self.value <= other.value

    def __gt__(self, other):
        return self.value > other.value

    def __eq__(self, other):
        return self.value == other.value


LARGEST = 10**5  # an exponential of more is out of every dtype, and soon of mpmath's memory


def _word(name: str, slope: Any, true: Any = None) -> Any:
    compute = true or oracle.WORDS[name]

    def word(x: Rounded) -> Rounded:
        return x.rounded(compute(x.value), abs(slope(x.value)) * x.error, units=3)

    return word


def _exponential(name: str) -> Any:
    word = _word(name, mp.exp)
    return lambda x: word(Rounded(min(max(x.value, -LARGEST), LARGEST), x.error))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _power(x: Rounded, exponent: Rounded) -> Rounded:
    if not x.value:
        return Rounded(mp.mpf(0) ** exponent.value)
    value = x.value**exponent.value
    passed = abs(value) * abs(exponent.value / x.value) * x.error
    return x.rounded(value, passed, units=3)


def _extreme(choose: Any) -> Any:
    return lambda a, b: choose(a, b, key=lambda x: x.value)


def _log_ndtr(x: Any) -> Any:
    return -limits.beyond(x)[0]


def _inverse_mills(x: Any) -> Any:
    return -limits.beyond(x)[1]


def _of_two(name: str, by_first: Any, by_second: Any) -> Any:
    """Return a function of two numbers, given its partial derivatives."""

    def word(a: Rounded, b: Rounded) -> Rounded:
        value = oracle.WORDS[name](a.value, b.value)
        if mp.isinf(value):
            return Rounded(value)
        passed = abs(by_first(a.value, b.value)) * a.error if a.error else 0
        passed += abs(by_second(a.value, b.value)) * b.error if b.error else 0
        # One that vanishes is exact to roundings of its terms.
        own = 4 * Rounded.eps * (1 + abs(mp.log(a.value))) if name in VANISHING else 0
        return a.rounded(value, passed + own, units=4)

    return word


def _difference(a: Rounded, b: Rounded) -> Rounded:
    return Rounded(0) if a.value == b.value else a - b


VANISHING = ("log_beta", "log_rising")
_TRUE = oracle.WORDS
WORDS = {
    "absolute": lambda x: Rounded(abs(x.value), x.error),
    "at_least": lambda x, bound: x if x > bound else bound,
    "centred_sigmoid": _word("centred_sigmoid", lambda x: _sigmoid(x) * _sigmoid(-x)),
    "bessel_ratio": _word("bessel_ratio", _TRUE["bessel_ratio_slope"]),
    "bessel_ratio_slope": _word("bessel_ratio_slope", lambda x: 0.5),  # at most
    "cos": _word("cos", mp.sin),
    "difference": _difference,
    "digamma": _word("digamma", _TRUE["trigamma"]),
    "digamma_difference": _of_two(
        "digamma_difference", _TRUE["trigamma_difference"], lambda r, y: mp.psi(1, r + y)
    ),
    "exp": _exponential("exp"),
    "expm1": _exponential("expm1"),
    "erf": _word("erf", lambda x: mp.exp(-x * x) * 1.2),  # 2/√π
    "gaussian": _word("gaussian", lambda x: 2 * x * mp.exp(-x * x)),
    "i0e": _word("i0e", lambda x: 1),  # at most
    "i1e": _word("i1e", lambda x: 1),
    "inverse_mills": _word("inverse_mills", lambda x: 1, _inverse_mills),
    "log": _word("log", lambda x: 1 / x if x else 0),
    "log1p": _word("log1p", lambda x: 1 / (1 + x) if x != -1 else 0),
    "log_beta": _of_two(
        "log_beta",
        _TRUE["digamma_difference"],
        lambda a, b: _TRUE["digamma_difference"](b, a),
    ),
    "log_gamma": _word("log_gamma", _TRUE["digamma"]),
    "log_i0": _word("log_i0", _TRUE["bessel_ratio"]),
    "log_ndtr": _word("log_ndtr", _inverse_mills, _log_ndtr),
    "log_rising": _of_two("log_rising", _TRUE["digamma_difference"], lambda r, y: mp.psi(0, r + y)),
    "maximum": _extreme(max),
    "minimum": _extreme(min),
    "power": _power,
    "sigmoid": _word("sigmoid", lambda x: _sigmoid(x) * _sigmoid(-x)),
    "sin": _word("sin", mp.cos),
    "softplus": _word("softplus", _sigmoid),
    "sqrt": _word("sqrt", lambda x: 1 / (2 * mp.sqrt(x)) if x else 0),
    "tanh": _word("tanh", lambda x: 1 - mp.tanh(x) ** 2),
    "trigamma": _word("trigamma", lambda x: mp.psi(2, x) if x else 0),
    "trigamma_difference": _of_two(
        "trigamma_difference",
        lambda r, y: mp.psi(2, r + y) - mp.psi(2, r),
        lambda r, y: mp.psi(2, r + y),
    ),
    "where": lambda condition, yes, no: yes if condition else no,
}


def of(formula: Any, point: list[Any], eps: float) -> tuple[Rounded, ...]:
    """Return what a formula gives at a point, with the bounds of its error."""
    Rounded.eps = mp.mpf(eps)
    results = bind(formula, WORDS, Rounded)(*(Rounded(v) for v in point))
    return results if isinstance(results, tuple) else (results,)

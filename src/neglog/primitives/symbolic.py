"""The primitives in sympy.

`read` converts a declared formula to the expression that it computes, so that explanations show
the formulas that run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
from sympy import Basic, Expr, Rational

from neglog.primitives import densities
from neglog.primitives.binding import bind
from neglog.primitives.expressions import Phi, Term, literal, phi, sigma, where


def _lifted(function: Any) -> Any:
    def call(*terms: Any) -> Term:
        return Term(function(*(term.expression for term in map(_term, terms))))

    return call


def _term(value: Any) -> Term:
    return value if isinstance(value, Term) else Term(value)


def _density(x: Expr) -> Expr:
    return sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi)


def _below(x: Expr) -> Expr:
    return sympy.erfc(-x / sympy.sqrt(2)) / 2


def _bessel_ratio(x: Expr) -> Expr:
    return sympy.besseli(1, x) / sympy.besseli(0, x)


_SYMBOLIC: dict[str, Any] = {
    "absolute": sympy.Abs,
    "at_least": sympy.Max,
    "bessel_ratio": _bessel_ratio,
    "bessel_ratio_slope": lambda x: 1 - _bessel_ratio(x) / x - _bessel_ratio(x) ** 2,
    "centred_sigmoid": lambda x: 1 / (1 + sympy.exp(-x)) - Rational(1, 2),
    "cos": sympy.cos,
    "difference": lambda a, b: a - b,
    "digamma": sympy.digamma,
    "digamma_difference": lambda r, y: sympy.digamma(r + y) - sympy.digamma(r),
    "erf": sympy.erf,
    "erfc": sympy.erfc,
    "exp": sympy.exp,
    "expm1": lambda x: sympy.exp(x) - 1,
    "gaussian": lambda x: sympy.exp(-(x**2)),
    "i0e": lambda x: sympy.besseli(0, x) * sympy.exp(-sympy.Abs(x)),
    "i1e": lambda x: sympy.besseli(1, x) * sympy.exp(-sympy.Abs(x)),
    "inverse_mills": lambda x: _density(x) / _below(x),
    "inverse_mills_sum": lambda x: x + _density(x) / _below(x),
    "log": sympy.log,
    "log1p": lambda x: sympy.log(1 + x),
    "log_beta": lambda a, b: sympy.loggamma(a) + sympy.loggamma(b) - sympy.loggamma(a + b),
    "log_gamma": sympy.loggamma,
    "log_i0": lambda x: sympy.log(sympy.besseli(0, x)),
    "log_ndtr": lambda x: sympy.log(_below(x)),
    "log_rising": lambda r, y: sympy.loggamma(r + y) - sympy.loggamma(r),
    "maximum": sympy.Max,
    "minimum": sympy.Min,
    "power": sympy.Pow,
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
    "sin": sympy.sin,
    "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    "sqrt": sympy.sqrt,
    "tanh": sympy.tanh,
    "trigamma": sympy.trigamma,
    "trigamma_difference": lambda r, y: sympy.trigamma(r + y) - sympy.trigamma(r),
}
VOCABULARY: dict[str, Any] = {
    **{name: _lifted(function) for name, function in _SYMBOLIC.items()},
    "where": where,
    "distributions": densities,
}
READABLE = {
    **VOCABULARY,
    "centred_sigmoid": _lifted(lambda x: sigma(x) - Rational(1, 2)),
    "inverse_mills": _lifted(lambda x: phi(x) / Phi(x)),
    "inverse_mills_sum": _lifted(lambda x: x + phi(x) / Phi(x)),
    "log_beta": _lifted(lambda a, b: sympy.log(sympy.beta(a, b))),
    "log_ndtr": _lifted(lambda x: sympy.log(Phi(x))),
    "sigmoid": _lifted(sigma),
}
"""The same with σ, φ, Φ and B as functions of their own, which is shorter."""


def read(formula: Any, *arguments: Basic, vocabulary: Mapping[str, Any] = VOCABULARY) -> Any:
    """Run a declared formula on expressions.

    Returns:
        Its expression, a tuple of expressions, or its symbolic distribution.
    """
    result = bind(formula, vocabulary, real=literal)(*(Term(argument) for argument in arguments))
    if isinstance(result, tuple):
        return tuple(each.expression for each in result)
    return result.expression if isinstance(result, Term) else result

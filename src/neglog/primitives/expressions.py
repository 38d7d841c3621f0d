"""Expressions of sympy that behave like the tensors of a formula, and functions it lacks."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr, Piecewise, Rational

_NAMED = (  # literals that a declaration cannot write as a formula
    sympy.log(2 * sympy.pi) / 2, sympy.log(sympy.pi), sympy.log(2), sympy.log(sympy.pi / 2) / 2,
    sympy.sqrt(2 * sympy.pi), 1 / sympy.sqrt(2), 1 / sympy.sqrt(sympy.pi), sympy.pi,
    sympy.sqrt(2 / sympy.pi), sympy.sqrt(sympy.pi) / 2,
)  # fmt: skip
_VALUES = tuple(float(number) for number in _NAMED)


class sigma(sympy.Function):
    """The sigmoid, not expanded so that a derivation stays readable."""

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return σ′ = σ · (1 − σ)."""
        return self * (1 - self)

    def _eval_rewrite_as_exp(self, z: Expr, **_: Any) -> Expr:
        return 1 / (1 + sympy.exp(-z))

    def _eval_evalf(self, prec: int) -> Expr:
        return self.rewrite(sympy.exp)._eval_evalf(prec)

    def _eval_is_positive(self) -> Any:
        return self.args[0].is_real

    def _eval_is_real(self) -> Any:
        return self.args[0].is_real


class whole(sympy.UnevaluatedExpr):
    """A positive number that is not expanded: sympy would rewrite the root of 2π as √2 √π."""

    is_commutative = True
    is_positive = True


class Phi(sympy.Function):
    """The cumulative distribution function of the standard normal distribution."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the density of the standard normal distribution."""
        return phi(self.args[0])

    def _eval_is_positive(self) -> Any:
        return self.args[0].is_real


class phi(sympy.Function):
    """The density of the standard normal distribution."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return φ′ = −x φ."""
        return -self.args[0] * self

    def _eval_is_positive(self) -> Any:
        return self.args[0].is_real


class Term:
    """An expression whose ``==`` is an equation, as for tensors; sympy's own tests identity."""

    def __init__(self, expression: Any) -> None:
        self.expression = sympy.sympify(expression)

    def __add__(self, other):
        return Term(self.expression + other.expression)

    def __sub__(self, other):
        return Term(self.expression - other.expression)

    def __mul__(self, other):
        return Term(self.expression * other.expression)

    def __truediv__(self, other):
        return Term(self.expression / other.expression)

    def __pow__(self, exponent):
        return Term(self.expression**exponent.expression)

    def __neg__(self):
        return Term(-self.expression)

    def __lt__(self, other):
        return self.expression < other.expression

    def __le__(self, other):
        return self.expression <= other.expression

    def __gt__(self, other):
        return self.expression > other.expression

    def __ge__(self, other):
        return self.expression >= other.expression

    def __eq__(self, other):
        return sympy.Eq(self.expression, other.expression)

    def __ne__(self, other):
        return sympy.Ne(self.expression, other.expression)


def literal(value: float) -> Term:
    """Return a float as the number that was written: 0.1 as a tenth."""
    pairs = zip(_VALUES, _NAMED, strict=True)
    named = [number for near, number in pairs if abs(near - value) < 5e-16]
    return Term(named[0] if named else Rational(repr(value)))


def where(condition: Any, then: Term, otherwise: Term) -> Term:
    """Return `then` where the condition holds, else `otherwise`."""
    return Term(Piecewise((then.expression, condition), (otherwise.expression, True)))

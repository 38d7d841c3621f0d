"""From the declared distribution to the loss and its derivatives, by sympy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, Piecewise, Symbol

from neglog.likelihood import Elementwise, Rows
from neglog.primitives import densities, symbolic


@dataclass(frozen=True)
class Derivation:
    """The chain for one sample, each step made from the one before it.

    Attributes:
        inputs: the symbols of the model outputs.
        targets: the symbols of the target.
        likelihood: the mass or density of the target.
        log_likelihood: its logarithm.
        nll: the negative logarithm.
        grad: the derivatives of `nll` by the inputs.
        probabilities: for classes, what each symbol P_k stands for in the steps above.
    """

    inputs: tuple[Symbol, ...]
    targets: tuple[Symbol, ...]
    likelihood: Expr
    log_likelihood: Expr
    nll: Expr
    grad: tuple[Expr, ...]
    probabilities: dict[Symbol, Expr]


def one_number(cls: type[Elementwise], letter: str = "z") -> Derivation:
    """Derive the loss of one number against one target."""
    z, y = Symbol(letter, real=True), Symbol("y", real=True)
    likelihood = symbolic.read(cls.distribution, z).likelihood(y)
    log_likelihood = _log(likelihood)
    nll = sympy.expand_mul(-log_likelihood, deep=False)
    grad = sympy.simplify(sympy.diff(nll, z))
    return Derivation((z,), (y,), likelihood, log_likelihood, nll, (grad,), {})


def one_row(cls: type[Rows], classes: int, first: int = 1) -> Derivation:
    """Derive the loss of a row of logits, counted from `first`, against a row of ones and zeros."""
    z = sympy.symbols(f"z_{first}:{classes + first}", real=True)
    y = sympy.symbols(f"y_{first}:{classes + first}", real=True)
    p = sympy.symbols(f"P_{first}:{classes + first}", positive=True)
    twin = symbolic.read(cls.distribution, sympy.Tuple(*z))
    meaning = dict(zip(p, twin.probabilities, strict=True))
    names = {value: symbol for symbol, value in meaning.items()}
    likelihood = twin.likelihood(y).xreplace(names)
    log_likelihood = _log(likelihood)
    nll = sympy.expand_mul(-log_likelihood)
    last = 1 - sympy.Add(*y[:-1])  # the parts of a target add up to 1
    slopes = (sympy.diff(nll.xreplace(meaning), each) for each in z)
    grad = tuple(_named(slope.subs(y[-1], last), y, last, meaning) for slope in slopes)
    return Derivation(z, y, likelihood, log_likelihood, nll, grad, meaning)


def declared_number(cls: type[Elementwise], z: Expr, y: Expr) -> tuple[Expr, Expr]:
    """Return the loss, with what it drops, and the derivative, as declared."""
    dropped = symbolic.read(cls.constant, y)
    return symbolic.read(cls.nll, z, y) + dropped, symbolic.read(cls.grad, z, y)


def declared_row(
    cls: type[Rows], z: tuple[Symbol, ...], y: tuple[Symbol, ...]
) -> tuple[Expr, tuple[Expr, ...]]:
    """Return the loss and its derivatives by the logits: terms by log P_k, chained by softmax."""
    logs = [each - sympy.log(sympy.Add(*map(sympy.exp, z))) for each in z]
    pairs = list(zip(logs, y, strict=True))
    nll = sympy.Add(*(symbolic.read(cls.nll, *pair) for pair in pairs))
    slopes = [symbolic.read(cls.grad, *pair) for pair in pairs]
    total = sympy.Add(*slopes)
    p = densities.softmax(list(z))
    return nll, tuple(slope - part * total for slope, part in zip(slopes, p, strict=True))


def tidy(expression: Expr) -> Expr:
    """Drop the cases that say nothing new, such as 0 · z = 0; gather a polynomial's factors."""
    if expression.is_polynomial():
        return sympy.factor(expression)
    return expression.replace(lambda e: isinstance(e, Piecewise), lambda e: sympy.simplify(e))


def _log(likelihood: Expr) -> Expr:
    return sympy.expand_log(sympy.log(likelihood), force=True)


def _named(slope: Expr, y: Any, last: Expr, meaning: dict[Symbol, Expr]) -> Expr:
    """Write a slope with the names P_k: the P_k and y_k that it is the difference of."""
    for part, (symbol, value) in zip(y, meaning.items(), strict=True):
        if sympy.simplify(slope - value + part.subs(y[-1], last)) == 0:
            return symbol - part
    return slope

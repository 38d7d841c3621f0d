"""The likelihood of any declaration, its logarithm, loss and derivatives, as expressions."""

from __future__ import annotations

import dis
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, Max, Min, Piecewise, Symbol

from neglog.likelihood import Likelihood
from neglog.primitives import densities, symbolic
from neglog.support import Support

_LEGIBLE = 40  # operations that a formula may have
_CASES = 4  # that sympy may read: it compares the conditions of all of them
UNREAD = Symbol("unread")
"""Stands for a formula that is too long to be read by sympy."""
_GUARD = sympy.Integer(10) ** 30
"""Where declarations replace an argument so that ∞ − ∞ does not occur; textbooks do not."""
_TRIED = 60  # operations of a difference that sympy may simplify


@dataclass(frozen=True)
class Chain:
    """What is known of one sample of an elementwise declaration.

    Attributes:
        symbols: of the arguments of `nll`.
        density: the textbook's mass or density; None if the declaration names none that has a
            symbolic counterpart, or is not normalised.
        loss: the declared loss; of a likelihood with its constant, so that p is exp(−loss).
        grad: the declared derivatives.
    """

    symbols: tuple[Symbol, ...]
    density: Expr | None
    loss: Expr
    grad: tuple[Expr, ...]

    @property
    def derived(self) -> Expr | None:
        """Return the loss that follows from the density."""
        return None if self.density is None else negative_logarithm(self.density)


def of(likelihood: type[Likelihood]) -> Chain:
    """Return the chain of an elementwise declaration."""
    symbols = symbols_of(likelihood)
    grad = read(likelihood.grad, *symbols)
    slopes = grad if isinstance(grad, tuple) else (grad,) * len(likelihood.inputs)
    return Chain(symbols, _density(likelihood, symbols), _loss(likelihood, symbols), slopes)


def shortest_loss(likelihood: type[Likelihood]) -> Expr:
    """Return the loss that follows from the density if there is one, else the declared loss."""
    symbols = symbols_of(likelihood)
    density = _density(likelihood, symbols)
    return _loss(likelihood, symbols) if density is None else negative_logarithm(density)


def symbols_of(likelihood: type[Likelihood]) -> tuple[Symbol, ...]:
    """Return a symbol for each argument of `nll`."""
    return (
        *(_symbol(name, s) for name, s in zip(likelihood.inputs, likelihood.domains, strict=True)),
        *(Symbol(name, real=True) for name in likelihood.given),
        *(Symbol(name, positive=True) for name in likelihood.settings),
        _symbol("y", likelihood.support),
    )


def _loss(likelihood: type[Likelihood], symbols: tuple[Symbol, ...]) -> Expr:
    """Return the declared loss; of a likelihood with its constant."""
    loss = read(likelihood.nll, *symbols)
    if not likelihood.normalised:
        return loss
    return loss + read(likelihood.constant, *symbols[-len(likelihood.settings) - 1 :])


def read(declared: Any, *arguments: Any) -> Any:
    """Return what a formula computes, as an expression; `UNREAD` if it has many cases."""
    steps = dis.get_instructions(declared)
    if sum(step.opname == "LOAD_GLOBAL" and step.argval == "where" for step in steps) > _CASES:
        return UNREAD
    result = symbolic.read(declared, *arguments, vocabulary=symbolic.READABLE)
    if isinstance(result, tuple):
        return tuple(_without_guards(sympy.nsimplify(each)) for each in result)
    return _without_guards(result)


def _without_guards(expression: Any) -> Any:
    """Return an expression as it is for arguments below `_GUARD`."""
    if not isinstance(expression, Expr):
        return expression

    def of_bounds(found: Any) -> Any:
        return found.func(*(each for each in found.args if abs(each) != _GUARD))

    def of_cases(found: Any) -> Any:
        return Piecewise(*(case for case in found.args if case[0] != _GUARD))

    inner = expression.replace(lambda e: isinstance(e, (Max, Min)), of_bounds)
    return inner.replace(lambda e: isinstance(e, Piecewise), of_cases)


def negative_logarithm(density: Expr) -> Expr:
    """Return −ln of a density, written as a sum."""
    logarithm = sympy.expand_log(sympy.log(density), force=True)
    return sympy.expand_mul(-logarithm, deep=False)


def is_legible(expression: Any) -> bool:
    """Return whether a formula is short enough to be drawn, and its conditions simple."""
    return bool(sympy.count_ops(expression) <= _LEGIBLE) and not expression.has(sympy.ITE, UNREAD)


def is_equal(one: Expr, other: Expr) -> bool:
    """Return whether two short expressions are the same after expanding them."""
    difference = one - other
    if sympy.count_ops(difference) > _TRIED:
        return False
    plain = difference.rewrite(sympy.exp).doit()
    return bool(sympy.expand(sympy.expand_log(sympy.expand(plain), force=True)) == 0)


def _density(likelihood: type[Likelihood], symbols: tuple[Symbol, ...]) -> Expr | None:
    """Return the textbook's density of the target, if it has a symbolic counterpart."""
    declared: Any = getattr(likelihood, "distribution", None)
    if declared is None or not likelihood.normalised or not _is_known(declared):
        return None
    twin = symbolic.read(declared, *symbols[:-1])
    return twin.likelihood(symbols[-1]) if hasattr(twin, "likelihood") else None


def _is_known(distribution: Any) -> bool:
    """Return whether all names that a distribution reads have a symbolic counterpart."""
    steps = list(dis.get_instructions(distribution))
    names = {step.argval for step in steps if step.opname == "LOAD_GLOBAL"}
    attributes = {*distribution.__code__.co_names} - names
    return names <= {*symbolic.VOCABULARY} and all(hasattr(densities, name) for name in attributes)


def _symbol(name: str, allowed: Support) -> Symbol:
    """Return a symbol that is known to be positive if its set is."""
    if allowed.contains(-1.0) or not allowed.members:
        return Symbol(name, real=True)
    if allowed.contains(0.0):
        return Symbol(name, nonnegative=True)
    return Symbol(name, positive=True)

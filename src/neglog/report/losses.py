"""The loss of one row as a formula, derived from the distribution that was declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
from sympy import Symbol

from neglog.fitting.likelihoods.constants import PLAIN, constants
from neglog.fitting.likelihoods.registry import Formula, Kind
from neglog.likelihood import Likelihood
from neglog.primitives import symbolic
from neglog.translation import gettext as _


def loss_formula(kind: Kind, fixed: Mapping[str, Any] | None = None) -> tuple[Any, str]:
    """Return the loss of one row and its words.

    It follows from the declared distribution, or from the declared `nll` and `constant` where the
    entry of `fit` does not say how the distribution is read.

    Args:
        kind: the likelihood.
        fixed: the constants that are not estimated, with their values.

    Example:
        >>> from neglog.fitting.likelihoods.registry import KINDS
        >>> loss_formula(KINDS["poisson"])[0]
        Eq(L, -y*z + exp(z) + log(factorial(y)))
    """
    loss, meaning = Symbol("L"), _("minus the logarithm of the row's likelihood")
    if not kind.declaration.elementwise:
        truth = Symbol("P_y", positive=True)
        meaning = _("minus the logarithm of the softmax probability of the true label")
        return sympy.Eq(loss, -sympy.log(truth), evaluate=False), meaning
    if kind.formula is None:
        expression, words = _declared(kind.declaration, fixed or {})
    else:
        expression, words = _of_distribution(kind.declaration, kind.formula), _(kind.formula.words)
    return sympy.Eq(loss, expression, evaluate=False), f"{meaning}; {words}"


def _of_distribution(declaration: type[Likelihood], formula: Formula) -> Any:
    first, *settings = formula.symbols
    symbols = [Symbol(first, real=True), *(Symbol(name, positive=True) for name in settings)]
    twin = symbolic.read(declaration.distribution, *formula.arguments(*symbols))
    if formula.scale:
        twin.scale = Symbol(formula.scale, positive=True)
    y: Any = _target(declaration) if formula.target is None else sympy.Integer(formula.target)
    logarithm = sympy.expand_log(sympy.log(twin.likelihood(y)), force=True)
    return sympy.expand_mul(-logarithm, deep=False)


def _declared(declaration: type[Likelihood], fixed: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the declared loss, and what its symbols stand for."""
    first = declaration.inputs[0]
    z = Symbol("zhat" if declaration.link == "identity" else "z", real=True)
    others = [
        Symbol(c.name, real=True) if c.scale is PLAIN else Symbol(c.name, positive=True)
        for c in constants(declaration)
    ]
    y = _target(declaration)
    nll = symbolic.read(declaration.nll, z, *others, y)
    rest = symbolic.read(declaration.constant, *others[len(declaration.inputs) - 1 :], y)
    words = _("{symbol} is the predicted {name}").format(
        symbol="ẑ" if declaration.link == "identity" else "z", name=first.replace("_", " ")
    )
    estimated = [symbol.name for symbol in others if symbol.name not in fixed]
    if estimated:
        words += _("; {names}: estimated with the weights").format(names=", ".join(estimated))
    if fixed:
        values = ", ".join(f"{name} = {value}" for name, value in fixed.items())
        words += _("; {values}: fixed").format(values=values)
    return nll + rest, words


def _target(declaration: type[Likelihood]) -> Symbol:
    """Return the symbol of the target."""
    positive = not declaration.support.contains(0.0)
    return Symbol("y", positive=True) if positive else Symbol("y", real=True)

"""The loss of one row as a formula, derived from the distribution that was declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Symbol

from neglog.likelihood import Likelihood
from neglog.likelihoods import (
    Bernoulli,
    Categorical,
    Gamma,
    Huber,
    Laplace,
    LogisticInterval,
    NegativeBinomial,
    Normal,
    Poisson,
    Quantile,
)
from neglog.primitives import symbolic


@dataclass(frozen=True)
class Reading:
    """How a declared distribution is read.

    Attributes:
        names: the symbols of its arguments.
        words: what they stand for.
        scale: the symbol of what the declaration sets to 1 and a fit estimates; "" for nothing.
        attribute: what the symbolic twin calls it.
    """

    names: tuple[str, ...]
    words: str
    scale: str = ""
    attribute: str = "scale"


READINGS: dict[type[Likelihood], Reading] = {
    Bernoulli: Reading(("z",), "z is the predicted log-odds, y is 0 or 1"),
    Normal: Reading(
        ("zhat",),
        "ẑ is the predicted mean; σ, the standard deviation of the errors, does not affect the "
        "weights",
        "sigma",
        "deviation",
    ),
    Laplace: Reading(
        ("zhat",),
        "ẑ is the predicted median; b, the scale of the errors, does not affect the weights",
        "b",
    ),
    Quantile: Reading(
        ("zhat", "q"),
        "ẑ is the predicted quantile of level q; b, the scale of the errors, does not affect the "
        "weights",
        "b",
    ),
    Huber: Reading(
        ("zhat", "delta"),
        "ẑ is the predicted centre, s the scale of the errors, estimated with the weights; errors "
        "beyond δ scales have a linear, not a quadratic loss",
        "s",
    ),
    Poisson: Reading(("z",), "z is the predicted logarithm of the rate"),
    NegativeBinomial: Reading(
        ("z", "alpha"),
        "z is the predicted logarithm of the mean; α, the dispersion, is estimated with the "
        "weights",
    ),
    Gamma: Reading(
        ("z", "k"),
        "z is the predicted logarithm of the mean; the shape k does not affect the weights",
    ),
}


def loss_formula(likelihood: type[Likelihood]) -> tuple[Any, str]:
    """Return the loss of one row as it follows from the declared distribution, and its words.

    Example:
        >>> from neglog import families
        >>> loss_formula(families.Poisson)[0]
        Eq(L, -y*z + exp(z) + log(factorial(y)))
    """
    loss, y = Symbol("L"), Symbol("y", real=True)
    meaning = "minus the logarithm of the row's likelihood"
    if likelihood is Categorical:
        truth = Symbol("P_y", positive=True)
        meaning = "minus the logarithm of the softmax probability of the true label"
        return sympy.Eq(loss, -sympy.log(truth), evaluate=False), meaning
    if likelihood is LogisticInterval:
        return _ordinal(loss), f"{meaning}; the thresholds τ cut the scale of z into the classes"
    reading = READINGS[likelihood]
    first, *settings = reading.names
    arguments = [Symbol(first, real=True), *(Symbol(name, positive=True) for name in settings)]
    twin = symbolic.read(likelihood.distribution, *arguments)
    if reading.scale:
        setattr(twin, reading.attribute, Symbol(reading.scale, positive=True))
    positive = likelihood in (Gamma, NegativeBinomial)
    target = Symbol("y", positive=True) if positive else y
    logarithm = sympy.expand_log(sympy.log(twin.likelihood(target)), force=True)
    expanded = sympy.expand_mul(-logarithm, deep=False)
    return sympy.Eq(loss, expanded, evaluate=False), f"{meaning}; {reading.words}"


def _ordinal(loss: Symbol) -> Any:
    """Return the loss of falling between a row's own two thresholds."""
    z, lower, upper = (Symbol(name, real=True) for name in ("z", "tau_y-1", "tau_y"))
    twin = symbolic.read(LogisticInterval.distribution, lower - z, upper - z)
    return sympy.Eq(loss, -sympy.log(twin.likelihood(sympy.S.One)), evaluate=False)

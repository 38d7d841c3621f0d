"""Symbolic counterparts of distributions: the mass or density as textbooks state it.

They are stated independently of the declared formulas, so that a comparison of the two is
meaningful.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr, Piecewise

from neglog.primitives.expressions import Term, sigma, whole


class Bernoulli:
    """A Bernoulli distribution, of P₁ = σ(logit) or of the probability itself."""

    def __init__(self, **given: Term) -> None:
        ((parameter, value),) = given.items()
        self.yes = {"probs": lambda p: p, "logits": sigma}[parameter](value.expression)

    def likelihood(self, y: Expr) -> Expr:
        """Return P₁^y · P₀^(1 − y)."""
        return self.yes**y * (1 - self.yes) ** (1 - y)


class Normal:
    """A normal distribution around the mean, with a known standard deviation."""

    def __init__(self, loc: Term, scale: Term) -> None:
        self.mean, self.scale = loc.expression, scale.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        error = (y - self.mean) / self.scale
        return sympy.exp(-(error**2) / 2) / (self.scale * sympy.sqrt(whole(2 * sympy.pi)))


class Categorical:
    """One probability per class: the softmax of a row of logits."""

    def __init__(self, logits: Term) -> None:
        self.probabilities = softmax(list(logits.expression))

    def likelihood(self, y: Any) -> Expr:
        """Return ∏ P_k^(y_k)."""
        return sympy.Mul(*(p**part for p, part in zip(self.probabilities, y, strict=True)))


class Laplace:
    """A two-sided exponential distribution around the median."""

    def __init__(self, loc: Term, scale: Term) -> None:
        self.median, self.scale = loc.expression, scale.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        return sympy.exp(-sympy.Abs(y - self.median) / self.scale) / (2 * self.scale)


class AsymmetricLaplace:
    """Two exponentials of unequal slopes around a quantile."""

    def __init__(self, quantile: Term, level: Term) -> None:
        self.quantile, self.level, self.scale = quantile.expression, level.expression, sympy.S.One

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        error, q = y - self.quantile, self.level
        check = Piecewise((q * error, error >= 0), ((q - 1) * error, True))
        return q * (1 - q) * sympy.exp(-check / self.scale) / self.scale


class Huber:
    """A density that is normal up to `delta` scales from the centre and exponential beyond."""

    def __init__(self, mean: Term, delta: Term) -> None:
        self.mean, self.delta, self.scale = mean.expression, delta.expression, sympy.S.One

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y; `area` normalises the density of the scaled error."""
        error, delta = sympy.Abs(y - self.mean) / self.scale, self.delta
        tail = Piecewise((error**2 / 2, error < delta), (delta * error - delta**2 / 2, True))
        middle = sympy.sqrt(2 * sympy.pi) * sympy.erf(delta / sympy.sqrt(2))
        area = middle + 2 / delta * sympy.exp(-(delta**2) / 2)
        return sympy.exp(-tail) / (self.scale * whole(area))


class Poisson:
    """A count with a known rate."""

    def __init__(self, rate: Term) -> None:
        self.rate = rate.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the probability of y."""
        return self.rate**y * sympy.exp(-self.rate) / sympy.factorial(y)


class NegativeBinomial:
    """The number of successes with log-odds `logits`, before a number of failures."""

    def __init__(self, total_count: Term, logits: Term) -> None:
        self.failures, self.success = total_count.expression, sigma(logits.expression)

    def likelihood(self, y: Expr) -> Expr:
        """Return the probability of y."""
        r, p = self.failures, self.success
        ways = sympy.gamma(y + r) / (sympy.gamma(r) * sympy.factorial(y))
        return ways * p**y * (1 - p) ** r


class Gamma:
    """A positive number with a known shape and rate."""

    def __init__(self, concentration: Term, rate: Term) -> None:
        self.shape, self.rate = concentration.expression, rate.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        k, rate = self.shape, self.rate
        return rate**k * y ** (k - 1) * sympy.exp(-rate * y) / sympy.gamma(k)


class LogisticInterval:
    """Whether a standard logistic variable is between two increasing numbers."""

    def __init__(self, lower: Term, upper: Term) -> None:
        self.probability = sympy.Abs(sigma(upper.expression) - sigma(lower.expression))

    def likelihood(self, inside: Expr) -> Expr:
        """Return P^inside · (1 − P)^(1 − inside)."""
        return self.probability**inside * (1 - self.probability) ** (1 - inside)


def softmax(logits: list[Expr]) -> list[Expr]:
    """Return exp(z_k) / Σ exp(z_j), class by class."""
    powers = [sympy.exp(logit) for logit in logits]
    return [power / sympy.Add(*powers) for power in powers]

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


class SignedBernoulli:
    """A binary variable, +1 or −1, with the log-odds `logits` of +1."""

    def __init__(self, logits: Term) -> None:
        self.logits = logits.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return σ(y · logits)."""
        return sigma(y * self.logits)


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


class HyperbolicSecant:
    """A bell with exponential tails."""

    def __init__(self, mean: Term) -> None:
        self.mean = mean.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        return 1 / (sympy.pi * sympy.cosh(y - self.mean))


class AsymmetricNormal:
    """Two halves of normal distributions with unequal variances around an expectile."""

    def __init__(self, expectile: Term, level: Term) -> None:
        self.expectile, self.level = expectile.expression, level.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        error, q = y - self.expectile, self.level
        part = Piecewise((q, error >= 0), (1 - q, True))
        area = sympy.sqrt(sympy.pi) / 2 * (1 / sympy.sqrt(q) + 1 / sympy.sqrt(1 - q))
        return sympy.exp(-part * error**2) / whole(area)


class StudentT:
    """A normal distribution whose variance is unknown: heavy tails."""

    def __init__(self, df: Term, loc: Term, scale: Term) -> None:
        self.df, self.location, self.scale = df.expression, loc.expression, scale.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        df, z, half = self.df, (y - self.location) / self.scale, sympy.Rational(1, 2)
        ways = sympy.gamma((df + 1) / 2) / (sympy.gamma(df / 2) * sympy.sqrt(sympy.pi * df))
        return ways / self.scale * (1 + z**2 / df) ** (-(df + 1) * half)


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


class LogNormal:
    """A positive number whose logarithm is normal."""

    def __init__(self, loc: Term, scale: Term) -> None:
        self.location, self.scale = loc.expression, scale.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        z = (sympy.log(y) - self.location) / self.scale
        return sympy.exp(-(z**2) / 2) / (y * self.scale * sympy.sqrt(whole(2 * sympy.pi)))


class InverseGaussian:
    """The first time at which Brownian motion with drift reaches a level."""

    def __init__(self, mean: Term, shape: Term) -> None:
        self.mean, self.shape = mean.expression, shape.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        exponent = -self.shape * (y - self.mean) ** 2 / (2 * self.mean**2 * y)
        return sympy.sqrt(self.shape / (2 * sympy.pi * y**3)) * sympy.exp(exponent)


class Beta:
    """A share between 0 and 1."""

    def __init__(self, concentration1: Term, concentration0: Term) -> None:
        self.a, self.b = concentration1.expression, concentration0.expression

    def likelihood(self, y: Expr) -> Expr:
        """Return the density at y."""
        ways = sympy.gamma(self.a + self.b) / (sympy.gamma(self.a) * sympy.gamma(self.b))
        return ways * y ** (self.a - 1) * (1 - y) ** (self.b - 1)


class ZeroInflated:
    """A count that is 0 with the probability σ(zi_logits), and otherwise of a distribution."""

    def __init__(self, count: Any, zi_logits: Term) -> None:
        self.count, self.zero = count, sigma(zi_logits.expression)

    def likelihood(self, y: Expr) -> Expr:
        """Return the probability of y."""
        counted = (1 - self.zero) * self.count.likelihood(y)
        return Piecewise((self.zero + counted, sympy.Eq(y, 0)), (counted, True))


class PoissonHurdle:
    """A count that is 0 with the probability σ(zero_logits), otherwise a positive Poisson count."""

    def __init__(self, rate: Term, zero_logits: Term) -> None:
        self.rate, self.zero = rate.expression, sigma(zero_logits.expression)

    def likelihood(self, y: Expr) -> Expr:
        """Return the probability of y."""
        positive = Poisson(Term(self.rate)).likelihood(y) / (1 - sympy.exp(-self.rate))
        return Piecewise((self.zero, sympy.Eq(y, 0)), ((1 - self.zero) * positive, True))


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

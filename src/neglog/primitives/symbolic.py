"""The primitives in sympy, and symbolic counterparts of `torch.distributions`.

`read` converts a declared formula to the expression that it computes, so that explanations show
the formulas that run. The `likelihood` of a counterpart is the textbook's mass or density, stated
independently of the declared formulas, so that a comparison of the two is meaningful.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sympy
from sympy import Basic, Expr, Piecewise, Rational

from neglog.primitives.binding import bind

_NAMED = (sympy.log(2 * sympy.pi) / 2,)  # literals that a declaration cannot write as a formula


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
    named = [number for number in _NAMED if abs(float(number) - value) < 2e-16]
    return Term(named[0] if named else Rational(repr(value)))


def where(condition: Any, then: Term, otherwise: Term) -> Term:
    """Return `then` where the condition holds, else `otherwise`."""
    return Term(Piecewise((then.expression, condition), (otherwise.expression, True)))


def _lifted(function: Any) -> Any:
    def call(*terms: Any) -> Term:
        return Term(function(*(term.expression for term in map(_term, terms))))

    return call


def _term(value: Any) -> Term:
    return value if isinstance(value, Term) else Term(value)


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
        self.probability = sigma(upper.expression) - sigma(lower.expression)

    def likelihood(self, inside: Expr) -> Expr:
        """Return P^inside · (1 − P)^(1 − inside)."""
        return self.probability**inside * (1 - self.probability) ** (1 - inside)


def softmax(logits: list[Expr]) -> list[Expr]:
    """Return exp(z_k) / Σ exp(z_j), class by class."""
    powers = [sympy.exp(logit) for logit in logits]
    return [power / sympy.Add(*powers) for power in powers]


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
    "distributions": SimpleNamespace(
        AsymmetricLaplace=AsymmetricLaplace,
        Bernoulli=Bernoulli,
        Categorical=Categorical,
        Gamma=Gamma,
        Huber=Huber,
        Laplace=Laplace,
        LogisticInterval=LogisticInterval,
        NegativeBinomial=NegativeBinomial,
        Normal=Normal,
        Poisson=Poisson,
    ),
}


def read(formula: Any, *arguments: Basic) -> Any:
    """Run a declared formula on expressions; return its expression or symbolic distribution."""
    result = bind(formula, VOCABULARY, real=literal)(*(Term(argument) for argument in arguments))
    return result.expression if isinstance(result, Term) else result

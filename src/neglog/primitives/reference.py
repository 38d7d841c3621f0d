"""The primitives in torch: the reference for every other backend.

Formulas combine conditions with ``&`` and ``|``; otherwise they may contain only ``+ - * /``,
comparisons, float literals and these primitives. The functions of Bessel and the gamma function are
for arguments of 0 or more, NaN below, unless they are even or odd.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

NAMES = (
    "absolute",
    "at_least",
    "bessel_ratio",
    "bessel_ratio_slope",
    "centred_sigmoid",
    "cos",
    "difference",
    "digamma",
    "digamma_difference",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "gaussian",
    "i0e",
    "i1e",
    "inverse_mills",
    "inverse_mills_sum",
    "log",
    "log1p",
    "log_beta",
    "log_gamma",
    "log_i0",
    "log_ndtr",
    "log_rising",
    "maximum",
    "minimum",
    "power",
    "sigmoid",
    "sin",
    "softplus",
    "sqrt",
    "tanh",
    "trigamma",
    "trigamma_difference",
    "where",
)
TWO_ARGUMENTS = (
    "at_least",
    "difference",
    "digamma_difference",
    "log_beta",
    "log_rising",
    "maximum",
    "minimum",
    "power",
    "trigamma_difference",
)

absolute = torch.abs
cos = torch.cos
erf = torch.erf
erfc = torch.erfc
exp = torch.exp
expm1 = torch.expm1
i0e = torch.special.i0e
i1e = torch.special.i1e
log = torch.log
log1p = torch.log1p
sigmoid = torch.sigmoid
sin = torch.sin
sqrt = torch.sqrt
tanh = torch.tanh
where: Callable[..., Tensor] = torch.where


def at_least(x: Tensor, bound: float) -> Tensor:
    """Return the larger of x and the bound; NaN stays NaN."""
    return torch.clamp(x, min=bound)


def minimum(a: Tensor, b: Tensor | float) -> Tensor:
    """Return the smaller of two numbers; NaN if one is NaN."""
    return where((b < a) | (b != b), b, a)


def maximum(a: Tensor, b: Tensor | float) -> Tensor:
    """Return the larger of two numbers; NaN if one is NaN."""
    return where((b > a) | (b != b), b, a)


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Return a − b, and 0 for two equal infinities."""
    gap = a - b
    return where((a == b) & (gap != gap), 0.0, gap)


def power(x: Tensor, exponent: Tensor) -> Tensor:
    """Return x to the power of the exponent."""
    return torch.pow(x, exponent)


def centred_sigmoid(x: Tensor) -> Tensor:
    """Return σ(x) − ½, exact near 0 too."""
    return 0.5 * torch.tanh(0.5 * x)


def softplus(x: Tensor) -> Tensor:
    """Return ln(1 + eˣ), exact on both sides of 0."""
    return torch.clamp(x, min=0.0) + torch.log1p(torch.exp(-torch.abs(x)))


def gaussian(x: Tensor) -> Tensor:
    """Return e^(−x²)."""
    return torch.exp(-(x * x))


def log_ndtr(x: Tensor) -> Tensor:
    """Return the logarithm of the standard normal distribution function Φ."""
    upper = 0.5 * torch.erfc(x * math.sqrt(0.5))
    near = torch.log1p(-torch.clamp(upper, max=0.5))
    return where(x > 0.0, near, torch.special.log_ndtr(x))


def inverse_mills(x: Tensor) -> Tensor:
    """Return φ(x) / Φ(x), the derivative of `log_ndtr`."""
    scaled = torch.special.erfcx(-torch.clamp(x, max=30.0) * math.sqrt(0.5))  # it overflows at 37
    density = torch.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    return where(x > 30.0, density, math.sqrt(2.0 / math.pi) / scaled)


def inverse_mills_sum(x: Tensor) -> Tensor:
    """Return x + φ(x) / Φ(x), which cancels far below 0.

    The derivative of `inverse_mills` is minus its product with this.
    """
    t = 1.0 / torch.clamp(-x, min=50.0)
    s = t * t
    tail = t * (1.0 + s * (-2.0 + s * (10.0 + s * (-74.0 + s * (706.0 - 8162.0 * s)))))
    return where(x < -50.0, tail, x + inverse_mills(torch.clamp(x, min=-50.0)))


def log_gamma(x: Tensor) -> Tensor:
    """Return ln Γ(x) for x ≥ 0."""
    return where(x < 0.0, math.nan, torch.lgamma(x))


def digamma(x: Tensor) -> Tensor:
    """Return the derivative of `log_gamma`."""
    return where(x < 0.0, math.nan, torch.digamma(torch.abs(x)))


def trigamma(x: Tensor) -> Tensor:
    """Return the derivative of `digamma`."""
    s = x + _SHIFT
    total = 1.0 / s + 0.5 / (s * s) + _trigamma_tail(s)
    for step in range(int(_SHIFT)):
        total = total + 1.0 / ((x + step) * (x + step))
    return where(x < 0.0, math.nan, total)


def _tensors(a: Tensor | float, b: Tensor | float) -> tuple[Tensor, Tensor]:
    """Return both arguments as tensors: one of them may be a literal of a formula."""
    if not isinstance(a, Tensor):
        assert isinstance(b, Tensor)
        return b.new_full((), a), b
    return a, b if isinstance(b, Tensor) else a.new_full((), b)


def log_rising(r: Tensor, y: Tensor) -> Tensor:
    """Return ln Γ(r + y) − ln Γ(r) for r, y ≥ 0, without their cancellation."""
    r, y = _tensors(r, y)
    s = r + _SHIFT
    total = (s - 0.5) * log1p(y / s) + y * (log(s + y) - 1.0)
    total = total + (_stirling(s + y) - _stirling(s))
    for step in range(int(_SHIFT)):
        total = total - log1p(y / (r + step))
    total = where((s + y == math.inf) & (y > 0.0), math.inf, total)
    return where(y == 0.0, 0.0 * y, total)


def digamma_difference(r: Tensor, y: Tensor) -> Tensor:
    """Return ψ(r + y) − ψ(r), the derivative of `log_rising` by r."""
    r, y = _tensors(r, y)
    s = r + _SHIFT
    total = log1p(y / s) + y / (2.0 * s) / (s + y)
    total = total + (_digamma_tail(s) - _digamma_tail(s + y))
    for step in range(int(_SHIFT)):
        total = total + 1.0 / (r + step) * (y / (r + step + y))
    total = where((y == math.inf) & (r < math.inf), math.inf, total)
    return where((y == 0.0) | (r == math.inf), 0.0, total)


def trigamma_difference(r: Tensor, y: Tensor) -> Tensor:
    """Return ψ′(r + y) − ψ′(r), the derivative of `digamma_difference` by r."""
    r, y = _tensors(r, y)
    s = r + _SHIFT
    total = 0.0 * r
    for step in range(int(_SHIFT)):
        below = r + step
        total = total - y / below / (below + y) * (1.0 / below + 1.0 / (below + y))
    above = s + y
    total = total - y / s / above * (1.0 + 0.5 * (1.0 / s + 1.0 / above))
    total = total + (_trigamma_tail(above) - _trigamma_tail(s))
    finite = where(y == math.inf, -trigamma(r), total)
    return where((y == 0.0) | (r == math.inf), 0.0, finite)


_SHIFT = 10.0  # from here on, the asymptotic series below are exact to a rounding


def _stirling(x: Tensor) -> Tensor:
    """Return ln Γ(x) − (x − ½) ln x + x − ½ ln 2π."""
    w = 1.0 / (x * x)
    series = 1 / 1260.0 - w * (1 / 1680.0 - w * (1 / 1188.0 - w * (691 / 360360.0 - w / 156.0)))
    return (1 / 12.0 - w * (1 / 360.0 - w * series)) / x


def _digamma_tail(x: Tensor) -> Tensor:
    """Return ln x − 1 / 2x − ψ(x)."""
    w = 1.0 / (x * x)
    series = 1 / 252.0 - w * (1 / 240.0 - w * (1 / 132.0 - w * (691 / 32760.0 - w / 12.0)))
    return w * (1 / 12.0 - w * (1 / 120.0 - w * series))


def _trigamma_tail(x: Tensor) -> Tensor:
    """Return ψ′(x) − 1 / x − 1 / 2x²."""
    w = 1.0 / (x * x)
    series = 1 / 42.0 - w * (1 / 30.0 - w * (5 / 66.0 - w * (691 / 2730.0 - w * (7 / 6.0))))
    return w / x * (1 / 6.0 - w * (1 / 30.0 - w * series))


def log_beta(a: Tensor, b: Tensor) -> Tensor:
    """Return ln Γ(a) + ln Γ(b) − ln Γ(a + b)."""
    a, b = _tensors(a, b)
    smaller, larger = minimum(a, b), maximum(a, b)
    return log_gamma(smaller) - log_rising(larger, smaller)


def log_i0(x: Tensor) -> Tensor:
    """Return the logarithm of the modified Bessel function I₀."""
    t = 0.25 * torch.clamp(x * x, max=1.0)
    series = torch.ones_like(t)
    for order in range(9, 1, -1):
        series = 1.0 + series * t / (order * order)
    far = torch.abs(x) + torch.log(torch.special.i0e(x))
    near = where(torch.abs(x) < 1.0, torch.log1p(t * series), far)
    return where(torch.abs(x) == math.inf, math.inf, near)


def bessel_ratio(x: Tensor) -> Tensor:
    """Return I₁(x) / I₀(x), the derivative of `log_i0`."""
    infinite = torch.abs(x) == math.inf
    finite = where(infinite, 1.0, x)
    return where(infinite, torch.sign(x), torch.special.i1e(finite) / torch.special.i0e(finite))


def bessel_ratio_slope(x: Tensor) -> Tensor:
    """Return the derivative of `bessel_ratio`: 1 − A / x − A² for the ratio A, which cancels."""
    size = torch.abs(x)
    near = torch.clamp(size, 1e-9, 40.0)
    ratio = bessel_ratio(near)
    t = 1.0 / torch.clamp(size, min=40.0)
    far = torch.zeros_like(t)
    for order, coefficient in reversed(list(enumerate(_RATIO))):
        far = t * (far - order * coefficient)
    return where(size > 40.0, far, 1.0 - ratio / near - ratio * ratio)


def _ratio_series(terms: int) -> list[float]:
    """Return the coefficients a₀, a₁, … of A in 1 / x, from A′ = 1 − A / x − A²."""
    found = [1.0, -0.5]
    for k in range(2, terms):
        product = sum(found[i] * found[k - i] for i in range(1, k))
        found.append(0.5 * ((k - 2) * found[k - 1] - product))
    return found


_RATIO = _ratio_series(14)

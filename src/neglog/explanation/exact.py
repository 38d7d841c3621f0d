"""A declaration's formulas in fifty digits, and comparisons with what float64 computes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath

from neglog.explanation import proof
from neglog.explanation.proof import Verdict
from neglog.likelihood import Likelihood
from neglog.primitives import digits
from neglog.primitives.binding import bind
from neglog.report.document import Cell, Table, number
from neglog.support import Support, anything
from neglog.translation import gettext as _

DIGITS = 50
TOLERANCE = 1e-12
_SHOWN = 12  # of a computed number
_STEP = mpmath.mpf(10) ** -20

Point = tuple[float, ...]
Formula = Callable[..., Any]


def formula(declared: Formula) -> Formula:
    """Return a formula that computes in mpmath."""
    bound = bind(declared, digits.VOCABULARY, mpmath.mpf)
    return lambda *numbers: bound(*map(mpmath.mpf, numbers))


def loss(likelihood: type[Likelihood]) -> Formula:
    """Return the loss of one element; of a likelihood with its constant."""
    if not likelihood.normalised:
        return formula(likelihood.nll)
    nll, constant = formula(likelihood.nll), formula(likelihood.constant)
    count = len(likelihood.settings) + 1
    return lambda *point: nll(*point) + constant(*point[-count:])


def slope(function: Formula, place: int, point: Sequence[Any], allowed: Support = anything) -> Any:
    """Return the derivative of a function by one of its arguments: a difference of numbers.

    At a kink it is the mean of the derivatives from both sides; at an end of the set of allowed
    numbers, the derivative from within.
    """
    low, high = (list(map(mpmath.mpf, point)) for _end in range(2))
    if allowed.contains(low[place] - _STEP):
        low[place] -= _STEP
    if allowed.contains(high[place] + _STEP):
        high[place] += _STEP
    return (function(*high) - function(*low)) / (high[place] - low[place])


def compare(one: Formula, other: Formula, names: Sequence[str], points: list[Point]) -> Verdict:
    """Compare two functions at points."""
    with mpmath.workdps(DIGITS):
        for point in points:
            a, b = one(*point), other(*point)
            if not is_near(a, b):
                place = ", ".join(f"{n} = {v:.4g}" for n, v in zip(names, point, strict=True))
                values = " and ".join(mpmath.nstr(value, 6) for value in (a, b))
                words = _("DIFFERENT: at {place} they are {values}")
                return Verdict(False, words.format(place=place, values=values))
    return proof.equal_at(len(points), TOLERANCE)


def is_near(a: Any, b: Any) -> bool:
    """Return whether two numbers agree, both infinite included."""
    return bool(a == b or abs(a - b) <= TOLERANCE * max(1, abs(a)))


def drawn(likelihood: type[Likelihood], settings: Sequence[float], count: int) -> list[Point]:
    """Return points at which an elementwise loss is finite: the same in every run."""
    source = random.Random(520)
    sets = (*likelihood.domains, *(None for _name in likelihood.given), likelihood.support)
    found: list[Point] = []
    exact = loss(likelihood)
    with mpmath.workdps(DIGITS):
        for _attempt in range(4 * count):
            *free, y = (_draw(allowed, source) for allowed in sets)
            point = (*free, *settings, y)
            value = exact(*point)
            if mpmath.isfinite(value) and not isinstance(value, mpmath.mpc):
                found.append(point)
            if len(found) == count:
                break
    return found


def _draw(allowed: Support | None, source: random.Random) -> float:
    if allowed is None:  # a given tensor, whose numbers are mostly positive
        return source.choice([1.0, 1.0, float(source.randint(2, 9))])
    if isinstance(allowed.points, tuple):
        return source.choice(allowed.points)
    if allowed.points == "integers" and allowed.contains(0.0):
        return float(source.randint(0, 9))
    real = source.gauss(0, 3)
    candidates = (real, abs(real), -abs(real), 1 / (1 + math.exp(-real)), round(abs(real)))
    inside = [float(c) for c in candidates if allowed.contains(float(c))]
    return inside[0] if inside else source.choice(allowed.members)


def table(quantities: Mapping[str, tuple[Sequence[float], Sequence[Any]]]) -> Table:
    """Compare what was computed in float64 with exact numbers: the worst sample of each."""
    rows: list[list[str | Cell]] = []
    for name, (computed, exact) in quantities.items():
        errors = [ulps(*pair) for pair in zip(computed, exact, strict=True)]
        worst = max(range(len(errors)), key=errors.__getitem__)
        good = all(mpmath.isnan(e) or is_near(e, c) for c, e in zip(computed, exact, strict=True))
        error = Cell(number(errors[worst], 2) + ("" if good else " ✗"), "good" if good else "bad")
        shown = (number(float(v), _SHOWN) for v in (computed[worst], exact[worst]))
        rows.append([name, str(worst + 1), *shown, error])
    headers = [_("quantity"), _("sample"), "float64", _("exact"), _("error (ulps)")]
    caption = _(
        "exact: by mpmath with {digits} digits, derivatives as differences. Of each quantity the "
        "sample with the largest error; an ulp is the distance to the next float64."
    ).format(digits=DIGITS)
    return Table(headers, rows, _("Compared with exact numbers"), caption)


def ulps(computed: float, exact: Any) -> float:
    """Return the distance between a float64 and an exact number in units of the last place."""
    if computed == exact or mpmath.isnan(exact):
        return 0.0
    if not math.isfinite(computed) or not mpmath.isfinite(exact):
        return math.inf
    return float(abs(mpmath.mpf(computed) - exact) / mpmath.mpf(math.ulp(float(exact))))

"""Compare a derived with a declared formula: a proof by sympy, or a comparison of numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import sympy
from sympy import Expr, Symbol

from neglog.translation import gettext as _

_POINTS = 1000
_TOLERANCE = 1e-12
_DIGITS = 50

Point = tuple[float, ...]


@dataclass(frozen=True)
class Verdict:
    """The result of comparing two formulas."""

    equal: bool
    words: str


def compare(
    derived: Expr, declared: Expr, symbols: Sequence[Symbol], points: list[Point]
) -> Verdict:
    """Look for a point where the formulas differ; where there is none, try to prove it.

    Args:
        derived: what follows from the distribution.
        declared: what the package runs.
        symbols: the arguments, the input first.
        points: values of the symbols that lie in the domain.
    """
    counterexample = _counterexample(derived, declared, symbols, points)
    if counterexample is not None:
        return Verdict(False, _("DIFFERENT: {example}").format(example=counterexample))
    difference = derived.rewrite(sympy.exp).doit() - declared
    if _vanishes(difference):
        return Verdict(True, _("equal: proved for every value"))
    z = symbols[0]
    cases = [Symbol(z.name, positive=True), sympy.Integer(0), Symbol(z.name, negative=True)]
    if len(symbols) == 2 and all(_vanishes(difference.subs(z, case)) for case in cases):
        return Verdict(True, _("equal: proved for {z} > 0, {z} = 0 and {z} < 0").format(z=z))
    return equal_at(len(points), _TOLERANCE)


def equal_at(count: int, tolerance: float) -> Verdict:
    """Return the verdict of two functions that agree at points."""
    words = _("equal at {count} points to {tolerance}, not proved")
    return Verdict(True, words.format(count=f"{count:,}", tolerance=f"{tolerance:g}"))


def points(draw: Callable[[random.Random], Point]) -> list[Point]:
    """Return the same points in every run."""
    source = random.Random(520)
    return [draw(source) for _point in range(_POINTS)]


def _vanishes(difference: Expr) -> bool:
    return bool(sympy.simplify(difference) == 0)


def _counterexample(
    derived: Expr, declared: Expr, symbols: Sequence[Symbol], points: list[Point]
) -> str | None:
    """Describe the first point where the formulas differ, if any."""
    with mpmath.workdps(_DIGITS):
        one = _function(symbols, derived.rewrite(sympy.exp))
        other = _function(symbols, declared)
        for point in points:
            a, b = one(*map(mpmath.mpf, point)), other(*map(mpmath.mpf, point))
            if not abs(a - b) <= _TOLERANCE * max(1, abs(a)):
                place = ", ".join(f"{s} = {v:.4g}" for s, v in zip(symbols, point, strict=True))
                values = (mpmath.nstr(value, 6) for value in (a, b))
                words = _("at {place} the derivation gives {one}, the declaration {other}")
                return words.format(place=place, one=next(values), other=next(values))
    return None


def _function(symbols: Sequence[Symbol], expression: Expr) -> Any:
    return sympy.lambdify(symbols, expression.doit(), modules="mpmath")

"""Units in the last place: of the output's dtype, at the true value."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import mpmath as mp
import torch


class Exact(NamedTuple):
    """A true number, by the sums of its addends above 0 and below.

    The scale is that of the numbers whose rounding it inherits.
    """

    gains: Any
    losses: Any
    scale: Any = 0

    @property
    def value(self) -> Any:
        """The number itself."""
        return self.gains + self.losses

    @property
    def largest(self) -> Any:
        """The greater of the two sums that may cancel."""
        return max(self.gains, -self.losses)

    def over(self, divisor: Any) -> Exact:
        """Return a part of the number."""
        return Exact(*(part / divisor for part in self))


def total(addends: Any) -> Exact:
    """Return the sum of addends."""
    addends = list(addends)
    return Exact(mp.fsum(a for a in addends if a > 0), mp.fsum(a for a in addends if a < 0))


class Form(NamedTuple):
    """The exponents of a dtype's numbers: the least normal one's, the largest's, and epsilon's."""

    least: int
    largest: int
    eps: int


@cache
def form(dtype: torch.dtype) -> Form:
    """Return the form of a dtype's numbers."""
    facts = torch.finfo(dtype)
    return Form(*(math.frexp(n)[1] - 1 for n in (facts.smallest_normal, facts.max, facts.eps)))


def unit(number: Any, dtype: torch.dtype) -> Any:
    """Return the spacing of a dtype's numbers at a number; at the ends, of the outermost ones."""
    least, largest, eps = form(dtype)
    exponent = min(max(mp.mag(number) - 1, least), largest) if number else least
    return mp.ldexp(1, exponent + eps)


def error(got: float, true: Any, dtype: torch.dtype) -> Any:
    """Return how far a result is from the truth.

    As IEEE 754 rounds, infinity is the number that would follow the largest one, and right wherever
    the truth lies beyond that.
    """
    if got != got:
        return mp.inf
    if not math.isinf(got):
        return abs(mp.mpf(got) - true)
    end = mp.ldexp(1, form(dtype).largest + 1)
    return abs(math.copysign(1, got) * end - min(max(true, -end), end))

"""Sets of valid values: membership, descriptions for messages, edge values for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Support:
    """A set of numbers for validation, messages and tests.

    Attributes:
        words: completes the sentence "target must hold … everywhere".
        contains: whether a number is in the set: a formula of comparisons and arithmetic, combined
            with ``&`` and ``|``.
        members: some numbers of the set, its ends included.
        outsiders: some numbers outside.
        points: the numbers over which a likelihood sums to 1: a tuple, or ``"integers"`` for all
            integers of the set; None if its density integrates to 1.

    >>> even = Support("0, 2 or 4", lambda y: (y == 0.0) | (y == 2.0) | (y == 4.0),
    ...                members=(0.0, 2.0, 4.0), outsiders=(1.0,), points=(0.0, 2.0, 4.0))
    >>> even.contains(2.0)
    True
    """

    words: str
    contains: Callable[[Any], Any]
    members: tuple[float, ...]
    outsiders: tuple[float, ...]
    points: tuple[float, ...] | str | None = None


def _is_finite(y):
    return y - y == 0.0  # ∞ − ∞ is NaN


def _is_in_unit_interval(y):
    return (y >= 0.0) & (y <= 1.0)


def _is_inside_unit_interval(y):
    return (y > 0.0) & (y < 1.0)


def _is_end(y):
    return (y == 0.0) | (y == 1.0)


def _is_nonnegative(y):
    return y >= 0.0


def _is_positive(y):
    return y > 0.0


def _is_sign(y):
    return (y == -1.0) | (y == 1.0)


def _is_anything(x):
    return (x == x) | (x != x)


anything = Support("any number", _is_anything, members=(-1.0, 0.0, float("nan")), outsiders=())
real = Support(
    "a finite number",
    _is_finite,
    members=(-1e30, -1.0, 0.0, 0.5, 1e30),
    outsiders=(float("nan"), float("inf"), float("-inf")),
)
unit_interval = Support(
    "a number from 0 to 1",
    _is_in_unit_interval,
    members=(0.0, 0.25, 0.5, 1.0),
    outsiders=(-1.0, -1e-6, 1.000001, 255.0, float("nan"), float("inf")),
)
binary = Support(  # labels, or their probabilities
    "a number from 0 to 1",
    _is_in_unit_interval,
    members=(0.0, 0.25, 0.5, 1.0),
    outsiders=(-1.0, -1e-6, 1.000001, 255.0, float("nan"), float("inf")),
    points=(0.0, 1.0),
)
open_unit_interval = Support(
    "a number between 0 and 1",
    _is_inside_unit_interval,
    members=(1e-3, 0.25, 0.5, 0.999),
    outsiders=(0.0, 1.0, -1.0, 255.0, float("nan"), float("inf")),
)
ends_of_unit_interval = Support(
    "0 or 1",
    _is_end,
    members=(0.0, 1.0),
    outsiders=(0.5, -1.0, 2.0, float("nan")),
    points=(0.0, 1.0),
)
nonnegative = Support(
    "a number of 0 or more",
    _is_nonnegative,
    members=(0.0, 0.5, 1.0, 3.0),
    outsiders=(-1.0, -1e-6, float("nan")),
)
counts = Support(  # torch accepts fractions too
    "a count of at least 0",
    _is_nonnegative,
    members=(0.0, 0.5, 1.0, 3.0),
    outsiders=(-1.0, -1e-6, float("nan")),
    points="integers",
)
positive = Support(
    "a number above 0",
    _is_positive,
    members=(1e-3, 0.5, 1.0, 3.0),
    outsiders=(0.0, -1.0, float("nan")),
)
signs = Support(
    "−1 or +1",
    _is_sign,
    members=(-1.0, 1.0),
    outsiders=(0.0, 0.5, 2.0, float("nan")),
    points=(-1.0, 1.0),
)
# The upper end is the number of classes, which only the row of logits knows: the engine adds it.
classes = Support(
    "a class index from 0 to K − 1",
    _is_nonnegative,
    members=(0.0, 1.0, 2.0),
    outsiders=(-1.0, float("nan")),
)

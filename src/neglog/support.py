"""Sets of valid values: membership, descriptions for messages, edge values for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Support:
    """A set of numbers for validation, messages and tests."""

    words: str
    contains: Callable[[Any], Any]
    members: tuple[float, ...]
    outsiders: tuple[float, ...]


def _is_finite(y):
    return y - y == 0.0  # ∞ − ∞ is NaN


def _is_in_unit_interval(y):
    return (y >= 0.0) & (y <= 1.0)


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
reals = Support(
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
ends_of_unit_interval = Support(
    "0 or 1", _is_end, members=(0.0, 1.0), outsiders=(0.5, -1.0, 2.0, float("nan"))
)
nonnegative = Support(
    "a number of 0 or more",
    _is_nonnegative,
    members=(0.0, 0.5, 1.0, 3.0),
    outsiders=(-1.0, -1e-6, float("nan")),
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
)
# The upper end is the number of classes, which only the row of logits knows: the engine adds it.
classes = Support(
    "a class index from 0 to K − 1",
    _is_nonnegative,
    members=(0.0, 1.0, 2.0),
    outsiders=(-1.0, float("nan")),
)

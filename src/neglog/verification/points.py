"""The points at which a declaration is verified: regimes in which formulas lose digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from neglog.support import Support
from neglog.verification.subject import Subject, parts

COUNT = 32  # for each regime
ORDINARY, NEAR_0, NEAR_OPTIMUM, LARGE = "ordinary", "near 0", "near the optimum", "large"
REGIMES = (ORDINARY, NEAR_0, NEAR_OPTIMUM, LARGE)
_MAPS: tuple[Callable[[Any], Any], ...] = (
    lambda z: z,
    np.abs,
    lambda z: -np.abs(z),
    lambda z: np.exp(-np.logaddexp(0, -z)),
    lambda z: np.round(np.abs(z)),
)


def drawn(subject: Subject) -> dict[str, list[tuple[float, ...]]]:
    """Return points by regime: inputs, given tensors, settings and target.

    All numbers are held by float32, so that both dtypes are verified at the same points.
    """
    random = np.random.default_rng(20)
    return {regime: _points(subject, regime, random) for regime in REGIMES}


def _points(subject: Subject, regime: str, random: Any) -> list[tuple[float, ...]]:
    inputs = [inside(domain, _sizes(regime, random), random) for domain in subject.domains]
    y = _targets(subject.support, random)
    given = [_given(domain, y, random) for domain in subject.given_domains]
    settings = [np.full(COUNT, s) for s in subject.settings]
    if regime == NEAR_OPTIMUM:
        inputs[0] = _near_optimum(subject, [*inputs, *given, *settings, y], random)
    numbers = np.stack([*inputs, *given, *settings, y]).astype(np.float32).astype(float)
    if subject.settings:
        start = len(inputs) + len(given)
        numbers[start : start + len(settings)] = np.stack(settings)
    return [tuple(map(float, point)) for point in numbers.T if _is_legal(subject, point)]


def _given(allowed: Support, y: Any, random: Any) -> Any:
    """Draw constant tensors: numbers above the targets, as of trials, unless the set is another."""
    positive = random.uniform(0.5, 2, COUNT) + abs(y)
    valid = all(bool(allowed.contains(x)) for x in map(float, positive))
    return positive if valid else inside(allowed, 2.0 * random.normal(size=COUNT), random)


def _sizes(regime: str, random: Any) -> Any:
    """Return real numbers of the regime's sizes."""
    sign = random.choice([-1, 1], COUNT)
    if regime == NEAR_0:
        return sign * 10 ** random.uniform(-9, -1, COUNT)
    if regime == LARGE:
        return sign * random.uniform(10, 80, COUNT)
    return 1.5 * random.normal(size=COUNT)


def _is_legal(subject: Subject, point: Any) -> bool:
    """Return whether a point is in all sets, and its inputs not at the ends of theirs."""
    pairs = zip(subject.domains, point, strict=False)
    return bool(subject.support.contains(point[-1])) and all(
        bool(domain.contains(x + side * 1e-9 * abs(x))) and (x or bool(domain.contains(-1e-9)))
        for domain, x in pairs
        for side in (-1, 1)
    )


def inside(allowed: Support, z: Any, random: Any) -> Any:
    """Move real numbers into a set, by the first map that does."""
    if allowed.points is None:
        for change in _MAPS:
            if all(bool(allowed.contains(x)) for x in map(float, change(z))):
                return change(z)
    return random.choice([m for m in allowed.members if np.isfinite(m)], len(z))


def _targets(support: Support, random: Any) -> Any:
    if support.points == "integers":
        drawn = np.floor(random.exponential(4.0, COUNT))
        found = inside(Support(support.words, support.contains, (), ()), drawn, random)
        return np.round(found)
    if support.points is not None:
        return random.choice(np.array(support.points), COUNT)
    return inside(support, 2.0 * random.normal(size=COUNT), random)


def _near_optimum(subject: Subject, arrays: list[Any], random: Any) -> Any:
    """Return first inputs near those at which the derivative by them changes its sign."""
    z = inside(subject.domains[0], np.linspace(-12, 12, 241), random)
    grid = np.sort(z)
    wide = [np.repeat(array, len(grid)) for array in arrays[1:]]
    slopes = _slopes(subject, [np.tile(grid, COUNT), *wide]).reshape(COUNT, len(grid))
    changes = (slopes[:, :-1] < 0) & (slopes[:, 1:] >= 0)
    at = changes.argmax(1)
    low, high = grid[at], grid[at + 1]
    for _ in range(40):
        middle = 0.5 * (low + high)
        below = _slopes(subject, [middle, *arrays[1:]]) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    best = np.where(changes.any(1), high, arrays[0])
    return best * (1.0 + random.choice([-1, 1], COUNT) * 10 ** random.uniform(-7, -1, COUNT))


def _slopes(subject: Subject, arrays: list[Any]) -> Any:
    tensors = [torch.from_numpy(array) for array in arrays]
    slope = parts(subject.likelihood.grad(*tensors))[0]
    return torch.as_tensor(slope).double().expand(len(arrays[0])).numpy()

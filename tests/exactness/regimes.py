"""Where exact forms differ from naive ones: the regimes, and what a kind must have for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from exactness.kinds import Kind


@dataclass(frozen=True)
class Regime:
    """How predictions and targets are drawn.

    Attributes:
        draw: from a kind, a generator, a shape and the epsilon of the dtype.
        needs: what of a kind the regime is made from.
        cancels_exactly: whether the addends of a derivative that cancel are exact in float64.
    """

    name: str
    draw: Callable[[Kind, Any, Any, float], tuple[Any, Any]]
    needs: tuple[str, ...] = ()
    cancels_exactly: bool = False

    def suits(self, kind: Kind) -> bool:
        """Return whether the regime applies to a kind."""
        return all(getattr(kind, need) is not None for need in self.needs)


def _signed(rng: Any, low: float, high: float, shape: Any) -> Any:
    """Draw numbers of either sign, of all magnitudes between two powers of ten."""
    return rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(low, high, shape)


def _ordinary(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    return kind.link(3 * rng.normal(size=shape)), kind.target(rng, shape)


def _up_to(power: int) -> Callable[..., tuple[Any, Any]]:
    def draw(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
        return kind.link(_signed(rng, -3, power, shape)), kind.target(rng, shape)

    return draw


def _edge(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    """Draw from both ends: near the largest number, and among the subnormal ones."""
    largest = 65504 * (1 - 10 ** rng.uniform(-4, -0.3, shape)) * rng.choice([-1, 1], shape)
    z = np.where(rng.random(shape) < 0.5, largest, _signed(rng, -7.5, -4, shape))
    return kind.link(z), kind.target(rng, shape)


def _saturated(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    assert kind.at_loss is not None
    y = kind.target(rng, shape)
    return kind.at_loss(y, 10 ** rng.uniform(-30, 0, shape)), y


def _apart(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    assert kind.centre is not None
    y = kind.target(rng, shape)
    return kind.centre(y, shape) + 1e-6 * rng.normal(size=shape), y


def _half(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    return _signed(rng, -30, -1, shape), np.full(shape, 0.5)


def _impossible(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    assert kind.others is not None
    x, y = _ordinary(kind, rng, shape, eps)
    return np.where(kind.others(y, shape) & (rng.random(shape) < 0.7), -np.inf, x), y


def _soft(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    assert kind.soft is not None
    return kind.link(3 * rng.normal(size=shape)), kind.soft(rng, shape)


def _optimum(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    """Draw predictions a few units of the last place from the best ones."""
    assert kind.optimum is not None
    y = (kind.soft or kind.target)(rng, shape)
    return kind.optimum(y) * (1 - eps * rng.integers(0, 4, shape)), y


REGIMES = (
    Regime("ordinary", _ordinary),
    Regime("up to 1e2", _up_to(2)),
    Regime("up to 1e4", _up_to(4)),
    Regime("float16's edge", _edge),
    Regime("saturated", _saturated, needs=("at_loss",)),
    Regime("1e-6 apart", _apart, needs=("centre",)),
    Regime("near 0, target 1/2", _half, needs=("centre", "soft"), cancels_exactly=True),
    Regime("-inf on others", _impossible, needs=("others",)),
    Regime("soft", _soft, needs=("soft",)),
    Regime("at the optimum", _optimum, needs=("optimum",)),
)

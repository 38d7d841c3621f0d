"""Sums and means over ten million elements, whose truth is that of a thousand losses, repeated."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
import torch

from exactness.cells import DTYPES, LIMITS, Cell, Problem
from exactness.kinds import Kind
from exactness.losses import LOSSES
from exactness.regimes import Regime
from exactness.spacing import error, unit

SIZE = 10**7
BASE = 1000


def _each(value: float) -> Regime:
    def draw(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
        return np.full(shape, value), 0 * kind.target(rng, shape)

    return Regime(f"{value} each", draw)


def _mixed(kind: Kind, rng: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    """Draw one large number, near which the little ones vanish, for a thousand little ones."""
    x = 10 ** rng.uniform(-8, -3, shape)
    x[0] = 1.0
    return x, 0 * kind.target(rng, shape)


SAME = (_each(0.1), _each(0.001))
REGIMES = (*SAME, Regime("mixed magnitudes", _mixed))
HALVES = (torch.bfloat16, torch.float16)
SUMMED = {"l1": (BASE,), "mse": (BASE,), "bce_with_logits": (BASE,), "cross_entropy": (BASE, 10)}


@dataclass(frozen=True)
class Sum:
    """A cell whose losses are repeated and added up."""

    cell: Cell
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.cell}-{SIZE} of them"

    def problem(self) -> Problem:
        """Return the numbers that are repeated, and the truth about each."""
        rng, eps = np.random.default_rng(0), torch.finfo(self.cell.dtype).eps
        drawn = self.cell.regime.draw(self.cell.loss.kind, rng, self.shape, eps)
        return Problem(self.cell, tuple(map(self.cell.rounded, drawn)))

    def limit(self, problem: Problem) -> float:
        """Return the limit: an ulp, of which rounding the exact sum takes half.

        Where all terms are the same and none is a float, all are rounded in one direction: what
        one of them is off by, their sum is off by, be it added up as exactly as can be.
        """
        with mp.workdps(problem.digits):
            exact = all(mp.mpf(float(loss.value)) == loss.value for loss in problem.losses)
        if exact or self.cell.regime not in SAME or self.cell.dtype in HALVES:
            return 1.0
        shared = LIMITS[self.cell.dtype].loss
        return shared + (1.0 if self.cell.dtype == torch.float64 else 0.0)

    def worst(self, functions: Any, problem: Problem) -> float:
        """Return the larger of the errors of the sum and of the mean, in ulps."""
        dtype, times = self.cell.dtype, SIZE // problem.tensors[0].numel()
        many = [t.repeat(times, *[1] * (t.dim() - 1)) for t in problem.tensors]
        found = []
        with mp.workdps(problem.digits), torch.no_grad():
            one = mp.fsum(loss.value for loss in problem.losses)
            for how, true in (("sum", one * times), ("mean", one / BASE)):
                got = self.cell.loss.call(functions, *many, reduction=how).item()
                found.append(float(error(got, true, dtype) / unit(true, dtype)))
        return max(found)


SUMS = [
    Sum(Cell(loss, dtype, regime), SUMMED[loss.name])
    for loss, dtype, regime in itertools.product(LOSSES, DTYPES, REGIMES)
    if loss.name in SUMMED
]

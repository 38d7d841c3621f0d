"""A loss, a dtype and a regime: what goes in, what should come out, and how far off it is."""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
import torch
from torch import Tensor

from exactness.loss import Loss
from exactness.losses import LOSSES
from exactness.regimes import REGIMES, Regime
from exactness.spacing import Exact, error, total, unit

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


class Ulps(NamedTuple):
    """Of the loss and of the gradient: limits, or the worst that was found."""

    loss: float
    gradient: float

    def within(self, limits: Ulps) -> bool:
        """Return whether neither exceeds its limit."""
        return self.loss <= limits.loss and self.gradient <= limits.gradient


class Outputs(NamedTuple):
    """The losses, or the one that they were reduced to; and a row of slopes for each sample."""

    loss: Tensor
    gradient: Tensor


# What is computed in float64 and rounded once is off by ½ and, rarely, a little more; float64 has
# nothing wider to be rounded from.
LIMITS = {
    torch.float32: Ulps(2, 4),
    torch.bfloat16: Ulps(1, 1.5),
    torch.float16: Ulps(1, 1.5),
    torch.float64: Ulps(4, 8),
}


@dataclass(frozen=True)
class Cell:
    """A loss, a dtype and a regime."""

    loss: Loss
    dtype: torch.dtype
    regime: Regime

    @property
    def limits(self) -> Ulps:
        """The largest errors that are allowed."""
        own = self.loss.roundings
        return Ulps(own, own) if own else LIMITS[self.dtype]

    def __str__(self) -> str:
        return f"{self.loss.name}-{str(self.dtype)[6:]}-{self.regime.name}"

    def problems(self) -> Iterator[Problem]:
        """Draw a problem of every shape, the same ones every time."""
        kind = self.loss.kind
        for shape in kind.shapes:
            rng = np.random.default_rng(zlib.crc32(f"{self}{shape}".encode()))
            x, y = self.regime.draw(kind, rng, shape, torch.finfo(self.dtype).eps)
            drawn = [x, y, *(draw(rng, x, y) for draw in self.loss.further)]
            yield Problem(self, tuple(self.rounded(a) for a in drawn))

    def rounded(self, numbers: Any) -> Tensor:
        """Return numbers in the dtype; labels stay whole."""
        tensor = torch.tensor(numbers)
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor


class Problem:
    """The tensors of one cell and shape, and the truth about them."""

    def __init__(self, cell: Cell, tensors: tuple[Tensor, ...]) -> None:
        self.cell, self.tensors = cell, tensors
        self.digits = _digits(tensors)
        with mp.workdps(self.digits):
            samples = [cell.loss.textbook(*sample) for sample in _samples(tensors)]
            self.losses = [total(truth.loss) for truth in samples]
            self.slopes = [[total(slope) for slope in truth.gradients] for truth in samples]
            if cell.loss.roundings:
                self.losses = [loss._replace(scale=loss.largest) for loss in self.losses]
                self.slopes = [_scaled(slopes) for slopes in self.slopes]
            self.count = mp.fsum(truth.count for truth in samples)

    def truth(self, reduced: bool) -> tuple[list[Exact], list[Exact]]:
        """Return the losses and all slopes, of every sample or of their mean."""
        slopes = [slope for sample in self.slopes for slope in sample]
        if not reduced:
            return self.losses, slopes
        mean = Exact(*(mp.fsum(part) / self.count for part in zip(*self.losses, strict=True)))
        return [mean], [slope.over(self.count) for slope in slopes]

    def computed(self, functions: Any, reduced: bool) -> Outputs:
        """Let a module of functions compute the loss, and autograd its gradient."""
        loss = self.cell.loss
        leaves = [t.clone().requires_grad_() for t in self._differentiated()]
        tensors = [leaves[0], self.tensors[1], *leaves[1:], *self.tensors[1 + loss.inputs :]]
        value = loss.call(functions, *tensors, reduction=loss.mean if reduced else "none")
        slopes = torch.autograd.grad(value, leaves, torch.ones_like(value))
        return Outputs(value.detach(), torch.cat([g.reshape(len(g), -1) for g in slopes], 1))

    def worst(self, outputs: Outputs, reduced: bool) -> Ulps:
        """Return the largest errors of what was computed."""
        with mp.workdps(self.digits):
            truths = self.truth(reduced)
            found = (self._worst(got, true) for got, true in zip(outputs, truths, strict=True))
            return Ulps(*found)

    def _differentiated(self) -> tuple[Tensor, ...]:
        return (self.tensors[0], *self.tensors[2 : 1 + self.cell.loss.inputs])

    def _worst(self, got: Tensor, truths: list[Exact]) -> float:
        if got.dtype != self.cell.dtype:
            return float("inf")
        dtype, pairs = got.dtype, zip(got.reshape(-1).tolist(), truths, strict=True)
        return max(float(error(g, true.value, dtype) / self.unit(true)) for g, true in pairs)

    def unit(self, true: Exact) -> Any:
        """Return the unit that errors are counted in: the spacing of the dtype at the truth.

        What is computed in the dtype itself is off by a part of the largest addend, or of the
        sample's largest derivative.
        What is computed in float64 can be no better than float64's own spacing at the larger of
        two addends that cancel, of which a few operations lose a few.
        """
        dtype = self.cell.dtype
        own = unit(true.value, dtype)
        if self.cell.loss.roundings:
            return max(own, unit(true.scale, dtype))
        exactly = self.cell.regime.cancels_exactly and not self.cell.loss.further
        if exactly or not (true.gains and true.losses):
            return own
        lost = 1 if dtype == torch.float64 else 4
        return max(own, lost * unit(true.largest, torch.float64))


CELLS = [
    Cell(loss, dtype, regime)
    for loss, dtype, regime in itertools.product(LOSSES, DTYPES, REGIMES)
    if regime.suits(loss.kind)
]


def worst(cell: Cell, functions: Any) -> Ulps:
    """Return the largest errors in a cell, of all shapes, of each sample and of means."""
    return worst_of(cell, lambda problem, reduced: problem.computed(functions, reduced))


def worst_of(cell: Cell, compute: Callable[[Problem, bool], Outputs]) -> Ulps:
    """Return the largest errors in a cell of whatever computes its problems."""
    found = [
        problem.worst(compute(problem, reduced), reduced)
        for problem in cell.problems()
        for reduced in (False, True)
    ]
    return Ulps(*map(max, zip(*found, strict=True)))


def _samples(tensors: tuple[Tensor, ...]) -> Iterator[list[Any]]:
    """Turn the rows of tensors into mpmath's numbers, or lists of them."""
    for rows in zip(*(t.tolist() for t in tensors), strict=True):
        yield [*map(_exactly, rows)]


def _scaled(slopes: list[Exact]) -> list[Exact]:
    """Relate the errors of a sample's derivatives to the largest of them."""
    largest = max(slope.largest for slope in slopes)
    return [slope._replace(scale=largest) for slope in slopes]


def _exactly(numbers: Any) -> Any:
    return [*map(_exactly, numbers)] if isinstance(numbers, list) else mp.mpf(numbers)


def _digits(tensors: tuple[Tensor, ...]) -> int:
    """Return how many digits tell 1 from 1 - x, and from 1 - e⁻ˣ unless it is 0 in float64."""
    sizes = torch.cat([t[t.isfinite() & (t != 0)].abs().double().reshape(-1) for t in tensors])
    largest, smallest = sizes.max().item(), sizes.min().item()
    return 60 + int(min(max(0.87 * largest, -math.log10(smallest)), 340))

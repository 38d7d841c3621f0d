"""The rows that are fitted or held out, counted in a pass over their targets and weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from neglog.errors import FitError
from neglog.fitting.design.target import Target
from neglog.fitting.streaming.stream import Part
from neglog.fitting.tables.text_profile import Count, Place


@dataclass
class RowCounts:
    """What there is of rows.

    Attributes:
        rows: how many they are.
        total: the sum of their weights.
        shares: (K,) the weight of each class.
        least, most: the ends of the target, where it is a number.
        outside: the rows whose target the likelihood does not allow.
    """

    shares: Tensor
    rows: int = 0
    total: float = 0.0
    least: float = np.inf
    most: float = -np.inf
    outside: Count = field(default_factory=Count)

    def merge(self, other: RowCounts) -> None:
        """Add what there is elsewhere."""
        self.shares = self.shares + other.shares
        self.rows, self.total = self.rows + other.rows, self.total + other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.outside.merge(other.outside)

    def stands_for(self, y: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return targets and weights that stand for all, given those of a sample."""
        if len(self.shares):
            there = self.shares.nonzero()[:, 0]
            return there, self.shares[there]
        ends = torch.tensor([self.least, self.most], dtype=torch.float64)
        return torch.cat([y, ends]), None if weight is None else torch.cat([weight, ends * 0 + 1])


def count(parts: Iterable[Part], target: Target) -> RowCounts:
    """Count rows."""
    tally = RowCounts(torch.zeros(len(target.classes or ()), dtype=torch.float64))
    for part in parts:
        tally.merge(_of(part, target))
    return tally


def _of(part: Part, target: Target) -> RowCounts:
    y, weight = part.memory.y, part.memory.weight
    total = float(len(y) if weight is None else weight.sum())
    if target.classes is not None:
        shares = torch.bincount(y, weight, len(target.classes)).double()
        return RowCounts(shares, len(y), total)
    outside = Count()
    wrong = ~target.facts.support.contains(y.numpy())
    if wrong.any():
        row = int(wrong.argmax())
        outside = Count(int(wrong.sum()), Place(part.block, int(part.rows[row])), float(y[row]))
    return RowCounts(
        torch.zeros(0).double(), len(y), total, float(y.min()), float(y.max()), outside
    )


def check(tally: RowCounts, target: Target, weights: str | None, row: int) -> None:
    """Refuse a target that the likelihood does not allow, and weights that are all 0.

    Raises:
        FitError: there is either.
    """
    if tally.outside.rows:
        raise FitError(
            f"the target {target.name!r} must hold {target.facts.support.words} for the "
            f"{target.kind} likelihood, but {tally.outside.rows} of {tally.rows} values are not, "
            f"the first {tally.outside.value:g} in row {row} (from 0); remove them, or choose "
            "another likelihood."
        )
    if weights is not None and not tally.total > 0:
        raise FitError(f"the sample weights {weights!r} are all 0, so that no row counts.")

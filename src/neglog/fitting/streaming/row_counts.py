"""Counts of training or validation rows, from a pass over targets and weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from neglog.errors.tables import RoleError, TargetError
from neglog.fitting.design.target import Target
from neglog.fitting.streaming.stream import EncodedBlock
from neglog.fitting.tables.text_profile import Count, RowPosition


@dataclass
class RowCounts:
    """Counts of rows.

    Attributes:
        rows: how many they are.
        total: the sum of their weights.
        class_fractions: (K,) the weight of each class.
        minimum, maximum: the ends of the target, where it is a number.
        outside: the rows whose target the likelihood does not allow.
    """

    class_fractions: Tensor
    rows: int = 0
    total: float = 0.0
    minimum: float = np.inf
    maximum: float = -np.inf
    outside: Count = field(default_factory=Count)

    def merge(self, other: RowCounts) -> None:
        """Merge other counts."""
        self.class_fractions = self.class_fractions + other.class_fractions
        self.rows, self.total = self.rows + other.rows, self.total + other.total
        self.minimum, self.maximum = (
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )
        self.outside.merge(other.outside)

    def representative(self, y: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return representative targets and weights, given a sample."""
        if len(self.class_fractions):
            there = self.class_fractions.nonzero()[:, 0]
            return there, self.class_fractions[there]
        ends = torch.tensor([self.minimum, self.maximum], dtype=torch.float64)
        return torch.cat([y, ends]), None if weight is None else torch.cat([weight, ends * 0 + 1])


def count(parts: Iterable[EncodedBlock], target: Target) -> RowCounts:
    """Count rows."""
    counts = RowCounts(torch.zeros(len(target.classes or ()), dtype=torch.float64))
    for part in parts:
        counts.merge(_of(part, target))
    return counts


def _of(part: EncodedBlock, target: Target) -> RowCounts:
    y, weight = part.memory.y, part.memory.weight
    total = float(len(y) if weight is None else weight.sum())
    if target.classes is not None:
        class_fractions = torch.bincount(y, weight, len(target.classes)).double()
        return RowCounts(class_fractions, len(y), total)
    outside = Count()
    wrong = ~target.facts.support.contains(y.numpy())
    if wrong.any():
        row = int(wrong.argmax())
        outside = Count(
            int(wrong.sum()), RowPosition(part.block, int(part.rows[row])), float(y[row])
        )
    return RowCounts(
        torch.zeros(0).double(), len(y), total, float(y.min()), float(y.max()), outside
    )


def check(counts: RowCounts, target: Target, weights: str | None, row: int) -> None:
    """Refuse a target outside the support, and weights that are all 0.

    Raises:
        FitError: there is either.
    """
    if counts.outside.rows:
        raise TargetError(
            f"the target {target.name!r} must hold {target.facts.support.words} for the "
            f"{target.facts.name} likelihood, but {counts.outside.rows} of {counts.rows} values "
            f"are not, the first {counts.outside.value:g} in row {row} (from 0); remove them, or "
            "choose another likelihood."
        )
    if weights is not None and not counts.total > 0:
        raise RoleError(f"the sample weights {weights!r} are all 0, so that no row counts.")

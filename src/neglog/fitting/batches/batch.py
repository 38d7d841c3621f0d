"""A batch of encoded rows."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from neglog.fitting.batches.matrix import Columns


@dataclass(frozen=True)
class Batch:
    """Some encoded rows.

    Attributes:
        columns: what the linear predictors read.
        y: (N,) the target: numbers, or the classes' numbers.
        weight: (N,) how much each row counts; None where all count the same.
        offset: (N,) what is added to the linear predictor; None for nothing.
        cluster: (N,) the number of the group that a row belongs to; None without groups.
    """

    columns: Columns
    y: Tensor
    weight: Tensor | None = None
    offset: Tensor | None = None
    cluster: Tensor | None = None


@dataclass(frozen=True)
class Units:
    """(P,) what the columns are multiplied by as they are read, and what is then taken off."""

    scale: Tensor
    centre: Tensor

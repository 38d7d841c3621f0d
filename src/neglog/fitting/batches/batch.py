"""A batch of encoded rows."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from neglog.fitting.batches.matrix import Columns


@dataclass(frozen=True)
class Batch:
    """Some encoded rows.

    Attributes:
        columns: the columns of the linear predictors.
        y: (N,) the target: numbers, or class numbers.
        weight: (N,) the sample weights; None if equal.
        offset: (N,) the term added to the linear predictor, if any.
        cluster: (N,) the cluster index of each row, if any.
    """

    columns: Columns
    y: Tensor
    weight: Tensor | None = None
    offset: Tensor | None = None
    cluster: Tensor | None = None


@dataclass(frozen=True)
class Units:
    """(P,) the scale and the centre of the columns: x · scale − centre."""

    scale: Tensor
    centre: Tensor

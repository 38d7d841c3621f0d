"""In-memory rows, in batches that fit in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neglog.fitting.batches.batch import Batch, Units
from neglog.fitting.batches.matrix import Columns, Dense, Labels, Mixed

_NUMBERS, _ENCODED = 2_000_000, 5_000_000
_LEAST, _MOST = 256, 65_536


def batch_rows(width: int, features: int) -> int:
    """Return the number of rows per batch.

    Args:
        width: the amount of numbers computed per row.
        features: the number of features after one-hot encoding.
    """
    most = min(_MOST, _ENCODED // max(features, 1))
    return min(max(_NUMBERS // max(width, 1), _LEAST), max(most, _LEAST))


@dataclass(frozen=True)
class ColumnStack:
    """(N, Q) numbers stored column by column, stacked on demand.

    A complete copy would double the memory of a table; that of a batch stays in the cache.
    """

    columns: Sequence[Tensor]

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (N, Q)."""
        return len(self.columns[0]), len(self.columns)

    def __getitem__(self, rows: slice | Tensor) -> Tensor:
        """Return some rows as one tensor."""
        return torch.stack([column[rows] for column in self.columns]).T


@dataclass(frozen=True)
class InMemoryRows:
    """Encoded rows: numbers as (N, Q) of any strides, and columns of labels as codes.

    Attributes:
        x: the numbers.
        y: (N,) the target: numbers, or class numbers.
        labels: the label columns, which follow the numbers, as integer codes.
        weight, offset, cluster: as in `Batch`.
        batch: the number of rows per batch.
        scale: (Q,) the scale of the numbers, if any.
        centre: (Q,) the centre of the scaled numbers, if any.
    """

    x: Tensor | ColumnStack
    y: Tensor
    labels: tuple[Labels, ...] = ()
    weight: Tensor | None = None
    offset: Tensor | None = None
    cluster: Tensor | None = None
    batch: int = 65_536
    scale: Tensor | None = None
    centre: Tensor | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.y)

    @property
    def total(self) -> float:
        """The sum of the sample weights; without weights, the number of rows."""
        return float(self.rows if self.weight is None else self.weight.sum())

    @property
    def features(self) -> int:
        """The number of encoded columns."""
        return self.x.shape[1] + sum(label.levels - 1 for label in self.labels)

    def width(self, outputs: int) -> int:
        """Return the amount of numbers computed per row, given the number of outputs."""
        stored = self.x.shape[1] + len(self.labels)
        return stored + 1 if outputs == 1 else (self.features + 1) * outputs

    @property
    def units(self) -> Units:
        """The scale and centre of the columns; label columns are unchanged."""
        rest = torch.zeros(self.features - self.x.shape[1], dtype=torch.float64)
        zeros = torch.zeros(self.x.shape[1], dtype=torch.float64)
        return Units(
            torch.cat([zeros + 1 if self.scale is None else self.scale, rest + 1]),
            torch.cat([zeros if self.centre is None else self.centre, rest]),
        )

    def __iter__(self) -> Iterator[Batch]:
        """Yield the rows in order."""
        for start in range(0, self.rows or 1, self.batch):
            yield self._part(slice(start, start + self.batch))

    def without_features(self) -> InMemoryRows:
        """Return the same rows without features."""
        x = torch.empty(self.rows, 0, dtype=torch.float64)
        return replace(self, x=x, labels=(), scale=None, centre=None)

    def sample(self, count: int) -> InMemoryRows:
        """Return a random sample with replacement, or all rows if they are few."""
        if count >= self.rows:
            return self
        random = torch.Generator().manual_seed(0)
        return self.at(torch.randint(self.rows, (count,), generator=random).sort().values)

    def target_sample(self) -> tuple[Tensor, Tensor | None]:
        """Return all targets and weights."""
        return self.y, self.weight

    def in_units(self, scale: Tensor | None, centre: Tensor | None, batch: int) -> InMemoryRows:
        """Return the same rows, with numbers multiplied by `scale`, minus `centre`."""
        return replace(self, scale=scale, centre=centre, batch=batch)

    def at(self, rows: Tensor) -> InMemoryRows:
        """Return a copy of some of the rows."""
        return replace(
            self,
            x=self.x[rows],
            y=self.y[rows],
            labels=tuple(Labels(label.codes[rows], label.levels) for label in self.labels),
            weight=None if self.weight is None else self.weight[rows],
            offset=None if self.offset is None else self.offset[rows],
            cluster=None if self.cluster is None else self.cluster[rows],
        )

    def _part(self, rows: slice | Tensor) -> Batch:
        x = self.x[rows].double()
        if self.scale is not None:
            x = x * self.scale
        if self.centre is not None:
            x = x - self.centre
        columns: Columns = Dense(x)
        if self.labels:
            labels = [Labels(label.codes[rows].long(), label.levels) for label in self.labels]
            columns = Mixed(x, labels)
        other = (None if v is None else v[rows] for v in (self.weight, self.offset, self.cluster))
        return Batch(columns, self.y[rows], *other)

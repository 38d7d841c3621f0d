"""The protocol of rows that are read repeatedly, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

from neglog.fitting.batches.batch import Batch, Units
from neglog.fitting.batches.in_memory_rows import InMemoryRows


class Source(Protocol):
    """Rows that can be iterated repeatedly, always in the same order and batches."""

    @property
    def features(self) -> int:
        """The number of encoded columns."""

    def width(self, outputs: int) -> int:
        """Return the amount of numbers computed per row, given the number of outputs."""

    @property
    def rows(self) -> int:
        """The number of rows of all processes."""

    @property
    def units(self) -> Units:
        """The scale and centre applied to the columns when they are read."""

    def __iter__(self) -> Iterator[Batch]:
        """Yield the rows of this process."""

    def without_features(self) -> Source:
        """Return the same rows without features."""

    def sample(self, count: int) -> InMemoryRows:
        """Return a random sample of about `count` rows of all processes, or all if they are few."""

    def target_sample(self) -> tuple[Tensor, Tensor | None]:
        """Return representative targets and weights, for initial values only."""

    def in_units(self, scale: Tensor | None, centre: Tensor | None, batch: int) -> Source:
        """Return the same rows, with numbers multiplied by `scale`, minus `centre`."""

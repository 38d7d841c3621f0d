"""Rows that can be read again and again, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

from neglog.fitting.batches.batch import Batch, Units
from neglog.fitting.batches.in_memory_rows import InMemoryRows


class Source(Protocol):
    """Rows that can be gone through again and again, always in the same order and batches."""

    @property
    def features(self) -> int:
        """How many encoded columns there are."""

    def width(self, outputs: int) -> int:
        """Return how many numbers are computed of a row for so many outputs."""

    @property
    def rows(self) -> int:
        """How many rows there are, those of other processes among them."""

    @property
    def units(self) -> Units:
        """The scale and centre applied to the columns when they are read."""

    def __iter__(self) -> Iterator[Batch]:
        """Yield the rows; where processes share them, those of this one."""

    def without_features(self) -> Source:
        """Return the same rows without features."""

    def sample(self, count: int) -> InMemoryRows:
        """Return some rows of all processes, about so many, drawn at random; or all, if few."""

    def target_sample(self) -> tuple[Tensor, Tensor | None]:
        """Return targets and weights that stand for all: a start, not a result, rests on them."""

    def in_units(self, scale: Tensor | None, centre: Tensor | None, batch: int) -> Source:
        """Return the same rows, with numbers multiplied by `scale`, minus `centre`."""

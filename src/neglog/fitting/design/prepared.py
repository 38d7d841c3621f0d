"""A prepared table: target, design, training and validation rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from neglog.fitting.batches.in_memory_rows import InMemoryRows
from neglog.fitting.batches.source import Source
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.target import Target
from neglog.fitting.running.processes import Group


class Prepared(Protocol):
    """A prepared table, whose rows may or may not be in memory."""

    @property
    def target(self) -> Target:
        """The target's name, its likelihood and its classes."""

    @property
    def design(self) -> Design:
        """How the table's columns become the model's."""

    @property
    def notes(self) -> list[str]:
        """Notes, such as dropped rows; each a sentence."""

    @property
    def training_rows(self) -> int:
        """The number of training rows."""

    @property
    def validation_rows(self) -> int:
        """The number of validation rows."""

    @property
    def whole(self) -> bool:
        """Whether all rows are in memory."""

    @property
    def first(self) -> bool:
        """Whether this process is the one that prints and writes."""

    @property
    def group(self) -> Group:
        """The processes that hold the rows."""

    def rows(self, held_out: bool = False) -> Source:
        """Return the training rows, or the validation rows."""

    def total(self, held_out: bool = False) -> float:
        """Return the sum of the weights of these rows; without weights, their number."""

    def indexed_rows(
        self, held_out: bool = False
    ) -> Iterator[tuple[np.ndarray[Any, Any], InMemoryRows]]:
        """Yield these rows in one or more parts, with their row numbers in the table."""

    def sample(self) -> tuple[np.ndarray[Any, Any], InMemoryRows]:
        """Return the training rows, or a sample of them, with row numbers."""


@dataclass(frozen=True)
class InMemoryData:
    """A prepared table whose encoded rows are in memory.

    Attributes:
        index: each row's number in the table, from 0.
        source: the encoded features and the target.
        training: which of the rows are fitted; None for all of them.
        validation: which of them are held out.
        notes: what was left out, each a sentence.
    """

    target: Target
    design: Design
    index: np.ndarray[Any, Any]
    source: InMemoryRows
    training: np.ndarray[Any, Any] | None
    validation: np.ndarray[Any, Any]
    notes: list[str]
    whole: bool = True
    first: bool = True
    group: Group = field(default_factory=Group)

    def part(self, rows: np.ndarray[Any, Any] | None) -> InMemoryRows:
        """Return some of the rows."""
        return self.source if rows is None else self.source.at(torch.from_numpy(rows))

    @property
    def training_rows(self) -> int:
        """The number of training rows."""
        return len(self.index) - len(self.validation)

    @property
    def validation_rows(self) -> int:
        """The number of validation rows."""
        return len(self.validation)

    def rows(self, held_out: bool = False) -> InMemoryRows:
        """Return the training rows, or the validation rows."""
        return self.part(self.validation if held_out else self.training)

    def total(self, held_out: bool = False) -> float:
        """Return the sum of the weights of these rows; without weights, their number."""
        return self.rows(held_out).total

    def indexed_rows(
        self, held_out: bool = False
    ) -> Iterator[tuple[np.ndarray[Any, Any], InMemoryRows]]:
        """Yield these rows, with their row numbers in the table."""
        rows = self.validation if held_out else self.training
        yield self.index if rows is None else self.index[rows], self.rows(held_out)

    def sample(self) -> tuple[np.ndarray[Any, Any], InMemoryRows]:
        """Return the training rows, with their row numbers in the table."""
        return next(self.indexed_rows())

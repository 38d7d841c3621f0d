"""Rows that are read and encoded block by block, again in every pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch
from torch import Tensor

from neglog.fitting.batches.batch import Batch, Units
from neglog.fitting.batches.in_memory_rows import InMemoryRows
from neglog.fitting.design.column import cleaned
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.encoding import encoded
from neglog.fitting.design.grouped import proportions
from neglog.fitting.design.roles import Roles
from neglog.fitting.design.target import Target
from neglog.fitting.streaming.block_file import BlockFile
from neglog.fitting.streaming.selection import Selection


@dataclass(frozen=True)
class EncodedBlock:
    """The encoded rows of a block.

    Attributes:
        block: its number.
        rows: the rows' own numbers within it.
    """

    block: int
    rows: np.ndarray
    memory: InMemoryRows


@dataclass(frozen=True)
class Encoder:
    """Encodes the blocks of a file.

    Attributes:
        own_blocks: the numbers of the blocks that are read.
        gaps: the columns in which values are missing.
    """

    file: BlockFile
    selection: Selection
    design: Design
    target: Target
    own_blocks: range
    gaps: frozenset[str] = frozenset()

    def parts(
        self, held_out: bool | None = False, without_features: bool = False
    ) -> Iterator[EncodedBlock]:
        """Yield the training rows, the validation rows, or (None) both.

        Args:
            held_out: which.
            without_features: whether to leave out their columns.
        """
        for block in self.own_blocks:
            part = self._part(block, held_out, without_features)
            if len(part.rows):
                yield part

    def _part(self, block: int, held_out: bool | None, without_features: bool) -> EncodedBlock:
        always = self.selection.always
        filled = self.selection.options.missing == "mean"
        needed = [name for name in self.selection.names if name in self.gaps and not filled]
        names = (
            list(dict.fromkeys([*always, *needed])) if without_features else self.selection.names
        )
        frame = self.file.read(block, names)
        kept = self.selection.kept_rows(frame)
        if held_out is not None:
            kept &= pl.Series(self.selection.held_out(block, len(frame)) == held_out)
        memory = self.encode(frame.filter(kept), without_features)
        return EncodedBlock(block, np.flatnonzero(kept.to_numpy()), memory)

    def encode(self, frame: pl.DataFrame, without_features: bool = False) -> InMemoryRows:
        """Encode rows without missing values."""
        roles = self.selection.options.roles
        others = Roles({role: frame[name].cast(pl.Float64) for role, name in roles.items()})
        y = self.target.encode(proportions(frame[self.target.name], others.trials, None))
        if without_features:
            return InMemoryRows(
                torch.empty(len(y), 0).double(), y, weight=others.weight, offset=others.offset
            )
        return encoded(self.design, cleaned(frame, self.design.columns), y, others)


@dataclass(frozen=True)
class Stream:
    """A `Source` that holds a few rows in memory at a time.

    Attributes:
        parts: begins a pass over the encoded rows of this process.
        stripped_parts: the same without their columns.
        some: a sample of the rows of all processes, encoded.
        representative: targets and weights that stand for all.
        rows: how many rows there are in all processes.
    """

    parts: Callable[[], Iterable[InMemoryRows]]
    stripped_parts: Callable[[], Iterable[InMemoryRows]]
    some: InMemoryRows
    representative: tuple[Tensor, Tensor | None]
    rows: int

    @property
    def features(self) -> int:
        """The number of encoded columns."""
        return self.some.features

    def width(self, outputs: int) -> int:
        """Return the amount of numbers computed per row, given the number of outputs."""
        return self.some.width(outputs)

    @property
    def units(self) -> Units:
        """The scale and centre applied to the columns when they are read."""
        return self.some.units

    def __iter__(self) -> Iterator[Batch]:
        """Yield this process's rows in order."""
        for part in self.parts():
            yield from part.in_units(self.some.scale, self.some.centre, self.some.batch)

    def without_features(self) -> Stream:
        """Return the same rows without features."""
        return replace(self, parts=self.stripped_parts, some=self.some.without_features())

    def sample(self, count: int) -> InMemoryRows:
        """Return a random sample of the rows of all processes, or all if they are few."""
        return self.some.sample(count)

    def target_sample(self) -> tuple[Tensor, Tensor | None]:
        """Return representative targets and weights."""
        return self.representative

    def in_units(self, scale: Tensor | None, centre: Tensor | None, batch: int) -> Stream:
        """Return the same rows, with numbers multiplied by `scale`, minus `centre`."""
        return replace(self, some=self.some.in_units(scale, centre, batch))

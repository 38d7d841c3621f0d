"""Rows that are read, encoded and forgotten block by block, on every pass anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch
from torch import Tensor

from neglog.fitting.batches.batch import Batch, Units
from neglog.fitting.batches.in_memory_rows import Memory
from neglog.fitting.design.column import cleaned
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.grouped import proportions
from neglog.fitting.design.prepared import encoded
from neglog.fitting.design.roles import Roles
from neglog.fitting.design.target import Target
from neglog.fitting.streaming.block_file import File
from neglog.fitting.streaming.choice import Choice


@dataclass(frozen=True)
class Part:
    """The encoded rows of a block.

    Attributes:
        block: its number.
        rows: the rows' own numbers within it.
    """

    block: int
    rows: np.ndarray
    memory: Memory


@dataclass(frozen=True)
class Encoder:
    """Makes parts of the blocks of a file.

    Attributes:
        own: the numbers of the blocks that are read.
        gaps: the columns in which values are missing.
    """

    file: File
    choice: Choice
    design: Design
    target: Target
    own: range
    gaps: frozenset[str] = frozenset()

    def parts(self, held: bool | None = False, bare: bool = False) -> Iterator[Part]:
        """Yield the rows that are fitted, those held out, or (None) both.

        Args:
            held: which.
            bare: whether to leave out their columns.
        """
        for block in self.own:
            part = self._part(block, held, bare)
            if len(part.rows):
                yield part

    def _part(self, block: int, held: bool | None, bare: bool) -> Part:
        always = self.choice.always
        filled = self.choice.options.missing == "mean"
        needed = [name for name in self.choice.names if name in self.gaps and not filled]
        names = list(dict.fromkeys([*always, *needed])) if bare else self.choice.names
        frame = self.file.read(block, names)
        kept = self.choice.kept(frame)
        if held is not None:
            kept &= pl.Series(self.choice.held(block, len(frame)) == held)
        memory = self.encode(frame.filter(kept), bare)
        return Part(block, np.flatnonzero(kept.to_numpy()), memory)

    def encode(self, frame: pl.DataFrame, bare: bool = False) -> Memory:
        """Return rows without missing values, encoded."""
        roles = self.choice.options.roles
        others = Roles({role: frame[name].cast(pl.Float64) for role, name in roles.items()})
        y = self.target.encode(proportions(frame[self.target.name], others.trials, None))
        if bare:
            return Memory(
                torch.empty(len(y), 0).double(), y, weight=others.weight, offset=others.shift
            )
        return encoded(self.design, cleaned(frame, self.design.columns), y, others)


@dataclass(frozen=True)
class Stream:
    """Rows of which a few are in memory at a time, as a `Source`.

    Attributes:
        parts: begins a pass over the encoded rows of this process.
        bares: the same without their columns.
        some: a sample of the rows of all processes, encoded.
        seen: targets and weights that stand for all.
        rows: how many rows there are in all processes.
    """

    parts: Callable[[], Iterable[Memory]]
    bares: Callable[[], Iterable[Memory]]
    some: Memory
    seen: tuple[Tensor, Tensor | None]
    rows: int

    @property
    def features(self) -> int:
        """How many encoded columns there are."""
        return self.some.features

    def width(self, outputs: int) -> int:
        """Return how many numbers are computed of a row for so many outputs."""
        return self.some.width(outputs)

    @property
    def units(self) -> Units:
        """What becomes of the columns as they are read."""
        return self.some.units

    def __iter__(self) -> Iterator[Batch]:
        """Yield this process's rows in order."""
        for part in self.parts():
            yield from part.in_units(self.some.scale, self.some.centre, self.some.batch)

    def bare(self) -> Stream:
        """Return the same rows without their columns."""
        return replace(self, parts=self.bares, some=self.some.bare())

    def sample(self, count: int) -> Memory:
        """Return some rows of all processes, drawn at random, or all, if they are few."""
        return self.some.sample(count)

    def glance(self) -> tuple[Tensor, Tensor | None]:
        """Return targets and weights that stand for all."""
        return self.seen

    def in_units(self, scale: Tensor | None, centre: Tensor | None, batch: int) -> Stream:
        """Return the same rows, their numbers multiplied by a scale, then less a centre."""
        return replace(self, some=self.some.in_units(scale, centre, batch))

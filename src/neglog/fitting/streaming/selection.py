"""Which columns and rows of a file are used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from neglog.fitting.design import roles
from neglog.fitting.options.fit_options import Options
from neglog.fitting.streaming.block_file import BlockFile
from neglog.fitting.streaming.row_random import fractions, row_keys
from neglog.fitting.tables import text_numbers
from neglog.fitting.tables.text_profile import TextProfile

_SAMPLE = 0x5A17  # makes the draws of the sample differ from those of the rows held out


@dataclass(frozen=True)
class Selection:
    """Which columns and rows are used.

    Attributes:
        target: the target's name.
        features: the names of the features.
        options: what was asked for.
        part: the part of the rows that is drawn as a sample.
    """

    target: str
    features: tuple[str, ...]
    options: Options
    part: float = 1.0

    @property
    def always(self) -> list[str]:
        """The columns that are never filled in."""
        return list(dict.fromkeys([self.target, *self.options.roles.values()]))

    @property
    def names(self) -> list[str]:
        """All columns that are used."""
        return [*self.features, *self.always]

    def texts(self) -> TextProfile:
        """Return what is known of a column of text before any of it is read."""
        return TextProfile.by(text_numbers.allowed(self.options.reading))

    def kept_rows(self, frame: pl.DataFrame) -> pl.Series:
        """Return which rows of a frame have no value missing that is needed."""
        needed = self.always if self.options.missing == "mean" else frame.columns
        kept = pl.repeat(True, len(frame), dtype=pl.Boolean, eager=True)
        for name in needed:
            kept &= frame[name].is_not_null()
        return kept

    def held_out(self, block: int, count: int) -> np.ndarray:
        """Return which rows of a block are held out."""
        if not self.options.held_out:
            return np.zeros(count, dtype=bool)
        return fractions(row_keys(block, count), self.options.seed) < self.options.held_out

    def drawn(self, block: int, count: int) -> np.ndarray:
        """Return which rows of a block belong to the sample."""
        return fractions(row_keys(block, count), self.options.seed ^ _SAMPLE) < self.part


def select(file: BlockFile, target: str, options: Options) -> Selection:
    """Return which columns are used.

    Raises:
        FitError: the file lacks a column.
    """
    for name in (target, *options.drop, *options.roles.values()):
        file.require(name)
    roles.check(target, options)
    excluded = {target, *options.drop, *options.roles.values()}
    features = tuple(name for name in file.names if name not in excluded)
    return Selection(target, features, options)

"""The used columns and rows of a file."""

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
    """The used columns and rows.

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
        """The columns whose missing values are never filled in."""
        return list(dict.fromkeys([self.target, *self.options.roles.values()]))

    @property
    def names(self) -> list[str]:
        """All used columns."""
        return [*self.features, *self.always]

    def texts(self) -> TextProfile:
        """Return the initial profile of a text column."""
        return TextProfile.by(text_numbers.allowed(self.options.reading))

    def kept_rows(self, frame: pl.DataFrame) -> pl.Series:
        """Return a mask of the rows without missing values in required columns."""
        needed = self.always if self.options.missing == "mean" else frame.columns
        kept = pl.repeat(True, len(frame), dtype=pl.Boolean, eager=True)
        for name in needed:
            kept &= frame[name].is_not_null()
        return kept

    def held_out(self, block: int, count: int) -> np.ndarray:
        """Return a mask of the validation rows of a block."""
        if not self.options.held_out:
            return np.zeros(count, dtype=bool)
        return fractions(row_keys(block, count), self.options.seed) < self.options.held_out

    def drawn(self, block: int, count: int) -> np.ndarray:
        """Return a mask of the sampled rows of a block."""
        return fractions(row_keys(block, count), self.options.seed ^ _SAMPLE) < self.part


def select(file: BlockFile, target: str, options: Options) -> Selection:
    """Return the used columns.

    Raises:
        FitError: the file lacks a column.
    """
    for name in (target, *options.drop, *options.roles.values()):
        file.require(name)
    roles.check(target, options)
    excluded = {target, *options.drop, *options.roles.values()}
    features = tuple(name for name in file.names if name not in excluded)
    return Selection(target, features, options)

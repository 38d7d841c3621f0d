"""The options of a fit with what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neglog.fitting.network.architecture import Architecture
from neglog.fitting.network.settings import Settings
from neglog.fitting.option_table.rows import OF_TRIALS, ReadingOptions
from neglog.fitting.option_table.table import FitOptions, entries
from neglog.fitting.tables.reading import Reading


@dataclass(frozen=True, kw_only=True)
class OptionFields(FitOptions):
    """The options with what follows from them; `FitOptions` states their meanings.

    The likelihood is its name, or where it is declared.
    """

    likelihood: str | None = None

    @property
    def orders(self) -> Mapping[str, Sequence[Any]]:
        """The levels in order, by column."""
        return self.levels or {}

    @property
    def date_parts(self) -> Mapping[str, Sequence[str]]:
        """The parts of dates to use, by column."""
        return self.dates or {}

    @property
    def texts(self) -> set[str]:
        """The label columns, whose text is unchanged."""
        return {*self.orders, *self.as_labels}

    @property
    def reading(self) -> Reading:
        """How the table is read."""
        return Reading(
            frozenset(self.texts), **{name: getattr(self, name) for name in entries(ReadingOptions)}
        )

    @property
    def treats_missing(self) -> bool:
        """Whether values may be missing, or are marked as such."""
        return bool(self.na) or self.missing is not None

    @property
    def penalised(self) -> bool:
        """Whether the weights are not those of greatest likelihood, which AIC and tests are of."""
        return bool(self.l1 or self.l2)

    @property
    def grouped(self) -> bool:
        """Whether the rows hold proportions, or successes, of several trials."""
        return (self.likelihood or "").lower() == OF_TRIALS

    @property
    def in_blocks(self) -> bool:
        """Whether the rows are read from a file block by block, not as a table."""
        return self.stream or (self.distributed and self.newton)

    @property
    def newton(self) -> bool:
        """Whether the model is solved by Newton's method, as linear ones are by default."""
        return self.chosen.lower() == "newton"

    @property
    def chosen(self) -> str:
        """The optimizer asked for, or the default one of the model."""
        return self.optimizer or ("adam" if self.hidden else "newton")

    @property
    def architecture(self) -> Architecture:
        """The layers between the features and the outputs."""
        return Architecture(tuple(self.hidden), self.activation, self.dropout)

    @property
    def limits(self) -> tuple[int | None, int | None]:
        """The epochs and the rows per step, if known before a fit."""
        if self.newton:
            return self.epochs, None
        return self.epochs or Settings.epochs, self.batch_size or Settings.batch

    @property
    def members(self) -> int:
        """How many more networks are trained for intervals of the predictions."""
        return self.ensemble or self.bootstrap or 0

    @property
    def held_out(self) -> float:
        """The part of the rows that is held out: none by default where Newton solves the model."""
        if self.validation is not None:
            return self.validation
        return 0.0 if self.newton else 0.2

    @property
    def roles(self) -> dict[str, str]:
        """The columns with other roles than features, by role."""
        named = {name: getattr(self, name) for name in ROLES}
        return {name: column for name, column in named.items() if column is not None}


ROLES = tuple(name for name, entry in entries(FitOptions).items() if entry.facts.column)
"""The options that name a non-feature column."""

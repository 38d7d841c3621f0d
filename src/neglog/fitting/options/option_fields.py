"""The options of a fit by name, with their defaults and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from neglog.fitting.network.architecture import Architecture
from neglog.fitting.network.settings import Settings
from neglog.fitting.tables.reading import CHOICES, Reading

COVARIANCES = ("fisher", "observed", "quasi", "hc0", "hc1", "cluster")
POLICIES = ("drop", "mean")
WEIGHT_KINDS = ("frequency", "precision")
OF_TRIALS = "binomial"
"""The likelihood that requires the number of trials."""


@dataclass(frozen=True)
class OptionFields:
    """The options with what follows from them; see `neglog.fit` for their meanings."""

    likelihood: str | None = None
    hidden: Sequence[int] = ()
    activation: str = "relu"
    dropout: float = 0.0
    optimizer: str | None = None
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    schedule: str | None = None
    schedule_options: Mapping[str, Any] = field(default_factory=dict)
    patience: int | None = None
    min_delta: float = 0.0
    validation: float | None = None
    seed: int = 0
    missing: str | None = None
    drop: Sequence[str] = ()
    levels: Mapping[str, Any] = field(default_factory=dict)
    as_labels: Sequence[str] = ()
    dates: Mapping[str, Any] = field(default_factory=dict)
    encoding: str | None = None
    separator: str | None = None
    thousands: str | None = None
    decimal: str | None = None
    na: Sequence[Any] = ()
    skip_rows: int | None = None
    sheet: str | None = None
    formula: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    sample_weight: str | None = None
    trials: str | None = None
    weight_kind: str = "frequency"
    offset: str | None = None
    exposure: str | None = None
    base: Any = None
    quantile: float = 0.5
    delta: float = 1.345
    l2: float = 0.0
    l1: float = 0.0
    firth: bool = False
    covariance: str | None = None
    cluster: str | None = None
    level: float = 0.95
    ensemble: int | None = None
    bootstrap: int | None = None
    stream: bool = False
    distributed: bool = False
    shard: bool = False

    @property
    def texts(self) -> set[str]:
        """The columns of labels, whose text stays as it is written."""
        return {*self.levels, *self.as_labels}

    @property
    def reading(self) -> Reading:
        """How the table is read."""
        return Reading(frozenset(self.texts), **{name: getattr(self, name) for name in CHOICES})

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
        """The epochs and the rows of a step, as far as they are decided before a fit."""
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
        """The columns that are no features, by what they are."""
        names = ("sample_weight", "trials", "offset", "exposure", "cluster")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

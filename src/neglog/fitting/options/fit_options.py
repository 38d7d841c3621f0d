"""What a user may choose about a fit, checked before any row is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from neglog.errors import FitError
from neglog.fitting.design.missing import POLICIES
from neglog.fitting.inference.covariance import COVARIANCES
from neglog.fitting.network.architecture import Architecture
from neglog.fitting.network.settings import Settings
from neglog.fitting.options import option_checks
from neglog.fitting.options.option_types import plain
from neglog.fitting.tables import date_parts
from neglog.fitting.tables.reading import CHOICES, Reading

WEIGHT_KINDS = ("frequency", "precision")


@dataclass(frozen=True)
class Options:
    """The choices; see `neglog.fit` for what each of them means."""

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

    def __post_init__(self) -> None:
        """Make the choices plain values, and refuse those that no table could meet."""
        for choice in fields(self):
            value = plain(choice.name, str(choice.type), getattr(self, choice.name))
            object.__setattr__(self, choice.name, value)
        object.__setattr__(self, "levels", _levels(self.levels))
        object.__setattr__(self, "dates", date_parts.checked(self.dates))
        object.__setattr__(self, "separator", self.reading.separator)
        self._check_ranges()
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise FitError(f"{name} must be 1 or more, but got {value!r}.")
        option_checks.check(self)
        if self.grouped:  # trials are no rows
            object.__setattr__(self, "weight_kind", "precision")
        if (self.covariance == "cluster") != (self.cluster is not None):
            raise FitError(
                "the covariance 'cluster' and the column of the clusters go together; pass both, "
                "or neither."
            )
        self._check_scale()

    def _check_ranges(self) -> None:
        for name, choices in (("missing", POLICIES), ("covariance", COVARIANCES),
                              ("weight_kind", WEIGHT_KINDS)):  # fmt: skip
            value = getattr(self, name)
            if value is not None and value not in choices:
                raise FitError(f"{name} must be {' or '.join(choices)}, but got {value!r}.")
        if not 0.0 <= self.held_out < 1.0:
            raise FitError(f"validation must lie in [0, 1), but got {self.validation!r}.")
        if not 0 <= self.seed < 2**63:
            raise FitError(f"seed must lie in [0, 2^63), but got {self.seed!r}.")
        if not 0.0 <= self.min_delta < math.inf:
            raise FitError(f"min_delta must be a number of 0 or more, but got {self.min_delta!r}.")
        for name in ("quantile", "level"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise FitError(f"{name} must lie between 0 and 1, but got {getattr(self, name)!r}.")
        if not (0.0 < self.delta < math.inf):
            raise FitError(f"delta must be a number above 0, but got {self.delta!r}.")
        for name in ("l1", "l2"):
            if not (0.0 <= getattr(self, name) < math.inf):
                value = getattr(self, name)
                raise FitError(f"{name} must be a number of 0 or more, but got {value!r}.")
        if self.firth and (self.l1 or self.l2):
            raise FitError("firth is a penalty of its own; leave out l1 and l2, or firth.")
        if (self.firth or self.l1 or self.l2) and not self.newton:
            raise FitError(
                "penalties are for linear models and newton; with an optimizer of torch pass its "
                "weight_decay (on the command line, --option weight_decay=…)."
            )

    def _check_scale(self) -> None:
        if self.stream and not self.newton:
            raise FitError("stream is for linear models and newton; leave it out.")
        if self.in_blocks and self.cluster is not None:
            name = "stream" if self.stream else "distributed"
            raise FitError(f"clustered standard errors want all rows at once; leave out {name}.")
        if self.shard and not (self.distributed and self.hidden):
            raise FitError("shard is for networks that several processes train; pass distributed.")

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
        return (self.likelihood or "").lower() == option_checks.OF_TRIALS

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


def _levels(given: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the levels by column, each list as a tuple."""
    for name, labels in given.items():
        if isinstance(labels, str) or not isinstance(labels, Sequence) or not labels:
            raise FitError(
                f"levels must map a column to the list of its levels, but {name!r} has {labels!r}."
            )
    return {str(name): tuple(labels) for name, labels in given.items()}

"""What a user may choose about a fit, checked before any row is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neglog.errors.options import FitOptionError
from neglog.fitting.option_table.table import FitOptions, entries
from neglog.fitting.options import option_checks
from neglog.fitting.options.option_fields import ROLES, OptionFields
from neglog.fitting.options.option_types import plain
from neglog.fitting.tables import date_parts


@dataclass(frozen=True, kw_only=True)
class Options(OptionFields):
    """The options, checked; see `neglog.fit` for their meanings."""

    def __post_init__(self) -> None:
        """Make the choices plain values, and refuse those that no table could meet."""
        for name, entry in entries(FitOptions).items():
            kind = str if name in ROLES else entry.kind
            self._set(name, plain(name, kind, getattr(self, name), entry.default is None))
        option_checks.check_values(FitOptions, self)
        self._set("levels", _levels(self.orders))
        self._set("dates", date_parts.validate_parts(self.date_parts))
        self._set("separator", self.reading.separator)
        if self.cluster is not None and self.covariance is None and self.newton:
            self._set("covariance", "cluster")
        option_checks.check(self)
        if self.grouped:  # trials are not rows
            self._set("weight_kind", "precision")

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def _levels(given: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the levels by column, each list as a tuple."""
    for name, labels in given.items():
        if isinstance(labels, str) or not isinstance(labels, Sequence) or not labels:
            raise FitOptionError(
                f"levels must map a column to the list of its levels, but {name!r} has {labels!r}."
            )
    return {str(name): tuple(labels) for name, labels in given.items()}

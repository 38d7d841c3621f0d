"""What a user may choose about a fit, checked before any row is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from neglog.errors import FitError
from neglog.fitting.options import option_checks
from neglog.fitting.options.option_fields import OptionFields
from neglog.fitting.options.option_types import plain
from neglog.fitting.tables import date_parts


@dataclass(frozen=True)
class Options(OptionFields):
    """The options, checked; see `neglog.fit` for their meanings."""

    def __post_init__(self) -> None:
        """Make the choices plain values, and refuse those that no table could meet."""
        for choice in fields(self):
            value = plain(choice.name, str(choice.type), getattr(self, choice.name))
            object.__setattr__(self, choice.name, value)
        object.__setattr__(self, "levels", _levels(self.levels))
        object.__setattr__(self, "dates", date_parts.checked(self.dates))
        object.__setattr__(self, "separator", self.reading.separator)
        option_checks.check_ranges(self)
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise FitError(f"{name} must be 1 or more, but got {value!r}.")
        option_checks.check(self)
        if self.grouped:  # trials are no rows
            object.__setattr__(self, "weight_kind", "precision")
        option_checks.check_scale(self)


def _levels(given: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the levels by column, each list as a tuple."""
    for name, labels in given.items():
        if isinstance(labels, str) or not isinstance(labels, Sequence) or not labels:
            raise FitError(
                f"levels must map a column to the list of its levels, but {name!r} has {labels!r}."
            )
    return {str(name): tuple(labels) for name, labels in given.items()}

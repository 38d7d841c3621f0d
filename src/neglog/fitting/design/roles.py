"""Columns with other roles than features: sample weights, offset, exposure, clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from neglog.errors.tables import RoleError
from neglog.fitting.options.fit_options import Options
from neglog.fitting.tables.numerals import plain
from neglog.fitting.tables.table import Table
from neglog.translation import gettext as _


@dataclass(frozen=True)
class Roles:
    """The columns by role."""

    columns: dict[str, pl.Series]

    def filter(self, kept: pl.Series) -> Roles:
        """Return the columns for selected rows."""
        return Roles({role: column.filter(kept) for role, column in self.columns.items()})

    @property
    def weight(self) -> Tensor | None:
        """(N,) the weight of each row: its sample weight, or its number of trials."""
        return self._numbers("sample_weight" if self.trials is None else "trials")

    @property
    def trials(self) -> pl.Series | None:
        """(N,) the number of trials of each row."""
        return self.columns.get("trials")

    @property
    def offset(self) -> Tensor | None:
        """(N,) the term added to the linear predictor: the offset, and ln exposure."""
        offset, exposure = self._numbers("offset"), self._numbers("exposure")
        if exposure is None:
            return offset
        return exposure.log() + (0.0 if offset is None else offset)

    @property
    def groups(self) -> Tensor | None:
        """(N,) the cluster index of each row."""
        if "cluster" not in self.columns:
            return None
        return torch.from_numpy(self.columns["cluster"].rank("dense").cast(pl.Int64).to_numpy() - 1)

    def _numbers(self, role: str) -> Tensor | None:
        if role not in self.columns:
            return None
        return torch.from_numpy(self.columns[role].to_numpy().copy())

    def notes(self, options: Options) -> list[str]:
        """Return a note on the interpretation of the weights."""
        if options.sample_weight is None:
            return []
        if options.grouped:
            return [_("sample weights are the numbers of trials that the proportions are of.")]
        meaning = {
            "frequency": _("a row of weight 2 is the same as two rows"),
            "precision": _("a row's loss is multiplied by its weight; the rows stay as many"),
        }[options.weight_kind]
        text = _("sample weights are {kind} weights: {meaning}.")
        return [text.format(kind=_(options.weight_kind), meaning=meaning)]


def check(target: str, options: Options) -> None:
    """Refuse a target that has another role too.

    Raises:
        FitError: it is.
    """
    others = {name: f"the {role.replace('_', ' ')}" for role, name in options.roles.items()}
    others |= dict.fromkeys(options.drop, "to be left out")
    if target in others:
        raise RoleError(f"the target {target!r} is {others[target]} too; name another column.")


def read(table: Table, options: Options) -> Roles:
    """Return the columns that have a role.

    Raises:
        FitError: a column is not there, or holds what its role does not allow.
    """
    return _read(table, options.roles)


def _read(table: Table, roles: dict[str, str]) -> Roles:
    columns = {}
    for role, name in roles.items():
        column, words = table.column(name), role.replace("_", " ")
        if role != "cluster":
            column = _checked(words, name, column, role != "offset")
        columns[role] = column.alias(f"{words} {name}")
    return Roles(columns)


def of_prediction(table: Table, options: Options) -> Roles:
    """Return the columns that change a prediction: the offset, and the exposure."""
    used = {role: name for role, name in options.roles.items() if role in ("offset", "exposure")}
    if options.trials is not None and options.trials in table.frame.columns:
        used["trials"] = options.trials
    return _read(table, used)


def _checked(role: str, name: str, column: pl.Series, of_zero_or_more: bool) -> pl.Series:
    if column.dtype == pl.String:
        text = column.filter(plain(column).is_null() & column.is_not_null())
        raise RoleError(
            f"the {role} {name!r} must hold numbers, but holds text, such as {text[0]!r}."
        )
    column = column.cast(pl.Float64)
    values = column.fill_null(1.0).to_numpy()
    wrong = ~np.isfinite(values)
    expected = "finite numbers"
    if of_zero_or_more:
        least = "above 0" if role == "exposure" else "of 0 or more"
        expected, wrong = f"finite numbers {least}", wrong | (values < 0)
        if role == "exposure":
            wrong |= values == 0
    if wrong.any():
        first = int(wrong.argmax())
        raise RoleError(
            f"the {role} {name!r} must hold {expected}, but {wrong.sum()} values are not, the "
            f"first {values[first]:g} in row {first} (from 0)."
        )
    if role == "sample weight" and not values.sum() > 0:
        raise RoleError(f"the sample weights {name!r} are all 0, so that no row counts.")
    return column

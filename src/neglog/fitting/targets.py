"""What the target is: the likelihood that fits it, why, and its labels as numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from neglog.errors import FitError
from neglog.families import Bernoulli, Categorical, Normal
from neglog.fitting.table import listed
from neglog.likelihood import Likelihood

LIKELIHOODS: dict[str, type[Likelihood]] = {
    likelihood.name: likelihood for likelihood in (Bernoulli, Categorical, Normal)
}
_MOST_INTEGER_CLASSES = 20
_ROWS_A_CLASS = 3


@dataclass(frozen=True)
class Target:
    """The target's name, its likelihood, and its labels in the order of the classes.

    Attributes:
        classes: the labels; None where the target is a number.
        reason: why this likelihood, in one sentence.
    """

    name: str
    likelihood: type[Likelihood]
    classes: list[Any] | None
    reason: str

    def values(self, column: pl.Series) -> np.ndarray[Any, Any]:
        """Return a column's values as they are reported: labels, or numbers."""
        if self.classes is None:
            return column.cast(pl.Float64).to_numpy()
        labels = [plain(value) for value in column]
        if all(isinstance(label, str) for label in self.classes):
            labels = [None if label is None else str(label) for label in labels]
        return objects(labels)

    def encode(self, values: np.ndarray[Any, Any]) -> Tensor:
        """Return numbers as (N, 1) floats, two classes likewise, more classes as (N,) integers.

        Raises:
            FitError: a label is none of the classes.
        """
        if self.classes is None:
            return torch.from_numpy(np.array(values, dtype=np.float64))[:, None]
        number = {label: k for k, label in enumerate(self.classes)}
        strangers = Counter(value for value in values if value not in number)
        if strangers:
            found = listed([f"{label!r} ({count})" for label, count in strangers.items()])
            raise FitError(
                f"the target {self.name!r} holds labels that were not there when the model was "
                f"fitted: {found}; it knows {listed(self.classes)}."
            )
        labels = torch.tensor([number[value] for value in values], dtype=torch.int64)
        return labels if self.likelihood is Categorical else labels.double()[:, None]


def plain(value: Any) -> Any:
    """Return a label as it is written: the float 2.0 as the integer 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def objects(values: list[Any]) -> np.ndarray[Any, Any]:
    """Return an array that keeps each value's own type."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def choose(column: pl.Series, override: str | None) -> Target:
    """Choose the likelihood of a target without missing values, and say why.

    Raises:
        FitError: the column cannot be a target, or not one of the likelihood asked for.
    """
    name = column.name
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.String)):
        raise FitError(f"the target {name!r} is of type {column.dtype}: neither number nor label.")
    labels = sorted({plain(value) for value in column.unique()})
    if any(isinstance(label, float) for label in labels):
        labels = [float(label) for label in labels]
    if len(labels) == 1:
        raise FitError(
            f"the target {name!r} is {labels[0]!r} in every row; with one value there is nothing "
            "to learn."
        )
    if override is None:
        chosen, reason = _fitting(column, labels)
    else:
        chosen, reason = _asked_for(name, override), "it was asked for"
    if chosen is Normal:
        return _number(column, reason)
    _check_classes(column, labels, chosen)
    return Target(name, chosen, labels, reason)


def _fitting(column: pl.Series, labels: list[Any]) -> tuple[type[Likelihood], str]:
    count = len(labels)
    if count == 2:
        return Bernoulli, f"{column.name!r} holds two values, {labels[0]} (0) and {labels[1]} (1)"
    if column.dtype == pl.String:
        return Categorical, f"{column.name!r} holds {count} different labels"
    whole = all(isinstance(label, int) for label in labels)
    few = count <= min(_MOST_INTEGER_CLASSES, len(column) // _ROWS_A_CLASS)
    if whole and few:
        return (
            Categorical,
            f"{column.name!r} holds {count} different whole numbers, taken as classes",
        )
    return Normal, f"{column.name!r} holds {count} different numbers"


def _asked_for(name: str, override: str) -> type[Likelihood]:
    if override.lower() not in LIKELIHOODS:
        known = listed(list(LIKELIHOODS))
        raise FitError(f"fit has no likelihood {override!r} for {name!r}; choose one of {known}.")
    return LIKELIHOODS[override.lower()]


def _number(column: pl.Series, reason: str) -> Target:
    if column.dtype == pl.String:
        raise FitError(
            f"the target {column.name!r} holds text, such as {column[0]!r}, which has no normal "
            "likelihood; leave out the likelihood, or pass categorical."
        )
    infinite = column.cast(pl.Float64).is_infinite()
    if infinite.any():
        raise FitError(
            f"the target {column.name!r} holds {infinite.sum()} infinite values; remove their rows."
        )
    return Target(column.name, Normal, None, reason)


def _check_classes(column: pl.Series, labels: list[Any], chosen: type[Likelihood]) -> None:
    name, count = column.name, len(labels)
    if chosen is Bernoulli and count > 2:
        raise FitError(
            f"bernoulli wants two classes, but the target {name!r} holds {count}: "
            f"{listed(labels)}; pass categorical."
        )
    if count > max(2, len(column) // 2):
        remedy = "pass normal" if column.dtype != pl.String else "choose another target"
        raise FitError(
            f"the target {name!r} holds {count} different values in {len(column)} rows, which are "
            f"no classes; {remedy}."
        )

"""The target: its likelihood, the reason for it, and its labels as class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from neglog.errors import listed
from neglog.errors.options import FitOptionError, PredictionError
from neglog.fitting.likelihoods.own import find
from neglog.fitting.likelihoods.registry import Kind
from neglog.fitting.tables.arrays import objects
from neglog.fitting.tables.factor_levels import check_order, texts
from neglog.fitting.tables.factor_levels import text as written
from neglog.likelihood import Likelihood
from neglog.translation import gettext as _


@dataclass(frozen=True)
class Target:
    """The name of the target, its likelihood, and its labels in class order.

    Attributes:
        kind: the likelihood's name, or where it is declared, as of `find`.
        classes: the labels; None where the target is a number.
        reason: why this likelihood, in one sentence.
        doubt: what else the target may be, in one sentence; empty where it is clear.
    """

    name: str
    kind: str
    classes: list[Any] | None
    reason: str
    doubt: str = ""

    @property
    def facts(self) -> Kind:
        """The registry entry of the likelihood."""
        return find(self.kind)

    @property
    def likelihood(self) -> type[Likelihood]:
        """The declaration."""
        return self.facts.declaration

    @cached_property
    def labels(self) -> np.ndarray[Any, Any]:
        """The classes as an array that keeps the type of each label."""
        return objects(self.classes or [])

    def data_warnings(self, y: Tensor) -> list[str]:
        """Warn if some targets, encoded by `encode`, are unlikely under the likelihood."""
        warnings = [self.doubt] if self.doubt else []
        invalid = y[y % 1 != 0] if self.facts.counts else y[:0]
        if not len(invalid):
            return warnings
        return [
            *warnings,
            _(
                "the target {name!r} holds numbers that are not counts, such as "
                "{value!r}: the weights are those of a quasi-likelihood, but the "
                "nats are of no probability, and standard errors require --covariance hc0."
            ).format(name=self.name, value=plain(invalid[0].item())),
        ]

    def encode(self, column: pl.Series) -> Tensor:
        """Encode numbers as floats, classes as class numbers, missing values as NaN or −1.

        Raises:
            FitError: a label is none of the classes.
        """
        if self.classes is None:
            return torch.from_numpy(column.cast(pl.Float64).fill_null(np.nan).to_numpy().copy())
        codes = _codes(column, self.classes)
        invalid = column.filter(pl.Series(codes == -1) & column.is_not_null())
        if len(invalid):
            counts = invalid.value_counts(sort=True)
            found = [f"{plain(label)!r} ({count})" for label, count in counts.iter_rows()]
            raise PredictionError(
                f"the target {self.name!r} holds labels that were not there when the model was "
                f"fitted: {listed(found)}; it knows {listed(self.classes)}."
            )
        return torch.from_numpy(codes)

    def decode(self, y: Tensor) -> np.ndarray[Any, Any]:
        """Invert `encode`: return labels, or numbers."""
        if self.classes is None:
            return np.asarray(y.numpy())
        return np.asarray(np.append(self.labels, objects([None]))[y.numpy()])


def _codes(column: pl.Series, classes: list[Any]) -> np.ndarray[Any, Any]:
    """Return the class number of each label, −1 for unknown labels."""
    if all(isinstance(label, str) for label in classes):
        known = texts(column).cast(pl.Enum(classes), strict=False)
        return known.to_physical().cast(pl.Int64).fill_null(-1).to_numpy().copy()
    values = column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    numbers = np.array(classes, dtype=np.float64)
    sorter = np.argsort(numbers)
    found = np.searchsorted(numbers, values, sorter=sorter).clip(max=len(numbers) - 1)
    places = sorter[found]
    return np.where(numbers[places] == values, places, -1)


def plain(value: Any) -> Any:
    """Return a label in its written form: the float 2.0 as the integer 2."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def class_index(base: Any, labels: Sequence[Any]) -> int:
    """Return the number of a class.

    Raises:
        FitError: there is no such class.
    """
    names = [written(label) for label in labels]
    if written(base) not in names:
        raise FitOptionError(f"unknown reference class {base!r}; the classes are {listed(names)}.")
    return names.index(written(base))


def order(target: Target, declared: bool) -> list[str]:
    """Return a note on the order of the classes of an ordinal target.

    Raises:
        FitError: they are text, whose order nothing declares.
    """
    if not target.facts.ranked:
        return []
    if not declared:
        check_order(target.name, target.classes or [])
        return []
    text = _("the classes are taken in the declared order, {labels}.")
    return [text.format(labels=" < ".join(map(str, target.labels)))]

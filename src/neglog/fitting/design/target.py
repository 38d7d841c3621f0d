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

from neglog.errors import FitError, listed
from neglog.fitting.design import count_detection as counts
from neglog.fitting.design.label_checks import cause, refuse_signs
from neglog.fitting.likelihoods.own import find, reference
from neglog.fitting.likelihoods.registry import Kind
from neglog.fitting.tables import date_text
from neglog.fitting.tables.arrays import objects
from neglog.fitting.tables.factor_levels import check_order, texts
from neglog.fitting.tables.factor_levels import text as written
from neglog.likelihood import Likelihood

_MAX_INTEGER_CLASSES = 20
_ROWS_PER_CLASS = 3
MAX_CLASSES = 100_000


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
            f"the target {self.name!r} holds numbers that are no counts, such as "
            f"{plain(invalid[0].item())!r}: the weights are those of a quasi-likelihood, but the "
            "nats are of no probability, and standard errors require --covariance hc0.",
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
            raise FitError(
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


def _labels(values: pl.Series) -> list[Any]:
    """Return different values in order; floats as integers if all of them are whole."""
    ordered = values.sort()
    if ordered.dtype.is_float() and (ordered % 1 == 0).all():
        return [int(value) for value in ordered.to_list()]
    return ordered.to_list()


def choose(
    column: pl.Series,
    override: str | None,
    order: Sequence[Any] | None = None,
    base: Any = None,
    unit: str | None = None,
) -> Target:
    """Choose the likelihood of a target without missing values, with the reason.

    Args:
        column: the target.
        override: the likelihood that was asked for.
        order: the classes in their order, where something declares it.
        base: the class whose weights are 0.
        unit: of numbers that are written as amounts, which are not classes; empty for amounts
            without a unit, None for other numbers.

    Raises:
        FitError: the column cannot be a target, or not one of the likelihood asked for.
    """
    target = decide(column, override, len(column), None, order, base, unit)
    if target.classes is None:
        check_numbers(column, target.kind)
    return target


def decide(
    column: pl.Series,
    override: str | None,
    rows: int,
    sample: pl.Series | None = None,
    order: Sequence[Any] | None = None,
    base: Any = None,
    unit: str | None = None,
) -> Target:
    """Choose the likelihood of a target from a sample of its values.

    Args:
        column: all values, or all different ones.
        override: the likelihood that was asked for.
        rows: how many rows there are.
        sample: values that occur as often as in the rows; None where `column` does.
        order: the classes in their order, where something declares it.
        base: the class whose weights are 0.
        unit: as of `choose`.

    Raises:
        FitError: as `choose`, but for numbers that the likelihood does not allow.
    """
    name = column.name
    if (order is None or column.dtype.is_temporal()) and date_text.are_dates(column):
        is_text = column.dtype == pl.String
        date_text.refuse_target(name, column.drop_nulls().first() if is_text else column.dtype)
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.String)):
        raise FitError(f"the target {name!r} is of type {column.dtype}: neither number nor label.")
    values = column.unique()
    labels = _labels(values.head(MAX_CLASSES))
    if order is not None:  # without the levels that rows left out held
        found = set(labels)
        labels = [label for label in map(plain, order) if label in found]
        if any(isinstance(label, float) for label in labels):
            labels = [float(label) for label in labels]
    if len(values) == 1:
        raise FitError(
            f"the target {name!r} is {labels[0]!r} in all {rows} rows; with one value there "
            "is nothing to learn."
        )
    if column.dtype == pl.String and order is None:
        refuse_signs(name, labels)
    doubt = ""
    if override is None:
        rows_per_class = column if sample is None else sample
        most = -1 if unit is not None else min(_MAX_INTEGER_CLASSES, rows // _ROWS_PER_CLASS)
        if unit:
            kind, reason = "normal", f"{name!r} holds {len(values)} different numbers in {unit}"
            doubt = counts.unit_warning(name, unit)
        else:
            kind, reason, doubt = _inferred_likelihood(
                column, labels, len(values), most, rows_per_class, order is not None
            )
    else:
        kind, reason = reference(override), "it was asked for"
    facts = find(kind)
    if facts.target == "numbers":
        return Target(name, kind, None, reason, date_text.date_target_warning(column) or doubt)
    _check_classes(column, labels, rows, kind)
    if facts.ranked and base is not None:
        raise FitError(f"base is for classes without an order, not for {facts.name}; leave it out.")
    if len(labels) == 2 and base is not None:
        labels = _reference_first(labels, base)
        reason = f"{name!r} holds two values, {labels[0]} (the base, 0) and {labels[1]} (1)"
    return Target(name, kind, labels, reason, doubt)


def class_index(base: Any, labels: Sequence[Any]) -> int:
    """Return the number of a class.

    Raises:
        FitError: there is no such class.
    """
    names = [written(label) for label in labels]
    if written(base) not in names:
        raise FitError(f"there is no class {base!r} to be the base; there are {listed(names)}.")
    return names.index(written(base))


def _reference_first(labels: list[Any], base: Any) -> list[Any]:
    """Return two classes, the reference class first."""
    return labels[::-1] if class_index(base, labels) else labels


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
    return [f"the classes are taken in the declared order, {' < '.join(map(str, target.labels))}."]


def _inferred_likelihood(
    column: pl.Series,
    labels: list[Any],
    count: int,
    most: int,
    rows_per_class: pl.Series,
    declared: bool,
) -> tuple[str, str, str]:
    """Infer the likelihood from the values; return it, the reason, and a warning.

    `most` is how many whole numbers may be classes; below 0 where no two are.
    """
    name = column.name
    if count == 2 and most >= 0:
        return "bernoulli", f"{name!r} holds two values, {labels[0]} (0) and {labels[1]} (1)", ""
    if column.dtype == pl.String or declared:
        return "categorical", f"{name!r} holds {count} different labels", ""
    shape = counts.CountHistogram.of(rows_per_class.drop_nulls().cast(pl.Float64).to_numpy())
    whole = all(isinstance(label, int) for label in labels)
    if whole and shape is not None and shape.looks_like_counts:
        return "poisson", counts.reason(name, shape), ""
    if whole and count <= most:
        doubt = "" if shape is None else counts.class_codes_warning(name, shape)
        return "categorical", counts.as_classes(name, count), doubt
    doubt = "" if shape is None or not whole else counts.normal_warning(name)
    if not whole and labels[0] >= 0 and labels[-1] <= 1 and count <= MAX_CLASSES:
        doubt = counts.proportions_warning(name)
    return "normal", f"{name!r} holds {count} different numbers", doubt


def check_numbers(column: pl.Series, kind: str) -> None:
    """Refuse values outside the support of a numeric likelihood."""
    name, facts = column.name, find(kind)
    if column.dtype == pl.String:
        raise FitError(
            f"the target {name!r} holds text, such as {column[0]!r}, which has no "
            f"{facts.name} likelihood; leave out the likelihood, or pass categorical."
        )
    numbers = column.cast(pl.Float64).to_numpy()
    if np.isinf(numbers).any():
        raise FitError(
            f"the target {name!r} holds {np.isinf(numbers).sum()} infinite values; remove their "
            "rows."
        )
    outside = ~facts.support.contains(numbers)
    if outside.any():
        first = int(outside.argmax())
        raise FitError(
            f"the target {name!r} must hold {facts.support.words} for the {facts.name} "
            f"likelihood, but {outside.sum()} of {len(numbers)} values are not, the first "
            f"{numbers[first]:g} in row {first} (from 0); remove them, or choose another "
            "likelihood."
        )


def _check_classes(column: pl.Series, labels: list[Any], rows: int, kind: str) -> None:
    name, count = column.name, column.n_unique()
    if find(kind).target == "two" and count > 2:
        are_fractions = all(isinstance(label, float) and 0 <= label <= 1 for label in labels)
        remedy = (
            "pass binomial, with the numbers of trials as --sample-weight, if they are proportions"
            if are_fractions
            else "pass categorical, or binomial with --trials if they count successes"
        )
        raise FitError(
            f"bernoulli requires two classes, but the target {name!r} holds {count}: "
            f"{listed(labels)}; {remedy}."
        )
    if count > min(max(2, rows // 2), MAX_CLASSES):
        is_text = column.dtype == pl.String
        why = cause(column.unique()) if is_text else ""
        raise FitError(
            f"the target {name!r} holds {count} different values in {rows} rows, which are "
            f"not classes{why}; {'choose another target' if is_text else 'pass normal'}."
        )

"""Which likelihood fits a target, and why; values that it does not allow are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from neglog.errors import listed
from neglog.errors.options import FitCombinationError
from neglog.errors.tables import ConstantTargetError, TargetError
from neglog.fitting.design import count_detection as counts
from neglog.fitting.design.label_checks import cause, refuse_signs
from neglog.fitting.design.target import Target, class_index, plain
from neglog.fitting.likelihoods.own import find, reference
from neglog.fitting.tables import date_text
from neglog.translation import gettext as _

_MAX_INTEGER_CLASSES = 20
_ROWS_PER_CLASS = 3
MAX_CLASSES = 100_000


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
    _check_type(column, order)
    values = column.unique()
    labels = _ordered(values, order)
    if len(values) == 1:
        raise ConstantTargetError(
            f"the target {name!r} is {labels[0]!r} in all {rows} rows; with one value there "
            "is nothing to learn."
        )
    if column.dtype == pl.String and order is None:
        refuse_signs(name, labels)
    if override is not None:
        kind, reason, doubt = reference(override), _("it was asked for"), ""
    elif unit:
        kind, reason = (
            "normal",
            _("{name} holds {count} different numbers in {unit}").format(
                name=repr(name), count=len(values), unit=unit
            ),
        )
        doubt = counts.unit_warning(name, unit)
    else:
        most = -1 if unit is not None else min(_MAX_INTEGER_CLASSES, rows // _ROWS_PER_CLASS)
        by_row = column if sample is None else sample
        kind, reason, doubt = _inferred_likelihood(
            column, labels, len(values), most, by_row, order is not None
        )
    facts = find(kind)
    if facts.target == "numbers":
        return Target(name, kind, None, reason, date_text.date_target_warning(column) or doubt)
    _check_classes(column, labels, rows, kind)
    if facts.ranked and base is not None:
        raise FitCombinationError(
            f"base is for classes without an order, not for {facts.name}; leave it out."
        )
    if len(labels) == 2 and base is not None:
        labels = _reference_first(labels, base)
        reason = _("{name} holds two values, {first} (the base, 0) and {second} (1)").format(
            name=repr(name), first=labels[0], second=labels[1]
        )
    return Target(name, kind, labels, reason, doubt)


def _check_type(column: pl.Series, order: Sequence[Any] | None) -> None:
    """Refuse dates, and types that are neither numbers nor labels."""
    name = column.name
    if (order is None or column.dtype.is_temporal()) and date_text.are_dates(column):
        is_text = column.dtype == pl.String
        date_text.refuse_target(name, column.drop_nulls().first() if is_text else column.dtype)
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.String)):
        raise TargetError(
            f"the target {name!r} is of type {column.dtype}: neither number nor label."
        )


def _ordered(values: pl.Series, order: Sequence[Any] | None) -> list[Any]:
    """Return the labels in order, without those of rows that are left out."""
    labels = _labels(values.head(MAX_CLASSES))
    if order is None:
        return labels
    found = set(labels)
    labels = [label for label in map(plain, order) if label in found]
    if any(isinstance(label, float) for label in labels):
        return [float(label) for label in labels]
    return labels


def _labels(values: pl.Series) -> list[Any]:
    """Return different values in order; floats as integers if all of them are whole."""
    ordered = values.sort()
    if ordered.dtype.is_float() and (ordered % 1 == 0).all():
        return [int(value) for value in ordered.to_list()]
    return ordered.to_list()


def _reference_first(labels: list[Any], base: Any) -> list[Any]:
    """Return two classes, the reference class first."""
    return labels[::-1] if class_index(base, labels) else labels


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
        reason = _("{name} holds two values, {first} (0) and {second} (1)")
        return "bernoulli", reason.format(name=repr(name), first=labels[0], second=labels[1]), ""
    if column.dtype == pl.String or declared:
        reason = _("{name} holds {count} different labels")
        return "categorical", reason.format(name=repr(name), count=count), ""
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
    reason = _("{name} holds {count} different numbers")
    return "normal", reason.format(name=repr(name), count=count), doubt


def check_numbers(column: pl.Series, kind: str) -> None:
    """Refuse values outside the support of a numeric likelihood."""
    name, facts = column.name, find(kind)
    if column.dtype == pl.String:
        raise TargetError(
            f"the target {name!r} holds text, such as {column[0]!r}, which has no "
            f"{facts.name} likelihood; leave out the likelihood, or pass categorical."
        )
    numbers = column.cast(pl.Float64).to_numpy()
    if np.isinf(numbers).any():
        raise TargetError(
            f"the target {name!r} holds {np.isinf(numbers).sum()} infinite values; remove their "
            "rows."
        )
    outside = ~facts.support.contains(numbers)
    if outside.any():
        first = int(outside.argmax())
        raise TargetError(
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
        raise TargetError(
            f"bernoulli requires two classes, but the target {name!r} holds {count}: "
            f"{listed(labels)}; {remedy}."
        )
    if count > min(max(2, rows // 2), MAX_CLASSES):
        is_text = column.dtype == pl.String
        why = cause(column.unique()) if is_text else ""
        raise TargetError(
            f"the target {name!r} holds {count} different values in {rows} rows, which are "
            f"not classes{why}; {'choose another target' if is_text else 'pass normal'}."
        )

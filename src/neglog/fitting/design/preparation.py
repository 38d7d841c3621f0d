"""From a table to a prepared one: the target's likelihood, the design, the split of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch

from neglog.errors import listed
from neglog.errors.tables import RowsError
from neglog.fitting.design import (
    date_features,
    formula,
    grouped,
    label_checks,
    level_options,
    roles,
)
from neglog.fitting.design import design_matrix as designs
from neglog.fitting.design import missing as missing_rows
from neglog.fitting.design import target_choice as targets
from neglog.fitting.design.column import Column, cleaned
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.encoding import encoded, in_memory, shared
from neglog.fitting.design.prepared import InMemoryData
from neglog.fitting.design.target import order
from neglog.fitting.options.fit_options import Options
from neglog.fitting.tables import date_text, factor_levels, text_numbers
from neglog.fitting.tables.table import Table
from neglog.fitting.tables.text_profile import TextProfile
from neglog.translation import gettext as _


class _Columns(NamedTuple):
    """The columns of a table by their use.

    Attributes:
        design: how the features are encoded.
        features: the cleaned features; empty for an array, which is read as it is.
        used: the features, the target, and the columns with other roles.
        required: the columns whose missing values are never imputed.
    """

    design: Design
    features: pl.DataFrame
    used: pl.DataFrame
    required: Sequence[str]


def prepare(table: Table, name: str, options: Options) -> InMemoryData:
    """Choose the likelihood, encode features and target, and split the rows.

    Raises:
        FitError: the table cannot be fitted.
    """
    if table.numbers is not None and not _is_plain(table.numbers, options):
        table = replace(table, frame=table.whole(), numbers=None)
    ordered = name in {*table.levels, *options.orders}
    table, dates = date_features.expanded(table, options.date_parts, name)
    table, known, unit = _with_numbers(table, name, options)
    table = level_options.apply_levels(table, options)
    values, others = _target_and_roles(table, name, options)
    columns = _columns(table, values, others, options)
    kept = _kept_rows(columns, options)
    gaps = missing_rows.left_out(int((~kept).sum()))
    notes = [*table.notes, *date_text.whole_numbers(columns.features), *gaps]
    if gaps:
        values, others = values.filter(kept), others.filter(kept)
    values = grouped.proportions(values, others.trials, 0 if kept.all() else None)
    target = targets.choose(values, options.likelihood, table.levels.get(name), options.base, unit)
    y = target.encode(values)
    groups = None if target.classes is None else y.numpy()
    training, validation = missing_rows.split(len(values), groups, options.held_out, options.seed)
    if table.numbers is None:
        columns, imputed = _with_fills(columns, kept, training, options)
        notes += imputed
        source = encoded(columns.design, columns.features, y, others)
    else:
        x = shared(table.numbers)
        source = in_memory(x if kept.all() else x[torch.from_numpy(kept.to_numpy())], y, (), others)
    design = columns.design
    notes += order(target, ordered) + level_warnings(design, options)
    notes += reference_levels(design) + others.notes(options)
    design = replace(design, written=known, dates=dates)
    index = np.flatnonzero(kept.to_numpy())
    return InMemoryData(target, design, index, source, training, validation, notes)


def _target_and_roles(table: Table, name: str, options: Options) -> tuple[pl.Series, roles.Roles]:
    """Return the target and the columns with other roles; refuse columns that do not exist."""
    values = table.column(name)
    roles.check(name, options)
    others = roles.read(table, options)
    for dropped in options.drop:
        table.column(dropped)
    return values, others


def _columns(table: Table, values: pl.Series, others: roles.Roles, options: Options) -> _Columns:
    """Decide how the features are encoded, and clean them."""
    if table.numbers is not None:
        design = Design(tuple(Column(name) for name in table.names), options.missing)
        used = pl.DataFrame([values, *others.columns.values()])
        return _Columns(design, pl.DataFrame(), used, used.columns)
    frame = _features(table, values.name, options)
    level_options.check_read(options, [values.name, *frame.columns])
    named = formula.labels(options.formula) if options.formula else ()
    design = designs.learn(frame, options.missing, table.levels, named)
    frame = cleaned(frame, design.columns)
    used = frame.with_columns(values, *others.columns.values())
    required = [values.name, *(column.name for column in others.columns.values())]
    return _Columns(design, frame, used, required)


def _kept_rows(columns: _Columns, options: Options) -> pl.Series:
    """Return which rows are used; refuse empty columns and too few rows."""
    used = columns.used
    empty = [column.name for column in used if column.null_count() == len(used)]
    missing_rows.refuse_empty(empty, len(used), columns.required)
    kept = missing_rows.keep(used, options.missing, columns.required)
    if kept.sum() < 2:
        raise RowsError(f"{kept.sum()} rows have no value missing; a fit needs 2 or more.")
    return kept


def _with_fills(
    columns: _Columns,
    kept: pl.Series,
    training: np.ndarray[Any, Any] | None,
    options: Options,
) -> tuple[_Columns, list[str]]:
    """Learn the fills, and a formula's functions, from the training rows; return notes too."""
    frame = columns.features if kept.all() else columns.features.filter(kept)
    fitted = frame if training is None else frame[training]
    design = columns.design.with_fills(fitted)
    notes = missing_rows.filled(design.filled(columns.used), len(columns.used))
    if options.formula is not None:
        design = designs.of_formula(options.formula, design, fitted)
    return columns._replace(design=design, features=frame), notes


def _with_numbers(
    table: Table, name: str, options: Options
) -> tuple[Table, dict[str, str], str | None]:
    """Convert text that spells numbers; return the table, the formats, and the target's unit."""
    labels = {*table.levels, *options.texts, options.cluster or ""}
    used = set(table.frame.columns) - {*options.drop}
    if options.formula is not None:
        labels |= formula.labels(options.formula)
        used = {name, *options.roles.values(), *formula.parse(options.formula).variables}
    among = text_numbers.allowed(options.reading)
    columns = {
        column.name: TextProfile.of(column, among)
        for column in table.frame
        if column.dtype == pl.String and column.name in used - labels
    }
    known = text_numbers.learn(columns, roles=options.roles.values(), comma=table.comma)
    frame = text_numbers.plain(text_numbers.convert(table.frame, known), labels)
    said = text_numbers.notes(columns, known) + text_numbers.data_warnings(columns, known)
    notes = (*table.notes, *said)
    unit = text_numbers.amount_unit(columns[name], known[name]) if name in known else None
    return replace(table, frame=frame, notes=notes), known, unit


def _features(table: Table, name: str, options: Options) -> pl.DataFrame:
    """Return the feature columns: those of the formula, or all without another role."""
    if options.formula is not None:
        return formula.parse(options.formula).features(table, name)
    return table.frame.drop({name, *options.drop, *options.roles.values()})


def _is_plain(numbers: np.ndarray[Any, Any], options: Options) -> bool:
    """Whether an array needs no copy: finite, and every column used."""
    with np.errstate(over="ignore", invalid="ignore"):
        unused = options.drop or options.formula is not None or options.orders or options.as_labels
        return not unused and bool(np.isfinite(numbers.sum(dtype=np.float64)))


def reference_levels(design: Design) -> list[str]:
    """Return a note on the reference levels."""
    references = [
        f"{column.name}={factor_levels.shown(column.levels[0])}" for column in design.labels
    ]
    if design.expansion is not None:
        references += design.expansion.reference_levels()
    text = _("base levels, of weight 0: {levels}.")
    return [text.format(levels=listed(references, 20))] if references else []


def level_warnings(design: Design, options: Options) -> list[str]:
    """Warn about levels that may mark missing values, except in columns declared as labels."""
    by_column = {column.name: column.levels for column in design.inputs if column.levels}
    return label_checks.data_warnings(
        {n: levels for n, levels in by_column.items() if n not in options.texts}
    )

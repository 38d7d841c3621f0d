"""A table prepared for fitting: target, design, training and validation rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch
from torch import Tensor

from neglog.errors import FitError, listed
from neglog.fitting.batches.in_memory_rows import ColumnStack, InMemoryRows, batch_rows
from neglog.fitting.batches.matrix import Labels
from neglog.fitting.batches.source import Source
from neglog.fitting.design import (
    date_features,
    formula,
    grouped,
    label_checks,
    level_options,
    roles,
)
from neglog.fitting.design import design_matrix as designs
from neglog.fitting.design import missing as rows
from neglog.fitting.design import target_choice as targets
from neglog.fitting.design.column import Column, cleaned
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.target import Target, order
from neglog.fitting.options.fit_options import Options
from neglog.fitting.running.processes import Group
from neglog.fitting.tables import date_text as looks
from neglog.fitting.tables import factor_levels, text_numbers
from neglog.fitting.tables.table import Table
from neglog.fitting.tables.text_profile import TextProfile


class Prepared(Protocol):
    """A prepared table, whose rows may or may not be in memory."""

    @property
    def target(self) -> Target:
        """The target's name, its likelihood and its classes."""

    @property
    def design(self) -> Design:
        """How the table's columns become the model's."""

    @property
    def notes(self) -> list[str]:
        """Notes, such as dropped rows; each a sentence."""

    @property
    def training_rows(self) -> int:
        """The number of training rows."""

    @property
    def validation_rows(self) -> int:
        """The number of validation rows."""

    @property
    def whole(self) -> bool:
        """Whether all rows are in memory."""

    @property
    def first(self) -> bool:
        """Whether this process is the one that prints and writes."""

    @property
    def group(self) -> Group:
        """The processes that hold the rows."""

    def rows(self, held_out: bool = False) -> Source:
        """Return the training rows, or the validation rows."""

    def total(self, held_out: bool = False) -> float:
        """Return the sum of the weights of these rows; without weights, their number."""

    def indexed_rows(
        self, held_out: bool = False
    ) -> Iterator[tuple[np.ndarray[Any, Any], InMemoryRows]]:
        """Yield these rows in one or more parts, with their row numbers in the table."""

    def sample(self) -> tuple[np.ndarray[Any, Any], InMemoryRows]:
        """Return the training rows, or a sample of them, with row numbers."""


@dataclass(frozen=True)
class InMemoryData:
    """A prepared table whose encoded rows are in memory.

    Attributes:
        index: each row's number in the table, from 0.
        source: the encoded features and the target.
        training: which of the rows are fitted; None for all of them.
        validation: which of them are held out.
        notes: what was left out, each a sentence.
    """

    target: Target
    design: Design
    index: np.ndarray[Any, Any]
    source: InMemoryRows
    training: np.ndarray[Any, Any] | None
    validation: np.ndarray[Any, Any]
    notes: list[str]
    whole: bool = True
    first: bool = True
    group: Group = field(default_factory=Group)

    def part(self, rows: np.ndarray[Any, Any] | None) -> InMemoryRows:
        """Return some of the rows."""
        return self.source if rows is None else self.source.at(torch.from_numpy(rows))

    @property
    def training_rows(self) -> int:
        """The number of training rows."""
        return len(self.index) - len(self.validation)

    @property
    def validation_rows(self) -> int:
        """The number of validation rows."""
        return len(self.validation)

    def rows(self, held_out: bool = False) -> InMemoryRows:
        """Return the training rows, or the validation rows."""
        return self.part(self.validation if held_out else self.training)

    def total(self, held_out: bool = False) -> float:
        """Return the sum of the weights of these rows; without weights, their number."""
        return self.rows(held_out).total

    def indexed_rows(
        self, held_out: bool = False
    ) -> Iterator[tuple[np.ndarray[Any, Any], InMemoryRows]]:
        """Yield these rows, with their row numbers in the table."""
        rows = self.validation if held_out else self.training
        yield self.index if rows is None else self.index[rows], self.rows(held_out)

    def sample(self) -> tuple[np.ndarray[Any, Any], InMemoryRows]:
        """Return the training rows, with their row numbers in the table."""
        return next(self.indexed_rows())


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
    values = table.column(name)
    roles.check(name, options)
    others = roles.read(table, options)
    for dropped in options.drop:
        table.column(dropped)
    if table.numbers is not None:
        design = Design(tuple(Column(name) for name in table.names), options.missing)
        whole = pl.DataFrame([values, *others.columns.values()])
        always, frame = whole.columns, pl.DataFrame()
    else:
        frame = _features(table, name, options)
        level_options.check_read(options, [name, *frame.columns])
        named = formula.labels(options.formula) if options.formula else ()
        design = designs.learn(frame, options.missing, table.levels, named)
        frame = cleaned(frame, design.columns)
        whole = frame.with_columns(values, *others.columns.values())
        always = [name, *(column.name for column in others.columns.values())]
    empty = [column.name for column in whole if column.null_count() == len(whole)]
    rows.refuse_empty(empty, len(whole), always)
    kept = rows.keep(whole, options.missing, always)
    if kept.sum() < 2:
        raise FitError(f"{kept.sum()} rows have no value missing; a fit needs 2 or more.")
    gaps = rows.left_out(int((~kept).sum()))
    notes = [*table.notes, *looks.whole_numbers(frame), *gaps]
    if gaps:
        values, others = values.filter(kept), others.filter(kept)
        frame = frame.filter(kept) if frame.width else frame  # of an array it has no columns
    values = grouped.proportions(values, others.trials, 0 if kept.all() else None)
    target = targets.choose(values, options.likelihood, table.levels.get(name), options.base, unit)
    y = target.encode(values)
    groups = None if target.classes is None else y.numpy()
    training, validation = rows.split(len(values), groups, options.held_out, options.seed)
    if table.numbers is None:
        fitted = frame if training is None else frame[training]
        design = design.with_fills(fitted)
        notes += rows.filled(design.filled(whole), len(whole))
        if options.formula is not None:
            design = designs.of_formula(options.formula, design, fitted)
        source = encoded(design, frame, y, others)
    else:
        x = shared(table.numbers)
        x = x if kept.all() else x[torch.from_numpy(kept.to_numpy())]
        source = _memory(x, y, (), others)
    index = np.flatnonzero(kept.to_numpy())
    notes += order(target, ordered) + level_warnings(design, options)
    notes += reference_levels(design) + others.notes(options)
    design = replace(design, written=known, dates=dates)
    return InMemoryData(target, design, index, source, training, validation, notes)


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


def shared(numbers: np.ndarray[Any, Any]) -> Tensor:
    """Return an array as a tensor that shares its memory, which is only read."""
    readable = numbers.dtype.isnative and numbers.dtype != np.longdouble
    if not readable or min(numbers.strides) < 0:
        numbers = np.ascontiguousarray(numbers, dtype=np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it may not be writable
        return torch.from_numpy(numbers)


def encoded(design: Design, frame: pl.DataFrame, y: Tensor, others: roles.Roles) -> InMemoryRows:
    """Encode cleaned rows."""
    frame = design.expanded(frame)
    labels = tuple(
        Labels(torch.from_numpy(column.read(frame[column.name]).copy()), len(column.levels))
        for column in design.labels
    )
    read = [column.read(frame[column.name]) for column in design.numbers]
    x = (
        ColumnStack([shared(column) for column in read])
        if read
        else torch.empty(len(y), 0).double()
    )
    return _memory(x, y, labels, others)


def _memory(
    x: Tensor | ColumnStack, y: Tensor, labels: tuple[Labels, ...], others: roles.Roles
) -> InMemoryRows:
    width = x.shape[1] + sum(label.levels - 1 for label in labels)
    if not width:
        raise FitError(
            "no feature is left: every column holds one label only; a model needs a column that "
            "varies."
        )
    return InMemoryRows(
        x, y, labels, others.weight, others.offset, others.groups, batch_rows(width, width)
    )


def reference_levels(design: Design) -> list[str]:
    """Return a note on the reference levels."""
    references = [
        f"{column.name}={factor_levels.shown(column.levels[0])}" for column in design.labels
    ]
    if design.expansion is not None:
        references += design.expansion.reference_levels()
    return [f"base levels, of weight 0: {listed(references, 20)}."] if references else []


def level_warnings(design: Design, options: Options) -> list[str]:
    """Warn about levels that may mark missing values, except in columns declared as labels."""
    by_column = {column.name: column.levels for column in design.inputs if column.levels}
    return label_checks.data_warnings(
        {n: levels for n, levels in by_column.items() if n not in options.texts}
    )

"""The first pass over a file: columns, target, and a sample of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import numpy as np
import polars as pl

from neglog.errors.tables import RoleError, RowsError
from neglog.fitting.design import missing as missing_rows
from neglog.fitting.design import target_choice as targets
from neglog.fitting.design.column import Column, refuse_infinite
from neglog.fitting.design.design_matrix import Design, of_columns
from neglog.fitting.design.label_checks import MAX_LEVELS, check_levels
from neglog.fitting.design.level_options import apply_levels
from neglog.fitting.design.target import Target
from neglog.fitting.streaming.block_file import BlockFile
from neglog.fitting.streaming.column_statistics import ColumnStatistics
from neglog.fitting.streaming.selection import Selection
from neglog.fitting.tables.factor_levels import text
from neglog.fitting.tables.table import Table
from neglog.fitting.tables.text_profile import Count, RowPosition

_SAMPLE_NUMBERS = 2_000_000
_MIN_SAMPLE = 2_000


@dataclass
class Schema:
    """The schema found in the blocks.

    Attributes:
        columns: each column by name.
        heights: the rows of each block by number.
        kept_rows: how many rows are used.
        values: different values of the target, or those found until they were too many.
        sample: a sample of the training rows, as stored.
        padded: the columns with blanks around their text.
    """

    columns: dict[str, ColumnStatistics] = field(default_factory=dict)
    heights: dict[int, int] = field(default_factory=dict)
    kept_rows: int = 0
    values: pl.Series | None = None
    sample: list[tuple[int, pl.DataFrame]] = field(default_factory=list)
    padded: set[str] = field(default_factory=set)

    def update(self, file: BlockFile, selection: Selection, block: int) -> None:
        """Add a block."""
        frame, padded = file.strip_blanks(block, selection.names)
        self.padded.update(padded)
        self.heights[block] = len(frame)
        kept = selection.kept_rows(frame)
        fitted = kept & ~pl.Series(selection.held_out(block, len(frame)))
        for name in selection.names:
            statistics = self.columns.setdefault(
                name, ColumnStatistics(frame[name].dtype, texts=selection.texts())
            )
            statistics.add(block, frame[name], fitted)
        self.kept_rows += int(kept.sum())
        self._add_values(_compact_copy(frame[selection.target].filter(kept).unique()))
        drawn = fitted & pl.Series(selection.drawn(block, len(frame)))
        sample = frame.filter(drawn)
        self.sample.append((block, sample.with_columns(_compact_copy(column) for column in sample)))

    def _add_values(self, values: pl.Series) -> None:
        if self.values is not None:
            if len(self.values) > targets.MAX_CLASSES:
                return
            values = self.values.append(values)
        self.values = values.unique().sort().head(targets.MAX_CLASSES + 1)

    def merge(self, other: Schema) -> None:
        """Merge the statistics of other blocks."""
        for name, statistics in other.columns.items():
            if name in self.columns:
                self.columns[name].merge(statistics)
            else:
                self.columns[name] = statistics
        self.heights |= other.heights
        self.kept_rows += other.kept_rows
        if other.values is not None:
            self._add_values(other.values)
        self.sample += other.sample
        self.padded |= other.padded

    def row(self, position: RowPosition | None) -> int:
        """Return the number of a row in the table."""
        if position is None:
            return 0
        return (
            sum(height for block, height in self.heights.items() if block < position.block)
            + position.row
        )

    def starts(self) -> dict[int, int]:
        """Return the row number of the first row of each block."""
        blocks = sorted(self.heights)
        before = accumulate((self.heights[block] for block in blocks), initial=0)
        return dict(zip(blocks, before, strict=False))

    def rows(self) -> pl.DataFrame:
        """Return the sample in table order."""
        return pl.concat([part for _, part in sorted(self.sample, key=lambda pair: pair[0])])

    def is_text(self, name: str) -> bool:
        """Whether a column holds text."""
        return self.columns[name].type == pl.String

    def types(self, texts: Collection[str] = ()) -> Mapping[str, pl.DataType]:
        """Return the types of the text columns that are converted."""
        statistics = self.columns.items()
        return {
            name: pl.String() if name in texts else column.type
            for name, column in statistics
            if column.kind == pl.String
        }


def _compact_copy(values: pl.Series) -> pl.Series:
    """Copy text, so that a few rows do not keep the memory of the whole block."""
    if values.dtype != pl.String:
        return values
    return pl.Series(values.name, values.to_list(), pl.String)


def scan_blocks(file: BlockFile, selection: Selection, own_blocks: Iterable[int]) -> Schema:
    """Scan some blocks of a file."""
    schema = Schema()
    for block in own_blocks:
        schema.update(file, selection, block)
    return schema


def with_sample_fraction(selection: Selection, file: BlockFile) -> Selection:
    """Choose the sample fraction, given the rows of the first block."""
    first, last = file.blocks[0]
    height = len(file.read(0, [selection.target]))
    total = sum(after - before for before, after in file.blocks) * height / max(1, last - first)
    desired = max(_MIN_SAMPLE, _SAMPLE_NUMBERS // len(selection.names))
    return replace(selection, part=min(1.0, desired / max(total, 1.0)))


def labels(schema: Schema, selection: Selection, file: BlockFile) -> Table:
    """Return an empty table with the levels of every used label column, and notes.

    Raises:
        FitError: an option does not name the levels of its column.
    """
    used = [name for name in selection.names if name in file.texts]
    found = {name: sorted(schema.columns[name].levels, key=_numeric_order) for name in used}
    for name in used:
        if len(found[name]) > MAX_LEVELS and name != selection.target:
            check_levels(name, found[name], schema.kept_rows)
    if schema.values is not None and selection.target in found:
        found[selection.target] = sorted(schema.values.drop_nulls(), key=_numeric_order)
    height = max((len(levels) for levels in found.values()), default=0)
    columns = [pl.Series(n, [*levels, *[None] * (height - len(levels))], pl.String)
               for n, levels in found.items()]  # fmt: skip
    declared = {n: tuple(map(text, levels)) for n, levels in file.levels.items() if n in found}
    declared |= {n: tuple(levels) for n, levels in found.items() if n not in declared}
    return apply_levels(
        Table(file.path.name, pl.DataFrame(columns), levels=declared), selection.options
    )


def _numeric_order(label: str) -> tuple[float, str]:
    """Order numeric labels by value, before all others."""
    try:
        return float(label), label
    except ValueError:
        return np.inf, label


def design(schema: Schema, selection: Selection, levels: Mapping[str, Sequence[Any]]) -> Design:
    """Return the design.

    Args:
        schema: what the blocks have shown.
        selection: which columns are used.
        levels: of the columns of labels whose levels are known, in order.

    Raises:
        FitError: a column cannot be, or holds infinite or missing values.
    """
    statistics = schema.columns
    fill = selection.options.missing == "mean"
    columns = [
        Column(name, tuple(levels[name])) if name in levels else statistics[name].column(name, fill)
        for name in selection.features
    ]
    for name in selection.features:
        if (
            name not in levels
            and statistics[name].type != pl.String
            and statistics[name].infinite.rows
        ):
            count = statistics[name].infinite
            refuse_infinite(name, count.rows, schema.row(count.first))
    gaps = {
        name: (statistics[name].missing.rows, schema.row(statistics[name].missing.first))
        for name in selection.names
        if statistics[name].missing.rows
    }
    height = sum(schema.heights.values())
    empty = [name for name, (count, _) in gaps.items() if count == height]
    missing_rows.refuse_empty(empty, height, selection.always)
    if gaps and selection.options.missing is None:
        missing_rows.refuse(gaps)
    if fill:
        texts = [column.name for column in columns if column.levels]
        missing_rows.refuse_texts({name: gaps[name] for name in texts if name in gaps})
    if schema.kept_rows < 2:
        raise RowsError(f"{schema.kept_rows} rows have no value missing; a fit needs 2 or more.")
    return of_columns(columns, selection.options.missing)


def target(
    schema: Schema,
    selection: Selection,
    file: BlockFile,
    order: Sequence[Any] | None = None,
    unit: str | None = None,
) -> Target:
    """Return what the target is; `unit` is as of `target_choice.choose`.

    Raises:
        FitError: it cannot be fitted.
    """
    assert schema.values is not None
    values = file.typed(schema.values.to_frame())[selection.target]
    sample = file.typed(schema.rows().select(selection.target))[selection.target]
    options = selection.options
    found = targets.decide(
        values, options.likelihood, schema.kept_rows, sample, order, options.base, unit
    )
    if found.classes is None:
        if values.dtype == pl.String:
            targets.check_numbers(values, found.kind)
        count = schema.columns[selection.target].infinite
        if count.rows:
            refuse_infinite(selection.target, count.rows, schema.row(count.first))
    if len(values) > targets.MAX_CLASSES and selection.options.likelihood is None:
        reason = f"{selection.target!r} holds more than {targets.MAX_CLASSES} different numbers"
        return replace(found, reason=reason)
    return found


def check_roles(schema: Schema, selection: Selection) -> None:
    """Refuse columns whose values their role does not allow.

    Raises:
        FitError: one does.
    """
    for role, name in selection.options.roles.items():
        statistics, words = schema.columns[name], role.replace("_", " ")
        if statistics.type == pl.String:
            raise RoleError(f"the {words} {name!r} must hold numbers, but holds text, such as "
                           f"{statistics.texts.invalid.value!r}.")  # fmt: skip
        of_zero = [statistics.infinite, statistics.negative]
        wrong = {"offset": [statistics.infinite], "sample_weight": of_zero, "trials": of_zero}
        found = Count()
        for count in wrong.get(role, [statistics.infinite, statistics.negative, statistics.zero]):
            found.merge(count)
        if found.first is not None:
            zero = " of 0 or more"
            least = {"offset": "", "sample_weight": zero, "trials": zero}.get(role, " above 0")
            raise RoleError(
                f"the {words} {name!r} must hold finite numbers{least}, but {found.rows} values "
                f"are not, the first {found.value:g} in row {schema.row(found.first)} (from 0)."
            )

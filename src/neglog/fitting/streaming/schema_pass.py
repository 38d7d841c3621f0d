"""The first pass over a file: its columns, its target, and a sample of its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import numpy as np
import polars as pl

from neglog.errors import FitError
from neglog.fitting.design import missing as rows
from neglog.fitting.design import target as targets
from neglog.fitting.design.column import Column, refuse_infinite
from neglog.fitting.design.design_matrix import Design, of_columns
from neglog.fitting.design.label_checks import MOST_LEVELS, check_levels
from neglog.fitting.design.level_options import settled
from neglog.fitting.design.target import Target
from neglog.fitting.streaming.block_file import File
from neglog.fitting.streaming.choice import Choice
from neglog.fitting.streaming.column_statistics import ColumnStatistics
from neglog.fitting.tables.factor_levels import text
from neglog.fitting.tables.table import Table
from neglog.fitting.tables.text_profile import Count, Place

_SAMPLE_NUMBERS = 2_000_000
_LEAST_SAMPLE = 2_000


@dataclass
class Schema:
    """What the blocks have shown.

    Attributes:
        columns: each column by name.
        heights: the rows of each block by number.
        kept: how many rows are used.
        values: different values of the target, or those found until they were too many.
        sample: some of the rows that are fitted, as they are stored.
        padded: the columns with blanks around their text.
    """

    columns: dict[str, ColumnStatistics] = field(default_factory=dict)
    heights: dict[int, int] = field(default_factory=dict)
    kept: int = 0
    values: pl.Series | None = None
    sample: list[tuple[int, pl.DataFrame]] = field(default_factory=list)
    padded: set[str] = field(default_factory=set)

    def look(self, file: File, choice: Choice, block: int) -> None:
        """Look at a block."""
        frame, padded = file.tidied(block, choice.names)
        self.padded.update(padded)
        self.heights[block] = len(frame)
        kept = choice.kept(frame)
        fitted = kept & ~pl.Series(choice.held(block, len(frame)))
        for name in choice.names:
            seen = self.columns.setdefault(
                name, ColumnStatistics(frame[name].dtype, texts=choice.texts())
            )
            seen.add(block, frame[name], fitted)
        self.kept += int(kept.sum())
        self._add_values(_apart(frame[choice.target].filter(kept).unique()))
        drawn = fitted & pl.Series(choice.drawn(block, len(frame)))
        sample = frame.filter(drawn)
        self.sample.append((block, sample.with_columns(_apart(column) for column in sample)))

    def _add_values(self, values: pl.Series) -> None:
        if self.values is not None:
            if len(self.values) > targets.MOST_CLASSES:
                return
            values = self.values.append(values)
        self.values = values.unique().sort().head(targets.MOST_CLASSES + 1)

    def merge(self, other: Schema) -> None:
        """Add what other blocks have shown."""
        for name, seen in other.columns.items():
            if name in self.columns:
                self.columns[name].merge(seen)
            else:
                self.columns[name] = seen
        self.heights |= other.heights
        self.kept += other.kept
        if other.values is not None:
            self._add_values(other.values)
        self.sample += other.sample
        self.padded |= other.padded

    def row(self, place: Place | None) -> int:
        """Return a row's number in the table."""
        if place is None:
            return 0
        return sum(height for block, height in self.heights.items() if block < place.block) + (
            place.row
        )

    def starts(self) -> dict[int, int]:
        """Return the number, in the table, of each block's first row."""
        blocks = sorted(self.heights)
        before = accumulate((self.heights[block] for block in blocks), initial=0)
        return dict(zip(blocks, before, strict=False))

    def rows(self) -> pl.DataFrame:
        """Return the sample in the order of the table."""
        return pl.concat([part for _, part in sorted(self.sample, key=lambda pair: pair[0])])

    def is_text(self, name: str) -> bool:
        """Whether a column holds text."""
        return self.columns[name].type == pl.String

    def types(self, texts: Collection[str] = ()) -> Mapping[str, pl.DataType]:
        """Return what the columns that are stored as text are, but for those that stay text."""
        seen = self.columns.items()
        return {
            name: pl.String() if name in texts else column.type
            for name, column in seen
            if column.kind == pl.String
        }


def _apart(values: pl.Series) -> pl.Series:
    """Return text in memory of its own: a few rows would keep the whole block's."""
    if values.dtype != pl.String:
        return values
    return pl.Series(values.name, values.to_list(), pl.String)


def made(file: File, choice: Choice, own: Iterable[int]) -> Schema:
    """Look at some blocks of a file."""
    survey = Schema()
    for block in own:
        survey.look(file, choice, block)
    return survey


def with_part(choice: Choice, file: File) -> Choice:
    """Settle how large the sample is, by the rows of the first block."""
    first, last = file.blocks[0]
    height = len(file.read(0, [choice.target]))
    total = sum(after - before for before, after in file.blocks) * height / max(1, last - first)
    wanted = max(_LEAST_SAMPLE, _SAMPLE_NUMBERS // len(choice.names))
    return replace(choice, part=min(1.0, wanted / max(total, 1.0)))


def labels(survey: Schema, choice: Choice, file: File) -> Table:
    """Return an empty table's levels, of every column of labels that is used, with notes.

    Raises:
        FitError: an option does not name the levels of its column.
    """
    used = [name for name in choice.names if name in file.texts]
    found = {name: sorted(survey.columns[name].levels, key=_by_number) for name in used}
    for name in used:
        if len(found[name]) > MOST_LEVELS and name != choice.target:
            check_levels(name, found[name], survey.kept)
    if survey.values is not None and choice.target in found:
        found[choice.target] = sorted(survey.values.drop_nulls(), key=_by_number)
    height = max((len(own) for own in found.values()), default=0)
    columns = [pl.Series(n, [*own, *[None] * (height - len(own))], pl.String)
               for n, own in found.items()]  # fmt: skip
    declared = {n: tuple(map(text, own)) for n, own in file.levels.items() if n in found}
    declared |= {n: tuple(own) for n, own in found.items() if n not in declared}
    return settled(Table(file.path.name, pl.DataFrame(columns), levels=declared), choice.options)


def _by_number(label: str) -> tuple[float, str]:
    """Order labels that are numbers by their values, before all others."""
    try:
        return float(label), label
    except ValueError:
        return np.inf, label


def design(survey: Schema, choice: Choice, levels: Mapping[str, Sequence[Any]]) -> Design:
    """Return how the columns are encoded.

    Args:
        survey: what the blocks have shown.
        choice: which columns are used.
        levels: of the columns of labels whose levels are known, in order.

    Raises:
        FitError: a column cannot be, or holds infinite or missing values.
    """
    seen = survey.columns
    fill = choice.options.missing == "mean"
    columns = [
        Column(name, tuple(levels[name])) if name in levels else seen[name].column(name, fill)
        for name in choice.features
    ]
    for name in choice.features:
        if name not in levels and seen[name].type != pl.String and seen[name].infinite.rows:
            count = seen[name].infinite
            refuse_infinite(name, count.rows, survey.row(count.first))
    gaps = {
        name: (seen[name].missing.rows, survey.row(seen[name].missing.first))
        for name in choice.names
        if seen[name].missing.rows
    }
    height = sum(survey.heights.values())
    empty = [name for name, (count, _) in gaps.items() if count == height]
    rows.refuse_empty(empty, height, choice.always)
    if gaps and choice.options.missing is None:
        rows.refuse(gaps)
    if fill:
        texts = [column.name for column in columns if column.levels]
        rows.refuse_texts({name: gaps[name] for name in texts if name in gaps})
    if survey.kept < 2:
        raise FitError(f"{survey.kept} rows have no value missing; a fit needs 2 or more.")
    return of_columns(columns, choice.options.missing)


def target(
    survey: Schema,
    choice: Choice,
    file: File,
    order: Sequence[Any] | None = None,
    unit: str | None = None,
) -> Target:
    """Return what the target is; `unit` is as of `targets.choose`.

    Raises:
        FitError: it cannot be fitted.
    """
    assert survey.values is not None
    values = file.typed(survey.values.to_frame())[choice.target]
    sample = file.typed(survey.rows().select(choice.target))[choice.target]
    options = choice.options
    found = targets.decide(
        values, options.likelihood, survey.kept, sample, order, options.base, unit
    )
    if found.classes is None:
        if values.dtype == pl.String:
            targets.check_numbers(values, found.kind)
        count = survey.columns[choice.target].infinite
        if count.rows:
            refuse_infinite(choice.target, count.rows, survey.row(count.first))
    if len(values) > targets.MOST_CLASSES and choice.options.likelihood is None:
        reason = f"{choice.target!r} holds more than {targets.MOST_CLASSES} different numbers"
        return replace(found, reason=reason)
    return found


def check_roles(survey: Schema, choice: Choice) -> None:
    """Refuse columns that hold what their role does not allow.

    Raises:
        FitError: one does.
    """
    for role, name in choice.options.roles.items():
        seen, words = survey.columns[name], role.replace("_", " ")
        if seen.type == pl.String:
            raise FitError(f"the {words} {name!r} must hold numbers, but holds text, such as "
                           f"{seen.texts.strange.value!r}.")  # fmt: skip
        of_zero = [seen.infinite, seen.negative]
        wrong = {"offset": [seen.infinite], "sample_weight": of_zero, "trials": of_zero}
        found = Count()
        for count in wrong.get(role, [seen.infinite, seen.negative, seen.zero]):
            found.merge(count)
        if found.first is not None:
            zero = " of 0 or more"
            least = {"offset": "", "sample_weight": zero, "trials": zero}.get(role, " above 0")
            raise FitError(
                f"the {words} {name!r} must hold finite numbers{least}, but {found.rows} values "
                f"are not, the first {found.value:g} in row {survey.row(found.first)} (from 0)."
            )

"""A file prepared for fitting block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from neglog.errors.tables import RowsError, StreamError
from neglog.fitting.batches.in_memory_rows import InMemoryRows
from neglog.fitting.design import date_features
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.missing import filled, left_out
from neglog.fitting.design.preparation import level_warnings, reference_levels
from neglog.fitting.design.roles import Roles
from neglog.fitting.design.target import Target, order
from neglog.fitting.options.fit_options import Options
from neglog.fitting.running.processes import Group
from neglog.fitting.streaming import row_counts as counting
from neglog.fitting.streaming import schema_pass
from neglog.fitting.streaming.block_file import BlockFile, open_file
from neglog.fitting.streaming.date_columns import with_dates, with_levels
from neglog.fitting.streaming.row_counts import RowCounts
from neglog.fitting.streaming.schema_pass import Schema
from neglog.fitting.streaming.selection import Selection, select
from neglog.fitting.streaming.stream import Encoder, Stream
from neglog.fitting.tables import text_numbers
from neglog.fitting.tables.date_text import whole_numbers
from neglog.fitting.tables.factor_levels import zeros_lost
from neglog.fitting.tables.text_file import blanks_lost
from neglog.fitting.tables.text_profile import TextProfile


@dataclass(frozen=True)
class Streamed:
    """The rows of a file, read again in every pass.

    Attributes:
        encoder: reads and encodes the blocks of this process.
        group: the processes that share the blocks.
        streams, row_counts: the rows that are fitted, and those held out.
        starts: the number of each block's first row in the table.
        notes: what was left out, each a sentence.
    """

    encoder: Encoder
    group: Group
    streams: tuple[Stream, Stream]
    row_counts: tuple[RowCounts, RowCounts]
    starts: dict[int, int]
    notes: list[str]
    whole: bool = False

    @property
    def target(self) -> Target:
        """The target's name, its likelihood and its classes."""
        return self.encoder.target

    @property
    def design(self) -> Design:
        """How the table's columns become the model's."""
        return self.encoder.design

    @property
    def first(self) -> bool:
        """Whether this process is the one that prints and writes."""
        return self.group.rank == 0

    @property
    def training_rows(self) -> int:
        """The number of training rows."""
        return self.row_counts[False].rows

    @property
    def validation_rows(self) -> int:
        """The number of validation rows."""
        return self.row_counts[True].rows

    def rows(self, held_out: bool = False) -> Stream:
        """Return the training rows, or the validation rows."""
        return self.streams[held_out]

    def total(self, held_out: bool = False) -> float:
        """Return the sum of the weights of these rows; without weights, their number."""
        return self.row_counts[held_out].total

    def indexed_rows(self, held_out: bool = False) -> Iterator[tuple[np.ndarray, InMemoryRows]]:
        """Yield the rows of this process block by block, first an empty block, with row numbers."""
        yield np.empty(0, dtype=np.int64), self.streams[held_out].some.at(torch.arange(0))
        for part in self.encoder.parts(held_out):
            yield self.starts[part.block] + part.rows, part.memory

    def sample(self) -> tuple[np.ndarray, InMemoryRows]:
        """Return a sample of the training rows, numbered from 0."""
        some = self.streams[False].some
        return np.arange(some.rows), some


class _FirstPass(NamedTuple):
    """What the first pass over a file found.

    Attributes:
        file: the file, with the formats of numbers that are written as text.
        schema: its columns.
        texts: the profiles of the columns of text that are no labels.
        known: the formats of those that hold numbers, by column.
    """

    file: BlockFile
    schema: Schema
    texts: dict[str, TextProfile]
    known: dict[str, str]

    def unit(self, name: str) -> str | None:
        """Return the unit of a column's numbers; None if they are no amounts."""
        return (
            text_numbers.amount_unit(self.texts[name], self.known[name])
            if name in self.known
            else None
        )

    def notes(self) -> list[str]:
        """Return notes on numbers that are written as text."""
        notes = text_numbers.notes(self.texts, self.known)
        if self.file.comma or self.file.text is None:
            notes += text_numbers.data_warnings(self.texts, self.known)
        return notes


def prepare(path: str | Path, name: str, options: Options, group: Group) -> Streamed:
    """Pass over a file once for its columns, and once for its target.

    Raises:
        FitError: the file cannot be fitted, or not without being in memory as a whole.
    """
    file, dated = _opened(path, name, options, group)
    selection = schema_pass.with_sample_fraction(select(file, name, options), file)
    own_blocks = range(group.rank, len(file.blocks), group.size)
    found = _first_pass(file, selection, own_blocks, group)
    file, schema = found.file, found.schema
    schema_pass.check_roles(schema, selection)
    declared = schema_pass.labels(schema, selection, file)
    design = schema_pass.design(schema, selection, declared.levels)
    design = replace(design, written=found.known, dates=file.dates)
    file = replace(file, types=schema.types(file.texts), padded=frozenset(schema.padded))
    levels = declared.levels.get(name)
    target = schema_pass.target(schema, selection, file, levels, found.unit(name))
    _refuse_kinks(target, options)
    gaps = frozenset(n for n, statistics in schema.columns.items() if statistics.missing.rows)
    encoder = Encoder(file, selection, design, target, own_blocks, gaps)
    some = encoder.encode(file.typed(schema.rows()))
    row_counts = _count_rows(encoder, group, schema)
    training, validation = (
        _stream(encoder, held_out, some, row_counts[held_out]) for held_out in (False, True)
    )
    return Streamed(
        encoder=encoder,
        group=group,
        streams=(training, validation),
        row_counts=row_counts,
        starts=schema.starts(),
        notes=[
            *file.notes,
            *dated,
            *found.notes(),
            *declared.notes,
            *whole_numbers(file.typed(schema.rows().select(selection.features))),
            *_lost_characters(schema, selection, declared.levels),
            *_notes(schema, design, options),
            *order(target, name in {*file.levels, *options.orders}),
        ],
    )


def _opened(
    path: str | Path, name: str, options: Options, group: Group
) -> tuple[BlockFile, list[str]]:
    """Open a file; return it with its dates and columns of text, and notes on the dates."""
    file, dated = with_dates(open_file(path, options.reading), name, options, group)
    for column in sorted(options.texts):
        file.require(column)
    texts = {*file.levels, *date_features.labels(file.dates), *options.texts}
    return replace(file, texts=frozenset(texts)), dated


def _first_pass(
    file: BlockFile, selection: Selection, own_blocks: Iterable[int], group: Group
) -> _FirstPass:
    """Find the columns; a second time if some of them are numbers that are written as text."""
    options = selection.options
    schema = _merged_schema(file, selection, own_blocks, group)
    labels = {*file.texts, options.cluster}
    texts = {n: own.texts.resolved() for n, own in schema.columns.items() if n not in labels}
    known = text_numbers.learn(texts, schema.row, options.roles.values(), file.comma)
    if known:  # the columns are numbers now, whose sums and signs are to be found
        file = replace(file, written=known)
        schema = _merged_schema(file, selection, own_blocks, group)
    return _FirstPass(with_levels(file, schema), schema, texts, known)


def _lost_characters(
    schema: Schema, selection: Selection, levels: Mapping[str, Sequence[Any]]
) -> list[str]:
    """Return notes on zeros and blanks around values that were removed."""
    numbers = [n for n, own in schema.columns.items() if own.padded and own.type.is_numeric()]
    texts = [n for n in selection.names if n in schema.padded and schema.is_text(n)]
    return [*zeros_lost([n for n in numbers if n not in levels]), *blanks_lost(texts)]


def _merged_schema(
    file: BlockFile, selection: Selection, own_blocks: Iterable[int], group: Group
) -> Schema:
    """Return the merged schema of all processes."""
    schema = Schema()
    for part in group.gather(schema_pass.scan_blocks(file, selection, own_blocks)):
        schema.merge(part)
    return schema


def _refuse_kinks(target: Target, options: Options) -> None:
    if not target.facts.response(len(target.classes or ()), 0, options).smooth:
        raise StreamError(
            f"the {target.facts.name} likelihood is fitted by a linear program, which requires "
            "all rows at once; leave out stream and distributed, or pass huber."
        )


def _count_rows(encoder: Encoder, group: Group, schema: Schema) -> tuple[RowCounts, RowCounts]:
    """Count the training rows and the validation rows."""
    found = []
    for held_out in (False, True) if encoder.selection.options.held_out else (False,):
        local_counts = counting.count(
            encoder.parts(held_out, without_features=True), encoder.target
        )
        counts, *others = group.gather(local_counts)
        for other in others:
            counts.merge(other)
        found.append(counts)
    row = schema.row(found[0].outside.first)
    counting.check(found[0], encoder.target, encoder.selection.options.sample_weight, row)
    if found[0].rows < 2:
        raise RowsError(f"{found[0].rows} rows are left to fit; hold out a smaller part.")
    return found[0], found[-1] if len(found) == 2 else RowCounts(found[0].class_fractions * 0)


def _stream(encoder: Encoder, held_out: bool, some: InMemoryRows, counts: RowCounts) -> Stream:
    """Return rows that are read again in every pass, or kept in memory unless streamed."""

    def parts(without_features: bool) -> Iterable[InMemoryRows]:
        return (part.memory for part in encoder.parts(held_out, without_features))

    representative = counts.representative(some.y, some.weight)
    if encoder.selection.options.stream:
        return Stream(lambda: parts(False), lambda: parts(True), some, representative, counts.rows)
    kept = list(parts(False)) if counts.rows else []
    return Stream(
        lambda: kept,
        lambda: (part.without_features() for part in kept),
        some,
        representative,
        counts.rows,
    )


def _notes(schema: Schema, design: Design, options: Options) -> list[str]:
    rows = sum(schema.heights.values())
    notes = left_out(rows - schema.kept_rows)
    missing = {column.name: (schema.columns[column.name].missing.rows, column.fill)
               for column in design.columns if column.fill is not None}  # fmt: skip
    notes += filled({name: gap for name, gap in missing.items() if gap[0]}, rows)
    notes += level_warnings(design, options)
    return notes + reference_levels(design) + Roles({}).notes(options)

"""A file made ready to be fitted without being in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from neglog.errors import FitError
from neglog.fitting.batches.in_memory_rows import Memory
from neglog.fitting.design import date_features
from neglog.fitting.design.design_matrix import Design
from neglog.fitting.design.missing import filled, left_out
from neglog.fitting.design.prepared import bases, doubts_of_levels
from neglog.fitting.design.roles import Roles
from neglog.fitting.design.target import Target, order
from neglog.fitting.options.fit_options import Options
from neglog.fitting.running.processes import Group
from neglog.fitting.streaming import row_counts as tallies
from neglog.fitting.streaming import schema_pass as surveys
from neglog.fitting.streaming.block_file import File, open_file
from neglog.fitting.streaming.choice import Choice, choose
from neglog.fitting.streaming.date_columns import with_dates, with_levels
from neglog.fitting.streaming.row_counts import RowCounts
from neglog.fitting.streaming.schema_pass import Schema
from neglog.fitting.streaming.stream import Encoder, Stream
from neglog.fitting.tables import text_numbers
from neglog.fitting.tables.date_text import whole_numbers
from neglog.fitting.tables.factor_levels import zeros_lost
from neglog.fitting.tables.text_file import blanks_lost


@dataclass(frozen=True)
class Streamed:
    """The rows of a file, which are read on every pass anew.

    Attributes:
        encoder: reads and encodes the blocks of this process.
        group: the processes that share the blocks.
        streams, tallied: the rows that are fitted, and those held out.
        starts: the number of each block's first row in the table.
        notes: what was left out, each a sentence.
    """

    encoder: Encoder
    group: Group
    streams: tuple[Stream, Stream]
    tallied: tuple[RowCounts, RowCounts]
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
        """How many rows are fitted."""
        return self.tallied[False].rows

    @property
    def validation_rows(self) -> int:
        """How many rows are held out."""
        return self.tallied[True].rows

    def rows(self, held: bool = False) -> Stream:
        """Return the rows that are fitted, or those held out."""
        return self.streams[held]

    def total(self, held: bool = False) -> float:
        """Return the sum of these rows' weights; without weights, how many they are."""
        return self.tallied[held].total

    def numbered(self, held: bool = False) -> Iterator[tuple[np.ndarray, Memory]]:
        """Yield this process's rows block by block, after none, with their numbers in the table."""
        yield np.empty(0, dtype=np.int64), self.streams[held].some.at(torch.arange(0))
        for part in self.encoder.parts(held):
            yield self.starts[part.block] + part.rows, part.memory

    def sample(self) -> tuple[np.ndarray, Memory]:
        """Return a sample of the rows that are fitted, which are numbered by themselves."""
        some = self.streams[False].some
        return np.arange(some.rows), some


def prepare(path: str | Path, name: str, options: Options, group: Group) -> Streamed:
    """Go through a file once for its columns, and once for its target.

    Raises:
        FitError: the file cannot be fitted, or not without being in memory as a whole.
    """
    file = open_file(path, options.reading)
    file, dated = with_dates(file, name, options, group)
    for column in sorted(options.texts):
        file.require(column)
    texts = {*file.levels, *date_features.labels(file.dates), *options.texts}
    file = replace(file, texts=frozenset(texts))
    choice = choose(file, name, options)
    choice = surveys.with_part(choice, file)
    own = range(group.rank, len(file.blocks), group.size)
    survey = _surveyed(file, choice, own, group)
    labels = {*file.texts, options.cluster}
    columns = {n: seen.texts.settled() for n, seen in survey.columns.items() if n not in labels}
    known = text_numbers.learn(columns, survey.row, options.roles.values(), file.comma)
    if known:  # the columns are numbers now, whose sums and signs are to be found
        file = replace(file, written=known)
        survey = _surveyed(file, choice, own, group)
    file = with_levels(file, survey)
    surveys.check_roles(survey, choice)
    stated = surveys.labels(survey, choice, file)
    design = surveys.design(survey, choice, stated.levels)
    design = replace(design, written=known, dates=file.dates)
    file = replace(file, types=survey.types(file.texts), padded=frozenset(survey.padded))
    unit = text_numbers.amount(columns[name], known[name]) if name in known else None
    target = surveys.target(survey, choice, file, stated.levels.get(name), unit)
    _refuse_kinks(target, options)
    gaps = frozenset(n for n, seen in survey.columns.items() if seen.missing.rows)
    encoder = Encoder(file, choice, design, target, own, gaps)
    some = encoder.encode(file.typed(survey.rows()))
    tallied = _tallied(encoder, group, survey)
    streams = [_stream(encoder, held, some, tallied[held]) for held in (False, True)]
    return Streamed(
        encoder=encoder,
        group=group,
        streams=(streams[0], streams[1]),
        tallied=tallied,
        starts=survey.starts(),
        notes=[
            *file.notes,
            *dated,
            *text_numbers.notes(columns, known),
            *(text_numbers.doubts(columns, known) if file.comma or file.text is None else []),
            *stated.notes,
            *whole_numbers(file.typed(survey.rows().select(choice.features))),
            *zeros_lost(
                [
                    n
                    for n, c in survey.columns.items()
                    if c.padded and c.type.is_numeric() and n not in stated.levels
                ]
            ),
            *blanks_lost(n for n in choice.names if n in survey.padded and survey.is_text(n)),
            *_notes(survey, design, options),
            *order(target, name in {*file.levels, *options.orders}),
        ],
    )


def _surveyed(file: File, choice: Choice, own: Iterable[int], group: Group) -> Schema:
    """Return what the blocks of all processes show."""
    survey = Schema()
    for part in group.gather(surveys.made(file, choice, own)):
        survey.merge(part)
    return survey


def _refuse_kinks(target: Target, options: Options) -> None:
    if not target.facts.make(len(target.classes or ()), 0, options).smooth:
        raise FitError(
            f"the {target.kind} likelihood is fitted by a linear program, which requires all rows "
            "at once; leave out stream and distributed, or pass huber."
        )


def _tallied(encoder: Encoder, group: Group, survey: Schema) -> tuple[RowCounts, RowCounts]:
    """Count the rows that are fitted, and those held out."""
    found = []
    for held in (False, True) if encoder.choice.options.held_out else (False,):
        own = tallies.count(encoder.parts(held, bare=True), encoder.target)
        tally, *others = group.gather(own)
        for other in others:
            tally.merge(other)
        found.append(tally)
    row = survey.row(found[0].outside.first)
    tallies.check(found[0], encoder.target, encoder.choice.options.sample_weight, row)
    if found[0].rows < 2:
        raise FitError(f"{found[0].rows} rows are left to fit; hold out a smaller part.")
    return found[0], found[-1] if len(found) == 2 else RowCounts(found[0].shares * 0)


def _stream(encoder: Encoder, held: bool, some: Memory, tally: RowCounts) -> Stream:
    """Return rows that are read again on every pass, or kept, if they are not to be streamed."""

    def parts(bare: bool) -> Iterable[Memory]:
        return (part.memory for part in encoder.parts(held, bare))

    seen = tally.stands_for(some.y, some.weight)
    if encoder.choice.options.stream:
        return Stream(lambda: parts(False), lambda: parts(True), some, seen, tally.rows)
    kept = list(parts(False)) if tally.rows else []
    return Stream(lambda: kept, lambda: (part.bare() for part in kept), some, seen, tally.rows)


def _notes(survey: Schema, design: Design, options: Options) -> list[str]:
    rows = sum(survey.heights.values())
    notes = left_out(rows - survey.kept)
    missing = {column.name: (survey.columns[column.name].missing.rows, column.fill)
               for column in design.columns if column.fill is not None}  # fmt: skip
    notes += filled({name: gap for name, gap in missing.items() if gap[0]}, rows)
    notes += doubts_of_levels(design, options)
    return notes + bases(design) + Roles({}).notes(options)

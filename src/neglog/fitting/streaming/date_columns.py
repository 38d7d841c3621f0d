"""Columns of dates in a file that need not fit into memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from neglog.fitting.design import date_features
from neglog.fitting.options.fit_options import Options
from neglog.fitting.running.processes import Group
from neglog.fitting.streaming.block_file import File
from neglog.fitting.streaming.schema_pass import Schema
from neglog.fitting.tables.date_formats import Found


def with_dates(file: File, target: str, options: Options, group: Group) -> tuple[File, list[str]]:
    """Return a file whose columns of dates are read as their parts, with notes.

    Raises:
        FitError: a column of dates cannot be read.
    """
    if not options.date_parts:
        return file, []
    date_features.check(options.date_parts, target, file.columns)
    for name in options.date_parts:
        file.require(name)
    found = {name: Found() for name in options.date_parts}
    for part in group.gather(_found(file, options.date_parts, group)):
        for name, own in part.items():
            found[name].merge(own)
    dates = tuple(
        date_features.choose(name, found[name], parts) for name, parts in options.date_parts.items()
    )
    notes = [own.note(found[own.name].example) for own in dates]
    return replace(file, dates=dates), notes


def _found(file: File, dates: Mapping[str, object], group: Group) -> dict[str, Found]:
    """Return what this process's blocks show."""
    found = {name: Found() for name in dates}
    for block in range(group.rank, len(file.blocks), group.size):
        frame = file.read(block, list(found))
        for name, own in found.items():
            own.look(frame[name])
    return found


def with_levels(file: File, survey: Schema) -> File:
    """Return a file that declares the levels of parts of dates which its rows hold, in order."""
    own = {
        name: tuple(label for label in labels if label in survey.columns[name].levels)
        for name, labels in date_features.labels(file.dates).items()
        if name in survey.columns
    }
    return replace(file, levels={**file.levels, **own})

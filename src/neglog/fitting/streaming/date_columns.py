"""Date columns of a streamed file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from neglog.fitting.design import date_features
from neglog.fitting.options.fit_options import Options
from neglog.fitting.running.processes import Group
from neglog.fitting.streaming.block_file import BlockFile
from neglog.fitting.streaming.schema_pass import Schema
from neglog.fitting.tables.date_formats import DateFormats


def with_dates(
    file: BlockFile, target: str, options: Options, group: Group
) -> tuple[BlockFile, list[str]]:
    """Return a file whose date columns are replaced by their parts, with notes.

    Raises:
        FitError: a column of dates cannot be read.
    """
    if not options.date_parts:
        return file, []
    date_features.check(options.date_parts, target, file.columns)
    for name in options.date_parts:
        file.require(name)
    found = {name: DateFormats() for name in options.date_parts}
    for part in group.gather(_found(file, options.date_parts, group)):
        for name, feature in part.items():
            found[name].merge(feature)
    dates = tuple(
        date_features.choose(name, found[name], parts) for name, parts in options.date_parts.items()
    )
    notes = [feature.note(found[feature.name].example) for feature in dates]
    return replace(file, dates=dates), notes


def _found(file: BlockFile, dates: Mapping[str, object], group: Group) -> dict[str, DateFormats]:
    """Return the date formats of this process's blocks."""
    found = {name: DateFormats() for name in dates}
    for block in range(group.rank, len(file.blocks), group.size):
        frame = file.read(block, list(found))
        for name, feature in found.items():
            feature.update(frame[name])
    return found


def with_levels(file: BlockFile, schema: Schema) -> BlockFile:
    """Return a file that declares the present levels of date parts, in order."""
    declared = {
        name: tuple(label for label in labels if label in schema.columns[name].levels)
        for name, labels in date_features.labels(file.dates).items()
        if name in schema.columns
    }
    return replace(file, levels={**file.levels, **declared})

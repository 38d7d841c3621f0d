"""The options `levels` and `as_labels` applied to a table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import polars as pl

from neglog.errors.tables import LevelsError
from neglog.fitting.options.fit_options import Options
from neglog.fitting.tables.factor_levels import listed_levels, text
from neglog.fitting.tables.table import Table
from neglog.translation import gettext as _


def apply_levels(table: Table, options: Options) -> Table:
    """Return a table with the present levels of every label column.

    Raises:
        FitError: an option names no column, or not its levels.
    """
    for name in sorted(options.texts & {*options.drop, *options.roles.values()}):
        raise LevelsError(
            f"column {name!r} is not a feature, so that it has no levels; leave it out of levels "
            "and as_labels."
        )
    levels, notes = {}, list(table.notes)
    for name in dict.fromkeys([*table.levels, *options.orders, *options.as_labels]):
        column = table.column(name)
        if column.dtype.is_nested() or column.dtype in (pl.Object, pl.Binary):
            raise LevelsError(
                f"column {name!r} is of type {column.dtype}, whose values are not labels; turn "
                "them into text."
            )
        present_values = column.unique().drop_nulls().to_list()
        if name in options.orders:
            levels[name] = listed_levels(name, options.orders[name], present_values)
            continue
        order = table.levels.get(name, tuple(sorted(present_values)))
        present_levels = set(present_values)
        levels[name] = tuple(label for label in order if label in present_levels)
        unused = [text(label) for label in order if label not in present_levels]
        if unused:
            note = _(
                "column {name!r} declares levels that no row holds, which are left out: {levels}."
            )
            shown = ", ".join(unused[:8]) + " …" * (len(unused) > 8)
            notes.append(note.format(name=name, levels=shown))
    return replace(table, levels=levels, notes=tuple(notes))


def check_read(options: Options, read: Collection[str]) -> None:
    """Refuse levels for columns that the model does not read.

    Raises:
        FitError: there are some.
    """
    if unused := sorted(options.texts - set(read)):
        raise LevelsError(
            f"levels or as_labels name {unused[0]!r}, which the formula does not read; leave it "
            "out there."
        )

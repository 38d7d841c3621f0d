"""Detect target leakage: columns that determine the target, or number the rows.

A column that separates two classes perfectly is left to the separation check, if that runs: it
names the column, and ends the fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from neglog.fitting.batches.in_memory_rows import ColumnStack, InMemoryRows
from neglog.fitting.design.column import LEAVE_OUT
from neglog.fitting.design.prepared import InMemoryData, Prepared
from neglog.fitting.options.fit_options import Options
from neglog.translation import gettext as _

_MIN_ROWS = 20  # of fewer rows, chance orders some as the target does
_MAX_ROWS, _SAMPLE_ROWS = 500, 10_000
_SUSPICIOUS, _CERTAIN = 0.999, 0.9999


class _LeakageTest(NamedTuple):
    """The criteria for a column.

    Attributes:
        binary: whether the target is one of two classes.
        number: whether it is a number.
        informative: whether a later check reports columns that separate the classes.
        span: what the values of an identifier range over at most; 0 where not all rows are there.
    """

    binary: bool
    number: bool
    informative: bool
    span: int


@dataclass(frozen=True)
class _Values:
    """The sorted distinct values of a column, the code of each row, and the counts."""

    all: np.ndarray
    codes: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, column: Tensor) -> _Values:
        """Sort a column."""
        values = column.double().numpy()
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        return cls(values, place, counts)

    @property
    def ranks(self) -> np.ndarray:
        """Ranks from 1; ties have the mean of their ranks."""
        return np.asarray((self.counts.cumsum() - (self.counts - 1) / 2)[self.codes])


def leakage_warnings(data: Prepared, options: Options) -> list[str]:
    """Return a warning for each column that leaks the target or looks like an identifier.

    A few rows cast suspicion; all of them confirm it, or a sample where they are not in memory.
    """
    rows = data.source if isinstance(data, InMemoryData) else data.rows().sample(_SAMPLE_ROWS)
    whole = isinstance(data, InMemoryData) or rows.rows == data.training_rows
    if rows.weight is not None:
        rows = rows.at(rows.weight.nonzero()[:, 0])
    if rows.rows < _MIN_ROWS or rows.y.min() == rows.y.max():
        return []
    test = _LeakageTest(
        binary=data.target.facts.target == "two",
        number=data.target.classes is None,
        informative=options.newton and not (options.l1 or options.l2 or options.firth),
        span=2 * rows.rows if whole else 0,
    )
    few = _sample_indices(rows.y, test.binary)
    sampled_columns, all_columns = _Values.of(rows.y[few]), cache(lambda: _Values.of(rows.y))
    rows_text = _("all {rows} rows") if whole else _("the {rows} rows looked at")
    rows_text = rows_text.format(rows=rows.rows)
    notes = []
    for j, column in enumerate(data.design.columns):
        values, text = _column(rows, j), bool(column.levels)
        suspect = test._replace(informative=False)
        if not _evidence(_Values.of(values[few]), sampled_columns, suspect, _SUSPICIOUS, text):
            continue
        evidence = _evidence(_Values.of(values), all_columns(), test, _CERTAIN, text)
        if evidence:
            note = _("column {name!r} {evidence} in {rows}; {remedy}.")
            if evidence != _identifier():
                note = _(
                    "column {name!r} {evidence} in {rows}; if it is known no sooner than the "
                    "target, {remedy}."
                )
            remedy = _(LEAVE_OUT).format(name=column.name)
            found = note.format(name=column.name, evidence=evidence, rows=rows_text, remedy=remedy)
            notes.append(found)
    return notes


def _sample_indices(y: Tensor, binary: bool) -> Tensor:
    """Return evenly spaced row indices; for two classes, as many of each."""
    if not binary:
        return torch.arange(0, len(y), math.ceil(len(y) / _MAX_ROWS))
    parts = [(y == k).nonzero()[:, 0] for k in (0, 1)]
    return torch.cat([part[:: math.ceil(2 * len(part) / _MAX_ROWS)] for part in parts])


def _column(rows: InMemoryRows, j: int) -> Tensor:
    """Return one column: numbers, or the codes of labels, which come last."""
    width = rows.x.shape[1]
    if j >= width:
        return rows.labels[j - width].codes
    return rows.x.columns[j] if isinstance(rows.x, ColumnStack) else rows.x[:, j]


def _evidence(column: _Values, y: _Values, test: _LeakageTest, least: float, text: bool) -> str:
    """Describe the evidence of leakage in a column; "" if there is none."""
    if _is_row_number(column, test.span):
        return _identifier()
    if test.number and not text and np.array_equal(column.all, y.all):
        return _("equals the target")
    if _is_bijection(column, y):
        return _(
            "is the target, by the same or other names: each value goes with one of the target's"
        )
    if text or min(len(column.counts), len(y.counts)) == 1 or not (test.binary or test.number):
        return ""
    if test.binary:
        area = _area(column, y)
        if area < least or (test.informative and area == 1.0):
            return ""
        return _(
            "alone tells the two classes apart, with an area under the curve of {area:.6f}"
        ).format(area=area)
    linear, rank = _correlation(column.all, y.all), _correlation(column.ranks, y.ranks)
    if max(linear, rank) < least:
        return ""
    if linear >= least:
        return _("has a linear correlation of {size:.6f} with the target").format(size=linear)
    return _("has a rank correlation of {size:.6f} with the target").format(size=rank)


def _identifier() -> str:
    return _("looks like an identifier: it holds whole numbers, or labels, each its own,")


def _is_row_number(column: _Values, span: int) -> bool:
    """Return whether values are distinct, consecutive whole numbers, or nearly so."""
    if len(column.counts) < len(column.all) or (column.all % 1).any():
        return False
    return float(column.all.max()) - float(column.all.min()) < span


def _is_bijection(column: _Values, y: _Values) -> bool:
    """Return whether values and targets correspond one to one."""
    count = len(y.counts)
    if count != len(column.counts) or 2 * count > len(y.all):
        return False
    return len(np.unique(column.codes * count + y.codes)) == count


def _area(column: _Values, y: _Values) -> float:
    """Return the area under the ROC curve, or 1 minus it if that is larger."""
    zeros, ones = (int(count) for count in y.counts)
    pairs = ones * zeros
    above = column.ranks[y.codes == 1].sum() - ones * (ones + 1) / 2
    return float(max(above, pairs - above) / pairs)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the absolute correlation of two columns that vary."""
    a, b = a / np.abs(a).max(), b / np.abs(b).max()  # else squares of 1e200 would be infinite
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return abs(float(a @ b)) / size if size > 0 else 0.0

"""The passes over the rows, a piece at a time: no more than a workspace of logits is in memory.

`values` needs one matrix product; `pull`, the derivatives, needs three, and knows the sum of the
outputs too; `push`, what changes as the operands change, needs eight. A row that counts for
nothing is in none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.engine import memory
from neglog.engine.projection import pieces, products
from neglog.engine.projection.heads import NOWHERE, counting, nothing, outputs
from neglog.engine.projection.problem import Head, Operands
from neglog.engine.projection.totals import Gradients, Totals, Wanted
from neglog.engine.projection.workspace import rows_of_a_piece


def _rows(head: Head, operands: Operands, upstream: Sequence[Tensor] = ()) -> Tensor | None:
    """Return the numbers of the rows that count; None if all do."""
    counts = counting(head, operands)
    for_any = None
    for u in upstream:
        for_any = u != 0 if for_any is None else for_any | (u != 0)
    if for_any is not None:
        counts = for_any if counts is None else counts & for_any
    if counts is None:
        return None
    rows = counts.any(1)
    return None if bool(rows.all()) else rows.nonzero()[:, 0]


class _Pass:
    """The pieces of one pass, and the memory for their logits."""

    def __init__(
        self, head: Head, operands: Operands, rows: Tensor | None, lines: int, budget: int
    ) -> None:
        self.head, self.operands, self.rows = head, operands, rows
        self.count = len(operands.x) if rows is None else len(rows)
        self.step = rows_of_a_piece(operands, self.count, lines, budget)
        self.memory = memory.empty(
            (self.step, len(operands.w)), operands.computed_in, operands.x.device
        )

    def places(self) -> Iterator[Any]:
        """Return where the rows of each piece are."""
        for start in range(0, self.count, self.step):
            end = min(start + self.step, self.count)
            yield slice(start, end) if self.rows is None else self.rows[start:end]

    def logits(self, part: Operands) -> Tensor:
        """Return the logits of a piece."""
        return products.logits(part.x, part.w, part.b, self.memory[: len(part.x)])


def values(head: Head, operands: Operands, budget: int) -> list[Tensor]:
    """Return the outputs of all rows, a line (N, positions) for each."""
    rows = _rows(head, operands)
    work = _Pass(head, operands, rows, pieces.lines_of(head, operands, False), budget)
    results: list[Tensor] = []
    for place in work.places():
        part = operands.at(place)
        found = outputs(head, work.logits(part), part)
        results = results or [
            line.new_full((len(operands.x), line.shape[1]), NOWHERE.get(name, 0))
            for name, line in zip(head.outputs, found, strict=True)
        ]
        for result, line in zip(results, found, strict=True):
            result[place] = line
    return results or nothing(head, operands)


def pull(
    head: Head, operands: Operands, upstream: Sequence[Tensor], wanted: Wanted, budget: int
) -> tuple[Tensor, Gradients]:
    """Return the sum of upstream · outputs, and its derivatives by the operands."""
    rows = _rows(head, operands, upstream)
    work = _Pass(head, operands, rows, pieces.lines_of(head, operands, True), budget)
    totals = Totals(operands, wanted, rows is not None)
    value = torch.zeros((), dtype=torch.float64, device=operands.x.device)
    for place in work.places():
        part = operands.at(place)
        given = [u[place] for u in upstream]
        pulled = pieces.pull(head, work.logits(part), part, given, wanted[3])
        value += pulled.total
        totals.add(place, pulled.z, part)
        totals.add_target(place, pulled.y)
    return value, totals.finished()


def push(
    head: Head,
    operands: Operands,
    upstream: Sequence[Tensor],
    changes: Gradients,
    wanted: Wanted,
    budget: int,
) -> tuple[list[Tensor], Gradients]:
    """Return how outputs, and pulled derivatives, change as the operands change."""
    rows = _rows(head, operands)
    work = _Pass(head, operands, rows, 12, budget)
    totals = Totals(operands, wanted, rows is not None)
    results = [u.new_zeros(u.shape) for u in upstream]
    for place in work.places():
        part, given = operands.at(place), [u[place] for u in upstream]
        moved_x = None if changes.x is None else changes.x[place]
        moved_y = None if changes.y is None else changes.y[place]
        moved = _moved(part, moved_x, changes)
        slope, pushed = pieces.push(head, work.logits(part), part, given, moved, moved_y)
        for result, line in zip(results, pushed.outputs, strict=True):
            result[place] = line
        totals.add(place, pushed.z, part)
        if changes.w is not None and wanted[0]:
            totals.add_to_x(place, slope, changes.w)
        if moved_x is not None and wanted[1]:
            totals.add_to_w(slope, moved_x)
        totals.add_target(place, pushed.y)
    return results, totals.finished()


def _moved(part: Operands, moved_x: Tensor | None, changes: Gradients) -> Tensor:
    """Return how the logits of a piece change."""
    shape, device = (len(part.x), len(part.w)), part.x.device
    moved = torch.zeros(shape, dtype=part.computed_in, device=device)
    for x, w in ((moved_x, part.w), (part.x, changes.w)):
        if x is not None and w is not None:
            moved += products.logits(x, w, None, torch.empty_like(moved))
    return moved if changes.b is None else moved.add_(changes.b)

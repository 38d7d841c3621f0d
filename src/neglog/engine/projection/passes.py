"""The passes over the rows, chunk by chunk, with only a workspace of logits in memory.

`values` needs one matrix product; `vjp`, the gradients and the sum of the outputs, needs three;
`jvp`, the tangents of both, needs eight. Ignored rows are left out of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog.device import sum_dtype
from neglog.engine import memory
from neglog.engine.projection import chunks, products
from neglog.engine.projection.loss_scale import loss_scale
from neglog.engine.projection.operands import Head, Operands
from neglog.engine.projection.outputs import OUTPUTS, counting, nothing, of_counting, outputs
from neglog.engine.projection.totals import Gradients, NeedsGrad, Totals
from neglog.engine.projection.workspace import rows_per_chunk


class _Rows(NamedTuple):
    """The rows of a pass.

    Attributes:
        operands: of all rows; ignored parts are 0 if they cannot be dropped.
        numbers: the indices of the included rows; None for all rows.
        counts: which of the losses are included, if ignored rows are computed too.
    """

    operands: Operands
    numbers: Tensor | None = None
    counts: Tensor | None = None


def _rows(head: Head, operands: Operands, upstream: Sequence[Tensor] = ()) -> _Rows:
    """Select the included rows."""
    counts = counting(head, operands)
    for_any = None
    for u in upstream:
        for_any = u != 0 if for_any is None else for_any | (u != 0)
    if for_any is not None:
        counts = for_any if counts is None else counts & for_any
    if counts is None:
        return _Rows(operands)
    rows = counts.any(1)
    if _is_capturing_graph(operands.x):
        sample_weight = counts.to(operands.computed_in)
        sample_weight = (
            sample_weight
            if operands.sample_weight is None
            else torch.where(counts, operands.sample_weight, 0.0)
        )
        x = torch.where(rows[:, None], operands.x, 0.0)
        return _Rows(operands._replace(x=x, sample_weight=sample_weight), counts=counts)
    numbers = rows.nonzero()[:, 0]
    return _Rows(operands, None if len(numbers) == len(rows) else numbers)


def _is_capturing_graph(x: Tensor) -> bool:
    """Return whether a CUDA graph is captured, which must not wait for the number of rows."""
    return x.is_cuda and torch.cuda.is_current_stream_capturing()


class _Pass:
    """The chunks of one pass, and the memory for their logits."""

    def __init__(self, head: Head, chosen: _Rows, lines: float, budget: int) -> None:
        self.head, self.operands, self.rows, self.counts = head, *chosen
        x, classes = self.operands.x, len(self.operands.w)
        self.count = len(x) if self.rows is None else len(self.rows)
        self.step = rows_per_chunk(self.operands, self.count, lines, budget)
        self.memory = memory.empty((self.step, classes), self.operands.computed_in, x.device)
        self._narrow: Tensor | None = None

    def places(self) -> Iterator[Any]:
        """Return the slices of rows of the chunks."""
        for start in range(0, self.count, self.step):
            end = min(start + self.step, self.count)
            yield slice(start, end) if self.rows is None else self.rows[start:end]

    def logits(self, part: Operands) -> Tensor:
        """Return the logits of a chunk."""
        return products.logits(part.x, part.w, part.b, self.memory[: len(part.x)])

    def narrow(self, part: Operands) -> Tensor | None:
        """Return half-precision memory for the gradient by the logits of a chunk, if allowed."""
        if not chunks.can_be_narrow(self.head, part):
            return None
        if self._narrow is None:
            self._narrow = memory.empty(self.memory.shape, part.x.dtype, part.x.device)
        return self._narrow[: len(part.x)]


def values(head: Head, operands: Operands, budget: int) -> list[Tensor]:
    """Return the outputs of all rows, (N, positions) each."""
    chosen = _rows(head, operands)
    work = _Pass(head, chosen, chunks.lines_of(head, operands, False), budget)
    results: list[Tensor] = []
    for place in work.places():
        part = work.operands.at(place)
        found = outputs(head, work.logits(part), part)
        results = results or [
            line.new_full((len(operands.x), line.shape[1]), OUTPUTS[name].ignored)
            for name, line in zip(head.outputs, found, strict=True)
        ]
        for result, line in zip(results, found, strict=True):
            result[place] = line
    if chosen.counts is not None:
        results = of_counting(head, results, chosen.counts)
    return results or nothing(head, operands)


def vjp(
    head: Head, operands: Operands, upstream: Sequence[Tensor], needs_grad: NeedsGrad, budget: int
) -> tuple[Tensor, Gradients]:
    """Return the sum of upstream · outputs, and its derivatives by the operands."""
    work = _Pass(
        head, _rows(head, operands, upstream), chunks.lines_of(head, operands, True), budget
    )
    scale = loss_scale(head, operands, upstream, counting(head, operands))
    totals = Totals(operands, needs_grad, work.rows is not None, scale)
    value = torch.zeros((), dtype=sum_dtype(operands.x.device), device=operands.x.device)
    for place in work.places():
        part = work.operands.at(place)
        given = [u[place] if scale is None else u[place] * scale for u in upstream]
        narrow = None if needs_grad[3] else work.narrow(part)
        chunk = chunks.vjp(head, work.logits(part), part, given, needs_grad[3], narrow)
        value += chunk.total
        totals.add(place, chunk.z, part)
        totals.add_target(place, chunk.y)
    return value if scale is None else value / scale, totals.finished()


def jvp(
    head: Head,
    operands: Operands,
    upstream: Sequence[Tensor],
    changes: Gradients,
    needs_grad: NeedsGrad,
    budget: int,
) -> tuple[list[Tensor], Gradients]:
    """Return the tangents of the outputs, and of upstream · their gradients."""
    work = _Pass(head, _rows(head, operands), 12, budget)
    totals = Totals(operands, needs_grad, work.rows is not None)
    results = [u.new_zeros(u.shape) for u in upstream]
    for place in work.places():
        part, given = work.operands.at(place), [u[place] for u in upstream]
        moved_x = None if changes.x is None else changes.x[place]
        moved_y = None if changes.y is None else changes.y[place]
        moved = _moved(part, moved_x, changes)
        slope, chunk = chunks.jvp(head, work.logits(part), part, given, moved, moved_y)
        for result, line in zip(results, chunk.outputs, strict=True):
            result[place] = line
        totals.add(place, chunk.z, part)
        if changes.w is not None and needs_grad[0]:
            totals.add_to_x(place, slope, changes.w)
        if moved_x is not None and needs_grad[1]:
            totals.add_to_w(slope, moved_x)
        totals.add_target(place, chunk.y)
    return results, totals.finished()


def _moved(part: Operands, moved_x: Tensor | None, changes: Gradients) -> Tensor:
    """Return the tangent of the logits of a chunk."""
    shape, device = (len(part.x), len(part.w)), part.x.device
    moved = torch.zeros(shape, dtype=part.computed_in, device=device)
    for x, w in ((moved_x, part.w), (part.x, changes.w)):
        if x is not None and w is not None:
            moved += products.logits(x, w, None, torch.empty_like(moved))
    return moved if changes.b is None else moved.add_(changes.b)

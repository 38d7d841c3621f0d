"""The second derivatives: how a loss's slopes change as its tensors do.

Of elements they are the declared `curvature`. Of rows of logits, with p the softmax of a row and S
the sum of its target, they are S · (diag p − p pᵀ): a change v of the row moves its slope by
S · p ⊙ (v − p · v). All of it is torch's operations, which can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neglog.engine import levels, reference
from neglog.engine.derivatives import Facts, product, total
from neglog.engine.problem import Elements, RowsOfClasses

Moves = Sequence[Tensor | None]  # of the inputs and the target; None where one does not move


def changes(problem: Elements | RowsOfClasses, moves: Moves, by_y: bool) -> list[Tensor | None]:
    """Return the change of the slope by each input and, if asked for, by the target.

    The slopes are those of the loss, or of the sum of losses that are not reduced.
    """
    if isinstance(problem, Elements):
        return _of_elements(problem, moves, by_y)
    return _of_rows(problem, moves, by_y)


def _of_elements(problem: Elements, moves: Moves, by_y: bool) -> list[Tensor | None]:
    problem, n = reference.shown(problem), len(problem.inputs)
    facts = Facts(problem.likelihood, problem.settings)
    tensors = (*problem.inputs, *problem.given, problem.y)
    by_inputs, move_of_y = moves[:n], moves[n]
    terms: list[list[Tensor]] = [[] for _ in range(n + 1)]
    if any(move is not None for move in by_inputs):
        for place, row in zip(terms, facts.curvature(tensors), strict=False):
            place += [product(m, c) for c, m in zip(row, by_inputs, strict=True) if m is not None]
    if by_y or move_of_y is not None:
        for place, slope, move in zip(terms, facts.mixed(tensors), by_inputs, strict=False):
            place += [] if move_of_y is None else [product(move_of_y, slope)]
            terms[n] += [] if move is None or not by_y else [product(move, slope)]
    if by_y and move_of_y is not None:
        terms[n].append(product(move_of_y, facts.twice_by_target(tensors)))
    count = problem.y.numel() if problem.reduction == "mean" else 1
    scale = problem.factor / max(1, count)
    found = [total(place) if place else None for place in terms]
    if scale != 1.0:
        found = [None if f is None else f * scale for f in found]
    weight = problem.weight
    return found if weight is None else [None if f is None else f * weight for f in found]


def _of_rows(problem: RowsOfClasses, moves: Moves, by_y: bool) -> list[Tensor | None]:
    if not problem.likelihood.softmax:  # a loss of log-probabilities is linear
        return [torch.zeros_like(problem.x), None]
    rows, each = problem.by_rows(), reference.scales_of_rows(problem)
    x, keep = rows.x, reference.kept_rows(rows)
    if not levels.are_all(keep):
        rows = reference.shown_rows(rows, keep)
        x, each = rows.x, torch.where(keep, each, 0.0)
    p, each = torch.softmax(x, 1), each[:, None]
    by_target = each * (1.0 - rows.smoothing)
    by_target = by_target if rows.weight is None else by_target * rows.weight
    move, move_of_y = moves[0], moves[1]
    terms: list[Tensor] = []
    of_y: Tensor | None = None
    if move is not None:
        move = _but_for_its_top(problem._replace(x=move).by_rows().x, p)
        pushed = torch._softmax_backward_data(move, p, 1, p.dtype)
        terms.append(pushed * (each * reference.sums_of_targets(rows, keep)[:, None]))
        if by_y:
            of_y = by_target * ((p * move).sum(1, keepdim=True) - move)
    if move_of_y is not None:
        move_of_y = move_of_y * by_target
        terms.append(p * move_of_y.sum(1, keepdim=True) - move_of_y)
    return [_as_it_was(total(terms), problem.x) if terms else None, of_y]


def _but_for_its_top(move: Tensor, p: Tensor) -> Tensor:
    """Return rows' moves less that of the class which has most of the probability, if one has.

    A row that moves as a whole changes nothing; next to a probability of 1, the others' moves
    would cancel.
    """
    return move - torch.where(p > 0.5, move, 0.0).sum(1, keepdim=True)


def _as_it_was(rows: Tensor, x: Tensor) -> Tensor:
    """Return rows of classes in the layout of x: see `RowsOfClasses`."""
    if x.dim() == 2:
        return rows
    return rows.reshape(x.shape[0], x.shape[2], x.shape[1]).movedim(-1, 1)

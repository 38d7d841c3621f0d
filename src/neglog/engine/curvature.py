"""Second derivatives: the tangents of a loss's gradients, given the tangents of its tensors.

For elements they use the declared `curvature`. For rows of logits, with p the softmax of a row and
S the sum of its target, the Hessian is S · (diag p − p pᵀ): a tangent v of the row changes its
gradient by S · p ⊙ (v − p · v). Everything consists of torch's operations, which can be
differentiated again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.device import sum_dtype
from neglog.engine import inspection, reference
from neglog.engine.derivatives import Facts, product, total
from neglog.engine.precision import is_linear
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem, rows_as

Tangents = Sequence[Tensor | None]  # of the inputs and the target; None without a tangent


def changes(
    problem: ElementwiseProblem | RowwiseProblem,
    tangents: Tangents,
    by_y: bool,
    upstream: Tensor | None = None,
) -> list[Tensor | None]:
    """Return the tangent of upstream · the gradient of each input and, if requested, of the target.

    The gradients are those of the loss, or of the sum of unreduced losses. `upstream` has the shape
    of the losses; None stands for 1.
    """
    above: Tensor | float = 1.0
    if upstream is not None:
        number = inspection.number(upstream)
        if number:
            above = number if inspection.is_constant(upstream) else upstream
        else:  # maybe 0, and a tangent of 0 adds 0, even for an infinite slope
            factor = problem.over_classes(upstream)
            tangents = [None if m is None else m * factor for m in tangents]
    if isinstance(problem, ElementwiseProblem):
        return _of_elements(problem, tangents, by_y, above)
    return _of_rows(problem, tangents, by_y, above)


def _of_elements(
    problem: ElementwiseProblem, tangents: Tangents, by_y: bool, above: Tensor | float
) -> list[Tensor | None]:
    problem, n = reference.shown(problem), len(problem.inputs)
    facts = Facts(problem.likelihood, problem.settings)
    tensors, dtype = (*problem.inputs, *problem.given, problem.y), problem.y.dtype
    if n > 1 and dtype == torch.float32:  # the squares of small scales leave its range
        tensors = tuple(t.to(sum_dtype(t.device)) for t in tensors)
    by_inputs, tangent_of_y = tangents[:n], tangents[n]
    terms: list[list[Tensor]] = [[] for _ in range(n + 1)]
    if any(tangent is not None for tangent in by_inputs):
        for place, row in zip(terms, facts.plain_curvature(tensors), strict=False):
            pairs = zip(by_inputs, row, strict=True)
            place += [product(m, _rounded(c, dtype)) for m, c in pairs if m is not None]
    if by_y or tangent_of_y is not None:
        for place, change, tangent in zip(terms, facts.mixed(tensors), by_inputs, strict=False):
            slope = _rounded(change, dtype)
            place += [] if tangent_of_y is None else [product(tangent_of_y, slope)]
            terms[n] += [] if tangent is None or not by_y else [product(tangent, slope)]
    if by_y and tangent_of_y is not None:
        terms[n].append(product(tangent_of_y, _rounded(facts.twice_by_target(tensors), dtype)))
    count = problem.y.numel() if problem.reduction == "mean" else 1
    scale = problem.factor / max(1, count) * above
    found = [total(place) if place else None for place in terms]
    if isinstance(scale, Tensor) or scale != 1.0:
        found = [None if f is None else f * scale for f in found]
    weight = problem.weight
    return found if weight is None else [None if f is None else f * weight for f in found]


def _rounded(slope: Any, dtype: torch.dtype) -> Any:
    return slope if isinstance(slope, float) else slope.to(dtype)


def _of_rows(
    problem: RowwiseProblem, tangents: Tangents, by_y: bool, above: Tensor | float
) -> list[Tensor | None]:
    linear = is_linear(problem.likelihood)
    if linear and not problem.likelihood.softmax:
        return [torch.zeros_like(problem.x), None]
    rows = problem.by_rows()
    keep = reference.kept_rows(rows)
    all_kept = inspection.are_all(keep)
    rows = rows if all_kept else reference.shown_rows(rows, keep)
    if not linear:
        by_rows = [_by_rows(problem, rows, m) for m in tangents[:2]]
        found = _of_nonlinear_rows(rows, keep, by_rows, by_y, above)
        return [None if f is None else rows_as(f, problem.x) for f in found]
    each, sums = _scales(rows, keep, all_kept)
    each = each * above
    p, by_target = _softmax(rows.x), each * (1.0 - rows.smoothing)
    by_target = by_target if rows.weight is None else by_target * rows.weight
    tangent, tangent_of_y = (_by_rows(problem, rows, m) for m in tangents[:2])
    terms: list[Tensor] = []
    of_y: Tensor | None = None
    if tangent is not None:
        tangent = _but_for_its_top(tangent, p)
        terms.append(_softmax_vjp(tangent, p) * (each * sums))
        if by_y:
            of_y = by_target * ((p * tangent).sum(1, keepdim=True) - tangent)
    if tangent_of_y is not None:
        tangent_of_y = tangent_of_y * by_target
        terms.append(p * tangent_of_y.sum(1, keepdim=True) - tangent_of_y)
    found = [total(terms) if terms else None, of_y]
    return [None if f is None else rows_as(f, problem.x) for f in found]


def _by_rows(problem: RowwiseProblem, rows: RowwiseProblem, move: Tensor | None) -> Any:
    """Return a tangent in the shape of the rows."""
    return None if move is None else problem._replace(x=move, y=rows.y).by_rows().x


def _of_nonlinear_rows(
    rows: RowwiseProblem, keep: Tensor, tangents: Sequence[Tensor | None], by_y: bool,
    above: Tensor | float,
) -> list[Tensor | None]:  # fmt: skip
    """Return the tangents through the derivatives of each class's term by its log-probability.

    With the slopes g, their sum G and u the tangent of the log-probabilities, the tangent of the
    gradient g − p · G of the logits is that of g, by log softmax's own vjp, minus G · p ⊙ u.
    """
    facts, softmax = Facts(rows.likelihood, rows.settings), rows.likelihood.softmax
    log_p = reference.log_softmax(rows.x) if softmax else rows.x
    target = reference.targets_of(rows, keep)
    each = torch.where(keep, reference.scales_of_rows(rows), 0.0)[:, None] * above
    each = each if rows.weight is None else each * rows.weight
    by_z, move = tangents[0], tangents[1]
    move = None if move is None else move * (1.0 - rows.smoothing)
    moved = [by_z if by_z is None or not softmax else reference.log_softmax_jvp(log_p, by_z), move]
    point = (log_p, target)
    terms: list[Tensor] = []
    of_y: list[Tensor] = []
    mixed: Any = facts.mixed(point)[0] if by_y or move is not None else None
    if moved[0] is not None:
        ((second,),) = facts.plain_curvature(point)
        terms.append(product(moved[0], second))
        of_y += [product(moved[0], mixed)] if by_y else []
    if moved[1] is not None:
        terms.append(product(moved[1], mixed))
        of_y += [product(moved[1], facts.twice_by_target(point))] if by_y else []
    by_x = total(terms) * each if terms else None
    if by_x is not None and softmax:
        by_x = reference.log_softmax_vjp(log_p, by_x)
        if moved[0] is not None:
            slopes = facts.evaluate("grad", point)[0] * each
            by_x = by_x - slopes.sum(1, keepdim=True) * (log_p.exp() * moved[0])
    return [by_x, total(of_y) * each * (1.0 - rows.smoothing) if of_y else None]


def _scales(rows: RowwiseProblem, keep: Tensor, all_kept: bool) -> tuple[Any, Any]:
    """Return the weight of each row, 0 if excluded, and the sums of the targets."""
    if not all_kept or rows.sample_weight is not None or rows.weight is not None:
        each = torch.where(keep, reference.scales_of_rows(rows), 0.0)
        return each[:, None], reference.sums_of_targets(rows, keep)[:, None]
    each_row = 1.0 / max(1, len(rows.x)) if rows.reduction == "mean" else 1.0
    if rows.y.dim() == 1:
        return each_row, 1.0
    return each_row, (1.0 - rows.smoothing) * rows.y.sum(1, keepdim=True) + rows.smoothing


def _softmax(x: Tensor) -> Tensor:
    if x.shape[1] >= reference.FEW:
        return torch.softmax(x, 1)
    power = (x - x.detach().amax(1, keepdim=True)).exp()
    return power / power.sum(1, keepdim=True)


def _softmax_vjp(tangent: Tensor, p: Tensor) -> Tensor:
    """Return p ⊙ (move − p · move)."""
    if p.shape[1] >= reference.FEW:
        return torch._softmax_backward_data(tangent, p, 1, p.dtype)
    return p * (tangent - (p * tangent).sum(1, keepdim=True))


def _but_for_its_top(tangent: Tensor, p: Tensor) -> Tensor:
    """Subtract from each row the tangent of its class of high probability, if it has one.

    Adding a constant to a row changes nothing; next to a probability of 1, the tangents of the
    other classes would cancel.
    """
    if reference.is_spread(p):
        return tangent
    return tangent - torch.where(p > 0.5, tangent, 0.0).sum(1, keepdim=True)

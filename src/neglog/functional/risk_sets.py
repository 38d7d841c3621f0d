"""Sequential choices: each event is a choice among the items that are still there.

A ranking and Cox's partial likelihood are the same computation. An event at a time is a choice
among the items of this time and later ones, its risk set.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from neglog.engine import ComposedProblem, reference, values
from neglog.functional.extras import wide

_ABSENT = -1e30  # a score below all others; −∞ has no derivative
_RANGE = 500.0  # of scores whose exponentials float64 can add up


def problem_of_rows(
    score: Tensor,
    time: Tensor,
    event: Tensor,
    strata: Tensor | None,
    ties: str,
    formula: Callable[[Tensor], Tensor],
    reduction: str,
) -> ComposedProblem:
    """Return the problem of the negative log-likelihood of the events of each row.

    Args:
        score: (…, K), with the logarithms of the weights, if they differ; −∞ for items in no risk
            set.
        time: as in `terms_of_rows`.
        event: the weight of each event, 0 for other items.
        strata: which items are compared, if not all of the row.
        ties: "efron" or "breslow".
        formula: returns the losses of rows of scores, (…), by torch's operations.
        reduction: over rows.
    """

    def computed(score: Tensor, *others: Tensor | None, reduction: str) -> Tensor:
        return reference.reduced(formula(score), reduction).to(score.dtype)

    when = time.to(wide(time.dtype)) if time.is_floating_point() else time.long()
    groups = None if strata is None else strata.long()
    tensors, settings = (score, event.to(score.dtype), when, groups), (float(ties == "efron"),)
    return ComposedProblem("risk_sets", computed, tensors, settings=settings, reduction=reduction)


def terms_of_rows(
    score: Tensor,
    time: Tensor,
    event: Tensor | None,
    present: Tensor | None,
    ties: str,
    in_order: bool = True,
) -> Tensor:
    """Return the negative log-likelihood of each event, 0 for other items; all (…, K).

    Args:
        score: with the logarithms of the weights in the risk sets, if they differ.
        time: of the event, or until which the item was there.
        event: which items are events, if not all.
        present: which items are in the risk sets, if not all.
        ties: "efron" or "breslow". With Efron's method equal events share the average of their
            terms, so that the order of the items does not matter.
        in_order: whether the terms should be in the order of the items.
    """
    if score.shape[-1] == 0:
        return score
    time, order = time.sort(dim=-1, descending=True)
    score = score.gather(-1, order)
    event = None if event is None else event.gather(-1, order)
    present = None if present is None else present.gather(-1, order)
    differs = time[..., 1:] != time[..., :-1]
    level, logs = _cumulative(score, present)
    if _may_tie(differs):
        level, logs = (t.gather(-1, _last_of_group(differs)) for t in (level, logs))
        if ties == "efron":
            logs = logs + _efron((score - level) - logs, event, differs)
    ranked = (level - score) + logs
    ranked = ranked if event is None else torch.where(event, ranked, 0.0)
    return torch.zeros_like(ranked).scatter(-1, order, ranked) if in_order else ranked


def _cumulative(score: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return a level of the scores up to each position, and ln Σ exp(score − level) of them.

    The sum of levels of 1e30 and logarithms would lose the logarithms.
    """
    known = score.detach()
    lowest = torch.finfo(known.dtype).min
    known = known if present is None else torch.where(present, known, lowest)
    top = known.amax(-1, keepdim=True)
    if values.are_known(score) and score.numel() and score.dtype == torch.float64:
        low = known if present is None else torch.where(present, known, top)
        if bool((top - low.amin(-1, keepdim=True) <= _RANGE).all()):  # several times as fast
            sums = torch.exp(_present(score - top, present)).cumsum(-1)
            return top.expand_as(score), sums.clamp(min=torch.finfo(sums.dtype).tiny).log()
    # Steps of the highest score so far, of which exp cannot tell larger ones.
    highest = known.cummax(-1).values
    steps = highest.diff(dim=-1, prepend=highest[..., :1])
    near = steps.clamp(max=-math.log(torch.finfo(known.dtype).tiny)).cumsum(-1)
    moved = _present(near + (score - highest), present)
    return highest, torch.logcumsumexp(moved, -1) - near


def _present(score: Tensor, present: Tensor | None) -> Tensor:
    return score if present is None else torch.where(present, score, _ABSENT)


def _may_tie(differs: Tensor) -> bool:
    return not values.are_known(differs) or not bool(differs.all())


def _last_of_group(differs: Tensor) -> Tensor:
    """Return the position of the last item of the same time, in order of time."""
    shape = (*differs.shape[:-1], differs.shape[-1] + 1)
    position = torch.arange(shape[-1], device=differs.device).expand(shape)
    end = torch.nn.functional.pad(differs, (0, 1), value=True)
    ends = torch.where(end, position, shape[-1])
    return ends.flip(-1).cummin(-1).values.flip(-1)


def _efron(share: Tensor, event: Tensor | None, differs: Tensor) -> Tensor:
    """Return what Efron's method adds to the logarithms of the risk sets.

    The i-th of d equal events, from 0, is a choice from which i/d of the equal events have left.

    Args:
        share: the logarithm of each item's part of its risk set.
        event: which items are events, if not all.
        differs: where the time changes.
    """
    group = torch.nn.functional.pad(differs, (1, 0)).cumsum(-1)
    zeros = torch.zeros_like(share)
    event = torch.ones_like(share, dtype=torch.bool) if event is None else event

    def of_group(numbers: Tensor) -> Tensor:
        return zeros.scatter_add(-1, group, numbers).gather(-1, group)

    ones = event.to(share.dtype)
    number = of_group(ones).clamp(min=1)
    before = ones.cumsum(-1) - ones
    first = zeros.scatter_add(-1, group, ones).cumsum(-1).gather(-1, group) - number
    left = torch.where(event, before - first, 0.0) / number
    tied = of_group(torch.where(event, share, -torch.inf).exp())
    added = torch.where(event, torch.log1p(-left * tied), 0.0)
    return of_group(added) / number

"""What the processes of `team.Team` compute: losses of parts of rows."""

from __future__ import annotations

from typing import Any

import losses
import test_modules
import torch
from torch import Tensor

import neglog
from neglog.distributed import Plan

CUTS = {2: (0, 5, 6), 3: (0, 2, 2, 6), 4: (0, 3, 3, 4, 6)}  # of six rows; one part is empty


def part(rank: int, size: int) -> slice:
    """Return the rows of a process."""
    return slice(*CUTS[size][rank : rank + 2])


def of_rows(rank: int, group: Any, names: list[str], extras: dict[str, Any], gradients: str) -> Any:
    """Return the share and the gradient of this process's rows, for each loss."""
    plan = Plan(rows=group, gradients=gradients)
    rows, found = part(rank, group.size()), {}
    for name in names:
        x = losses.inputs(name).detach()[rows].requires_grad_()
        options = {k: v[rows] if isinstance(v, Tensor) else v for k, v in extras.items()}
        loss = losses.LOSSES[name][0](x, **options, plan=plan)
        loss.sum().backward()
        found[name] = loss.detach(), x.grad, plan.whole(loss)
    return found


def counts(rank: int, group: Any, names: list[str]) -> Any:
    """Return the count of all rows by each criterion, given this process's targets."""
    rows, found = part(rank, group.size()), {}
    plan = Plan(rows=group, gradients="averaged")
    for name in names:
        criterion = getattr(neglog, name)(plan=plan)
        *_, target = test_modules.PAIRS[name]
        found[name] = criterion.count(target[rows], mask=(test_modules.LABELS > 0)[rows])
    return found


def labels(rank: int, group: Any, wrong: int) -> Tensor:
    """Compute a mean where the labels of one process are out of range."""
    plan = Plan(rows=group, gradients="averaged")
    target = torch.tensor([0, 7 if rank == wrong else 1])
    return neglog.CrossEntropyLoss(plan=plan)(torch.zeros(2, 3), target)


def risk_sets(rank: int, group: Any) -> Tensor:
    """Compute a loss whose risk sets hold the rows of other processes."""
    plan = Plan(rows=group, gradients="averaged")
    return neglog.CoxPHLoss(plan=plan)(torch.zeros(2), torch.ones(2), torch.ones(2))


def weights(rank: int, group: Any, sample_weight: Tensor) -> Tensor:
    """Return the gradient of a mean by the weights of this process's rows."""
    rows = part(rank, group.size())
    own = sample_weight[rows].clone().requires_grad_()
    target = torch.arange(6.0)[rows]
    plan = Plan(rows=group, gradients="summed")
    neglog.MSELoss(plan=plan)(torch.zeros_like(target), target, sample_weight=own).backward()
    return own.grad


def twice(rank: int, group: Any) -> Plan:
    """Name the same processes as two groups."""
    return Plan(rows=(group, group), gradients="averaged")

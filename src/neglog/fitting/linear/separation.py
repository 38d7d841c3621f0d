"""Detect separation: the likelihood has no maximum if a hyperplane separates the outcomes.

Then there is a direction of the weights along which no row's loss increases and some row's loss
decreases without bound. Each row constrains these directions: linear combinations of the weights
must be nonnegative, or zero. A linear program finds such a direction, or proves that there is none.
For many rows, it starts with a subset, and adds the violated constraints.

Source: K. Konis, Linear programming algorithms for detecting separated data in binary logistic
regression models, thesis, Oxford, 2007; for counts, S. Correia, P. Guimarães, T. Zylkin, Verifying
the existence of maximum likelihood estimates for generalized linear models, arXiv 1903.01633.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from scipy import optimize, sparse
from torch import Tensor

from neglog.errors import listed
from neglog.fitting.likelihoods.cones import Cone
from neglog.fitting.linear.objective import Objective
from neglog.translation import gettext as _

_MOST_ENTRIES = 1_500_000
_SECONDS = 20.0
_ROUNDS = 30
_MIN_RISE = 1e-4
_LEADING = 1e-3


def separating_columns(objective: Objective, free: Tensor, names: Sequence[str]) -> str:
    """Describe the separation and its columns; "" if the data are not separated.

    Args:
        objective: the rows and their likelihood.
        free: the indices of the weights that the rows determine.
        names: the names of the columns.
    """
    if not objective.response.is_separable:
        return ""
    scale = _scale(objective)
    free_indices = free.numpy()
    direction = _direction(objective, scale, free_indices)
    if direction is None:
        return ""
    kind = _("separated in part by {columns}")
    few = objective.source.rows * len(free_indices) < _MOST_ENTRIES
    cones = (
        _from_all_processes(objective, _restricted_cones(objective, scale, free_indices))
        if few
        else []
    )
    if few and not any(cone.zero.shape[0] for cone in cones):
        strict = objective.gather(_program(cones, _costs(objective, free_indices), margin=1.0))[0]
        if strict is not None:
            kind = _("completely separated by {columns}")
            direction[free_indices] = strict
    columns = _describe_columns(objective, scale, free_indices, direction, names)
    return kind.format(columns=columns)


def _scale(objective: Objective) -> Tensor:
    """Return (P + 1,) the largest absolute value of each column; 1 for the intercept."""
    largest = torch.zeros(objective.source.features + 1, dtype=torch.float64)
    for batch in objective.source:
        largest = torch.maximum(largest, batch.columns.dense().abs().max(0).values)
    largest = torch.stack(list(objective.gather(largest))).amax(0)
    return torch.where(largest > 0, largest, 1.0)


def _cones(objective: Objective, scale: Tensor) -> Iterator[Cone]:
    """Yield the constraints of each batch, columns divided by their scale."""
    for batch in objective.source:
        rows = slice(None) if batch.weight is None else (batch.weight > 0).numpy()
        z = (batch.columns.dense() / scale).numpy()[rows]
        yield objective.response.cone(sparse.csr_array(z), batch.y.numpy()[rows])


def _direction(objective: Objective, scale: Tensor, free_indices: np.ndarray) -> np.ndarray | None:
    """Return a sparse direction along which no loss increases and some decrease; or None."""
    working: list[Cone] = []
    row_limit = max(1, _MOST_ENTRIES // (len(free_indices) * max(1, objective.response.outputs)))
    fraction = row_limit / max(1, objective.source.rows)
    for cone in _restricted_cones(objective, scale, free_indices):
        working.append(_subsample(cone, fraction * len(cone)))
    working = _from_all_processes(objective, working)
    costs = _costs(objective, free_indices)
    for _round in range(_ROUNDS):
        direction = objective.gather(_program(working, costs))[0]
        if direction is None:
            return None
        violated = _from_all_processes(
            objective,
            (
                _subsample(cone.violated(direction), fraction * len(cone))
                for cone in _restricted_cones(objective, scale, free_indices)
            ),
        )
        if not any(map(len, violated)):
            full = np.zeros(objective.size)
            full[free_indices] = direction
            return full
        working += violated
    return None


def _restricted_cones(
    objective: Objective, scale: Tensor, free_indices: np.ndarray
) -> Iterator[Cone]:
    """Yield the constraints of each batch on some of the weights."""
    return (cone.restrict(free_indices) for cone in _cones(objective, scale))


def _from_all_processes(objective: Objective, cones: Iterable[Cone]) -> list[Cone]:
    """Return the constraints of all processes."""
    return [cone for part in objective.gather(list(cones)) for cone in part]


def _costs(objective: Objective, free_indices: np.ndarray) -> np.ndarray:
    """Return costs: 1 for weights of columns, 0 for intercepts and thresholds."""
    width = objective.source.features + 1
    of_columns = (free_indices % width != width - 1) & (
        free_indices < objective.response.outputs * width
    )
    return np.asarray(of_columns, dtype=np.float64)


def _subsample(cone: Cone, most: float) -> Cone:
    """Return a subset of the constraints, evenly spaced, at least one."""
    stride = max(1, math.ceil(len(cone) / max(most, 1.0)))
    return Cone(cone.nonnegative[::stride], cone.zero[::stride])


def _program(cones: Sequence[Cone], costs: np.ndarray, margin: float = 0.0) -> np.ndarray | None:
    """Return the smallest direction that raises every margin by `margin`, some by more; or None."""
    least = sparse.vstack([cone.nonnegative for cone in cones])
    zero = sparse.vstack([cone.zero for cone in cones])
    total = np.asarray(least.sum(0)).reshape(1, -1) / max(1, least.shape[0])
    above = sparse.vstack([-least, sparse.csr_array(-total)])
    solution = optimize.linprog(
        np.r_[costs, costs],
        A_ub=sparse.hstack([above, -above]),
        b_ub=np.r_[np.full(least.shape[0], -margin), -_MIN_RISE],
        A_eq=sparse.hstack([zero, -zero]) if zero.shape[0] else None,
        b_eq=np.zeros(zero.shape[0]) if zero.shape[0] else None,
        bounds=(0, None if margin else 1),
        method="highs",
        options={"time_limit": _SECONDS},
    )
    if solution.status != 0:
        return None
    ahead, back = np.split(solution.x, 2)
    direction = ahead - back
    return np.asarray(direction / np.abs(direction).max())


def _describe_columns(
    objective: Objective,
    scale: Tensor,
    free_indices: np.ndarray,
    direction: np.ndarray,
    names: Sequence[str],
) -> str:
    """Name a column that separates alone, or all columns that separate together."""
    width = objective.source.features + 1
    sizes = (
        np.abs(direction[: objective.response.outputs * width]).reshape(-1, width)[:, :-1].max(0)
    )
    leading = [j for j in np.argsort(-sizes) if sizes[j] > _LEADING * sizes.max()]
    if len(leading) > 1:
        constants = _costs(objective, free_indices) == 0
        for j in leading:
            few = free_indices[(free_indices % width == j) & ~constants | constants]
            if _direction(objective, scale, few) is not None:
                return _("{name} alone").format(name=repr(names[j]))
        return listed([repr(names[j]) for j in leading], 4)
    return _("{name} alone").format(name=repr(names[leading[0]]))

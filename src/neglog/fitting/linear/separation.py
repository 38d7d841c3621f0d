"""Whether the likelihood has no maximum, since a plane separates what it should tell apart.

Then there is a direction of the weights along which no row's loss rises and some row's falls for
ever. For each likelihood the rows say which directions those are: linear combinations of the
weights that must not be negative, or must be zero. A linear program finds one, or proves that
there is none; of many rows, it starts with some, and takes in those that its answer offends.

Source: K. Konis, Linear programming algorithms for detecting separated data in binary logistic
regression models, thesis, Oxford, 2007; for counts, S. Correia, P. Guimarães, T. Zylkin, Verifying
the existence of maximum likelihood estimates for generalized linear models, arXiv 1903.01633.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize, sparse
from torch import Tensor

from neglog.errors import listed
from neglog.fitting.likelihoods.responses import Classes, OneParameter, Response
from neglog.fitting.likelihoods.shared_parameters import Ordered, Overdispersed
from neglog.fitting.linear.objective import Objective

_MOST_ENTRIES = 1_500_000
_SECONDS = 20.0
_ROUNDS = 30
_RISE, _FALL = 1e-4, -1e-6
_LEADING = 1e-3


@dataclass(frozen=True)
class Cone:
    """What some rows ask of a direction d: ``least @ d >= 0``, and ``zero @ d == 0``."""

    least: sparse.csr_array
    zero: sparse.csr_array

    def some(self, columns: np.ndarray) -> Cone:
        """Return the same of some of the weights, the others being 0."""
        return Cone(self.least[:, columns], self.zero[:, columns])

    def offended(self, way: np.ndarray) -> Cone:
        """Return the rows that a direction does not suit."""
        return Cone(self.least[self.least @ way < _FALL], self.zero[abs(self.zero @ way) > -_FALL])

    def __len__(self) -> int:
        """Return how many conditions there are."""
        return int(self.least.shape[0] + self.zero.shape[0])


def found(problem: Objective, free: Tensor, names: Sequence[str]) -> str:
    """Say how the rows are separated, and by which columns; nothing where they are not.

    Args:
        problem: the rows and their likelihood.
        free: the numbers of the weights that the rows determine.
        names: the columns' names.
    """
    if not can_be(problem.response):
        return ""
    scale = _scale(problem)
    allowed = free.numpy()
    way = _direction(problem, scale, allowed)
    if way is None:
        return ""
    kind = "separated in part"
    few = problem.source.rows * len(allowed) < _MOST_ENTRIES
    cones = _everywhere(problem, _of(problem, scale, allowed)) if few else []
    if few and not any(cone.zero.shape[0] for cone in cones):
        strict = problem.gather(_program(cones, _costs(problem, allowed), each=1.0))[0]
        if strict is not None:
            kind, way[allowed] = "completely separated", strict
    return f"{kind} by {_culprits(problem, scale, allowed, way, names)}"


def can_be(response: Response) -> bool:
    """Whether a likelihood may have its maximum at infinity."""
    if isinstance(response, OneParameter):
        return response.canonical and response.link in {"logit", "log"}
    return isinstance(response, Classes | Ordered | Overdispersed)


def _scale(problem: Objective) -> Tensor:
    """Return (P + 1,) the columns' largest sizes, the intercept's 1."""
    largest = torch.zeros(problem.source.features + 1, dtype=torch.float64)
    for batch in problem.source:
        largest = torch.maximum(largest, batch.columns.dense().abs().max(0).values)
    largest = torch.stack(list(problem.gather(largest))).amax(0)
    return torch.where(largest > 0, largest, 1.0)


def _cones(problem: Objective, scale: Tensor) -> Iterator[Cone]:
    """Yield what each batch of rows asks of a direction, columns divided by their scale."""
    for batch in problem.source:
        rows = slice(None) if batch.weight is None else (batch.weight > 0).numpy()
        z = (batch.columns.dense() / scale).numpy()[rows]
        yield _cone(problem.response, sparse.csr_array(z), batch.y.numpy()[rows])


def _cone(response: Response, z: sparse.csr_array, y: np.ndarray) -> Cone:
    if isinstance(response, Classes):
        return Cone(
            _of_classes(response, z, y), sparse.csr_array((0, z.shape[1] * response.outputs))
        )
    shared = sparse.csr_array((len(y), len(response.shared)))
    if isinstance(response, Ordered):
        return Cone(
            _of_thresholds(response, z, y), sparse.csr_array((0, z.shape[1] + shared.shape[1]))
        )
    z = sparse.csr_array(sparse.hstack([z, shared]))
    if response.link == "log":
        return Cone(-z[y == 0], z[y > 0])
    ends = (y == 0) | (y == 1)
    signs = sparse.diags_array(2.0 * y[ends] - 1.0)
    return Cone(sparse.csr_array(signs @ z[ends]), z[~ends])


def _of_classes(response: Classes, z: sparse.csr_array, y: np.ndarray) -> sparse.csr_array:
    """Return one line for each row and each wrong class: what the true class's lead is made of."""
    place = {k: j for j, k in enumerate(response.others)}
    lines = []
    for true in range(response.outputs + 1):
        own = z[y == true]
        for wrong in range(response.outputs + 1):
            if wrong == true or not own.shape[0]:
                continue
            blocks = [sparse.csr_array(own.shape)] * response.outputs
            if true in place:
                blocks[place[true]] = own
            if wrong in place:
                blocks[place[wrong]] = -own
            lines.append(sparse.hstack(blocks))
    return sparse.csr_array(sparse.vstack(lines))


def _of_thresholds(response: Ordered, z: sparse.csr_array, y: np.ndarray) -> sparse.csr_array:
    """Return a line for each row and each of the thresholds that its predictor lies between."""
    cuts = sparse.csr_array(sparse.eye_array(len(response.shared)))
    below, above = y < len(response.shared), y > 0
    upper = sparse.hstack([-z[below], cuts[y[below]]])
    lower = sparse.hstack([z[above], -cuts[y[above] - 1]])
    return sparse.csr_array(sparse.vstack([upper, lower]))


def _direction(problem: Objective, scale: Tensor, allowed: np.ndarray) -> np.ndarray | None:
    """Return a direction along which no loss rises and some falls, of few columns; or None."""
    working: list[Cone] = []
    room = max(1, _MOST_ENTRIES // (len(allowed) * max(1, problem.response.outputs)))
    share = room / max(1, problem.source.rows)
    for cone in _of(problem, scale, allowed):
        working.append(_thinned(cone, share * len(cone)))
    working = _everywhere(problem, working)
    costs = _costs(problem, allowed)
    for _ in range(_ROUNDS):
        way = problem.gather(_program(working, costs))[0]
        if way is None:
            return None
        offended = _everywhere(
            problem,
            (
                _thinned(cone.offended(way), share * len(cone))
                for cone in _of(problem, scale, allowed)
            ),
        )
        if not any(map(len, offended)):
            whole = np.zeros(problem.size)
            whole[allowed] = way
            return whole
        working += offended
    return None


def _of(problem: Objective, scale: Tensor, allowed: np.ndarray) -> Iterator[Cone]:
    """Yield what each batch of rows asks of some of the weights."""
    return (cone.some(allowed) for cone in _cones(problem, scale))


def _everywhere(problem: Objective, cones: Iterable[Cone]) -> list[Cone]:
    """Return the conditions of all processes' rows."""
    return [cone for part in problem.gather(list(cones)) for cone in part]


def _costs(problem: Objective, allowed: np.ndarray) -> np.ndarray:
    """Return 1 for the weights of columns, 0 for intercepts and thresholds."""
    width = problem.source.features + 1
    of_columns = (allowed % width != width - 1) & (allowed < problem.response.outputs * width)
    return np.asarray(of_columns, dtype=np.float64)


def _thinned(cone: Cone, most: float) -> Cone:
    """Return some of the conditions, evenly spread, and one at least."""
    stride = max(1, math.ceil(len(cone) / max(most, 1.0)))
    return Cone(cone.least[::stride], cone.zero[::stride])


def _program(cones: Sequence[Cone], costs: np.ndarray, each: float = 0.0) -> np.ndarray | None:
    """Return the direction of least weights that raises every lead by `each`, and some; or None."""
    least = sparse.vstack([cone.least for cone in cones])
    zero = sparse.vstack([cone.zero for cone in cones])
    total = np.asarray(least.sum(0)).reshape(1, -1) / max(1, least.shape[0])
    above = sparse.vstack([-least, sparse.csr_array(-total)])
    solved = optimize.linprog(
        np.r_[costs, costs],
        A_ub=sparse.hstack([above, -above]),
        b_ub=np.r_[np.full(least.shape[0], -each), -_RISE],
        A_eq=sparse.hstack([zero, -zero]) if zero.shape[0] else None,
        b_eq=np.zeros(zero.shape[0]) if zero.shape[0] else None,
        bounds=(0, None if each else 1),
        method="highs",
        options={"time_limit": _SECONDS},
    )
    if solved.status != 0:
        return None
    ahead, back = np.split(solved.x, 2)
    way = ahead - back
    return np.asarray(way / np.abs(way).max())


def _culprits(
    problem: Objective,
    scale: Tensor,
    allowed: np.ndarray,
    way: np.ndarray,
    names: Sequence[str],
) -> str:
    """Name one column that separates alone, or all that do it together."""
    width = problem.source.features + 1
    own = np.abs(way[: problem.response.outputs * width]).reshape(-1, width)[:, :-1].max(0)
    leading = [j for j in np.argsort(-own) if own[j] > _LEADING * own.max()]
    if len(leading) > 1:
        constants = _costs(problem, allowed) == 0
        for j in leading:
            few = allowed[(allowed % width == j) & ~constants | constants]
            if _direction(problem, scale, few) is not None:
                return f"{names[j]!r} alone"
        return listed([repr(names[j]) for j in leading], 4)
    return f"{names[leading[0]]!r} alone"

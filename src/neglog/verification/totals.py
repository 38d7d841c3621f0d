"""Whether a likelihood sums or integrates to 1, and its score to 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.integrate import cubature
from torch import Tensor

from neglog.likelihood import no_constant
from neglog.report.document import Table, number
from neglog.verification.findings import WEAK, WRONG, Result
from neglog.verification.points import ORDINARY
from neglog.verification.subject import Subject, parts

POINTS = 4
TOLERANCE = 1e-8
_MANY = 1 << 20  # integers


def totals(subject: Subject, points: dict[str, list[tuple[float, ...]]]) -> Result:
    """Sum or integrate the likelihood and its score over the support, at a few inputs."""
    result = Result("Total probability and mean score")
    likelihood = subject.likelihood
    if not likelihood.normalised:
        result.words.append(
            "The declaration states `normalised = False`, so its total is not checked."
        )
        return result
    if not likelihood.elementwise:
        return _of_rows(subject, result)
    rows = [_at(subject, point[:-1], result) for point in points[ORDINARY][:POINTS]]
    support = likelihood.support
    how = "integral" if support.points is None else "sum"
    headers = [*subject.arguments[:-1], how, *(f"mean score by {name}" for name in subject.inputs)]
    result.table = Table(headers, [_shown(row, len(subject.inputs)) for row in rows])
    result.words.append(
        f"The {how} of exp(−nll − constant) over the support ({support.words}) must be 1, and the "
        "mean of each derivative by an input 0."
    )
    result.data = {"totals": [row[len(subject.arguments) - 1] for row in rows]}
    _check_constant(subject, rows, result)
    return result


def _shown(row: list[float], scores: int) -> list[str]:
    """Return the entries of a point: mean scores, which are rounding errors, to two digits."""
    return [*(number(v, 6) for v in row[: -scores - 1]), number(row[-scores - 1], 10)] + [
        number(v, 2) for v in row[-scores:]
    ]


def _at(subject: Subject, fixed: Sequence[float], result: Result) -> list[float]:
    """Return the point, the total and the mean scores there; add what is wrong with the scores."""
    sums = total(subject.likelihood.support, lambda y: _integrand(subject, fixed, y))
    mass, scores, squares = sums[0], sums[1::2], sums[2::2]
    for name, score, square in zip(subject.inputs, scores, squares, strict=True):
        if not abs(score) <= TOLERANCE * max(1.0, square) ** 0.5 * max(1.0, mass):
            at = dict(zip(subject.arguments, fixed, strict=False))
            where = ", ".join(f"{key} = {value:.6g}" for key, value in at.items())
            result.add(
                WRONG,
                f"the mean of the derivative by {name} is {score:.4g} at {where}, not 0: the total "
                f"probability depends on {name}, or the derivative is wrong.",
                at,
            )
    return [*fixed, mass, *scores]


def _integrand(subject: Subject, fixed: Sequence[float], y: Tensor) -> Tensor:
    """Return the density, and its products with each score and its square."""
    tensors = [*(torch.full_like(y, value) for value in fixed), y]
    loss = subject.likelihood.nll(*tensors) + subject.constant(y)
    density = torch.exp(-torch.as_tensor(loss, dtype=y.dtype)).expand_as(y)
    columns = [density]
    for slope in parts(subject.likelihood.grad(*tensors)):
        slope = torch.as_tensor(slope, dtype=y.dtype)
        for factor in (slope, slope * slope):
            columns.append(torch.where(density == 0.0, 0.0, density * factor))
    return torch.stack(columns, 1)


def _check_constant(subject: Subject, rows: list[list[float]], result: Result) -> None:
    at = len(subject.arguments) - 1
    masses = np.array([row[at] for row in rows])
    if np.all(abs(masses - 1.0) <= TOLERANCE):
        return
    worst = rows[int(np.argmax(np.nan_to_num(abs(masses - 1.0), nan=np.inf)))]
    where = ", ".join(f"{k} = {v:.6g}" for k, v in zip(subject.arguments, worst[:at], strict=False))
    remedy = "correct `nll`, or state `normalised = False` if it is not a likelihood"
    level = WRONG if np.isfinite(masses).all() else WEAK
    if np.ptp(masses) <= TOLERANCE * masses.max():
        remedy = (
            f"state `constant`, here {np.log(masses[0]):.16g}, as a function of "
            f"({', '.join((*subject.likelihood.settings, 'y'))}), or `normalised = False`"
        )
        if subject.likelihood.constant is no_constant:
            level = WEAK
            remedy += "; training needs no constant, but AIC and sums of likelihoods do"
    result.add(
        level,
        f"the total probability is {worst[at]:.10g} at {where}, not 1: {remedy}.",
        dict(zip(subject.arguments, worst[:at], strict=False)),
    )


def total(support: Any, f: Callable[[Tensor], Tensor]) -> Any:
    """Return the sums or integrals of the columns of f over a support."""
    if support.points is None:
        return _integral(support, f)
    if support.points != "integers":
        members = torch.tensor(support.points, dtype=torch.float64)
        return f(members).sum(0).numpy()
    found, start, count = np.zeros(1), 0, 1024
    while count <= _MANY:
        y = torch.arange(start, count, dtype=torch.float64)
        part = f(y[support.contains(y)]).sum(0).numpy()
        found = found + part
        if abs(part).max() < 1e-14 * abs(found).max():
            break
        start, count = count, 4 * count
    return found


def _integral(support: Any, f: Callable[[Tensor], Tensor]) -> Any:
    """Integrate between breaks near which the density changes most, outwards to infinity."""
    sizes = np.concatenate([-np.logspace(3, -6, 91), [0.0], np.logspace(-6, 3, 91)])
    grid = sizes[[bool(support.contains(float(y))) for y in sizes]]
    low, high = (_end(support, sign, grid) for sign in (-1, 1))
    density = f(torch.from_numpy(grid))[:, 0].nan_to_num(0.0).numpy()
    bulk = grid[density > 1e-3 * density.max()]
    middle, width = float(np.median(bulk)), float(np.ptp(bulk)) + 1e-3
    tails = (middle + side * width * 10.0**power for side in (-1, 1) for power in range(4))
    breaks = sorted({*map(float, bulk[:: max(1, len(bulk) // 12)]), float(bulk[-1]), *tails})
    edges = [low, *(y for y in breaks if low < y < high), high]
    return sum(_piece(f, a, b) for a, b in pairwise(edges))


def _piece(f: Callable[[Tensor], Tensor], low: float, high: float) -> Any:
    """Integrate from one number to another; from −∞ as to ∞, which scipy 1.17 confuses."""
    sign = -1.0 if np.isinf(low) else 1.0
    low, high = (-high, -low) if sign < 0 else (low, high)

    def columns(y: Any) -> Any:
        return f(sign * torch.from_numpy(np.ascontiguousarray(y[:, 0]))).nan_to_num(0.0).numpy()

    found = cubature(columns, [low], [high], rtol=1e-11, atol=1e-12, max_subdivisions=400)
    return found.estimate


def _end(support: Any, sign: int, grid: Any) -> float:
    """Return an end of the support: infinite, or the number next to the last one outside."""
    if bool(support.contains(sign * 1e300)):
        return sign * float("inf")
    edge = float(grid[0] if sign < 0 else grid[-1])
    for candidate in (0.0, 1.0, -1.0):
        if 0.0 <= sign * (candidate - edge) < 0.5:
            return candidate
    return edge


def _of_rows(subject: Subject, result: Result) -> Result:
    """Check that a class without target contributes 0, and that all classes sum to 1."""
    random = torch.Generator().manual_seed(0)
    log_p = torch.randn(8, 5, generator=random, dtype=torch.float64).log_softmax(1)
    fixed = [torch.full_like(log_p, s) for s in subject.settings]
    nothing, all_ = torch.zeros_like(log_p), torch.ones_like(log_p)
    of_none = torch.as_tensor(subject.likelihood.nll(log_p, *fixed, nothing), dtype=log_p.dtype)
    if not bool((of_none == 0.0).all()):
        result.add(WRONG, "a class with y = 0 has a loss other than 0: multiply its term by y.")
    loss = subject.likelihood.nll(log_p, *fixed, all_)
    sums = torch.exp(-torch.as_tensor(loss, dtype=log_p.dtype)).sum(1)
    result.data = {"totals": sums.tolist()}
    off = abs(sums - 1.0).max().item()
    result.words.append(f"The sum of exp(−nll) over the classes is 1 to {number(off)}.")
    if not off <= TOLERANCE:
        result.add(
            WRONG,
            f"the total probability of the classes is {sums[0].item():.10g}, not 1: correct `nll`, "
            "or state `normalised = False` if it is not a likelihood.",
        )
    return result

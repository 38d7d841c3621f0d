"""Sums and integrals over the support of a likelihood."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from scipy.integrate import cubature
from torch import Tensor

from neglog.support import Support

_MANY = 1 << 20  # integers
_DIVERGES = 1e-3  # the relative error of an integral from which it is not a slow one


def total(support: Support, f: Callable[[Tensor], Tensor]) -> Any:
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


def near_ends(support: Support, f: Callable[[Tensor], Tensor]) -> float:
    """Return the order of the mass that lies too near a finite end to be integrated in float64."""
    if support.points is not None:
        return 0.0
    grid = _grid(support)
    found = 0.0
    for sign in (-1, 1):
        end = _end(support, sign, grid)
        if np.isfinite(end):
            width = 1e-30 if end == 0.0 else 4e-16 * abs(end)
            density = float(f(torch.tensor([end - sign * width], dtype=torch.float64))[0, 0])
            found = max(found, density * width)
    return found


def _grid(support: Support) -> Any:
    """Return numbers of the support, of all sizes."""
    sizes = np.concatenate([-np.logspace(3, -6, 91), [0.0], np.logspace(-6, 3, 91)])
    return sizes[[bool(support.contains(float(y))) for y in sizes]]


def _integral(support: Support, f: Callable[[Tensor], Tensor]) -> Any:
    """Integrate between breaks near which the density changes most, outwards to infinity."""
    grid = _grid(support)
    low, high = (_end(support, sign, grid) for sign in (-1, 1))
    density = f(torch.from_numpy(grid))[:, 0].nan_to_num(0.0).numpy()
    bulk = grid[density > 1e-3 * density.max()]
    middle, width = float(np.median(bulk)), float(np.ptp(bulk)) + 1e-3
    tails = (middle + side * width * 10.0**power for side in (-1, 1) for power in range(4))
    breaks = sorted({*map(float, bulk[:: max(1, len(bulk) // 12)]), float(bulk[-1]), *tails})
    edges = [low, *(y for y in breaks if low < y < high), high]
    return sum(_piece(f, a, b) for a, b in pairwise(edges))


def _piece(f: Callable[[Tensor], Tensor], low: float, high: float) -> Any:
    """Integrate from one number to another; from −∞ as to ∞, which scipy 1.17 confuses.

    The first column, the density, is infinite if its integral diverges.
    """
    sign = -1.0 if np.isinf(low) else 1.0
    low, high = (-high, -low) if sign < 0 else (low, high)

    def columns(y: Any) -> Any:
        return f(sign * torch.from_numpy(np.ascontiguousarray(y[:, 0]))).nan_to_num(0.0).numpy()

    with np.errstate(all="ignore"):  # a total may be infinite
        found = cubature(columns, [low], [high], rtol=1e-11, atol=1e-12, max_subdivisions=400)
    slow = np.isinf(high) and found.status != "converged"
    if slow and not found.error[0] <= _DIVERGES * abs(found.estimate[0]):
        found.estimate[0] = np.inf
    return found.estimate


def _end(support: Support, sign: int, grid: Any) -> float:
    """Return an end of the support: infinite, or the number next to the last one outside."""
    if bool(support.contains(sign * 1e300)):
        return sign * float("inf")
    edge = float(grid[0] if sign < 0 else grid[-1])
    for candidate in (0.0, 1.0, -1.0):
        if 0.0 <= sign * (candidate - edge) < 0.5:
            return candidate
    return edge

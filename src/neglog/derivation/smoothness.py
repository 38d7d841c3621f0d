"""Whether the gradient of a formula jumps: sought where a comparison in it is a tie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.derivation.graph import COMPARISONS, Node

_PAIRS = ("at_least", "maximum", "minimum")
_DRAWS, _GRID, _HALVINGS = 24, 97, 60
_NEAR, _FAR = 1e-8, 1e-5


def ties(root: Node) -> list[Node]:
    """Return the differences whose sign a formula asks for: its derivative may jump at their 0."""
    found: dict[Node, None] = {}

    def visit(node: Node) -> None:
        if node in found:
            return
        if node.op == "absolute":
            found[node.args[0]] = None
        elif node.op in _PAIRS or (node.op in COMPARISONS and node.op not in ("==", "!=")):
            found[node.graph.plain("-", node.args)] = None
        for operand in node.args:
            visit(operand)

    visit(root)
    return list(found)


def jumps(
    gap: Callable[..., Any],
    slope: Callable[..., Any],
    others: Sequence[Callable[[Tensor], Any]],
    at: int,
) -> bool:
    """Return whether a slope jumps where a gap changes its sign along one argument.

    Args:
        gap: a function of all arguments.
        slope: the derivative by one of them.
        others: whether a number is valid, for each argument.
        at: which argument.
    """
    random = torch.Generator().manual_seed(0)
    point = [_drawn(valid, random) for valid in others]
    line = torch.linspace(-8.0, 8.0, _GRID, dtype=torch.float64)
    line = line[torch.as_tensor(others[at](line)).expand(_GRID)] + 1e-3
    if len(line) < 2:
        return False
    wide = [p[:, None] for p in point]
    wide[at] = line[None, :]
    signs = torch.as_tensor(gap(*wide), dtype=torch.float64).expand(_DRAWS, len(line)).sign()
    row, column = (signs[:, :-1] * signs[:, 1:] < 0).nonzero(as_tuple=True)
    if not len(row):
        return False
    rest = [p[row] for p in point]
    low, high = line[column], line[column + 1]
    rising = signs[row, column] < 0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        below = (torch.as_tensor(gap(*_with(rest, at, middle))) < 0) == rising
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return _has_jump(lambda x: torch.as_tensor(slope(*_with(rest, at, x))), high)


def _drawn(valid: Callable[[Tensor], Any], random: torch.Generator) -> Tensor:
    """Draw valid numbers: real, positive or from 0 to 1."""
    z = 2.0 * torch.randn(_DRAWS, generator=random, dtype=torch.float64)
    for numbers in (z, z.abs(), -z.abs(), z.sigmoid(), z.sign()):
        if bool(torch.as_tensor(valid(numbers)).all()):
            return numbers
    return z


def _with(rest: Sequence[Tensor], at: int, x: Tensor) -> list[Tensor]:
    return [x if i == at else p for i, p in enumerate(rest)]


def _has_jump(slope: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Return whether a slope changes as much over a small step as over a larger one."""
    scale = x.abs().clamp(min=1.0)
    near, far = (
        (slope(x + step * scale) - slope(x - step * scale)).abs() for step in (_NEAR, _FAR)
    )
    return bool(((near > 0.5 * far) & (near > 1e-6)).any())

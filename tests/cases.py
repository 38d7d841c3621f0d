"""Inputs for any declaration of the registry, made from what it says of itself."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog import REGISTRY
from neglog.likelihood import Elementwise, Rows
from neglog.support import Support

ELEMENTWISE = [c for c in REGISTRY.values() if issubclass(c, Elementwise)]
ROWS = [c for c in REGISTRY.values() if issubclass(c, Rows)]
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
REDUCTIONS = ["none", "mean", "sum"]

# Where exact forms differ from naive ones: ordinary, near zero, saturated, huge.
EXTREMES = [0.0, -0.0, 1e-30, -1e-6, 0.5, -3.0, 17.0, -20.0, 88.0, -90.0, 104.0, 1e4, -1e4]


def draw(support: Support, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Draw numbers from a set: its named members first, then some at random between."""
    if support.words == "any number":
        values = 3 * torch.randn(shape, dtype=torch.float64)
        if values.numel() >= len(EXTREMES):
            values.view(-1)[: len(EXTREMES)] = torch.tensor(EXTREMES, dtype=torch.float64)
        return values.to(dtype)
    finite = [m for m in support.members if abs(m) <= torch.finfo(dtype).max / 1e25]
    spread = 2 * torch.randn(shape, dtype=torch.float64)
    values = spread if min(finite) < 0 else spread.sigmoid()
    if values.numel() >= len(finite):
        values.view(-1)[-len(finite) :] = torch.tensor(finite, dtype=torch.float64)
    return values.to(dtype)


def elementwise(
    likelihood: type[Elementwise], shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return inputs, targets and what is given, all inside their sets."""
    torch.manual_seed(seed)
    x = draw(likelihood.domain, shape, dtype)
    y = draw(likelihood.support, shape, dtype)
    given = [torch.rand(shape, dtype=dtype) + 0.5 for _ in likelihood.given]
    return x, y, given


def rows(
    likelihood: type[Rows], size: int, classes: int, dtype: torch.dtype, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Return rows of the kind the declaration takes, and labels; some rows nearly certain."""
    torch.manual_seed(seed)
    x = 3 * torch.randn(size, classes, dtype=torch.float64)
    if size > 4:
        x[0] = 0.0  # all tied
        x[1, 0] += 40.0
        x[2] = -1e4
        x[3, -1] += 100.0
    x = x if likelihood.softmax else x.log_softmax(1)
    labels = torch.randint(0, classes, (size,))
    if size > 4:
        labels[1], labels[3] = 0, 0
    return x.to(dtype), labels

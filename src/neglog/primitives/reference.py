"""The primitives in torch: the reference for every other backend.

Formulas combine conditions with ``&`` and ``|``; otherwise they may contain only ``+ - * /``,
comparisons, float literals and these primitives.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

NAMES = (
    "absolute",
    "at_least",
    "centred_sigmoid",
    "exp",
    "log",
    "log1p",
    "sigmoid",
    "softplus",
    "where",
)
CONSTANT_PRIMITIVES = ("erf", "log_gamma")  # no kernel needs them

absolute = torch.abs
erf = torch.erf
exp = torch.exp
log = torch.log
log1p = torch.log1p
log_gamma = torch.lgamma
sigmoid = torch.sigmoid
where: Any = torch.where


def at_least(x: Tensor, bound: float) -> Tensor:
    """Return the larger of x and the bound; NaN stays NaN."""
    return torch.clamp(x, min=bound)


def centred_sigmoid(x: Tensor) -> Tensor:
    """Return σ(x) − ½, exact near 0 too."""
    return 0.5 * torch.tanh(0.5 * x)


def softplus(x: Tensor) -> Tensor:
    """Return ln(1 + eˣ), exact on both sides of 0."""
    return torch.clamp(x, min=0.0) + torch.log1p(torch.exp(-torch.abs(x)))

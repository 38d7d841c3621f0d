"""Compare the results of two contenders before they are timed."""

from __future__ import annotations

import torch
from torch import Tensor

# What an element may be off: relative to itself, and relative to the largest one. Torch's own
# half precision rounds every intermediate result, and loses digits to cancellation.
_TOLERANCES = {
    torch.float64: (1e-9, 1e-12),
    torch.float32: (1e-4, 1e-6),
    torch.bfloat16: (3e-2, 1e-2),
}


def difference(ours: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> str:
    """Describe how the losses and gradients of two runs differ; "" if they agree."""
    if len(ours) != len(theirs):
        return f"neglog has {len(ours) - 1} gradients and torch {len(theirs) - 1}"
    for place, (mine, torch_value) in enumerate(zip(ours, theirs, strict=True)):
        if mine.shape != torch_value.shape or mine.dtype != torch_value.dtype:
            return f"{_name(place)} has another shape or dtype in neglog than in torch"
        worst = _worst(mine.detach(), torch_value.detach())
        if not worst <= 1:  # a NaN differs
            return f"{_name(place)} of neglog and of torch differ by {worst:.3g} tolerances"
    return ""


def _worst(mine: Tensor, torch_value: Tensor) -> float:
    """Return the largest difference, in tolerances."""
    relative, absolute = _TOLERANCES[torch_value.dtype]
    wide = torch.float64 if torch_value.dtype == torch.float64 else torch.float32
    mine, torch_value = mine.to(wide), torch_value.to(wide)
    size = torch_value.abs()
    smallest = torch.finfo(wide).tiny  # two zeros agree
    allowed = size.mul_(relative).add_(absolute * size.max() / relative + smallest)
    return float(mine.sub(torch_value).abs_().div_(allowed).max())


def _name(place: int) -> str:
    return "the loss" if place == 0 else f"gradient {place}"

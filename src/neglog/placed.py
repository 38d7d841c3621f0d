"""Numbers on the device of a tensor, brought there without waiting for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def tensor(value: Any, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return a number, or what else makes a tensor, on the device of another and in its dtype.

    A number is filled in there: a copy would wait, and no CUDA graph takes one.
    """
    if isinstance(value, (int, float)):
        return torch.full((), value, dtype=dtype or like.dtype, device=like.device)
    return torch.as_tensor(value, dtype=dtype or like.dtype, device=like.device)


def widest(device: torch.device) -> torch.dtype:
    """Return the dtype of exact sums: float64, which Apple's devices do not have."""
    return torch.float32 if device.type == "mps" else torch.float64

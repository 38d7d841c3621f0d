"""Tensors and dtypes that suit the device of a tensor, without a synchronisation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def tensor_like(value: Any, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return a number, or other tensor data, on the device of `like` and in its dtype.

    A number is filled in on the device: a copy would synchronise, and CUDA graphs refuse it.
    """
    if isinstance(value, (int, float)):
        return torch.full((), value, dtype=dtype or like.dtype, device=like.device)
    return torch.as_tensor(value, dtype=dtype or like.dtype, device=like.device)


def sum_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype of exact sums: float64, which Apple's devices do not have."""
    return torch.float32 if device.type == "mps" else torch.float64

"""Compare the time of a call with that of torch's loss, on copies of its tensors."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from neglog.engine.backend import is_batched

_ROUNDS = 5
_MAX_BYTES = 2**26
_TORCH_ERRORS = (RuntimeError, ValueError, TypeError, IndexError)


def can_copy(tensors: list[Tensor]) -> bool:
    """Return whether tensors are small enough to copy, and outside `torch.func`."""
    size = sum(t.numel() * t.element_size() for t in tensors)
    return size <= _MAX_BYTES and not any(is_batched(t) for t in tensors)


def speedup(torch_loss: Any, loss: Any, args: Any, kwargs: Any) -> float | None:
    """Return the time of torch's loss and gradient divided by neglog's, by minima of five runs.

    None if torch cannot compute this call.
    """
    times: dict[Any, list[float]] = {torch_loss: [], loss: []}
    # Hooks of the caller, such as those of activation checkpointing, must not see these tensors.
    with saved_tensors_hooks(_same, _same), contextlib.suppress(*_TORCH_ERRORS):
        for _ in range(_ROUNDS):
            for function, taken in times.items():
                taken.append(_seconds(function, args, kwargs))
        return min(times[torch_loss]) / min(times[loss])
    return None


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _seconds(function: Any, args: Any, kwargs: Any) -> float:
    args, kwargs = [_leaf(a) for a in args], {k: _leaf(a) for k, a in kwargs.items()}
    _wait()
    start = time.perf_counter()
    value = function(*args, **kwargs)
    if value.requires_grad:
        value.sum().backward()
    _wait()
    return time.perf_counter() - start


def _leaf(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.detach().clone().requires_grad_(value.requires_grad)


def _wait() -> None:
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()

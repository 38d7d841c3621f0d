"""When values may be looked at, when the kernels may run, and what is said of a bad value."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog import errors
from neglog.likelihood import Elementwise

_PLAIN = (Tensor, torch.nn.Parameter)


def kernel_serves(x: Tensor, y: Tensor | None = None) -> bool:
    """Tell whether the Numba kernels may run: plain float tensors on a CPU, no transform."""
    if y is not None and y.requires_grad and torch.is_grad_enabled():
        return False
    return (
        all(type(t) in _PLAIN and t.device.type == "cpu" for t in (x, x if y is None else y))
        and x.dtype in (torch.float32, torch.float64)
        and not torch._C._are_functorch_transforms_active()
        and torch.autograd.forward_ad._current_level < 0
    )


def are_known(*tensors: Tensor) -> bool:
    """Tell whether looking at values is possible, and free of a device synchronisation."""
    return (
        all(type(t) in _PLAIN and t.device.type == "cpu" for t in tensors)
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )


def check(likelihood: type[Elementwise], x: Tensor, y: Tensor) -> None:
    """Raise `SupportError` if an input or a target lies outside its set, with the first place."""
    for name, numbers, where in (
        ("input", x, likelihood.domain),
        ("target", y, likelihood.support),
    ):
        outside = ~where.contains(numbers.detach())
        if outside.any():
            raise errors.SupportError(errors.outside(name, where.words, numbers, outside))


def check_labels(labels: Tensor, classes: int, ignored: int) -> None:
    """Raise `SupportError` if a label is no class, with the first one's place."""
    outside = (labels != ignored) & ((labels < 0) | (labels >= classes))
    if outside.any():
        raise errors.SupportError(errors.wrong_labels(labels, outside, classes, ignored))

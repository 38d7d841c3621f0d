"""Checks of `torch.func`: grad, jvp, vmap, their compositions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from conformance.cases import Case
from conformance.derivatives import direction, directions, opened
from conformance.losses import Library

COPIES = 3


def func_grad(library: Library, case: Case) -> Any:
    """Return `torch.func.grad` of a random combination of the losses."""
    leaves, scalar = _scalar(library, case)
    return torch.func.grad(scalar, _all(leaves))(*leaves)


def func_jvp(library: Library, case: Case) -> Any:
    """Return `torch.func.jvp` along a random direction."""
    leaves, call = _closed(library, case)
    return torch.func.jvp(call, tuple(leaves), tuple(directions(leaves)))


def func_hessian(library: Library, case: Case) -> Any:
    """Return `torch.func.hessian`: forward over reverse, both under vmap."""
    leaves, scalar = _scalar(library, case)
    return torch.func.hessian(scalar, _all(leaves))(*leaves)


def vmap(library: Library, case: Case) -> Any:
    """Return the loss of a stack of arguments."""
    leaves, call = _closed(library, case)
    return torch.func.vmap(call)(*map(stacked, leaves))


def vmap_of_grad(library: Library, case: Case) -> Any:
    """Return the gradients for a stack of arguments: per-sample gradients."""
    leaves, scalar = _scalar(library, case)
    return torch.func.vmap(torch.func.grad(scalar, _all(leaves)))(*map(stacked, leaves))


def stacked(tensor: Tensor) -> Tensor:
    """Return copies of a tensor with its elements moved round, so that they stay valid."""
    return torch.stack([tensor.roll(shift) for shift in range(COPIES)])


def _all(leaves: list[Tensor]) -> tuple[int, ...]:
    return tuple(range(len(leaves)))


def _closed(library: Library, case: Case) -> tuple[list[Tensor], Callable[..., Tensor]]:
    leaves, call = opened(library, case)
    return [leaf.detach() for leaf in leaves], call


def _scalar(library: Library, case: Case) -> tuple[list[Tensor], Callable[..., Tensor]]:
    leaves, call = _closed(library, case)

    def scalar(*values: Tensor) -> Tensor:
        out = call(*values)
        return torch.real((out * direction(out)).sum())

    return leaves, scalar

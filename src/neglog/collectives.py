"""The collective operations of torch.distributed that neglog uses, imported when needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def total(tensor: Tensor, group: Any = None) -> Tensor:
    """Return the sum over the processes of a group, with the same bits in each.

    Args:
        tensor: this process's; it is not changed.
        group: the default group if it is None.
    """
    from torch import distributed

    moved = tensor.detach().to(_device(tensor, group), copy=True)
    distributed.all_reduce(moved, group=group)
    return moved.to(tensor.device)


def gathered(tensor: Tensor, group: Any = None) -> Tensor:
    """Return the tensors of all processes of a group, (processes, …), in the order of their ranks.

    Args:
        tensor: this process's, contiguous, of the same shape in each process.
        group: the default group if it is None.
    """
    from torch import distributed

    moved = tensor.detach().to(_device(tensor, group))
    size = distributed.get_world_size(group)
    every = moved.new_empty((size, *moved.shape))
    distributed.all_gather_into_tensor(every, moved, group=group)
    return every.to(tensor.device)


def objects(value: Any, group: Any = None) -> Sequence[Any]:
    """Return an object of each process of a group, in the order of their ranks."""
    from torch import distributed

    every: list[Any] = [None] * distributed.get_world_size(group)
    distributed.all_gather_object(every, value, group=group)
    return every


def _device(tensor: Tensor, group: Any) -> torch.device:
    """Return where a group communicates: on the GPU for NCCL, else where the tensor is."""
    from torch import distributed

    on_gpu = distributed.get_backend(group) == "nccl" and not tensor.is_cuda
    return torch.device("cuda") if on_gpu else tensor.device

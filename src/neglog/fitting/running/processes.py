"""The processes that share the rows of a fit; usually one.

Each step has one all-reduce of a vector that holds loss, gradient and Hessian. Other shared values,
such as the levels of a text column, are gathered.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor

from neglog.errors.options import ProcessGroupError

_EXIT_TIMEOUT = timedelta(seconds=5)
_RELEASE_SECONDS = (
    0.2  # seconds that threads have to take the interpreter's lock and release tensors
)


@dataclass(frozen=True)
class Group:
    """The rank of this process and the size of its group.

    Attributes:
        rank: the index of this process; the first one prints and writes.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def reduce(self, sums: Tensor) -> Tensor:
        """Return the sum of the vectors of all processes, with the same bits in each."""
        if self.size == 1:
            return sums
        from torch import distributed

        moved = sums.to(_device(), copy=True)
        distributed.all_reduce(moved)
        return moved.to(sums.device)

    def gather(self, value: Any) -> Sequence[Any]:
        """Gather an object from each process, in order."""
        if self.size == 1:
            return [value]
        from torch import distributed

        gathered: list[Any] = [None] * self.size
        distributed.all_gather_object(gathered, value)
        return gathered


def _device() -> torch.device:
    """Return the device of collective operations: the GPU for NCCL, the CPU for gloo."""
    from torch import distributed

    return torch.device("cuda" if distributed.get_backend() == "nccl" else "cpu")


def join(enabled: bool) -> Group:
    """Join the process group of torchrun, Ray or the caller.

    An existing group is used; otherwise a gloo group is created. It lasts as long as the process,
    since a second group could receive messages of the first.

    Args:
        enabled: whether processes share the rows.

    Raises:
        FitError: there is neither a group nor torchrun's environment.
    """
    if not enabled:
        return Group()
    from torch import distributed

    if not distributed.is_available():
        raise ProcessGroupError(
            "this build of torch has no torch.distributed; leave out distributed."
        )
    if not distributed.is_initialized():
        if "RANK" not in os.environ:
            raise ProcessGroupError(
                "distributed requires a process group; start the processes with torchrun, or "
                "call torch.distributed.init_process_group first."
            )
        distributed.init_process_group("gloo")
    leave_at_exit()
    return Group(distributed.get_rank(), distributed.get_world_size())


def leave_at_exit() -> None:
    """At exit, wait for gloo's threads and destroy the default group.

    An interrupted step may leave a collective in flight, or a thread about to release the tensors
    of one. If Python finalizes meanwhile, it ends the thread as soon as that waits for the
    interpreter's lock: "terminate called without an active exception". Destroying the group is not
    enough, since meshes and caches of DTensors hold it.
    """
    atexit.unregister(_leave)  # one call is enough, the last to be registered and so the first
    atexit.register(_leave)


def _leave() -> None:
    from torch import distributed

    if distributed.is_initialized():
        if distributed.get_backend() == "gloo":
            with suppress(RuntimeError):  # of a process that is gone, or elsewhere for too long
                distributed.barrier(async_op=True).wait(_EXIT_TIMEOUT)  # after the work before it
        distributed.destroy_process_group()
    time.sleep(_RELEASE_SECONDS)  # also where the caller has destroyed the group

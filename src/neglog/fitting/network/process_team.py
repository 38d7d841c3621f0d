"""Data-parallel training: each process takes a part of the rows of every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from neglog.errors.options import FitOptionError, ProcessGroupError
from neglog.fitting.network.team import Team
from neglog.fitting.running.processes import leave_at_exit


@dataclass(frozen=True)
class Processes(Team):
    """The processes of torch.distributed's default group; each holds all rows."""

    def mean(self, loss: Tensor) -> Tensor:
        """Return the mean loss over processes, equal in all of them."""
        whole = loss.clone()
        distributed.all_reduce(whole)
        return whole / self.size

    def agree(self, answer: bool) -> bool:
        """Broadcast the answer of the first process; this is a barrier."""
        device = next(self.module.parameters()).device
        answers = torch.zeros(self.size, device=device)
        answers[self.rank] = answer
        distributed.all_reduce(answers)
        return bool(answers[0])

    def gather(self, tensor: Tensor) -> Tensor:
        """Return a full tensor from the shards of the processes."""
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def scatter(self, whole: Tensor, like: Tensor) -> Tensor:
        """Return the shard of a full tensor that this process holds."""
        if not isinstance(like, DTensor):
            return whole
        return distribute_tensor(whole, like.device_mesh, like.placements)


def wrap(model: nn.Sequential, kind: Literal["ddp", "fsdp2"]) -> Processes:
    """Wrap a model for training by torch.distributed's default group.

    Each step's rows are shared among them, so that the weights are those that one process would
    find, but for rounding and for what dropout draws. Every process must hold all rows, and build
    the model with the same seed. Optimizers are made after this call, since ``"fsdp2"`` replaces
    the parameters. The group is destroyed when the process exits.

    Args:
        model: the model to train; ``"fsdp2"`` changes it in place.
        kind: ``"ddp"`` if every process is to hold all weights, ``"fsdp2"`` if each is to hold a
            part of them, and of the optimizer's state.

    Raises:
        FitError: there is no group yet, or no such kind.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        raise ProcessGroupError(
            "there is no group of processes yet; start them with torchrun, and call "
            "torch.distributed.init_process_group first."
        )
    leave_at_exit()
    rank, size = distributed.get_rank(), distributed.get_world_size()
    if kind == "ddp":
        return Processes(DistributedDataParallel(model), rank, size)
    if kind != "fsdp2":
        raise FitOptionError(f"kind must be ddp or fsdp2, but got {kind!r}.")
    mesh = init_device_mesh(next(model.parameters()).device.type, (size,))
    for layer in model:
        if isinstance(layer, nn.Linear):
            fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return Processes(model, rank, size, sharded=True)

"""Which processes hold which part of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from neglog import collectives
from neglog.device import sum_dtype
from neglog.errors import NeglogError, sentence
from neglog.errors.arguments import PlanError

_GRADIENTS = ("averaged", "summed")


class Plan:
    """State how the rows of a batch are split over the processes of torch.distributed.

    Pass it to a criterion or a loss function as ``plan=``. A mean then divides by the count of all
    processes, so that uneven, masked, ignored and empty parts give the loss and the gradients of
    one process with the whole batch.

    Each process's loss is its share. With ``gradients="averaged"`` the mean of the shares over
    processes is the loss of the batch, with ``"summed"`` their sum is; `whole` returns it. All
    processes of the plan call a loss together.

    Args:
        mesh: a DeviceMesh of torch.distributed, if dimensions are given by name.
        rows: the dimensions, or the process groups, whose processes hold different rows: data,
            context or sequence parallel. Leave out those whose processes hold the same rows,
            such as tensor parallel.
        gradients: ``"averaged"`` if gradients are averaged over the processes of `rows`, as DDP and
            FSDP do; ``"summed"`` if they are summed.

    Attributes:
        rows: the process groups that hold different rows.
        gradients: as given.
        shares: the number of parts of the rows.

    Raises:
        ArgumentError: a group is missing, of a wrong type or named twice, or `gradients` is not
            one of the two.

    >>> import tempfile, torch
    >>> store = torch.distributed.FileStore(tempfile.mkdtemp() + "/store", 1)
    >>> torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    >>> plan = Plan(rows=torch.distributed.group.WORLD, gradients="averaged")
    >>> plan
    Plan(rows=1, gradients='averaged')
    >>> import neglog
    >>> criterion = neglog.CrossEntropyLoss(plan=plan)
    >>> labels = torch.tensor([0, 1, -100])
    >>> count = criterion.count(labels)  # of all processes
    >>> criterion(torch.zeros(3, 2), labels, normalizer=count)
    tensor(0.6931)
    >>> torch.distributed.destroy_process_group()
    """

    def __init__(self, mesh: Any = None, *, rows: Any = (), gradients: str) -> None:
        from torch import distributed

        if gradients not in _GRADIENTS:
            expected = f"gradients must be one of {_GRADIENTS}"
            raise PlanError(sentence(expected, f"it is {gradients!r}"))
        if not (distributed.is_available() and distributed.is_initialized()):
            expected = "a Plan describes processes of torch.distributed"
            remedy = "start them with torchrun, and call torch.distributed.init_process_group first"
            raise PlanError(sentence(expected, "there is no process group", remedy=remedy))
        self.rows = tuple(_group(mesh, one) for one in _listed(rows))
        self.gradients = gradients
        self.shares = 1
        for group in self.rows:
            self.shares *= distributed.get_world_size(group)
        _refuse_overlap(self.rows)

    def __repr__(self) -> str:
        """Return the number of parts."""
        return f"Plan(rows={self.shares}, gradients={self.gradients!r})"

    def __deepcopy__(self, memo: Any) -> Plan:
        """Return the plan itself: process groups cannot be copied."""
        return self

    @property
    def scale(self) -> int:
        """Return the factor of each share that averaging over processes divides by."""
        return self.shares if self.gradients == "averaged" else 1

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum over the processes that hold different rows, as a constant.

        Args:
            tensor: this process's, of the same shape in each process.
        """
        for group in self.rows:
            tensor = collectives.total(tensor, group)
        return tensor.detach()

    def whole(self, loss: Tensor) -> Tensor:
        """Return the loss of the whole batch from each process's share, as a constant.

        Args:
            loss: this process's share, or the sum of those of its micro-batches.
        """
        share = loss.detach().to(sum_dtype(loss.device))
        return (self.total(share) / self.scale).to(loss.dtype)

    def agreed(self, sums: Tensor, error: NeglogError | None) -> Tensor:
        """Return sums over the processes; if one of them has an error, raise it in all of them.

        On a GPU, where reading a value would wait for the device, the others get NaN.

        Args:
            sums: this process's, one dimension.
            error: what this process is about to raise.
        """
        failed = sums.new_full((1,), error is not None)
        found = self.total(torch.cat([sums, failed]))
        if sums.device.type != "cpu":
            if error is not None:
                raise error
            return torch.where(found[-1] > 0, torch.nan, found[:-1])
        if found[-1] > 0:
            raise_first(self.rows, error)
        return found[:-1]


def checked_plan(plan: Any) -> Plan:
    """Return a plan; refuse anything else."""
    if isinstance(plan, Plan):
        return plan
    raise PlanError(sentence("plan must be a neglog.distributed.Plan", f"it is {plan!r}"))


def raise_first(groups: Sequence[Any], error: NeglogError | None) -> None:
    """Raise the error of the first process that has one, in all processes of groups.

    Args:
        groups: they are asked one after the other, so that an error reaches all of their processes.
        error: this process's.
    """
    from torch import distributed

    found = None if error is None else (distributed.get_rank(), type(error), error.args[0])
    for group in groups:
        found = next((one for one in collectives.objects(found, group) if one is not None), None)
    if found is not None:
        rank, kind, message = found
        raise kind(f"rank {rank}: {message}") from error


def _listed(groups: Any) -> list[Any]:
    return [*groups] if isinstance(groups, (tuple, list)) else [groups]


def _group(mesh: Any, given: Any) -> Any:
    """Return the process group that is given, by itself or as a dimension of a mesh."""
    from torch import distributed

    if isinstance(given, distributed.ProcessGroup):
        return given
    expected = "rows must be process groups, or names of a mesh's dimensions"
    if not isinstance(given, str):
        raise PlanError(sentence(expected, f"got {given!r}"))
    if mesh is None:
        remedy = "pass the mesh first: Plan(mesh, …)"
        raise PlanError(sentence(expected, f"got {given!r} without a mesh", remedy=remedy))
    names = mesh.mesh_dim_names or ()
    if given not in names:
        raise PlanError(sentence(expected, f"got {given!r}; the mesh has {names}"))
    return mesh.get_group(given)


def _refuse_overlap(groups: Sequence[Any]) -> None:
    """Refuse groups that share other processes than this one, whose rows would count twice."""
    from torch import distributed

    met = {distributed.get_rank()}
    for group in groups:
        others = {*distributed.get_process_group_ranks(group)} - {distributed.get_rank()}
        if others & met:
            expected = "the groups of a Plan must have no other process in common"
            got = f"rank {min(others & met)} is in two groups"
            raise PlanError(sentence(expected, got, "its rows would count twice"))
        met |= others

"""The GPU kernels in eager mode; a backward that is differentiated goes by the reference.

What comes from above is a number on the device. To look at it here would wait for the device, so
the kernel looks: the derivatives are there already if it is 1, and are computed again if not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.engine.autograd import Task, derived, is_batch
from neglog.engine.derivatives import apply
from neglog.engine.gpu import elementwise, rows
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem


def loss(problem: ElementwiseProblem | RowwiseProblem) -> Tensor:
    """Return the reduced loss of plain tensors on a GPU, which are not empty."""
    bare, tensors = problem.split_tensors()
    task = Task(bare, elementwise if isinstance(problem, ElementwiseProblem) else rows)
    if not torch.is_grad_enabled():  # which a function's `needs_input_grad` does not know
        return task.run(tensors, [False] * len(tensors))[0]
    result: Tensor = apply(_Loss, task, *tensors)
    return result


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, task: Task, *tensors: Any) -> Tensor:
        each = task.problem.reduction == "none"  # whose derivatives wait for what comes from above
        wanted = [want and not each for want in ctx.needs_input_grad[1:]]
        loss, gradients = task.run(tensors, wanted)
        ctx.task, ctx.gradients = task, gradients if any(wanted) else None
        ctx.save_for_backward(*tensors)
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Return upstream · gradients; their memory is given away once."""
        task, tensors, wanted = ctx.task, ctx.saved_tensors, ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():
            return None, *derived(task, tensors, wanted, upstream)
        if is_batch(upstream):
            return None, *_batched(task, tensors, wanted, upstream)
        gradients, ctx.gradients = ctx.gradients, None
        return None, *task.kernels.pull(task.problem, tensors, wanted, upstream, gradients)


def _batched(
    task: Task, tensors: Sequence[Any], wanted: Sequence[bool], upstream: Tensor
) -> list[Tensor | None]:
    """Return the derivatives where torch maps over what comes from above."""
    upstream = task.with_tensors(tensors).over_classes(upstream)
    return [None if g is None else upstream * g for g in task.run(tensors, wanted)[1]]

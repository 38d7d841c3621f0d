"""Eager mode: torch's autograd over the kernels of a backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.engine.backend import Backend, Results
from neglog.engine.double_backward import differentiable_gradients
from neglog.engine.problem import Problem


class Task:
    """A problem without its tensors, and the backend that computes it.

    Attributes:
        problem: its tensors are None.
        backend: serves it.
        by_first: returns the loss and its gradient with respect to the first tensor, if no other
            gradient is needed and a plan exists; else None.
    """

    by_first: Callable[[Sequence[Any]], Results] | None = None

    def __init__(self, problem: Problem, backend: Backend) -> None:
        self.problem, self.backend = problem, backend
        self.reads_values = backend.reads_values

    def with_tensors(self, tensors: Sequence[Any]) -> Any:
        """Return the problem of tensors."""
        return self.problem.with_tensors(tensors)

    def run(self, tensors: Sequence[Any], needs_grad: Sequence[bool]) -> Results:
        """Return the loss of tensors, and its gradients by those that need one."""
        return self.backend.run(self.with_tensors(tensors), needs_grad)

    def forward(self, tensors: Sequence[Any], needs_grad: Sequence[bool]) -> tuple[Tensor, Any]:
        """Return the loss, and the gradients unless `vjp` is to compute them."""
        if self.backend.defers(self.problem):
            return self.run(tensors, [False] * len(tensors))[0], None
        return self.run(tensors, needs_grad)


def loss_of(task: Task, tensors: Sequence[Any]) -> Tensor:
    """Return the loss of a task, differentiable by its tensors."""
    if not torch.is_grad_enabled():  # which a function's `needs_input_grad` does not know
        return task.run(tensors, [False] * len(tensors))[0]
    result: Tensor = differentiable(task, *tensors)
    return result


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, task: Task, *tensors: Any) -> Tensor:
        run = task.by_first
        if run is None:
            loss, ctx.gradients = task.forward(tensors, ctx.needs_input_grad[1:])
        else:
            loss, ctx.gradients = run(tensors)
        ctx.task = task
        ctx.save_for_backward(*tensors)  # so that torch raises if they were modified or freed
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Return upstream · gradients; for an upstream gradient of 1 this is the kernel's memory.

        The caller may write to that memory (it becomes `x.grad`), so it is returned only once; a
        second backward through the same graph computes the gradients again.
        """
        tensors, gradients, task = ctx.saved_tensors, ctx.gradients, ctx.task
        ctx.gradients = None
        if _is_grad_enabled():
            needs_grad = ctx.needs_input_grad[1:]
            return None, *differentiable_gradients(task, tensors, needs_grad, upstream, gradients)
        if (
            gradients is not None
            and task.reads_values
            and upstream.dim() == 0
            and not _is_batched(upstream)
            and not _is_wrapped(upstream)
            and upstream.item() == 1.0
        ):  # as `Backend.vjp` does, whose call takes a microsecond
            return None, *gradients
        problem, needs_grad = task.with_tensors(tensors), ctx.needs_input_grad[1:]
        return None, *task.backend.vjp(problem, needs_grad, upstream, gradients)


_is_grad_enabled = torch.is_grad_enabled
_is_batched = torch._C._functorch.is_legacy_batchedtensor
_is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor


# Takes a task and its tensors. This is the C function below `Function.apply`, which also searches
# for transforms of `torch.func`; `select` has already excluded them. torch's own backward method
# looks for several kinds of backward function; this class has one. Both save a tenth of the time
# of a small loss.
differentiable: Any = super(torch.autograd.Function, _Loss).apply
_node: Any = getattr(_Loss, "_backward_cls", None)
if _node is not None:
    _node.apply = _Loss.backward

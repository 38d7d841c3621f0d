"""The gradients of a loss as functions that torch differentiates again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from neglog.engine import reference
from neglog.engine.backend import Backend, Gradients, is_batched
from neglog.engine.derivatives import product, total
from neglog.engine.problem import ComposedProblem, Problem


class Task(Protocol):
    """A problem without its tensors, and the backend that computes it."""

    problem: Problem
    backend: Backend

    def with_tensors(self, tensors: Sequence[Any]) -> Any:
        """Return the problem of tensors."""


def differentiable_gradients(
    task: Task,
    tensors: Sequence[Any],
    needs_grad: Sequence[bool],
    upstream: Tensor,
    gradients: Gradients | None = None,
) -> Gradients:
    """Return upstream · gradients; gradients that are not given are computed."""
    if is_batched(upstream) or isinstance(task.problem, ComposedProblem):
        return _of_reference(task, tensors, needs_grad, upstream)
    found = iter(_gradients(task, tuple(needs_grad), gradients, upstream, *tensors))
    return [next(found) if needed else None for needed in needs_grad]


def _of_reference(
    task: Task, tensors: Sequence[Any], needs_grad: Sequence[bool], upstream: Tensor
) -> Gradients:
    """Return upstream · gradients as torch differentiates the formula.

    The gradients are taken with respect to views of the tensors: if one tensor was computed from
    another, its gradient would otherwise be added to the gradient of the other.
    """
    problem = task.with_tensors([None if t is None else t.view_as(t) for t in tensors])
    leaves = [t for t, needed in zip(problem.tensors(), needs_grad, strict=False) if needed]
    loss = reference.loss(problem)
    found = iter(torch.autograd.grad(loss, leaves, upstream, create_graph=True))
    return [next(found) if needed else None for needed in needs_grad]


class _Gradients(torch.autograd.Function):
    """upstream · the gradients by the tensors that need one."""

    @staticmethod
    def forward(
        ctx: Any, task: Task, needs_grad: Sequence[bool], gradients: Any, upstream: Tensor,
        *tensors: Any,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        ctx.task, ctx.needs_grad = task, needs_grad
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(upstream, *tensors)
        problem = task.with_tensors(tensors)
        found = task.backend.vjp(problem, needs_grad, upstream, gradients)
        return tuple(g for g in found if g is not None)

    @staticmethod
    def backward(ctx: Any, *second_upstream: Tensor | None) -> tuple[Any, ...]:
        upstream, *tensors = ctx.saved_tensors
        task, needs = ctx.task, ctx.needs_input_grad[3:]
        given = iter(second_upstream)
        tangents = [next(given) if needed else None for needed in ctx.needs_grad]
        by_upstream = None
        if needs[0]:
            by_upstream = _by_upstream(task, tensors, ctx.needs_grad, upstream, tangents)
        found: Gradients = [None] * len(tensors)
        if any(needs[1:]):
            problem = task.with_tensors(tensors)
            second = task.backend.hvp(problem, tangents, needs[1:], upstream)
            found[: len(second)] = second
        return None, None, None, by_upstream, *found


_gradients: Any = super(torch.autograd.Function, _Gradients).apply  # as `autograd.differentiable`
_node: Any = getattr(_Gradients, "_backward_cls", None)
if _node is not None:
    _node.apply = _Gradients.backward


def _by_upstream(
    task: Task,
    tensors: Sequence[Any],
    needs_grad: Sequence[bool],
    upstream: Tensor,
    tangents: Sequence[Tensor | None],
) -> Tensor | None:
    """Return the tangent of the loss, or of each of the losses."""
    ones = torch.ones_like(upstream)
    pairs = zip(tangents, differentiable_gradients(task, tensors, needs_grad, ones), strict=True)
    terms = [product(t, g) for t, g in pairs if t is not None and g is not None]
    if not terms:
        return None
    if upstream.dim() == 0:
        return total([t.sum() for t in terms])
    along = total(terms)
    return along.sum(1).reshape(upstream.shape) if along.dim() > upstream.dim() else along

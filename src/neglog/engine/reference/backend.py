"""The backend that serves every problem: the formulas in torch's operations, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.engine import reference, values
from neglog.engine.backend import Backend, Gradients, Results
from neglog.engine.problem import AnyProblem, ComposedProblem, ElementwiseProblem


class ReferenceBackend(Backend):
    """torch's operations: for other devices, tensor subclasses, and differentiable weights."""

    name = "reference"
    priority = 0
    is_traceable = True

    def serves(self, problem: AnyProblem) -> bool:
        """Return True."""
        return True

    def loss(self, problem: Any) -> Tensor:
        """Return the loss as torch differentiates it, after a check of values that may be read."""
        if isinstance(problem, ComposedProblem):  # whose values its function has checked
            return problem.loss()
        if isinstance(problem, ElementwiseProblem):
            if values.are_known(*problem.inputs, problem.y):
                values.check(problem)
        elif problem.y.dim() == 1 and values.are_known(problem.y):
            values.check_labels(problem)
        return reference.loss(problem)

    def run(self, problem: Any, needs_grad: Sequence[bool], into: Tensor | None = None) -> Results:
        """Return the loss and its gradients."""
        loss, leaves = _recorded(self, problem, needs_grad)
        gradients = _gradients(loss, leaves, torch.ones_like(loss))
        return loss.detach(), gradients

    def vjp(
        self,
        problem: Any,
        needs_grad: Sequence[bool],
        upstream: Tensor,
        gradients: Gradients | None = None,
    ) -> Gradients:
        """Return upstream · gradients."""
        loss, leaves = _recorded(self, problem, needs_grad)
        return _gradients(loss, leaves, upstream)


def _recorded(
    backend: Backend, problem: Any, needs_grad: Sequence[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the loss and the leaves of its graph, None for a tensor without a gradient."""
    tensors = [None if t is None else t.detach() for t in problem.tensors()]
    needs = (*needs_grad, *[False] * (len(tensors) - len(needs_grad)))
    leaves = [
        t.requires_grad_() if needed and t is not None else None
        for t, needed in zip(tensors, needs, strict=True)
    ]
    with torch.enable_grad():
        return backend.loss(problem.with_tensors(tensors)), leaves


def _gradients(loss: Tensor, leaves: Gradients, upstream: Tensor) -> Gradients:
    there = [leaf for leaf in leaves if leaf is not None]
    found = iter(torch.autograd.grad(loss, there, upstream) if there else ())
    return [None if leaf is None else next(found) for leaf in leaves]


BACKEND = ReferenceBackend()

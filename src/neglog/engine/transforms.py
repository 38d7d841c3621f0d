"""The rules of the losses for `levels`: kernels under `torch.func` and in forward mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog.engine import inspection, levels, reference
from neglog.engine.autograd import Task
from neglog.engine.backend import Backend
from neglog.engine.derivatives import product, total
from neglog.engine.levels import Tensors, Unserved
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem
from neglog.engine.values import HALF


def loss_of(task: Task, tensors: Tensors) -> Tensor | None:
    """Return the loss of a task, or None if its formula has to be differentiated instead."""
    dtype = tensors[0].dtype
    if not all(t is None or t.numel() for t in tensors):
        return None
    if dtype in HALF:
        tensors = task.with_tensors(tensors).each(Tensor.float).tensors()
    try:
        found = levels.evaluate(_Loss(task, [False] * len(tensors)), tensors)[0]
    except Unserved:
        return None
    assert found is not None
    return found.to(dtype) if dtype in HALF else found


def log_softmax(x: Tensor, backend: Backend) -> Tensor | None:
    """Return log softmax over the last dimension, or None if there is no rule for a level."""
    try:
        return levels.evaluate(_LogSoftmax(backend), [x])[0]
    except Unserved:
        return None


class _LogSoftmax:
    """Log softmax over the last dimension: `levels.Rules`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def with_gradients(self, differentiated: Sequence[bool]) -> _LogSoftmax:
        """Return itself: the values are all that its derivatives need."""
        return self

    def run(self, tensors: Tensors) -> list[Tensor | None]:
        """Return the values by the kernel."""
        return [self.backend.log_softmax(tensors[0])]

    def jvp(self, tensors: Tensors, results: Tensors, tangents: Tensors) -> list[Tensor | None]:
        """Return the tangent of the values."""
        return [reference.log_softmax_jvp(results[0], tangents[0])]

    def vjp(
        self, tensors: Tensors, results: Tensors, upstream: Tensors, needs: Sequence[bool]
    ) -> list[Tensor | None]:
        """Return upstream · the derivatives."""
        return [reference.log_softmax_vjp(results[0], upstream[0])]

    def batched(
        self, tensors: Tensors, batch_dims: Sequence[int | None], size: int
    ) -> tuple[_LogSoftmax, list[Any], Callable[[Tensors], list[Tensor | None]]]:
        """Return itself over all rows of the batch."""
        return self, [_first(t, p, size) for t, p in zip(tensors, batch_dims, strict=True)], list


class _Loss:
    """A loss, and its gradients by the tensors that need one: `levels.Rules`."""

    def __init__(self, task: Task, needs_grad: Sequence[bool]) -> None:
        self.task, self.needs_grad = task, needs_grad
        problem = task.problem
        self.count = problem.input_count + 1

    def with_gradients(self, differentiated: Sequence[bool]) -> _Loss:
        """Return the loss with further gradients."""
        problem = self.task.problem
        log_p = isinstance(problem, RowwiseProblem) and not problem.likelihood.softmax
        if any(differentiated[self.count :]) or (log_p and differentiated[1]):
            raise Unserved
        pairs = zip(self.needs_grad, differentiated, strict=True)
        return _Loss(self.task, [a or b for a, b in pairs])

    def run(self, tensors: Tensors) -> list[Tensor | None]:
        """Return the loss and the gradients by the kernel."""
        value, slopes = self.task.run(tensors, self.needs_grad)
        return [value, *slopes]

    def jvp(self, tensors: Tensors, results: Tensors, tangents: Tensors) -> list[Tensor | None]:
        """Return the tangents of the loss and of its gradients."""
        problem = self.task.with_tensors(tensors)
        along = self.task.backend.jvp(problem, tangents, results[0], list(results[1:]))
        found: list[Tensor | None] = [along, *[None] * len(tensors)]
        if any(self.needs_grad):
            pushed = self.task.backend.hvp(problem, tangents, self.needs_grad)
            found[1 : 1 + len(pushed)] = pushed
        return found

    def vjp(
        self, tensors: Tensors, results: Tensors, upstream: Tensors, needs: Sequence[bool]
    ) -> list[Tensor | None]:
        """Return upstream · gradients, and the vjp of the gradients with their own upstream."""
        problem = self.task.with_tensors(tensors)
        terms: list[list[Tensor]] = [[] for _ in tensors]
        if upstream[0] is not None:
            at_end = inspection.is_the_end(upstream[0])
            above = upstream[0] if at_end else problem.over_classes(upstream[0])
            for place, need, slope in zip(terms, needs, results[1:], strict=True):
                if need:
                    place.append(slope if at_end else product(above, slope))
        tangents = upstream[1 : 1 + self.count]
        if any(m is not None for m in tangents):
            changes = self.task.backend.hvp(problem, tangents, needs)
            for place, change in zip(terms, changes, strict=False):
                place += [] if change is None else [change]
        return [total(t) if t and need else None for t, need in zip(terms, needs, strict=True)]

    def batched(
        self, tensors: Tensors, batch_dims: Sequence[int | None], size: int
    ) -> tuple[_Loss, list[Any], Callable[[Tensors], list[Tensor | None]]]:
        """Return the losses of all elements or rows of the batch at once."""
        if isinstance(self.task.problem, ElementwiseProblem):
            return self._batched_elements(tensors, batch_dims, size)
        return self._batched_rows(tensors, batch_dims, size)

    def _batched_elements(
        self, tensors: Tensors, batch_dims: Sequence[int | None], size: int
    ) -> tuple[_Loss, list[Any], Callable[[Tensors], list[Tensor | None]]]:
        problem: Any = self.task.problem
        batch = [_first(t, place, size) for t, place in zip(tensors, batch_dims, strict=True)]
        each, count = problem.reduction == "none", batch[0][0].numel()
        factor = problem.factor / count if problem.reduction == "mean" else problem.factor
        whole = problem._replace(reduction="none", factor=factor)

        def unbatched(results: Tensors) -> list[Tensor | None]:
            value, *slopes = results
            return [value if each else value.reshape(size, -1).sum(1), *slopes]

        return _Loss(Task(whole, self.task.backend), self.needs_grad), batch, unbatched

    def _batched_rows(
        self, tensors: Tensors, batch_dims: Sequence[int | None], size: int
    ) -> tuple[_Loss, list[Any], Callable[[Tensors], list[Tensor | None]]]:
        if batch_dims[2] is not None:  # a weight of the classes for each of the batch
            raise Unserved
        problem: Any = self.task.problem
        x, y, _, sample_weight = (
            _first(t, p, size) for t, p in zip(tensors, batch_dims, strict=True)
        )
        flat = [None if t is None else t.flatten(0, 1) for t in (x, y)]
        flat += [tensors[2], None if sample_weight is None else sample_weight.flatten()]
        whole = problem._replace(reduction="none").with_tensors(flat)
        count = _counts(whole, size) if problem.reduction == "mean" else 1

        def unbatched(results: Tensors) -> list[Tensor | None]:
            value, by_x, by_y, *rest = results
            value = value.reshape(size, -1)
            by_x = None if by_x is None else _shared(by_x.reshape(x.shape), count)
            by_y = None if by_y is None else _shared(by_y.reshape(y.shape), count)
            if problem.reduction != "none":
                value = value.sum(1)
            if problem.reduction == "mean":
                value = value / count
            return [value, by_x, by_y, *rest]

        task = Task(whole.split_tensors()[0], self.task.backend)
        return _Loss(task, self.needs_grad), flat, unbatched


def _counts(problem: RowwiseProblem, size: int) -> Tensor | int:
    """Return the divisors of the means over rows of each batch element; one for all if known."""
    problem = problem.by_rows()
    plain = problem.sample_weight is None and (problem.y.dim() == 2 or problem.weight is None)
    if plain and inspection.are_all(reference.kept_rows(problem)):
        return len(problem.x) // size
    return reference.weights_of_rows(problem).reshape(size, -1).sum(1)


def _shared(slopes: Tensor, count: Tensor | int) -> Tensor:
    """Return the gradients of sums over `count` rows as those of means, 0 for a count of 0."""
    if isinstance(count, int):
        return slopes if count == 1 else slopes * (1.0 / count)
    scale = torch.where(count == 0, 0.0, 1.0 / count)
    return slopes * scale.reshape(-1, *[1] * (slopes.dim() - 1))


def _first(tensor: Tensor | None, place: int | None, size: int) -> Any:
    """Return a tensor with the batch in its first dimension."""
    if tensor is None:
        return None
    return tensor.expand(size, *tensor.shape) if place is None else tensor.movedim(place, 0)

"""The problems that an engine computes: one tuple for each kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog.likelihood import Elementwise, Rows


class ElementwiseProblem(NamedTuple):
    """`factor` times the loss of each element; all tensors have one shape and floating dtype."""

    likelihood: type[Elementwise]
    inputs: tuple[Tensor, ...]
    y: Tensor
    given: tuple[Tensor, ...] = ()
    settings: tuple[float, ...] = ()
    weight: Tensor | None = None
    masked: bool = False  # elements of weight 0 may be NaN and are not validated
    factor: float = 1.0
    reduction: str = "mean"  # over all elements

    def tensors(self) -> tuple[Any, ...]:
        """Return all tensors, those that may be differentiated first."""
        return (*self.inputs, self.y, *self.given, self.weight)

    def with_tensors(self, tensors: Sequence[Any]) -> ElementwiseProblem:
        """Return the same problem with other tensors, in the order of `tensors`."""
        n = len(self.inputs)
        inputs, (y, *given), weight = tensors[:n], tensors[n:-1], tensors[-1]
        facts = (self.settings, weight, self.masked, self.factor, self.reduction)
        return ElementwiseProblem(self.likelihood, tuple(inputs), y, tuple(given), *facts)

    def split_tensors(self) -> tuple[ElementwiseProblem, tuple[Any, ...]]:
        """Return the problem without its tensors, and the tensors."""
        tensors = self.tensors()
        return self.with_tensors([None] * len(tensors)), tensors

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the loss."""
        return self.y.dtype

    @property
    def input_count(self) -> int:
        """Return the number of inputs; the target follows them."""
        return len(self.inputs)

    def has_constant_weights(self) -> bool:
        """Return whether no weight requires a gradient."""
        return self.weight is None or not self.weight.requires_grad

    def over_classes(self, losses: Tensor) -> Tensor:
        """Return the losses unchanged: see `RowwiseProblem`."""
        return losses

    def each(self, change: Callable[[Tensor], Tensor]) -> ElementwiseProblem:
        """Return the problem with every tensor changed."""
        return self.with_tensors([None if t is None else change(t) for t in self.tensors()])


class RowwiseProblem(NamedTuple):
    """The loss of rows x (N, K) against labels (N,) of int64 or probabilities (N, K).

    Or of rows x (N, K, L), L of them in each of N, against labels (N · L,) or probabilities of
    the same shape.
    """

    likelihood: type[Rows]
    x: Tensor
    y: Tensor
    weight: Tensor | None = None  # one for each class, (K,)
    sample_weight: Tensor | None = None  # one for each row, (N,); a row of weight 0 may be NaN
    ignored: int = -100
    smoothing: float = 0.0
    reduction: str = "mean"  # over rows by sample weights and, if labelled, class weights
    settings: tuple[float, ...] = ()

    def tensors(self) -> tuple[Any, ...]:
        """Return all tensors, those that may be differentiated first."""
        return self.x, self.y, self.weight, self.sample_weight

    def with_tensors(self, tensors: Sequence[Any]) -> RowwiseProblem:
        """Return the same problem with other tensors, in the order of `tensors`."""
        x, y, weight, sample_weight = tensors
        facts = (self.ignored, self.smoothing, self.reduction, self.settings)
        return RowwiseProblem(self.likelihood, x, y, weight, sample_weight, *facts)

    def split_tensors(self) -> tuple[RowwiseProblem, tuple[Any, ...]]:
        """Return the problem without its tensors, and the tensors."""
        tensors = self.tensors()
        return self.with_tensors([None] * len(tensors)), tensors

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the loss."""
        return self.x.dtype

    @property
    def input_count(self) -> int:
        """Return the number of inputs; the target follows them."""
        return 1

    def has_constant_weights(self) -> bool:
        """Return whether no weight requires a gradient."""
        return not any(t.requires_grad for t in (self.weight, self.sample_weight) if t is not None)

    def has_soft_targets(self) -> bool:
        """Return whether the target holds probabilities, or labels are smoothed."""
        return bool(self.smoothing) or self.y.is_floating_point()

    def has_kernels(self) -> bool:
        """Return whether there are kernels: not for soft targets of log-probabilities."""
        return self.likelihood.softmax or not self.has_soft_targets()

    def by_rows(self) -> RowwiseProblem:
        """Return the problem with its classes last, in two dimensions."""
        if self.x.dim() == 2:
            return self
        classes, y = self.x.shape[1], self.y
        if y.dim() == 3:
            y = y.movedim(1, -1).reshape(-1, classes)
        return self._replace(x=self.x.movedim(1, -1).reshape(-1, classes), y=y)

    def over_classes(self, losses: Tensor) -> Tensor:
        """Return a number for each row in a shape that broadcasts over x; one for all as it is."""
        if losses.dim() == 0:
            return losses
        return losses.reshape((*self.x.shape[:1], 1, *self.x.shape[2:]))

    def each(self, change: Callable[[Tensor], Tensor]) -> RowwiseProblem:
        """Return the problem with every tensor but labels changed."""
        changed = [None if t is None else change(t) for t in self.tensors()]
        if self.y.dim() == 1:
            changed[1] = self.y
        return self.with_tensors(changed)


class ComposedProblem(NamedTuple):
    """The loss of rows that no formula of one element expresses, as a kernel computes it.

    The first tensors, which may be differentiated, have one shape, with the features or classes of
    a row last. `check` raises if a kernel finds an invalid value; the formula checks by itself.
    """

    kernel: str  # its name
    formula: Callable[..., Tensor]  # of the tensors and the reduction, in torch's operations
    arguments: tuple[Any, ...]
    input_count: int = 1  # the tensors that may be differentiated
    settings: tuple[float, ...] = ()
    flags: tuple[str, ...] = ()
    reduction: str = "mean"  # over rows
    row_dims: int = 1  # of a row in the first tensor
    check: Callable[..., None] | None = None  # of the tensors; called if a value may be invalid

    def tensors(self) -> tuple[Any, ...]:
        """Return all tensors, those that may be differentiated first."""
        return self.arguments

    def with_tensors(self, tensors: Sequence[Any]) -> ComposedProblem:
        """Return the same problem with other tensors, in the order of `tensors`."""
        return self._replace(arguments=tuple(tensors))

    def split_tensors(self) -> tuple[ComposedProblem, tuple[Any, ...]]:
        """Return the problem without its tensors, and the tensors."""
        return self.with_tensors([None] * len(self.arguments)), self.arguments

    @property
    def dtype(self) -> torch.dtype:
        """Return the dtype of the loss."""
        dtype: torch.dtype = self.arguments[0].dtype
        return dtype

    def over_classes(self, losses: Tensor) -> Tensor:
        """Return a number for each row in a shape that broadcasts over its features."""
        return losses[(..., *[None] * self.row_dims)] if losses.dim() else losses

    def each(self, change: Callable[[Tensor], Tensor]) -> ComposedProblem:
        """Return the problem with every floating tensor changed."""
        return self.with_tensors(
            [t if t is None or not t.is_floating_point() else change(t) for t in self.arguments]
        )

    def loss(self) -> Tensor:
        """Return the loss as torch computes it."""
        return self.formula(*self.arguments, reduction=self.reduction)


class LogSoftmaxProblem(NamedTuple):
    """log softmax over the last dimension."""

    x: Tensor

    def tensors(self) -> tuple[Any, ...]:
        """Return all tensors."""
        return (self.x,)

    def with_tensors(self, tensors: Sequence[Any]) -> LogSoftmaxProblem:
        """Return the same problem with another tensor."""
        return LogSoftmaxProblem(*tensors)


Problem = ElementwiseProblem | RowwiseProblem | ComposedProblem  # a loss
AnyProblem = Problem | LogSoftmaxProblem


def rows_as(rows: Tensor, x: Tensor) -> Tensor:
    """Return rows of classes in the layout of x: see `RowwiseProblem`."""
    if x.dim() == 2:
        return rows
    return rows.reshape(x.shape[0], x.shape[2], x.shape[1]).movedim(-1, 1)

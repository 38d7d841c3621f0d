"""The interface of a backend, which computes losses and their derivatives.

A backend is a folder of `engine` with a file `backend.py` that defines `BACKEND`. `selection` finds
it, `autograd` differentiates it in eager mode, `ops` under `torch.compile` and `transforms` under
`torch.func`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from neglog.engine import curvature, inspection, reference
from neglog.engine.derivatives import product, total
from neglog.engine.matmul import Matmul
from neglog.engine.precision import is_linear
from neglog.engine.problem import AnyProblem, ElementwiseProblem, RowwiseProblem
from neglog.engine.values import HALF

Gradients = list[Tensor | None]
Results = tuple[Tensor, Gradients]  # the loss, and its gradients by the problem's tensors


class Backend(Protocol):
    """The interface of a backend. Derive from it; `serves` and `run` are required.

    A problem holds its tensors. `needs_grad` has a flag for each of `problem.tensors()`, or for the
    first of them; gradients have an entry for each tensor, None where none is needed.

    Attributes:
        name: the name of its folder.
        priority: backends of a higher priority are asked first.
        reads_values: whether it can read a value without waiting for a device.
        transforms: whether it runs below `torch.func` and forward mode.
        is_traceable: whether it consists of torch's operations, which torch differentiates,
            compiles and transforms. Such a backend computes `loss`.
        matmul: fast products of half-precision factors, for losses with a linear layer.
    """

    name: str
    priority: int = 1
    reads_values: bool = True
    transforms: bool = True
    is_traceable: bool = False
    matmul: Matmul | None = None

    def serves(self, problem: AnyProblem) -> bool:
        """Return whether the backend computes a problem, without reading values."""

    def run(self, problem: Any, needs_grad: Sequence[bool], into: Tensor | None = None) -> Results:
        """Return the reduced loss and its gradients.

        Args:
            problem: one that the backend serves, as `adapted` returns it.
            needs_grad: which tensors require a gradient.
            into: memory that the gradient with respect to the first tensor may be written to; it
                may be the memory of the tensor itself.
        """

    def adapted(self, problem: Any) -> Any:
        """Return the problem in the dtypes and layouts that `run` takes, differentiably."""
        return problem

    def prepare(
        self, problem: Any, needs_grad: Sequence[bool]
    ) -> Callable[[Sequence[Any]], Results]:
        """Return a function that runs a problem for other tensors of the same dtypes and layouts.

        It takes all tensors, or the first of them if the others are None.
        """
        nothing = (None,) * len(problem.tensors())

        def run(tensors: Sequence[Any]) -> Results:
            whole = (*tensors, *nothing[len(tensors) :])
            return self.run(problem.with_tensors(whole), needs_grad)

        return run

    def defers(self, problem: Any) -> bool:
        """Return whether gradients are best computed by `vjp`, from the upstream gradient."""
        return False

    def loss(self, problem: Any) -> Tensor:
        """Return the reduced loss, differentiable by torch, if the backend `is_traceable`."""
        return reference.loss(problem)

    def vjp(
        self,
        problem: Any,
        needs_grad: Sequence[bool],
        upstream: Tensor,
        gradients: Gradients | None = None,
    ) -> Gradients:
        """Return upstream · gradients, rounded once, and 0 where an element is masked.

        Args:
            problem: one that the backend serves.
            needs_grad: which tensors require a gradient.
            upstream: the upstream gradient, in the shape of the loss.
            gradients: the gradients that `run` returned, whose memory may be reused; None to
                compute them.
        """
        is_batch = is_batched(upstream)
        if upstream.dim() == 0 and not is_batch and self.reads_values and upstream.item() == 1.0:
            return gradients or self.run(problem, needs_grad)[1]
        dtype = upstream.dtype
        if dtype in HALF:
            problem, upstream, gradients = problem.each(Tensor.float), upstream.float(), None
        if gradients is None:
            gradients = self.run(problem, needs_grad)[1]
        upstream = problem.over_classes(upstream)
        products = [
            None if g is None else upstream * g if is_batch else g.mul_(upstream) for g in gradients
        ]
        if isinstance(problem, ElementwiseProblem) and problem.masked:
            assert problem.weight is not None
            hidden = problem.weight.eq(0)  # 0 · an infinite upstream gradient is NaN
            products = [None if p is None else p.masked_fill(hidden, 0.0) for p in products]
        return [None if p is None else p.to(dtype) for p in products]

    def jvp(
        self, problem: Any, tangents: Sequence[Tensor | None], loss: Tensor, gradients: Gradients
    ) -> Tensor:
        """Return the tangent of the loss, given what `run` returned."""
        both = zip(tangents, gradients, strict=True)
        pairs = [(t, g) for t, g in both if t is not None and g is not None]
        # Where the loss of logits is finite, so are its gradients: reading one number suffices.
        rowwise = isinstance(problem, RowwiseProblem)
        logits = rowwise and problem.likelihood.softmax and tangents[1] is None
        logits = logits and is_linear(problem.likelihood)
        if logits and inspection.is_finite(loss):
            along = total([t * g for t, g in pairs])
        else:
            along = total([product(t, g) for t, g in pairs])
        if problem.reduction != "none":
            return along.sum()
        return along.sum(1).reshape(-1) if rowwise else along

    def hvp(
        self,
        problem: Any,
        tangents: Sequence[Tensor | None],
        needs_grad: Sequence[bool],
        upstream: Tensor | None = None,
    ) -> Gradients:
        """Return the tangents of upstream · gradients, differentiable again.

        Args:
            problem: one that the backend serves.
            tangents: of the inputs and the target.
            needs_grad: which tensors require a gradient.
            upstream: the upstream gradient; None for 1.
        """
        n = problem.input_count
        tangents, by_target = tangents[: n + 1], bool(needs_grad[n])
        if upstream is None:
            return curvature.changes(problem, tangents, by_target)
        dtype = upstream.dtype
        if dtype in HALF:
            problem, upstream = problem.each(Tensor.float), upstream.float()
        wide = [None if t is None else t.to(upstream.dtype) for t in tangents]
        found = curvature.changes(problem, wide, by_target, upstream)
        return [None if f is None else f.to(dtype) for f in found]

    def log_softmax(self, x: Tensor) -> Tensor:
        """Return log softmax over the last dimension, differentiable."""
        return reference.log_softmax(x)


def is_batched(tensor: Tensor) -> bool:
    """Return whether `is_grads_batched` or `torch.func` transforms a backward of a plain loss."""
    return bool(
        torch._C._functorch.is_legacy_batchedtensor(tensor)
        or torch._C._functorch.is_functorch_wrapped_tensor(tensor)
    )

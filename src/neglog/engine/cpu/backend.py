"""The backend of CPUs: kernels that Numba compiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from neglog.engine import values
from neglog.engine.backend import Backend, Gradients, Results, is_batched
from neglog.engine.cpu import matmul as cpu_matmul
from neglog.engine.matmul import Matmul
from neglog.engine.problem import AnyProblem, ComposedProblem, ElementwiseProblem, RowwiseProblem
from neglog.engine.values import KERNEL_DTYPES, PLAIN

_EXACT = (torch.float32, torch.float64)


class CpuBackend(Backend):
    """Numba's kernels on plain tensors of a CPU.

    The kernels are imported for the first loss, because importing Numba takes a third of a second.
    """

    name = "cpu"
    matmul: Matmul = cpu_matmul

    def serves(self, problem: AnyProblem) -> bool:
        """Return whether the tensors are plain ones on a CPU, of dtypes that the kernels know."""
        for tensor in problem.tensors():
            if tensor is None:
                continue
            if type(tensor) not in PLAIN or not tensor.is_cpu:
                return False
            if tensor.dtype not in KERNEL_DTYPES and not _is_known(tensor.dtype):
                return False
        if isinstance(problem, ElementwiseProblem):
            return problem.has_constant_weights()
        if isinstance(problem, RowwiseProblem):
            return problem.has_constant_weights() and (
                not problem.y.requires_grad
                or (problem.has_kernels() and not torch.compiler.is_compiling())
            )
        if torch.compiler.is_compiling():
            return False
        if isinstance(problem, ComposedProblem):  # whose formula serves half precision, and nothing
            there = [t for t in problem.tensors() if t is not None]
            constant = not any(t.requires_grad for t in there[problem.input_count :])
            full = constant and all(t.numel() for t in there)
            return full and not values.is_transformed() and problem.dtype in _EXACT
        return True

    def adapted(self, problem: Any) -> Any:
        """Return sample weights in their own dtype, and rows in two dimensions where needed."""
        if not isinstance(problem, RowwiseProblem):
            return problem
        weight = problem.sample_weight
        if weight is not None and weight.dtype != problem.x.dtype:  # float32 with half precision
            problem = problem.each(Tensor.float)
        known = problem.has_kernels()
        if problem.has_soft_targets() and (problem.y.requires_grad or not known):
            problem = problem.by_rows()
        return problem

    def run(self, problem: Any, needs_grad: Sequence[bool], into: Tensor | None = None) -> Results:
        """Return the loss and its gradients."""
        bare, tensors = problem.split_tensors()
        if not isinstance(problem, RowwiseProblem):
            elementwise = isinstance(problem, ElementwiseProblem)
            kernels = _elementwise() if elementwise else _composed()
            results: Results = kernels.run(bare, tensors, needs_grad)
            return results
        loss, gradients = _rows().run(bare, tensors, needs_grad, into)
        if len(needs_grad) > 1 and needs_grad[1] and gradients[1] is None:
            gradients[1] = _log_softmax().by_target(problem)  # the kernel of few classes has none
        return loss, gradients

    def prepare(
        self, problem: Any, needs_grad: Sequence[bool]
    ) -> Callable[[Sequence[Any]], Results]:
        """Return the plan of contiguous tensors, if its kernel computes all gradients."""
        bare, tensors = problem.split_tensors()
        kernels = _elementwise() if isinstance(problem, ElementwiseProblem) else _rows()
        run: Callable[[Sequence[Any]], Results] = kernels.plan_for(bare, tensors, needs_grad).run
        return run

    def hvp(
        self,
        problem: Any,
        tangents: Sequence[Tensor | None],
        needs_grad: Sequence[bool],
        upstream: Tensor | None = None,
    ) -> Gradients:
        """Return the tangents of upstream · gradients, by one pass of a kernel if one serves."""
        if isinstance(problem, ElementwiseProblem) and upstream is not None:
            found = self._by_kernel(problem, tangents, needs_grad, upstream)
            if found is not None:
                return [found]
        return super().hvp(problem, tangents, needs_grad, upstream)

    def _by_kernel(
        self,
        problem: ElementwiseProblem,
        tangents: Sequence[Tensor | None],
        needs_grad: Sequence[bool],
        upstream: Tensor,
    ) -> Tensor | None:
        """Return the tangent of the only gradient, if it is not differentiated again."""
        tangent, *others = tangents
        if torch.is_grad_enabled() or any(needs_grad[1:]) or upstream.dim() or values.is_observed():
            return None
        if tangent is None or any(t is not None for t in others):
            return None
        if is_batched(upstream) or is_batched(tangent) or not values.is_plain(tangent):
            return None
        scale = upstream.item()
        if not scale:
            return None
        from neglog.engine.cpu import curvature

        dtype = upstream.dtype
        if dtype in values.HALF:
            problem = problem.each(Tensor.float)
        found = curvature.change(problem, tangent.to(problem.y.dtype), scale)
        return None if found is None else found.to(dtype)

    def log_softmax(self, x: Tensor) -> Tensor:
        """Return log softmax by the kernel."""
        result: Tensor = _log_softmax().log_softmax(x)
        return result


def _is_known(dtype: torch.dtype) -> bool:
    return dtype == torch.float16 and _converts_half()


@cache
def _converts_half() -> bool:
    from neglog.engine.cpu.kernels import native

    return native.CONVERTS_HALF


@cache
def _elementwise() -> Any:
    from neglog.engine.cpu import elementwise

    return elementwise


@cache
def _composed() -> Any:
    from neglog.engine.cpu import composed

    return composed


@cache
def _rows() -> Any:
    from neglog.engine.cpu import rows

    return rows


@cache
def _log_softmax() -> Any:
    from neglog.engine.cpu import log_softmax

    return log_softmax


BACKEND = CpuBackend()

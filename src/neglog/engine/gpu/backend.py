"""The backend of GPUs: kernels that Triton compiles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neglog.engine import values
from neglog.engine.backend import Backend, Gradients, Results, is_batched
from neglog.engine.gpu import matmul as gpu_matmul
from neglog.engine.matmul import Matmul
from neglog.engine.problem import AnyProblem, ElementwiseProblem, RowwiseProblem


class GpuBackend(Backend):
    """Triton's kernels on plain tensors of one GPU.

    The upstream gradient is a number on the device, and reading it would wait for the device. So
    the kernel reads it, and leaves computed gradients unchanged if it is 1.
    """

    name = "gpu"
    matmul: Matmul = gpu_matmul
    reads_values = False
    transforms = False

    def serves(self, problem: AnyProblem) -> bool:
        """Return whether the tensors are plain, not empty, on one GPU, and of known dtypes."""
        tensors = [t for t in problem.tensors() if t is not None]
        for tensor in tensors:
            known = tensor.dtype in values.KERNEL_DTYPES or tensor.dtype == torch.float16
            if not (known and is_here(tensor) and tensor.numel()):
                return False
            if tensor.device != tensors[0].device:  # a kernel cannot read the memory of another GPU
                return False
        if not HAS_TRITON:
            return False
        if isinstance(problem, ElementwiseProblem):
            return problem.has_constant_weights()
        if isinstance(problem, RowwiseProblem):
            constant = problem.has_constant_weights() and not problem.y.requires_grad
            return constant and problem.has_kernels()
        return False

    def adapted(self, problem: Any) -> Any:
        """Return rows in two dimensions if their targets are soft."""
        if isinstance(problem, RowwiseProblem):
            if problem.has_soft_targets():
                problem = problem.by_rows()
            if torch.compiler.is_compiling():  # which is to know how the gradient lies
                problem = problem._replace(x=problem.x.contiguous())
        return problem

    def defers(self, problem: Any) -> bool:
        """Return whether each loss has its own upstream gradient."""
        each: bool = problem.reduction == "none"
        return each

    def run(self, problem: Any, needs_grad: Sequence[bool], into: Tensor | None = None) -> Results:
        """Return the loss and its gradients."""
        bare, tensors = problem.split_tensors()
        rest = () if isinstance(problem, ElementwiseProblem) else (into,)
        results: Results = _kernels(problem).run(bare, tensors, needs_grad, *rest)
        return results

    def vjp(
        self,
        problem: Any,
        needs_grad: Sequence[bool],
        upstream: Tensor,
        gradients: Gradients | None = None,
    ) -> Gradients:
        """Return upstream · gradients."""
        if is_batched(upstream):
            return super().vjp(problem, needs_grad, upstream, gradients)
        found: Gradients = _kernels(problem).vjp(
            *problem.split_tensors(), needs_grad, upstream, gradients
        )
        return found


def is_here(tensor: Tensor) -> bool:
    """Return whether a tensor is a plain one on a GPU."""
    return type(tensor) in values.PLAIN and tensor.is_cuda


def has_triton() -> bool:
    """Return whether Triton is installed in a version that compiles the kernels.

    It is included in torch for GPUs from version 2.8 on. It is not imported here, which would take
    a second.
    """
    found = find_spec("triton")
    return found is not None and Path(found.origin or "").with_name("knobs.py").exists()


HAS_TRITON = has_triton()


def _kernels(problem: Any) -> Any:
    return _elementwise() if isinstance(problem, ElementwiseProblem) else _rows()


@cache
def _elementwise() -> Any:
    from neglog.engine.gpu import elementwise

    return elementwise


@cache
def _rows() -> Any:
    from neglog.engine.gpu import rows

    return rows


BACKEND = GpuBackend()

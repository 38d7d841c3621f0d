"""The engine, which computes the reduced loss of a declared likelihood and its gradient.

`selection` chooses the backend that computes a problem. `autograd` differentiates its kernels in
eager mode, `ops` passes them to `torch.compile` as custom operators, and `transforms` runs them
under `torch.func` and in forward mode. The reference computes everything else with torch's
operations.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.engine import autograd, ops, reference, transforms
from neglog.engine.problem import ComposedProblem as ComposedProblem
from neglog.engine.problem import ElementwiseProblem as ElementwiseProblem
from neglog.engine.problem import LogSoftmaxProblem, Problem
from neglog.engine.problem import RowwiseProblem as RowwiseProblem
from neglog.engine.selection import fallback, select
from neglog.engine.values import HALF, is_transformed
from neglog.engine.values import check_inputs as check_inputs


def loss(problem: Problem) -> Tensor:
    """Return the reduced loss, in the dtype of the problem's first input.

    A mean over labels divides by the weight of the labels that are included, a mean over
    probabilities by the weights of the rows, as in torch.
    """
    backend = select(problem)
    if backend.is_traceable:
        return backend.loss(problem)
    dtype, problem = problem.dtype, backend.adapted(problem)
    if torch.compiler.is_compiling():
        return ops.loss(problem).to(dtype)
    bare, tensors = problem.split_tensors()
    task = autograd.Task(bare, backend)
    if not is_transformed():
        return autograd.loss_of(task, tensors).to(dtype)
    result = transforms.loss_of(task, tensors)
    return (fallback().loss(problem) if result is None else result).to(dtype)


def log_softmax(x: Tensor) -> Tensor:
    """Return log softmax over the last dimension."""
    dtype = x.dtype
    if dtype in HALF:
        x = x.float()
    if x.numel() == 0:
        return torch.log_softmax(x, -1).to(dtype)
    backend = select(LogSoftmaxProblem(x))
    if is_transformed() and not backend.is_traceable:
        found = transforms.log_softmax(x, backend)
        return (reference.log_softmax(x) if found is None else found).to(dtype)
    return backend.log_softmax(x).to(dtype)

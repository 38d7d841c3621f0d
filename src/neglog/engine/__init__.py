"""The engines: how a declared likelihood becomes a reduced loss with a gradient.

Each shape has three readings of the one formula: the kernel (eager, Numba's on a CPU and Triton's
on a GPU), the same kernel behind a custom operator (`torch.compile`), and the reference (everything
else: other devices, tensor subclasses, constants that require a gradient). `transforms` runs the
kernels under `torch.func` and in forward mode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neglog.engine import autograd, fast_path, ops, reference, transforms, values
from neglog.engine.problem import ElementwiseProblem as ElementwiseProblem
from neglog.engine.problem import RowwiseProblem as RowwiseProblem
from neglog.engine.values import check_inputs as check_inputs


def elementwise(problem: ElementwiseProblem) -> Tensor:
    """Return the reduced loss, in the dtype of the inputs."""
    weighed = problem.weight is not None and problem.weight.requires_grad
    if not weighed and values.gpu_serves(*(t for t in problem.tensors() if t is not None)):
        return ops.elements(problem) if torch.compiler.is_compiling() else _loss_on_gpu(problem)
    if weighed or not values.kernel_serves(*problem.inputs, problem.y):
        if values.are_known(*problem.inputs, problem.y):
            values.check(problem)
        return _transformed(problem, reference.reduced_elements)
    if torch.compiler.is_compiling():
        return ops.elements(problem)
    return fast_path.note(problem, autograd.loss(problem))


def rows(problem: RowwiseProblem) -> Tensor:
    """Return the reduced loss, in the dtype of the rows.

    A mean over labels divides by the weight of the labels that count, a mean over probabilities
    by the shares of the rows, as in torch.
    """
    y, share, dtype = problem.y, problem.share, problem.x.dtype
    constants = [t for t in (problem.weight, problem.share) if t is not None]
    fixed = not any(t.requires_grad for t in constants)
    simple = not y.requires_grad  # else the kernels for a GPU and the compiler do not serve
    # Log-probabilities against a target that spreads: no public loss asks for them.
    spread = bool(problem.smoothing) or y.is_floating_point()
    picked = problem.likelihood.softmax or not spread
    on_gpu = fixed and simple and picked and values.gpu_serves(problem.x, y, *constants)
    if share is not None and share.dtype != dtype and not on_gpu:  # shares of halves are float32
        problem = problem.each(torch.Tensor.float)
    if spread and (on_gpu or not simple or not picked):
        problem = problem.by_rows()
    if on_gpu:
        serve = ops.rows_of_classes if torch.compiler.is_compiling() else _loss_on_gpu
        loss = serve(problem)
    elif not (
        fixed
        and (simple or (picked and not torch.compiler.is_compiling()))
        and values.kernel_serves(problem.x, y)
    ):
        if y.dim() == 1 and values.are_known(y):
            values.check_labels(problem)
        loss = _transformed(problem, reference.reduced_rows)
    elif torch.compiler.is_compiling():
        loss = ops.rows_of_classes(problem)
    else:
        loss = fast_path.note(problem, autograd.loss(problem))
    return loss.to(dtype)


def _transformed(problem: Any, formula: Callable[[Any], Tensor]) -> Tensor:
    """Return the loss by the kernels below the transforms, or else as torch differentiates it."""
    loss = transforms.loss(problem)
    return formula(problem) if loss is None else fast_path.note(problem, loss)


def _loss_on_gpu(problem: ElementwiseProblem | RowwiseProblem) -> Tensor:
    from neglog.engine.gpu import autograd as on_gpu  # Triton takes a second to import

    return on_gpu.loss(problem)


def log_softmax(x: Tensor) -> Tensor:
    """Return log softmax over the last dimension."""
    dtype = x.dtype
    if dtype in reference.HALF:
        x = x.float()
    if x.numel() == 0:
        return torch.log_softmax(x, -1).to(dtype)
    if torch.compiler.is_compiling() or not values.kernel_serves(x):
        return transforms.log_softmax(x).to(dtype)
    return autograd.log_softmax(x).to(dtype)

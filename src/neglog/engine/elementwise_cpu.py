"""The elementwise shape on a CPU: tensors in, loss and gradients out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neglog.engine import threads, values
from neglog.engine.elementwise_loop import BLOCK, admits_both, elementwise, kept, sum_of
from neglog.engine.jit import compile_loop
from neglog.engine.problem import Elements


@cache
def kernel(likelihood: Any, real: type, masked: bool = False) -> Any:
    """Compile the loop for one likelihood and one floating type."""
    formulas = {fact: getattr(likelihood, fact) for fact in ("nll", "grad", "grad_target")}
    formulas["contains"] = likelihood.support.contains
    slots = ("admits",) if len(likelihood.domains) == 1 else ("admits_first", "admits_second")
    for slot, domain in zip(slots, likelihood.domains, strict=True):
        formulas[slot] = domain.contains
    helpers = {"sum_of": sum_of, "kept": kept}
    if len(slots) == 2:
        helpers["admits"] = admits_both
    return compile_loop(elementwise, real, likelihood.name, formulas, helpers, {"MASKED": masked})


def run(problem: Elements, wanted: Sequence[bool]) -> tuple[Tensor, list[Tensor | None]]:
    """Return the reduced loss, and the wanted ones of its derivatives by the inputs and the target.

    All tensors are of one shape and of one dtype, float32 or float64; what comes back lies in
    memory as the first input does. The pass itself counts values outside their sets:
    `SupportError` says which.
    """
    if not all(t is None or t.is_contiguous() for t in problem.tensors()):
        problem = problem.each(in_order_of(problem.inputs[0]))
    y, size = problem.y, problem.y.numel()
    real: Any = real_type(y)
    scale = problem.factor / size if problem.reduction == "mean" and size else problem.factor
    value = empty_like(y) if problem.reduction == "none" else None
    gradients = [empty_like(y) if want else None for want in wanted]
    by_input, by_target = gradients[:-1], gradients[-1]
    outputs = [flat(t) for t in (value, *by_input, *[None] * (2 - len(by_input)), by_target)]
    blocks = -(-size // BLOCK)
    notes = np.zeros((2, blocks))
    arguments = (
        tuple(flat(t) for t in problem.inputs),
        tuple(flat(t) for t in problem.given),
        tuple(real(s) for s in problem.settings),
        flat(y),
        flat(problem.weight),
        real(scale),
        *outputs,
        notes,
    )
    likelihood: Any = problem.likelihood
    loop = kernel(likelihood, real, problem.masked)
    threads.run(lambda start, stop: loop(*arguments, start, stop), blocks)
    if notes[1].any():
        values.check(problem)
    if value is None:
        total = notes[0].sum() * scale if size or problem.reduction == "sum" else np.nan
        value = torch.tensor(total, dtype=y.dtype)
    return value, gradients


def real_type(tensor: Tensor) -> type:
    """Return numpy's name of a tensor's dtype, float32 or float64."""
    return np.float32 if tensor.dtype == torch.float32 else np.float64


def in_order_of(first: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what lays a tensor out in memory without gaps, in the order of the first one.

    Elements that lie in one order can be walked in that order, whatever their strides.
    """
    if first.is_contiguous():
        return Tensor.contiguous
    strides = torch.empty_like(first, device="meta").stride()

    def laid_out(tensor: Tensor) -> Tensor:
        if tensor.stride() == strides:
            return tensor
        return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype).copy_(tensor)

    return laid_out


def flat(tensor: Tensor | None) -> np.ndarray[Any, Any] | None:
    """Return the memory of a tensor without gaps as one line of numbers."""
    if tensor is None:
        return None
    line = tensor if tensor.dim() == 1 else tensor.as_strided((tensor.numel(),), (1,))
    return line.detach().resolve_neg().numpy()


def empty_like(tensor: Tensor) -> Tensor:
    """Return fresh memory; numpy asks for huge pages, whose faults are far fewer."""
    line = torch.from_numpy(np.empty(tensor.numel(), real_type(tensor)))
    return line if tensor.dim() == 1 else line.as_strided(tensor.shape, tensor.stride())

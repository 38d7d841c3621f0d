"""Which tensors are plain, when their values may be read, and messages about invalid values."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad

from neglog import errors
from neglog.compatibility import is_torch_compatible
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem
from neglog.errors.tensors import LabelError, ValueOutsideError
from neglog.support import Support

PLAIN = (Tensor, torch.nn.Parameter)
HALF = (torch.float16, torch.bfloat16)
KERNEL_DTYPES = (torch.float32, torch.float64, torch.int64, torch.bfloat16)


def are_plain(*tensors: Tensor) -> bool:
    """Return whether tensors are plain ones, on any device, and only autograd is at work."""
    return have_plain_types(*tensors) and not is_observed()


def have_plain_types(*tensors: Tensor) -> bool:
    """Return whether no tensor is of a subclass, which may override operations."""
    return all(type(t) in PLAIN for t in tensors)


def is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor is a plain one on a CPU."""
    return type(tensor) in PLAIN and tensor.is_cpu


def is_transformed() -> bool:
    """Return whether `torch.func` or forward mode is active in eager mode."""
    return has_transforms() and not torch.compiler.is_compiling()


def has_transforms() -> bool:
    """Return whether a transform of `torch.func` or forward mode is active."""
    return transforms() or forward_ad._current_level >= 0


def is_watched() -> bool:
    """Return whether a tracer records torch's operations, which a kernel would hide from it."""
    return dispatchers() > 0 or tracer() is not None


def is_observed() -> bool:
    """Return whether a transform, forward mode or a tracer sees torch's operations."""
    return has_transforms() or is_watched()


# Bound to names, since a small loss consists of such calls.
transforms = torch._C._are_functorch_transforms_active
dispatchers, tracer = torch._C._len_torch_dispatch_stack, torch._C._get_tracing_state


def are_known(*tensors: Tensor) -> bool:
    """Return whether values can be read without a device synchronisation."""
    return (
        all(type(t) in PLAIN and t.device.type == "cpu" for t in tensors)
        and not torch._C._are_functorch_transforms_active()
        and not torch.compiler.is_compiling()
        and not is_watched()
    )


def check(problem: ElementwiseProblem) -> None:
    """Raise `SupportError` with the first index if an input or a target is invalid."""
    if is_torch_compatible():
        return
    check_inputs(problem)
    _check(problem, "target", problem.y, problem.likelihood.support)
    declared = problem.likelihood
    for sides in zip(declared.given, problem.given, declared.given_domains, strict=True):
        _check(problem, *sides)


def check_inputs(problem: ElementwiseProblem) -> None:
    """Raise `SupportError` if an input lies outside its domain and values can be read."""
    if not are_known(*problem.inputs):
        return
    names = ("input", *problem.likelihood.inputs[1:])
    for sides in zip(names, problem.inputs, problem.likelihood.domains, strict=True):
        _check(problem, *sides)


def _check(problem: ElementwiseProblem, name: str, numbers: Tensor, where: Support) -> None:
    outside = ~where.contains(numbers.detach())
    if problem.masked and problem.weight is not None:
        outside &= problem.weight != 0
    if outside.any():
        raise ValueOutsideError(errors.outside(name, where.words, numbers, outside))


def check_labels(problem: RowwiseProblem) -> None:
    """Raise `SupportError` for labels out of range, with the index of the first."""
    labels, classes, ignored = problem.y, problem.x.shape[1], problem.ignored
    outside = (labels != ignored) & ((labels < 0) | (labels >= classes))
    if problem.sample_weight is not None:
        outside &= problem.sample_weight != 0
    if outside.any():
        raise LabelError(errors.wrong_labels(labels, outside, classes, ignored))

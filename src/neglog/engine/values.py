"""When values may be looked at, when the kernels may run, and what is said of a bad value."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor
from torch.autograd import forward_ad

from neglog import errors
from neglog.compatibility import is_torch_compatible
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem
from neglog.support import Support

PLAIN = (Tensor, torch.nn.Parameter)
_SERVED = (torch.float32, torch.float64, torch.int64, torch.bfloat16)


def are_plain(*tensors: Tensor) -> bool:
    """Tell whether tensors are plain ones, on any device, and nobody but autograd watches."""
    plain = have_plain_types(*tensors)
    return plain and not _transforms() and forward_ad._current_level < 0 and not is_watched()


def have_plain_types(*tensors: Tensor) -> bool:
    """Tell whether no tensor is of a subclass, which may have operations of its own."""
    return all(type(t) in PLAIN for t in tensors)


def kernel_serves(*tensors: Tensor) -> bool:
    """Tell whether the Numba kernels may run: tensors that they see, of a dtype that they know."""
    for t in tensors:
        if not is_served(t.dtype):
            return False
    return kernel_sees(*tensors)


def is_transformed() -> bool:
    """Tell whether a transform of `torch.func` or forward mode runs, and no compiler looks on."""
    return (_transforms() or forward_ad._current_level >= 0) and not _compiles()


def are_local(*tensors: Tensor) -> bool:
    """Tell whether tensors are on a CPU and nothing but transforms wraps them or watches."""
    return all(type(t) in PLAIN and t.is_cpu for t in tensors) and not is_watched()


def is_plain(tensor: Tensor) -> bool:
    """Tell whether a tensor is a plain one on a CPU."""
    return type(tensor) in PLAIN and tensor.is_cpu


def gpu_serves(*tensors: Tensor) -> bool:
    """Tell whether Triton's kernels may run: plain tensors on one GPU that hold something."""
    for t in tensors:
        known = t.dtype in _SERVED or t.dtype == torch.float16
        if type(t) not in PLAIN or not t.is_cuda or not known or not t.numel():
            return False
        if t.device != tensors[0].device:  # a kernel would read another one's memory
            return False
    if not _HAS_TRITON or _transforms() or forward_ad._current_level >= 0:
        return False
    return _compiles() or not is_watched()


def has_triton() -> bool:
    """Tell whether there is a Triton that compiles the kernels, which older ones do not.

    It comes with torch for a GPU, from torch 2.8 on; it is not imported here, since that is slow.
    """
    found = find_spec("triton")
    return found is not None and Path(found.origin or "").with_name("knobs.py").exists()


_HAS_TRITON = has_triton()


def kernel_sees(*tensors: Tensor) -> bool:
    """Tell whether tensors are plain ones on a CPU, and nobody else watches what is done."""
    for t in tensors:
        if type(t) not in PLAIN or not t.is_cpu:
            return False
    if _compiles():
        return not (_transforms() or forward_ad._current_level >= 0)
    return not is_observed()


def is_observed() -> bool:
    """Tell whether a transform, forward mode or a tracer sees torch's operations."""
    return (
        _transforms()
        or forward_ad._current_level >= 0
        or _dispatchers() > 0
        or _tracer() is not None
    )


# At hand, since a small loss is made of such looks.
_transforms, _compiles = torch._C._are_functorch_transforms_active, torch.compiler.is_compiling
_dispatchers, _tracer = torch._C._len_torch_dispatch_stack, torch._C._get_tracing_state


def is_served(dtype: torch.dtype) -> bool:
    """Tell whether the kernels know a dtype."""
    return dtype in _SERVED or (dtype == torch.float16 and _converts_half())


@cache
def _converts_half() -> bool:
    from neglog.engine.cpu.kernels import native

    return native.CONVERTS_HALF


def are_known(*tensors: Tensor) -> bool:
    """Tell whether looking at values is possible, and free of a device synchronisation."""
    return (
        all(type(t) in PLAIN and t.device.type == "cpu" for t in tensors)
        and not torch._C._are_functorch_transforms_active()
        and not torch.compiler.is_compiling()
        and not is_watched()
    )


def check(problem: ElementwiseProblem) -> None:
    """Raise `SupportError` if an input or a target lies outside its set, with the first place."""
    if is_torch_compatible():
        return
    check_inputs(problem)
    _check(problem, "target", problem.y, problem.likelihood.support)


def check_inputs(problem: ElementwiseProblem) -> None:
    """Raise `SupportError` if an input lies outside its domain, where values may be looked at."""
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
        raise errors.SupportError(errors.outside(name, where.words, numbers, outside))


def check_labels(problem: RowwiseProblem) -> None:
    """Raise `SupportError` if a label is no class, with the first one's place."""
    labels, classes, ignored = problem.y, problem.x.shape[1], problem.ignored
    outside = (labels != ignored) & ((labels < 0) | (labels >= classes))
    if problem.share is not None:
        outside &= problem.share != 0
    if outside.any():
        raise errors.SupportError(errors.wrong_labels(labels, outside, classes, ignored))


def is_watched() -> bool:
    """Tell whether a tracer records torch's operations, which a kernel would hide from it."""
    return _dispatchers() > 0 or _tracer() is not None

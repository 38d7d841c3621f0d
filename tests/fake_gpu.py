"""Test GPU code without a GPU: CPU tensors take the GPU backend, in Triton's interpreter."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import backends
import torch
import ttir
from torch.utils._python_dispatch import TorchDispatchMode

from neglog.engine import values
from neglog.engine.gpu import backend as gpu
from neglog.engine.gpu import matmul

# The interpreter computes with numpy, which warns of every ∞ and NaN.
QUIET = "ignore:.* encountered:RuntimeWarning"


def use(monkeypatch) -> None:
    """Make all losses use the GPU backend."""
    from triton.runtime import interpreter

    from neglog.engine.gpu import launch
    from neglog.primitives import triton as language

    if language.interprets():
        monkeypatch.setattr(interpreter.InterpretedFunction, "__call__", _call)
    else:
        monkeypatch.setattr(launch, "start", _run_compiled)
    backends.only(monkeypatch, "gpu")
    monkeypatch.setattr(gpu, "is_here", lambda tensor: True)
    monkeypatch.setattr(gpu, "HAS_TRITON", True)
    monkeypatch.setattr(values, "are_known", lambda *tensors: False)


_ready = set()  # modules of Triton's own functions


def _call(function, *arguments, **options):
    """Interpret a function that a kernel calls.

    Triton's own method first puts numpy's operations in place of the language's, which takes a
    third to a half of a kernel's time. For the kernels' module the launch has done so; in Triton's
    own modules nothing undoes it.
    """
    from triton.runtime import interpreter

    module = function.fn.__module__
    if module.startswith("triton.") and module not in _ready:
        interpreter._patch_lang(function.fn)
        _ready.add(module)
    return function.rewrite()(*arguments, **options)


def _run_compiled(kernel, programs, arguments, warps=4) -> None:
    """Run what the compiler makes of a kernel."""
    tool = _registers()
    options = {"num_warps": warps, "enable_fp_fusion": True}
    launch = tool.Launch(kernel.__name__, kernel, tuple(arguments), options)
    code = tool.intermediate(launch, "cuda:90")
    ttir.run(code, dict(zip(kernel.arg_names, arguments, strict=True)), programs)


@cache
def _registers():
    place = Path(__file__).parent.parent / "benchmarks" / "gpu_registers.py"
    specification = importlib.util.spec_from_file_location("gpu_registers", place)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def use_tensor_cores(monkeypatch) -> list[str]:
    """Multiply half precision as on a GPU, since torch lacks the operators on a CPU.

    Returns what was called, by and by.
    """
    called = []

    class Operator:
        def __init__(self, name, compute):
            self.name, self.compute = name, compute

        def dtype_out(self, *arguments, out):
            called.append(self.name)
            *tensors, dtype = arguments
            assert dtype == torch.float32
            return out.copy_(self.compute(*(t.float() for t in tensors)))

    halves = (torch.bfloat16, torch.float16)
    monkeypatch.setattr(matmul, "MM", Operator("mm", torch.mm))
    monkeypatch.setattr(matmul, "ADDMM", Operator("addmm", torch.addmm))
    monkeypatch.setattr(matmul, "serves", lambda x, size: x.dtype in halves)
    return called


class SyncRecorder(TorchDispatchMode):
    """Records the operations of torch that synchronise with the device."""

    NAMES = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select")

    def __init__(self) -> None:
        super().__init__()
        self.waits = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in self.NAMES:
            self.waits.append(func)
        return func(*args, **(kwargs or {}))

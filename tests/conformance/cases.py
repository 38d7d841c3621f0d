"""One call of a loss, by its arguments; and the calls that torch's OpInfos hold ready."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.testing._internal.common_utils import freeze_rng_state
from torch.utils import _pytree as pytree

from conformance.losses import Library, Loss


class NotACase(Exception):
    """The check has nothing to look at in these arguments."""


@dataclasses.dataclass(frozen=True)
class Case:
    """Arguments of a loss: of the function, or of the module if there is a constructor.

    A criterion test brings its own `build`, from a library to something that can be called.
    """

    loss: Loss
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    label: str = ""
    constructor: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    build: Callable[[Library], Callable[..., Any]] | None = None
    reference: Callable[..., Any] | None = None
    error: type[Exception] | None = None
    doubled: bool = False  # of a module: its own weights are in double precision, too

    def call(self, library: Library) -> Callable[..., Any]:
        """Return the function to call with the arguments."""
        if self.build is not None:
            return self.build(library)
        if self.constructor is None:
            return library.function(self.loss)
        args, kwargs = pytree.tree_map_only(Tensor, copied, self.constructor)
        torch.manual_seed(0)  # of the weights of a module that has some
        module = library.module(self.loss)(*args, **kwargs)
        return module.double() if self.doubled else module

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Case:
        """Return the case with every tensor of the call changed."""
        args, kwargs = pytree.tree_map_only(Tensor, change, (self.args, self.kwargs))
        return dataclasses.replace(self, args=args, kwargs=kwargs)

    def widened(self) -> Case | None:
        """Return the same call in double precision, or None if it has no less."""
        given = (self.args, self.kwargs, self.constructor)
        if self.build is not None or not any(map(_is_narrow, pytree.tree_leaves(given))):
            return None
        args, kwargs, constructor = pytree.tree_map_only(Tensor, _wide, given)
        widened = {"args": args, "kwargs": kwargs, "constructor": constructor}
        return dataclasses.replace(self, **widened, doubled=constructor is not None)

    def __str__(self) -> str:
        """Name the case as a failure report needs it: shapes, dtypes and options."""
        parts = [written(value) for value in self.args]
        parts += [f"{name}={written(value)}" for name, value in self.kwargs.items()]
        call = f"({', '.join(parts)})"
        if self.constructor is not None:
            args, kwargs = self.constructor
            built = [written(value) for value in args]
            built += [f"{name}={written(value)}" for name, value in kwargs.items()]
            call = f"{self.loss.module}({', '.join(built)}){call}"
        return f"{self.label} {call}".strip()


def written(value: Any) -> str:
    """Write an argument: a tensor as its dtype and shape."""
    if not isinstance(value, Tensor):
        return repr(value)
    open_ = "*" if value.requires_grad else ""
    return f"{str(value.dtype).removeprefix('torch.')}{open_}{list(value.shape)}"


def copied(tensor: Tensor) -> Tensor:
    """Return a new leaf with a tensor's values, its strides, and its wish for a gradient."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _is_narrow(value: Any) -> bool:
    return isinstance(value, Tensor) and _wide(value) is not value


def _wide(tensor: Tensor) -> Tensor:
    if tensor.dtype in (torch.complex32, torch.complex64):
        return tensor.detach().to(torch.complex128).requires_grad_(tensor.requires_grad)
    if tensor.dtype in (torch.float16, torch.bfloat16, torch.float32):
        return tensor.detach().double().requires_grad_(tensor.requires_grad)
    return tensor


def evenly(cases: Sequence[Case], limit: int | None) -> Sequence[Case]:
    """Return every n-th case, with the smallest n that leaves no more than the limit."""
    if limit is None or not cases:
        return cases
    return cases[:: -(-len(cases) // limit)]


def _infos(loss: Loss) -> list[Any]:
    # Takes seconds, which only the process that runs the test should pay.
    from torch.testing._internal.common_methods_invocations import op_db

    named = (loss.function, f"nn.functional.{loss.function}")
    return [op for op in op_db if op.name in named]


@cache
def of_opinfo(loss: Loss, dtype: torch.dtype) -> tuple[Case, ...]:
    """Return the samples of every OpInfo of the loss in a dtype.

    None of these OpInfos has reference inputs beyond its samples.
    """
    wants = dtype.is_floating_point or dtype.is_complex
    found = []
    for op in _infos(loss):
        if dtype not in op.supported_dtypes("cpu"):
            continue
        with freeze_rng_state():
            samples = list(op.sample_inputs("cpu", dtype, requires_grad=wants))
        found += [
            Case(loss, (s.input, *s.args), s.kwargs, f"{op.formatted_name}[{i}]")
            for i, s in enumerate(samples)
        ]
    return tuple(found)


@cache
def dtypes_of(loss: Loss) -> tuple[torch.dtype, ...]:
    """Return the dtypes that torch's OpInfos of the loss declare on a CPU."""
    found = {dtype for op in _infos(loss) for dtype in op.supported_dtypes("cpu")}
    return tuple(sorted(found, key=str))


@cache
def errors_of_opinfo(loss: Loss) -> tuple[Case, ...]:
    """Return the calls that torch declares wrong, with the exception it declares."""
    return tuple(
        Case(
            loss,
            (e.sample_input.input, *e.sample_input.args),
            e.sample_input.kwargs,
            f"{op.formatted_name}.error[{i}]",
            error=e.error_type,
        )
        for op in _infos(loss)
        if op.error_inputs_func is not None
        for i, e in enumerate(op.error_inputs("cpu"))
    )

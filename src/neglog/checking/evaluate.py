"""Run losses and models without side effects on gradients, statistics and random states."""

from __future__ import annotations

import contextlib
import copy
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from neglog.checking.structures import loss_of


@dataclass(frozen=True)
class Outcome:
    """What a loss returned for a batch, and its gradient by the input; or what it raised."""

    loss: Tensor | None = None
    gradient: Tensor | None = None
    error: str = ""


@contextlib.contextmanager
def without_trace(*generators: torch.Generator) -> Iterator[None]:
    """Restore every random state at the end, silence warnings, and enable gradients."""
    states = [generator.get_state() for generator in generators]
    on_cpu, of_python, of_numpy = torch.get_rng_state(), random.getstate(), np.random.get_state()
    on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        with (
            warnings.catch_warnings(),
            torch.inference_mode(False),
            torch.enable_grad(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_rng_state(on_cpu)
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        if on_gpu:
            torch.cuda.set_rng_state_all(on_gpu)
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


@contextlib.contextmanager
def kept_buffers(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Restore buffers at the end: a criterion may call the model or keep statistics."""
    parts = [part for module in modules for part in module.modules()]
    if any(isinstance(part, torch.jit.ScriptModule) for part in parts):
        yield  # their buffers are not where others have them; they are run as copies
        return
    module_buffers = [(part, dict(part._buffers)) for part in parts]
    saved = {
        id(buffer): (buffer, buffer.clone())
        for _, buffers in module_buffers
        for buffer in buffers.values()
        if buffer is not None and not isinstance(buffer, UninitializedBuffer)
    }
    try:
        yield
    finally:
        for part, buffers in module_buffers:
            part._buffers.update(buffers)
        with torch.no_grad():
            for buffer, values in saved.values():
                if not torch.equal(buffer, values):
                    buffer.copy_(values)


def attempt(call: Callable[..., Any], *tensors: Any) -> tuple[Any, str]:
    """Return the result of a call and "", or None and the first line of its error."""
    try:
        return call(*tensors), ""
    except Exception as failure:  # any exception in the user's code is a finding
        line = str(failure).strip().partition("\n")[0]
        return None, f"{type(failure).__name__}: {line}" if line else type(failure).__name__


def outcome(call: Callable[..., Any], input: Tensor, target: Any, more: tuple[Any, ...]) -> Outcome:
    """Return the loss and its gradient by a copy of the input."""
    leaf = input.detach().clone()
    if leaf.is_floating_point():
        leaf.requires_grad_()
    others = [t.detach().clone() if isinstance(t, Tensor) else t for t in (target, *more)]
    with without_trace():
        result, error = attempt(call, leaf, *others)
        return outcome_of(result, error, leaf)


def without_loss(result: Any) -> str:
    """Describe an invalid result of a criterion; "" if it contains a loss."""
    return f"it returned {type(result).__name__}, not a tensor" if loss_of(result) is None else ""


def outcome_of(result: Any, error: str, input: Any) -> Outcome:
    """Return the loss in what a criterion returned, and its gradient by the input."""
    loss, error = loss_of(result), error or without_loss(result)
    if error or loss is None:
        return Outcome(error=error)
    if not (loss.requires_grad and isinstance(input, Tensor) and input.requires_grad):
        return Outcome(loss.detach())
    gradients, error = attempt(
        lambda: torch.autograd.grad(loss.sum(), input, allow_unused=True, retain_graph=True)
    )
    if error:
        return Outcome(loss.detach(), error=f"the backward pass: {error}")
    gradient = gradients[0]
    return Outcome(loss.detach(), torch.zeros_like(input) if gradient is None else gradient)


def predictions(model: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """Return the model's output, computed with copies of its buffers.

    Raises:
        Exception: any that the model raises.
    """
    if isinstance(model, torch.jit.ScriptModule) or _unfinished(model):
        return copy.deepcopy(model)(*arguments, **named)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    return torch.func.functional_call(model, buffers, arguments, dict(named))


def _unfinished(model: nn.Module) -> bool:
    """Return True if a first call would create parameters, as in lazy layers."""
    tensors = [*model.parameters(), *model.buffers()]
    return any(
        isinstance(tensor, (UninitializedBuffer, UninitializedParameter)) for tensor in tensors
    )

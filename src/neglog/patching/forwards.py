"""The forward methods of a patched model and of its head.

They are attributes of instances and bound methods, so that copies of a module use their own. The
model calls the loss through the head's own call, so that hooks gather, move and free the head's
weights around it.
"""

from __future__ import annotations

import inspect
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

from neglog.errors import sentence
from neglog.errors.arguments import LanguageModelError
from neglog.patching.linear_map import recorded
from neglog.patching.logits import Logits

_STATE = "_neglog_patch"


class _State:
    """What a patched module remembers.

    Args:
        forward: the method before.
    """

    is_active = True  # False if another wrapper holds the method after `unpatch`
    function: Any  # of the method after

    def __init__(self, forward: Any) -> None:
        self.forward = forward


class Model(_State):
    """What a patched model remembers.

    Args:
        forward: the method before.
        logits: see `patch`.
        memory: see `patch`.
    """

    def __init__(self, forward: Any, logits: str, memory: int | str | None) -> None:
        super().__init__(forward)
        self.logits, self.memory = logits, memory
        names = [*inspect.signature(forward).parameters]
        if "labels" not in names:
            got = f"its parameters are {', '.join(names)}"
            raise refused("a model whose forward has a parameter `labels`", got)
        self.position = names.index("labels")

    def run(self, model: Any, *args: Any, return_logits: bool | None = None, **kwargs: Any) -> Any:
        """Return the model's output, computed with `Logits` if there are labels."""
        given = args[self.position] if len(args) > self.position else kwargs.get("labels")
        if return_logits is None:
            return_logits = self.logits == "eval" and not model.training
        if return_logits or given is None or not self.is_active:
            return self.forward(*args, **kwargs)
        head = self._head(model)
        head.is_deferring, head.has_loss = True, False
        try:
            outputs = self.forward(*args, **kwargs)
        finally:
            head.is_deferring = False
        if not head.has_loss:
            got = "this model computes its logits or its loss elsewhere"
            raise refused("a model that calls its head and cross_entropy of its logits", got)
        return _without_logits(outputs)

    def _head(self, model: Any) -> Head:
        """Return the state of the head, which may have been replaced since, as by an adapter."""
        head = head_of(model)
        if _STATE not in vars(head):
            install(head, Head(head.forward, self.memory))
        found: Head = vars(head)[_STATE]
        return found


class Head(_State):
    """What a patched head remembers.

    Args:
        forward: the method before.
        memory: see `patch`.
    """

    is_deferring = False  # whether to return `Logits`
    has_loss = False  # whether a loss was computed since

    def __init__(self, forward: Any, memory: int | str | None) -> None:
        super().__init__(forward)
        self.memory = memory

    def run(self, head: Any, input: Tensor, *args: Any, loss: Any = None, **kwargs: Any) -> Any:
        """Return logits, `Logits`, or a loss of the head's linear layer."""
        if loss is not None:
            self.has_loss = True
            return loss(*recorded(self.forward, input, head.out_features).joined(), self.memory)
        if not self.is_deferring:
            return self.forward(input, *args, **kwargs)
        device = input.device.type
        is_autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if is_autocast else input.dtype
        return Logits(head, input, head.out_features, dtype)


def head_of(model: Any) -> Any:
    """Return a language model's head.

    Raises:
        LanguageModelError: there is none.
    """
    expected = "a language model of transformers"
    if hasattr(model, "_orig_mod") or not hasattr(model, "get_output_embeddings"):
        kind = type(model).__name__
        raise refused(expected, f"it is a {kind}", "patch the model before it is wrapped")
    head = model.get_output_embeddings()
    if not hasattr(head, "out_features"):
        raise refused(expected, f"get_output_embeddings() of this one returns {head!r}")
    return head


def check_head(head: Any) -> None:
    """Refuse a head that is not a sum of linear layers, before it is called for the first time."""
    like = next(head.parameters())
    rows = torch.empty(0, head.in_features, dtype=like.dtype, device=like.device)
    with torch.no_grad():
        recorded(head.forward, rows, head.out_features)


def install(module: nn.Module, state: _State) -> None:
    """Replace the method of a module by that of its state."""
    disabled: _State | None = vars(module).get(_STATE)
    if disabled is not None:
        state.forward, state.function = disabled.forward, disabled.function
        setattr(module, _STATE, state)
        return

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return vars(self)[_STATE].run(self, *args, **kwargs)

    wrapped: Any = forward
    wrapped.__wrapped__, wrapped.__doc__ = _with_self(state.forward), state.forward.__doc__
    state.function = forward
    setattr(module, _STATE, state)
    module.forward = MethodType(forward, module)


def _with_self(method: Any) -> Any:
    """Return a function with the signature of a bound method and a first parameter."""

    def shown(self: Any) -> None: ...

    known, first = inspect.signature(method), inspect.signature(shown).parameters["self"]
    found: Any = shown
    found.__signature__ = known.replace(parameters=[first, *known.parameters.values()])
    return found


def remove(module: nn.Module) -> None:
    """Restore the method of a module, or disable the patch if another wrapper holds it."""
    state: _State | None = vars(module).get(_STATE)
    if state is None:
        return
    if getattr(module.__dict__.get("forward"), "__func__", None) is not state.function:
        state.is_active = False
        return
    delattr(module, _STATE)
    del module.forward
    if module.forward != state.forward:  # the method before was one of the instance
        module.forward = state.forward


def refused(
    expected: str, got: str, remedy: str = "leave the model unpatched"
) -> LanguageModelError:
    """Return the error of a model that cannot be served."""
    return LanguageModelError(sentence(f"neglog.patch requires {expected}", got, remedy=remedy))


def _without_logits(outputs: Any) -> Any:
    """Return a model's output without its logits."""
    if isinstance(outputs, tuple):
        return tuple(None if isinstance(part, Logits) else part for part in outputs)
    kept = {name: part for name, part in outputs.items() if not isinstance(part, Logits)}
    return type(outputs)(**kept)

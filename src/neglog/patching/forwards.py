"""What a patched model and its head compute.

The model calls the loss through the head's own call, so that hooks gather, move and free the head's
weights around it.
"""

from __future__ import annotations

import inspect
import threading
from typing import Any

import torch
from torch import Tensor

from neglog.errors import sentence
from neglog.errors.arguments import LanguageModelError
from neglog.patching.linear_map import recorded
from neglog.patching.logits import Logits
from neglog.patching.methods import State, install, state_of

_thread = threading.local()  # `call`: the loss that the thread computes, if it does


class _Call:
    """A call of a model that computes a loss.

    Args:
        head: the state of its head.
    """

    has_loss = False  # whether the loss was computed

    def __init__(self, head: Head) -> None:
        self.head = head


class Model(State):
    """What a patched model remembers.

    Args:
        logits: see `patch`.
        memory: see `patch`.
        position: the position of the labels among the arguments.
    """

    def __init__(self, logits: str, memory: int | str | None, position: int) -> None:
        self.logits, self.memory, self.position = logits, memory, position

    def run(self, model: Any, *args: Any, return_logits: bool | None = None, **kwargs: Any) -> Any:
        """Return the model's output, computed with `Logits` if there are labels."""
        given = args[self.position] if len(args) > self.position else kwargs.get("labels")
        if return_logits is None:
            return_logits = self.logits == "eval" and not model.training
        if return_logits or given is None or not self.is_active:
            return self.before(model, *args, **kwargs)
        outer, call = getattr(_thread, "call", None), _Call(self._head(model))
        _thread.call = call
        try:
            outputs = self.before(model, *args, **kwargs)
        finally:
            _thread.call = outer
        if not call.has_loss:
            got = "this model computes its logits or its loss elsewhere"
            raise refused("a model that calls its head and cross_entropy of its logits", got)
        return _without_logits(outputs)

    def _head(self, model: Any) -> Head:
        """Return the state of the head, which may have been replaced since, as by an adapter."""
        head = head_of(model)
        if state_of(head) is None:
            install(head, Head(self.memory))
        found: Head = state_of(head)
        return found


class Head(State):
    """What a patched head remembers.

    Args:
        memory: see `patch`.
    """

    def __init__(self, memory: int | str | None) -> None:
        self.memory = memory

    def run(self, head: Any, input: Tensor, *args: Any, loss: Any = None, **kwargs: Any) -> Any:
        """Return logits, `Logits`, or a loss of the head's linear layer."""
        call: _Call | None = getattr(_thread, "call", None)
        if call is None or call.head is not self:
            return self.before(head, input, *args, **kwargs)
        if loss is not None:
            call.has_loss = True
            layer = recorded(lambda rows: self.before(head, rows), input, head.out_features)
            return loss(*layer.joined(), self.memory)
        device = input.device.type
        is_autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if is_autocast else input.dtype
        return Logits(head, input, head.out_features, dtype)


def position_of_labels(model: Any) -> int:
    """Return the position of the labels among the arguments of a model.

    Raises:
        LanguageModelError: it has none.
    """
    names = [*inspect.signature(model.forward).parameters]
    if "labels" not in names:
        got = f"its parameters are {', '.join(names)}"
        raise refused("a model whose forward has a parameter `labels`", got)
    return names.index("labels")


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

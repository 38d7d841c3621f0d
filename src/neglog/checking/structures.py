"""Dicts, tuples, data classes and other objects that hold tensors."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from torch import Tensor

_TOTALS = ("loss", "total_loss", "total")
_DEEPEST = 8


def fields(value: Any) -> dict[str, Any]:
    """Return the named parts of a mapping, named tuple, data class or plain object.

    >>> fields({"x": 1}), fields((1, 2))
    ({'x': 1}, {})
    """
    if isinstance(value, Mapping):
        return {key: part for key, part in value.items() if isinstance(key, str)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, value, strict=True))
    if isinstance(value, (Tensor, tuple, list)) or callable(value):
        return {}
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return dict(getattr(value, "__dict__", {}))


def tensors(value: Any, depth: int = 0) -> Iterator[Tensor]:
    """Yield the tensors of a structure."""
    if isinstance(value, Tensor):
        yield value
    elif depth < _DEEPEST:
        parts = value if isinstance(value, (tuple, list)) else fields(value).values()
        for part in parts:
            yield from tensors(part, depth + 1)


def mapped(value: Any, change: Callable[[Tensor], Tensor], depth: int = 0) -> Any:
    """Return a copy of a structure whose tensors went through a function."""
    if isinstance(value, Tensor):
        return change(value)
    if depth == _DEEPEST:
        return value
    if isinstance(value, (tuple, list)):
        parts = [mapped(part, change, depth + 1) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, MutableMapping):
        twin = copy.copy(value)
        for key, part in value.items():
            twin[key] = mapped(part, change, depth + 1)
        return twin
    if isinstance(value, Mapping):
        return {key: mapped(part, change, depth + 1) for key, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        other: Any = copy.copy(value)
        for name, part in fields(value).items():
            object.__setattr__(other, name, mapped(part, change, depth + 1))
        return other
    return value


def loss_of(value: Any) -> Tensor | None:
    """Return the loss in what a criterion returns; None where there is none.

    It is the tensor itself, the part named "loss", the sum of a dict's tensors, or the first tensor
    of a tuple that requires a gradient.
    """
    if isinstance(value, Tensor):
        return value
    named = fields(value)
    for name in _TOTALS:
        part = named.get(name)
        if isinstance(part, Tensor):
            return part
    held = list(tensors(value))
    if isinstance(value, Mapping):
        scalars = [t.sum() for t in held if t.is_floating_point()]
        return sum(scalars[1:], scalars[0]) if scalars else None
    learnt = (tensor for tensor in held if tensor.requires_grad)
    return next(learnt, held[0] if held else None)


def words(value: Any) -> str:
    """Describe a structure.

    >>> words({"logits": 1}), words((1, 2)), words(3)
    ("dict with 'logits'", 'tuple of 2', 'int')
    """
    name = type(value).__name__
    if isinstance(value, (tuple, list)):
        return f"{name} of {len(value)}"
    named = list(fields(value))
    return f"{name} with {', '.join(map(repr, named[:6]))}" if named else name

"""Remedies for a container passed instead of a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

_LIKELY = ("logits", "output", "outputs", "prediction", "pred", "out")  # what a model calls it


def tensor_in(name: str, value: Any) -> str:
    """Describe how to get a tensor out of an argument."""
    whole = "outputs" if name == "input" else name
    field = _likely(_fields(value))
    if field is not None:
        return f"pass {whole}.{field}"
    if isinstance(value, Mapping):
        key = _likely({k: v for k, v in value.items() if isinstance(k, str)})
        if key is not None:
            return f'pass {whole}["{key}"], or {whole}.{key} of an output object'
        return f'pass one of its tensors, such as {whole}["logits"] or {whole}.logits'
    if isinstance(value, (tuple, list)) and any(isinstance(v, Tensor) for v in value):
        if all(isinstance(v, Tensor) for v in value) and len({v.shape for v in value}) == 1 < len(
            value
        ):
            return f"use torch.stack({name}), or pass {whole}[0] if the others are extra outputs"
        return f"pass {whole}[{next(i for i, v in enumerate(value) if isinstance(v, Tensor))}]"
    return "" if value is None or callable(value) else f"use torch.as_tensor({name})"


def _fields(value: Any) -> dict[str, Any]:
    """Return the attributes of an output object: a data class, a named tuple or the like."""
    if isinstance(value, tuple):
        names = getattr(value, "_fields", ())
        return dict(zip(names, value, strict=False))
    found = getattr(value, "__dict__", {})
    return {n: v for n, v in found.items() if not n.startswith("_")}


def _likely(named: Mapping[str, Any]) -> str | None:
    """Name the tensor that is the prediction by its name, else the first tensor."""
    tensors = [name for name, value in named.items() if isinstance(value, Tensor)]
    known = [name for name in _LIKELY if name in tensors]
    return next(iter(known + tensors), None)

"""Convert nested values to tensors and JSON, without pickle."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor

from neglog.errors.options import CheckpointError


def pack(value: Any) -> tuple[Any, dict[str, Tensor]]:
    """Split a nested value into JSON and copies of its tensors.

    `unpack` returns every dict with keys of any type, list, tuple, number and text as it was, and
    every tensor in its dtype, on its device.

    Raises:
        FitError: the value holds something else.

    Example:
        >>> plain, tensors = pack({0: (1, [torch.ones(2), None])})
        >>> unpack(plain, tensors)
        {0: (1, [tensor([1., 1.]), None])}
    """
    tensors: dict[str, Tensor] = {}

    def encode(value: Any) -> Any:
        if isinstance(value, Tensor):
            name = f"t{len(tensors)}"
            tensors[name] = value.detach().to("cpu", copy=True).contiguous()
            return {"tensor": name, "device": str(value.device)}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, list):
            return [encode(item) for item in value]
        if isinstance(value, tuple):
            return {"tuple": [encode(item) for item in value]}
        if isinstance(value, dict):
            kind = "counter" if isinstance(value, Counter) else "dict"
            return {kind: [[encode(key), encode(item)] for key, item in value.items()]}
        raise CheckpointError(
            f"a checkpoint cannot hold a {type(value).__name__}, but the optimizer or its schedule "
            "has one in its state; choose another, or fit without a checkpoint."
        )

    return encode(value), tensors


def unpack(plain: Any, tensors: dict[str, Tensor]) -> Any:
    """Invert `pack`.

    Raises:
        KeyError: the parts do not belong together.
    """
    if isinstance(plain, list):
        return [unpack(item, tensors) for item in plain]
    if not isinstance(plain, dict):
        return plain
    if "tensor" in plain:
        return tensors[plain["tensor"]].to(torch.device(plain["device"]))
    if "tuple" in plain:
        return tuple(unpack(item, tensors) for item in plain["tuple"])
    kind = Counter if "counter" in plain else dict
    pairs = plain["counter" if kind is Counter else "dict"]
    return kind({unpack(key, tensors): unpack(item, tensors) for key, item in pairs})

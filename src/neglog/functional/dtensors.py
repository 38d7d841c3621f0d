"""Losses of DTensors: which ones torch's own operations compute as they lie, and the rest.

Where a class dimension is sharded, or an option of neglog's is used, every process gathers the
arguments and computes the whole loss; the gradient is sharded again as the input is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

_PLAIN = (Tensor, nn.Parameter)
_SHARDED = ("reduction",)  # the options that the reference computes without gathering


def must_gather(arguments: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Return whether an input is a DTensor whose loss requires gathering."""
    if not arguments or type(arguments[0]) in _PLAIN or not _is_distributed(arguments[0]):
        return False
    input, *others = arguments
    if not others or not isinstance(others[0], Tensor):  # `log_softmax`
        return False
    if not set(options) <= set(_SHARDED) or not all(map(_is_distributed, others)):
        return True
    if input.dim() == others[0].dim():
        return False
    sharded = [p.dim for p in input.placements if p.is_shard()]
    return input.dim() < 2 or any(dim != 0 for dim in sharded)


def gathered(
    compute: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]
) -> Any:
    """Return the loss of arguments that every process gathers, the same in each of them."""
    mesh = arguments[0].device_mesh
    whole = [_whole(value) for value in arguments]
    result = compute(*whole, **{name: _whole(value) for name, value in options.items()})
    kind = type(arguments[0])
    if isinstance(result, tuple):
        return tuple(_replicated(kind, part, mesh) for part in result)
    return _replicated(kind, result, mesh)


def _is_distributed(value: Any) -> bool:
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(value, module.DTensor)


def _whole(value: Any) -> Any:
    if not _is_distributed(value):
        return value
    from torch.distributed.tensor import Replicate

    everywhere = [Replicate()] * value.device_mesh.ndim
    return value.redistribute(placements=everywhere).to_local(grad_placements=everywhere)


def _replicated(kind: Any, tensor: Tensor, mesh: Any) -> Tensor:
    from torch.distributed.tensor import Replicate

    found: Tensor = kind.from_local(tensor, mesh, [Replicate()] * mesh.ndim, run_check=False)
    return found

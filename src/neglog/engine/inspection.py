"""Read values of tensors below the levels of `torch.func` where no device has to be waited for.

This requires private names of torch. If one of them is missing, no value is known, and `selection`
uses the reference.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from neglog.engine import values

_NAMES = (
    "CGradInterpreterPtr", "CJvpInterpreterPtr", "CVmapInterpreterPtr", "TransformType",
    "_add_batch_dim", "_unwrap_batched", "_unwrap_for_grad", "_wrap_for_grad", "get_unwrapped",
    "get_single_level_autograd_function_allowed", "is_batchedtensor", "is_functorch_wrapped_tensor",
    "maybe_get_level", "peek_interpreter_stack", "pop_dynamic_layer_stack",
    "push_dynamic_layer_stack", "set_single_level_autograd_function_allowed", "unwrap_if_dead",
)  # fmt: skip
functorch: Any = torch._C._functorch
KNOWS_LEVELS = all(hasattr(functorch, name) for name in _NAMES)


def bottom(tensor: Tensor) -> Tensor:
    """Return the innermost tensor of nested wrappers."""
    while functorch.is_functorch_wrapped_tensor(tensor):
        tensor = functorch.get_unwrapped(tensor)
    return tensor


def below(problem: Any) -> Any:
    """Return a problem of the tensors that lie below all levels."""
    return problem.with_tensors([None if t is None else bottom(t) for t in problem.tensors()])


def is_same(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors are the same object, or wrap the same one."""
    return one is other or (KNOWS_LEVELS and bottom(one) is bottom(other))


def is_finite(tensor: Tensor) -> bool:
    """Return whether a tensor is known to hold finite numbers only, below all levels."""
    held = _known(tensor)
    if held is None:
        return False
    with torch._C._DisableFuncTorch():
        held = held.detach()
        return math.isfinite((held.sum() if held.dim() else held).item())


def number(tensor: Tensor) -> float | None:
    """Return the number that a tensor is known to hold below all levels, if it is one."""
    if tensor.dim():
        return None
    held = _known(tensor)
    if held is None or held.dim():
        return None
    with torch._C._DisableFuncTorch():  # looking through the levels takes ten times as long
        return held.item()


def is_the_end(upstream: Tensor) -> bool:
    """Return whether the upstream gradient is 1, constant, and below at most one level.

    Then the gradients themselves are the result. With several levels, a higher level may still need
    them while the caller writes to them.
    """
    if upstream.dim() or upstream.requires_grad or forward_ad._current_level >= 0:
        return False
    held = upstream
    if functorch.is_functorch_wrapped_tensor(upstream):
        if functorch.maybe_get_level(upstream) != 1 or functorch.is_batchedtensor(upstream):
            return False
        held = functorch.get_unwrapped(upstream)
    if held.requires_grad or not values.is_plain(held) or values.is_watched():
        return False
    with torch._C._DisableFuncTorch():
        return held.item() == 1.0


def is_constant(tensor: Tensor) -> bool:
    """Return whether no level differentiates or maps a tensor."""
    wrapped = functorch.is_functorch_wrapped_tensor(tensor) or forward_ad._current_level >= 0
    return not (wrapped or tensor.requires_grad)


def are_all(mask: Tensor) -> bool:
    """Return whether a mask is known to be true everywhere, below all levels."""
    held = _known(mask)
    if held is None:
        return False
    with torch._C._DisableFuncTorch():
        return bool(held.all().item())


def _known(tensor: Tensor) -> Tensor | None:
    """Return the innermost tensor, if its values may be read."""
    if torch.compiler.is_compiling() or values.is_watched():
        return None
    if not KNOWS_LEVELS and torch._C._are_functorch_transforms_active():
        return None
    held = bottom(tensor) if KNOWS_LEVELS else tensor
    return held if values.is_plain(held) and not functorch.is_legacy_batchedtensor(held) else None

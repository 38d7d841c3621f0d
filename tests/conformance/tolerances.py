"""When two results are the same: the one place with tolerances.

They are those of `torch.testing.assert_close`, which stand for a rounding or two of each dtype,
doubled where sums run in another order; in halves the absolute one is no smaller than the relative
one, as the samples are numbers of about 1 whose gradients cancel. A result also passes if it is as
close to torch's answer in double precision, rounded to torch's dtype: torch's composite losses
round after every step, in halves by up to a tenth of the value, where neglog rounds once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree as pytree

TOLERANCES = {
    torch.float16: {"rtol": 2e-3, "atol": 2e-3},
    torch.bfloat16: {"rtol": 1.6e-2, "atol": 1.6e-2},
    torch.float32: {"rtol": 2.6e-6, "atol": 1e-5},
    torch.complex32: {"rtol": 2e-3, "atol": 2e-3},
    torch.complex64: {"rtol": 2.6e-6, "atol": 1e-5},
}
EXACTER = {"rtol": 1e-7, "atol": 1e-7}


def difference(expected: Any, actual: Any) -> str | None:
    """Say in one line how a result differs from the expected one, or return None.

    A result is any nest of tensors, numbers, strings and None. NaN equals NaN; dtype, shape and
    device count, strides do not.
    """
    theirs, their_nest = pytree.tree_flatten(expected)
    ours, our_nest = pytree.tree_flatten(actual)
    if their_nest != our_nest:
        return f"{_brief(actual)} instead of {_brief(expected)}"
    for their, our in zip(theirs, ours, strict=True):
        found = _leaf_difference(their, our)
        if found is not None:
            return found
    return None


def rounded(exact: Any, expected: Any) -> Any:
    """Return torch's answer in double precision in the dtypes of its ordinary answer."""
    leaves, nest = pytree.tree_flatten(exact)
    likes = pytree.tree_leaves(expected)
    both = zip(leaves, likes, strict=True)
    cast = [e.to(t.dtype) if isinstance(e, torch.Tensor) else t for e, t in both]
    return pytree.tree_unflatten(cast, nest)


def _leaf_difference(their: Any, our: Any) -> str | None:
    if not isinstance(their, torch.Tensor) or not isinstance(our, torch.Tensor):
        same = type(their) is type(our) and their == our
        return None if same else f"{_brief(our)} instead of {_brief(their)}"
    tolerance = TOLERANCES.get(their.dtype, EXACTER)
    try:
        torch.testing.assert_close(our.detach(), their.detach(), equal_nan=True, **tolerance)
    except AssertionError as error:
        return " ".join(str(error).split())[:200]
    return None


def _brief(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor {tuple(value.shape)} of {value.dtype}"
    return repr(value)[:120]

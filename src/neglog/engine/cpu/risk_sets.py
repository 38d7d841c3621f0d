"""Sequential choices on a CPU: see `functional.risk_sets`."""

from __future__ import annotations

from array import array
from functools import cache

import numpy as np
import torch
from torch import Tensor

from neglog.engine.cpu import threads
from neglog.engine.cpu.jit import Kernel, compile_kernel
from neglog.engine.cpu.kernels import risk_sets

_BLOCK = 4096  # items


@cache
def _kernel(dtype: torch.dtype) -> Kernel:
    names = ("gather_scores", "raise_level", "sum_choices", "put_gradient")
    helpers = {name: getattr(risk_sets, name) for name in names}
    return compile_kernel(risk_sets.risk_sets, dtype, helpers=helpers)


def losses(
    score: Tensor,
    time: Tensor,
    event: Tensor,
    strata: Tensor | None,
    ties: str,
    needs_grad: bool,
) -> tuple[Tensor, Tensor | None]:
    """Return the loss of each row in float64, and its gradient by the scores.

    Args:
        score: (…, K), float32 or float64; −∞ for items in no risk set.
        time: of the same shape.
        event: the weight of each event, 0 for other items, in the score's dtype.
        strata: which items are compared, if not all of the row.
        ties: "efron" or "breslow".
        needs_grad: whether the gradient is required.
    """
    items = score.shape[-1]
    rows, in_block = score.numel() // items, max(1, _BLOCK // items)
    order, changes = _ordered(time, strata)
    score, event = score.contiguous(), event.contiguous()
    found = torch.empty(score.shape[:-1], dtype=torch.float64)
    gradient = torch.empty_like(score) if needs_grad else None
    arrays = (score.data_ptr(), order.ctypes.data, changes.ctypes.data, event.data_ptr())
    results = (found.data_ptr(), 0 if gradient is None else gradient.data_ptr())
    facts = (rows, items, in_block, score.itemsize, ties == "efron")
    args = array("q", (0, *facts, *arrays, *results))
    threads.run(_kernel(score.dtype), args, -(-rows // in_block))
    return found, gradient


def _ordered(time: Tensor, strata: Tensor | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the items by stratum and falling time, and what changes at each of them.

    NumPy sorts several times as fast as torch where the processor has AVX-512 or AVX2.
    """
    times = (time.float() if time.dtype == torch.bfloat16 else time).numpy()
    order = np.ascontiguousarray(np.argsort(times, axis=-1)[..., ::-1])
    if strata is not None:
        groups = strata.numpy()
        order = order[np.argsort(groups[order], kind="stable")]
    changes = _changes(times, order).astype(np.uint8)
    if strata is not None:
        changes[_changes(groups, order)] |= risk_sets.NEW_STRATUM
    return order, changes


def _changes(numbers: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return where ordered numbers differ from those before them."""
    ordered = np.take_along_axis(numbers, order, -1)
    changes = np.zeros(order.shape, bool)
    np.not_equal(ordered[..., 1:], ordered[..., :-1], out=changes[..., 1:])
    return changes

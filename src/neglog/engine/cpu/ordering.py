"""The order in which the kernel of risk sets reads its items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from neglog.engine.cpu.kernels.risk_sets import NEW_STRATUM


def in_order(tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return scores, events, the items by stratum and falling time, and what changes at each.

    NumPy sorts several times as fast as torch where the processor has AVX-512 or AVX2.

    Args:
        tensors: scores, events, times, and strata if not all items of a row are compared.
    """
    score, event, time, strata = tensors
    assert time is not None
    times = time.numpy()
    order = np.argsort(times, axis=-1)[..., ::-1].copy()
    if strata is not None:
        groups = strata.numpy()
        order = order[np.argsort(groups[order], kind="stable")]
    changes = _changes(times, order).astype(np.uint8)
    if strata is not None:
        changes[_changes(groups, order)] |= NEW_STRATUM
    return [score, event, torch.from_numpy(order), torch.from_numpy(changes)]


def _changes(numbers: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return where ordered numbers differ from those before them."""
    ordered = np.take_along_axis(numbers, order, -1)
    changes = np.zeros(order.shape, bool)
    np.not_equal(ordered[..., 1:], ordered[..., :-1], out=changes[..., 1:])
    return changes

"""Memory for gradients, whose allocation at large sizes costs more than the arithmetic.

The system allocates memory in pages and clears each when it is first touched. Huge pages make that
several times cheaper, and the memory of a freed gradient needs no clearing. So the last large
blocks are kept for the next gradients of the same sizes. Meanwhile the system may reclaim them
whenever memory is short (`MADV_FREE`). The risk is a block that is reused while it is still read:
it is returned only when the last tensor over it has been freed.
"""

from __future__ import annotations

import math
import mmap
import weakref
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache

import numpy as np
import torch
from torch import Tensor

LARGE = 1 << 25  # bytes; below, the allocator keeps memory by itself
_waiting: deque[mmap.mmap] = deque(maxlen=3)  # a layer's loss has logits, sums and a gradient


@cache
def scalar(dtype: torch.dtype) -> Tensor:
    """Return a number for `torch.empty_like`, which takes half the time of `torch.empty`."""
    return torch.empty((), dtype=dtype)


def scratch(
    args: array[int], scalars: array[float], place: int
) -> tuple[array[int], array[float], int]:
    """Return copies for one call at a time, and the address of the arguments.

    The argument at `place` is the address of the scalars.
    """
    args, scalars = args[:], scalars[:]
    args[place] = scalars.buffer_info()[0]
    return args, scalars, args.buffer_info()[0]


def empty_line(size: int, dtype: torch.dtype) -> Tensor:
    """Return uninitialised memory for a number of elements."""
    return torch.empty(size, dtype=dtype)


def empty(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return uninitialised memory for a tensor on a device."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE or not _CAN_ADVISE or device.type != "cpu":
        return torch.empty(shape, dtype=dtype, device=device)
    return torch.from_numpy(_block(size)).view(dtype).view(shape)


def empty_like(tensor: Tensor) -> Tensor:
    """Return uninitialised memory for a tensor without gaps, in its memory order."""
    return allocator(tensor.nbytes if tensor.is_cpu else 0)(tensor)


def allocator(size: int) -> Callable[[Tensor], Tensor]:
    """Return an allocator for tensors of a size in bytes."""
    return torch.empty_like if size < LARGE or not _CAN_ADVISE else _large_like


def _large_like(tensor: Tensor) -> Tensor:
    line = torch.from_numpy(_block(tensor.nbytes)).view(tensor.dtype)
    return line.as_strided(tensor.shape, tensor.stride())


_CAN_ADVISE = hasattr(mmap, "MADV_FREE") and hasattr(mmap, "MADV_HUGEPAGE")


def _block(size: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    pages = _kept(size)
    if pages is None:
        pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with suppress(OSError):  # of a system that has none
            pages.madvise(mmap.MADV_HUGEPAGE)
    block = np.frombuffer(pages, np.uint8)
    weakref.finalize(block, _keep, pages).atexit = False
    return block


def _kept(size: int) -> mmap.mmap | None:
    """Return a kept block of a size; another thread may take it in between."""
    for pages in tuple(_waiting):
        if len(pages) == size:
            with suppress(ValueError):
                _waiting.remove(pages)
                return pages
    return None


def _keep(pages: mmap.mmap) -> None:
    with suppress(OSError):  # blocks that the system cannot reclaim are not kept
        pages.madvise(mmap.MADV_FREE)
        _waiting.append(pages)

"""The workspace of a pass, and the number of rows per chunk."""

from __future__ import annotations

import os
import re
from functools import cache
from typing import Any

import torch

from neglog.engine.projection.operands import Operands

MOST = 256 * 2**20  # default on a CPU, where more rows at a time gain nothing
MOST_ON_GPU = 768 * 2**20  # a thousand rows of a hundred thousand classes, which keep a GPU busy
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@cache
def default(device: torch.device) -> int:
    """Return the default workspace: 1/16 of the device's memory, up to a maximum."""
    if device.type == "cuda":
        return min(MOST_ON_GPU, torch.cuda.get_device_properties(device).total_memory // 16)
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # where the system does not report its memory
        return MOST
    return min(MOST, whole // 16)


def bytes_of(memory: Any) -> int | None:
    """Parse an amount of memory, such as 2**28 or "256MiB"; None if it is invalid."""
    if isinstance(memory, int) and not isinstance(memory, bool):
        return memory if memory > 0 else None
    if not isinstance(memory, str):
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]i?B|B)?\s*", memory, re.IGNORECASE)
    if match is None:
        return None
    unit = UNITS[(match[2] or "B").upper()]
    size = float(match[1]) * unit
    return int(size) if size >= 1 and (unit > 1 or size.is_integer()) else None


def rows_per_chunk(operands: Operands, count: int, lines: float, budget: int) -> int:
    """Return the number of rows per chunk.

    Args:
        operands: of the pass.
        count: the number of rows.
        lines: the number of values in memory at a time for each logit.
        budget: bytes; 0 for the default.
    """
    of_a_row = int(len(operands.w) * lines * operands.computed_in.itemsize)
    rows = max(1, (budget or default(operands.x.device)) // max(1, of_a_row))
    chunks = -(-count // rows)
    return max(1, -(-count // max(1, chunks)))

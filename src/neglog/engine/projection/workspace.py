"""The workspace of a pass, and the number of rows per chunk."""

from __future__ import annotations

import os
import re
from functools import cache

import torch

from neglog.engine.projection.operands import Operands

MOST = 256 * 2**20  # by default; on a CPU more rows at a time gain nothing
MOST_ON_GPU = 768 * 2**20  # a thousand rows of a hundred thousand classes, which keep it busy
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@cache
def default(device: torch.device) -> int:
    """Return the workspace where none is asked for: a 16th of the device's memory, or the most."""
    if device.type == "cuda":
        return min(MOST_ON_GPU, torch.cuda.get_device_properties(device).total_memory // 16)
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # of a system that does not say
        return MOST
    return min(MOST, whole // 16)


def bytes_of(memory: int | float | str) -> int | None:
    """Read an amount of memory, such as 2**28 or "256MiB"; None if it is none."""
    if isinstance(memory, bool):
        return None
    if isinstance(memory, int):
        return memory if memory > 0 else None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]i?B|B)?\s*", str(memory), re.IGNORECASE)
    if match is None:
        return None
    size = int(float(match[1]) * UNITS[(match[2] or "B").upper()])
    return size if size > 0 else None


def rows_of_a_piece(operands: Operands, count: int, lines: float, budget: int) -> int:
    """Return the number of rows per chunk.

    Args:
        operands: of the pass.
        count: of the rows.
        lines: how many numbers there are at a time for each logit.
        budget: bytes; 0 for the default.
    """
    of_a_row = int(len(operands.w) * lines * operands.computed_in.itemsize)
    rows = max(1, (budget or default(operands.x.device)) // max(1, of_a_row))
    pieces = -(-count // rows)
    return max(1, -(-count // max(1, pieces)))

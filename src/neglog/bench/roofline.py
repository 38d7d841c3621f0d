"""The roofline of a line: the time of moving its bytes at the speed of a memory copy."""

from __future__ import annotations

import time

import torch

from neglog.bench.timing import once, repetitions

LARGE = 1 << 30  # bytes moved by the large copy: more than any cache holds
_SECONDS = 0.1


class Bandwidth:
    """How many bytes a second `Tensor.copy_` moves, what it reads and what it writes.

    It uses torch's threads, as the losses do. What stays in a cache moves faster, so a copy of the
    size in question is measured. Other work on the machine only ever slows a copy: of all
    measurements of one size the fastest counts.
    """

    def __init__(self) -> None:
        self._fastest: dict[int, float] = {}

    def measure_copy(self, size: int) -> None:
        """Measure the speed of a copy of this size."""
        size = min(size, LARGE)
        speed = size / copy_seconds(size)
        self._fastest[size] = max(speed, self._fastest.get(size, 0.0))

    def at(self, size: int) -> float:
        """Return the bytes per second of a copy of this size."""
        return self._fastest[min(size, LARGE)]

    def roofline(self, size: int) -> float:
        """Return the milliseconds to move this number of bytes."""
        return size / self.at(size) * 1e3


def copy_seconds(size: int) -> float:
    """Return the shortest time of a copy that reads and writes this number of bytes in total."""
    source = torch.ones(max(1, size // 8), dtype=torch.float32)  # 4 bytes read, 4 written
    target = torch.zeros_like(source)
    inner = repetitions(once(lambda: target.copy_(source), 1))
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(times) < 5 or time.perf_counter() < end:
        times.append(once(lambda: target.copy_(source), inner))
    return min(times)

"""Time by the device's own clock, the bandwidth of a copy, and the peak of memory."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

_MIN_ROUNDS = 5  # rounds
COPIED = 1 << 30  # bytes


def milliseconds(run: Callable[[], Any], device: torch.device) -> float:
    """Return the time of one run on the device."""
    if device.type != "cuda":
        start = time.perf_counter()
        run()
        return 1e3 * (time.perf_counter() - start)
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    run()
    last.record()
    last.synchronize()
    return float(first.elapsed_time(last))


def alternate(
    runs: Mapping[str, Callable[[], Any]], device: torch.device, seconds: float
) -> dict[str, float]:
    """Alternate between all runs for some seconds; return the medians in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    end = time.perf_counter() + seconds
    while len(times[next(iter(runs))]) < _MIN_ROUNDS or time.perf_counter() < end:
        for name, run in runs.items():
            times[name].append(milliseconds(run, device))
    return {name: statistics.median(taken) for name, taken in times.items()}


def bandwidth(device: torch.device, size: int = COPIED) -> float:
    """Return the bytes per second of a copy."""
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    times = [milliseconds(lambda: target.copy_(source), device) for _ in range(20)]
    return 2e3 * size / statistics.median(times)


def peak(run: Callable[[], Any], device: torch.device) -> float | None:
    """Return the additional memory of a run in MiB; None if it cannot be measured."""
    if device.type != "cuda":
        return None
    gc.collect()
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    run()
    torch.cuda.synchronize(device)
    return float(torch.cuda.max_memory_allocated(device) - before) / 2**20


def name_of(device: torch.device) -> str:
    """Name the device as its maker does."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"

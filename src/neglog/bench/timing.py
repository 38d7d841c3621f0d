"""Time several contenders alternately, so that a busy machine slows all of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_MIN_ROUNDS = 5  # rounds
_LONG = 2e-3  # seconds: faster calls are repeated this long within one sample


class Sample(NamedTuple):
    """The times of one contender."""

    median: float  # milliseconds
    spread: float  # the interquartile range, in per cent of the median
    rounds: int


def alternate(runs: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, Sample]:
    """Alternate between all runs for some seconds, at least five rounds."""
    for run in runs.values():
        run()
    inner = repetitions(min(once(run, 1) for run in runs.values()))
    times: dict[str, list[float]] = {name: [] for name in runs}
    rounds, end = 0, time.perf_counter() + seconds
    while rounds < _MIN_ROUNDS or time.perf_counter() < end:
        for name, run in runs.items():
            times[name].append(once(run, inner))
        rounds += 1
    return {name: sample(taken) for name, taken in times.items()}


def once(run: Callable[[], Any], inner: int) -> float:
    """Return the seconds of one run, as the mean of several on end."""
    start = time.perf_counter()
    for _ in range(inner):
        run()
    return (time.perf_counter() - start) / inner


def repetitions(seconds: float) -> int:
    """Return the number of repetitions that makes the clock's overhead negligible."""
    return max(1, math.ceil(_LONG / max(seconds, 1e-7)))


def sample(seconds: list[float]) -> Sample:
    """Return the median and the spread of some times.

    >>> sample([1.0, 2.0, 4.0, 6.0, 8.0])
    Sample(median=4000.0, spread=100.0, rounds=5)
    """
    low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Sample(middle * 1e3, (high - low) / middle * 100, len(seconds))

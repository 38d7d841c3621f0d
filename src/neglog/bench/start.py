"""The cost of first use: the import, and the first call with and without compiled kernels."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from neglog.bench.case import Case, title
from neglog.bench.child import call, python
from neglog.bench.contenders import NEGLOG, runner
from neglog.bench.inputs import binary, classes, real
from neglog.bench.timing import once

LINES: tuple[Case, ...] = (
    Case("binary_cross_entropy_with_logits", (65_536,), binary),
    Case("mse_loss", (65_536,), real),
    Case("cross_entropy", (6_553, 10), classes),
)
_PROCESSES = 5  # of which the median is taken
_LATER = 100  # calls after the first
_IMPORT = """
import time
import torch
start = time.perf_counter()
import neglog.functional
print(time.perf_counter() - start)
"""
HEADINGS = f"""
First loss and gradient of a fresh process: with no kernel compiled yet ("cold"), and with kernels
that an earlier one compiled ("warm", the median of {_PROCESSES}). Surplus: warm less a later call.

{"loss":33}{"size":13}{"cold s":>10}{"warm ms":>10}{"later ms":>10}{"surplus ms":>12}
"""


class Calls(NamedTuple):
    """Seconds of the first call, and the median of later ones."""

    first: float
    later: float


class Start(NamedTuple):
    """What the first call of a loss costs, in seconds."""

    line: Case
    cold: float
    warm: float
    later: float

    @property
    def first_call_overhead(self) -> float:
        """Return the additional time of the first call with compiled kernels."""
        return self.warm - self.later


def import_seconds(processes: int = _PROCESSES) -> float:
    """Return the time of `import neglog.functional` after torch is imported."""
    return statistics.median(float(python(_IMPORT)) for _ in range(processes))


def measure(lines: Sequence[Case] = LINES, processes: int = _PROCESSES) -> Iterator[Start]:
    """Yield what the first call of each loss costs; Numba's cache is empty to begin with."""
    for line in lines:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            place = {"NUMBA_CACHE_DIR": folder}
            cold = call(place, calls, line)
            warm = [call(place, calls, line) for _ in range(processes)]
        first = statistics.median(each.first for each in warm)
        later = statistics.median(each.later for each in warm)
        yield Start(line, cold.first, first, later)


def calls(line: Case) -> Calls:
    """Time the first calls of this process."""
    run = runner(NEGLOG, line, line.task())
    first = once(run, 1)
    return Calls(first, statistics.median(once(run, 1) for _ in range(_LATER)))


def figures(start: Start) -> str:
    """Write one line."""
    milliseconds = (1e3 * each for each in (start.warm, start.later, start.first_call_overhead))
    warm, later, first_call_overhead = (f"{each:.3g}" for each in milliseconds)
    return (
        f"{start.line.name:33}{start.line.size:13}"
        f"{start.cold:>10.2f}{warm:>10}{later:>10}{first_call_overhead:>12}\n"
    )


def as_data(start: Start) -> dict[str, str | float]:
    """Return one line for a JSON file."""
    return {
        "line": title(start.line),
        "cold_seconds": start.cold,
        "warm_seconds": start.warm,
        "later_seconds": start.later,
        "surplus_seconds": start.first_call_overhead,
    }

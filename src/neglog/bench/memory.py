"""How much memory a loss takes beyond its data, in multiples of its gradient's size.

Every figure has a process to itself. The loss first runs on a sixteenth of the rows, so that what
is loaded and compiled once is there before. Then the data are made, the process's peak is set
back, and the loss runs twice, so that memory which a library keeps for the next call counts too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neglog.bench.case import Case, Line
from neglog.bench.child import call
from neglog.bench.contenders import EAGER, NEGLOG, runner
from neglog.bench.table import figure
from neglog.errors import BenchError

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
UNAVAILABLE = "memory is not measured: only Linux lets a process set its peak back"
STEP, FORWARD = "step", "no_grad"
COLUMNS = tuple(f"{name} {part}" for part in (STEP, FORWARD) for name in (NEGLOG, EAGER))
HEADINGS = f"""
Peak memory beyond the data, in multiples of the gradient's size: of loss and gradient ("step", the
gradient itself being 1), and of the loss alone under no_grad.

{"loss":33}{"size":13}{"of":19}{"".join(f"{name:>16}" for name in COLUMNS)}
"""


@dataclass(frozen=True)
class Peaks:
    """A line's peaks, by column, as far as they could be measured."""

    line: Line
    multiples: Mapping[str, float]
    remarks: tuple[str, ...]


def available() -> bool:
    """Return whether peaks can be measured here."""
    try:
        _reset_peak()
    except OSError:
        return False
    return True


def suitable(lines: Sequence[Line]) -> list[Case]:
    """Return the large lines that have a gradient to compare with."""
    return [
        line
        for line in lines
        if isinstance(line, Case) and line.group == "large" and not line.forward
    ]


def measure(line: Case) -> Peaks:
    """Measure a line in fresh processes; what fails is said in its place."""
    unit = line.task().gradient_bytes()
    found: dict[str, float] = {}
    remarks = []
    for part, case in ((STEP, line), (FORWARD, replace(line, forward=True))):
        for name in (NEGLOG, EAGER):
            try:
                found[f"{name} {part}"] = call({}, grown, case, name) / unit
            except BenchError as error:
                remarks.append(f"memory of {name} {part}: {error}")
    return Peaks(line, found, tuple(remarks))


def figures(found: Peaks) -> str:
    """Write the rest of a line."""
    return "".join(f"{figure(found.multiples.get(name), '{:.2f}'):>16}" for name in COLUMNS) + "\n"


def grown(line: Case, name: str) -> int:
    """Return by how many bytes this process grows at its peak."""
    rows, *rest = line.shape
    small = replace(line, shape=(max(1, rows // 16), *rest))
    runner(name, small, small.task())()
    run = runner(name, line, line.task())
    before = _kilobytes("VmRSS")
    _reset_peak()
    run()
    run()
    return 1024 * (_kilobytes("VmHWM") - before)


def _reset_peak() -> None:
    _RESET.write_text("5")


def _kilobytes(name: str) -> int:
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

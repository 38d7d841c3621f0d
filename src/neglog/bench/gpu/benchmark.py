"""A run: each line is checked, then timed, and written immediately."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from neglog.bench.contenders import reason
from neglog.bench.gpu import contenders, exactness, measure
from neglog.bench.gpu.lines import LINES, Line
from neglog.bench.machine import facts
from neglog.errors import BenchError

Write = Callable[[str], None]
LEGEND = """\
Loss and gradient. err: the largest error of neglog's loss and gradient compared with float64, as
a multiple of the limits (2 and 4 ulps; of a layer's gradients 2 roundings in norm). Then
milliseconds by the device's clock, all contenders alternating; of it: the fraction of a copy's
bandwidth that neglog uses, if every number is read once and every gradient written once; for a
layer: its time relative to the three matrix products ("floor"). Then the peak memory in addition
to the data, in MiB. A dash: not installed, or not for this line."""


@dataclass
class Result:
    """What was measured of a line."""

    line: Line
    errors: dict[str, float] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float | None] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Return whether neglog was wrong, or did not run."""
        return not self.errors or not max(self.errors.values()) <= 1  # a NaN is wrong

    def as_data(self) -> dict[str, Any]:
        """Return all figures."""
        figures = {"errors": self.errors, "milliseconds": self.times, "mebibytes": self.peaks}
        return {"line": self.line.title, **figures, "remarks": self.remarks}


@dataclass
class Report:
    """Everything that a run found."""

    facts: dict[str, str | int]
    device: str
    bandwidth: float  # bytes a second
    results: list[Result] = field(default_factory=list)
    interrupted: bool = False

    @property
    def failed(self) -> bool:
        """Return whether neglog was wrong in a line, or did not run."""
        return any(result.failed for result in self.results)

    def as_data(self) -> dict[str, Any]:
        """Return everything for a JSON file."""
        return {
            **self.facts,
            "device": self.device,
            "copy_bytes_per_second": self.bandwidth,
            "interrupted": self.interrupted,
            "lines": [result.as_data() for result in self.results],
        }


def choose(only: str, dtype: str | None, lines: Sequence[Line] = LINES) -> list[Line]:
    """Return the lines that contain a text, and those of a dtype if one is given.

    Raises:
        BenchError: there are none.
    """
    eligible = [line for line in lines if dtype is None or line.dtype == getattr(torch, dtype)]
    chosen = [line for line in eligible if only in line.title]
    if not chosen:
        titles = "; ".join(line.title for line in eligible) or f"none of {dtype}"
        raise BenchError(f"no line contains {only!r}; there are: {titles}.")
    return chosen


def current_gpu() -> torch.device:
    """Return the current GPU.

    Raises:
        BenchError: there is none.
    """
    if not torch.cuda.is_available():
        raise BenchError("--device cuda requires a GPU that torch can use, but there is none.")
    return torch.device("cuda", torch.cuda.current_device())


def run(
    lines: Sequence[Line], device: torch.device, seconds: float, compiling: bool, write: Write
) -> Report:
    """Check and measure every line, and write each figure when it is there."""
    report = Report(facts(), measure.name_of(device), measure.bandwidth(device))
    known, copied = report.facts, report.bandwidth
    write(f"{report.device}, {known['date']}\n")
    write(f"neglog {known['neglog']}, torch {known['torch']}, Python {known['python']}\n")
    write(f"a large copy reads and writes {copied / 1e9:.0f} GB/s\n\n{LEGEND}\n\n{_headings()}\n")
    try:
        for line in lines:
            report.results.append(_measured(line, device, seconds, compiling))
            write(_row(report.results[-1], copied) + "\n")
            for remark in report.results[-1].remarks:
                write(f"    {remark}\n")
    except KeyboardInterrupt:
        report.interrupted = True
        write("\nstopped by Ctrl-C; what was measured so far counts\n")
    return report


def _measured(line: Line, device: torch.device, seconds: float, compiling: bool) -> Result:
    result = Result(line)
    try:
        result.errors = exactness.errors(line, device)
    except Exception as error:  # whatever a device may raise: the line says so
        result.remarks.append(f"neglog: {reason(error)}")
        return result
    runs = _runs(line, device, compiling, result)
    if not runs:
        return result
    result.times = measure.alternate(runs, device, seconds)
    for name, each in runs.items():
        result.peaks[name] = measure.peak(each, device)
    return result


def _runs(
    line: Line, device: torch.device, compiling: bool, result: Result
) -> dict[str, Callable[[], Any]]:
    """Return the contenders that run, each tried once."""
    data: tuple[Tensor, ...] = line.data(device)
    found: dict[str, Callable[[], Any]] = {}
    for name, loss in contenders.contenders(line, compiling).items():
        line_data = line.data(device) if name in contenders.WRITERS else data
        found[name] = contenders.step(loss, line_data)
    if line.kind == "layer":
        found[contenders.FLOOR] = contenders.matmuls_only(data)
    for name in list(found):
        try:
            found[name]()
        except Exception as error:  # another library's, or memory that is not there
            result.remarks.append(f"{name}: {reason(error)}")
            del found[name]
    return found


def _headings() -> str:
    times = " ".join(f"{name:>9}" for name in contenders.NAMES)
    peaks = " ".join(f"{name:>8}" for name in contenders.NAMES[:-1])
    return f"{'loss':52} {'err':>9} {times} {'of it':>6}   MiB: {peaks}"


def _row(result: Result, copied: float) -> str:
    errors = "/".join(f"{error:.2f}" for error in result.errors.values()) or "-"
    times = " ".join(_figure(result.times.get(name), 9, ".3f") for name in contenders.NAMES)
    peaks = " ".join(_figure(result.peaks.get(name), 8, ".0f") for name in contenders.NAMES[:-1])
    return f"{result.line.title:52} {errors:>9} {times} {_of_it(result, copied):>6}        {peaks}"


def _figure(value: float | None, width: int, style: str) -> str:
    return f"{'-' if value is None else format(value, style):>{width}}"


def _of_it(result: Result, copied: float) -> str:
    ours, size = result.times.get(contenders.NEGLOG), result.line.bytes()
    if ours is None:
        return "-"
    if size is not None:
        return f"{1e3 * size / copied / ours:.0%}"
    roofline = result.times.get(contenders.FLOOR)
    return "-" if roofline is None else f"{ours / roofline:.2f}"

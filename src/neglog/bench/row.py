"""One measured line: checked first, then timed in comparison with torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from neglog.bench.agreement import difference
from neglog.bench.batch import Run, Task
from neglog.bench.case import Line
from neglog.bench.contenders import COMPILE, EAGER, NEGLOG, compiled, reason, runner
from neglog.bench.roofline import Bandwidth
from neglog.bench.timing import Sample, alternate


@dataclass(frozen=True)
class Row:
    """What was measured of a line; without samples, it failed."""

    line: Line
    samples: Mapping[str, Sample] = field(default_factory=dict)
    bytes: int | None = None  # that must move
    roofline: float | None = None  # milliseconds
    compile_seconds: float | None = None
    remarks: tuple[str, ...] = ()  # why a figure is missing

    @property
    def failed(self) -> bool:
        """Return whether nothing could be timed."""
        return not self.samples

    def ratio(self, to: str) -> float | None:
        """Return the speedup of neglog over another contender."""
        if self.failed or to not in self.samples:
            return None
        return self.samples[to].median / self.samples[NEGLOG].median

    @property
    def roofline_fraction(self) -> float | None:
        """Return the roofline as a fraction of neglog's time: 1 is as fast as memory."""
        if self.failed or self.roofline is None:
            return None
        return self.roofline / self.samples[NEGLOG].median


def measure(line: Line, seconds: float, bandwidth: Bandwidth, compiling: bool) -> Row:
    """Check and time one line; whatever goes wrong is said in the row."""
    try:
        task = line.task()
        runs = {name: runner(name, line, task) for name in (NEGLOG, EAGER)}
        differs = difference(runs[NEGLOG](), runs[EAGER]())
    except Exception as error:  # whatever it is, the other lines are to be measured
        return Row(line, remarks=(f"not measured, {reason(error)}",))
    if differs:
        return Row(line, remarks=(f"not measured, {differs}",))
    compile_seconds, remarks = (
        _add_compiled(line, task, runs) if compiling and line.compiles else (None, ())
    )
    size = task.bytes()
    if size is None:
        samples, roofline = alternate(runs, seconds), None
    else:
        bandwidth.measure_copy(size)
        samples = alternate(runs, seconds)
        bandwidth.measure_copy(size)
        roofline = bandwidth.roofline(size)
    return Row(line, samples, size, roofline, compile_seconds, remarks)


def _add_compiled(
    line: Line, task: Task, runs: dict[str, Run]
) -> tuple[float | None, tuple[str, ...]]:
    """Add torch compiled to the runs, if it can be; return its seconds, or why not."""
    try:
        runs[COMPILE], seconds = compiled(line, task)
    except Exception as error:  # compilers raise many types of errors
        return None, (f"not compiled, {reason(error)}",)
    return seconds, ()

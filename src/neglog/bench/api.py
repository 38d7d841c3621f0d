"""A run from its options to its report; each result is written immediately."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch

from neglog.bench import memory, start, summary, table
from neglog.bench.case import Line, title
from neglog.bench.contenders import fresh_compiler
from neglog.bench.machine import facts
from neglog.bench.report import Report
from neglog.bench.roofline import LARGE, Bandwidth
from neglog.bench.row import measure
from neglog.errors import BenchError

Write = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What to measure, and for how long."""

    only: str = ""
    seconds: float = 4.0  # for each line
    compiling: bool = True
    dtype: str | None = None
    memory: bool = False
    start: bool = False


def choose(lines: Sequence[Line], options: Options) -> list[Line]:
    """Return the lines to measure.

    Raises:
        BenchError: there are none.
    """
    if options.dtype is not None:
        cast = [line.cast(getattr(torch, options.dtype)) for line in lines]
        # What differed in nothing but its dtype is now the same.
        lines = list({title(line): line for line in cast}.values())
    chosen = [line for line in lines if options.only in title(line)]
    if not chosen:
        names = "; ".join(dict.fromkeys(line.name for line in lines))
        raise BenchError(f"no line contains {options.only!r}; there are: {names}.")
    return chosen


def run(options: Options, lines: Sequence[Line], write: Write) -> Report:
    """Measure and write each result; after Ctrl-C, summarise the results so far.

    Raises:
        BenchError: there is nothing to measure.
    """
    chosen = choose(lines, options)
    bandwidth = Bandwidth()
    bandwidth.measure_copy(LARGE)
    report = Report(facts(), bandwidth.at(LARGE))
    write(table.header(report.facts, report.bandwidth))
    compiler = fresh_compiler() if options.compiling else nullcontext()
    with _until_interrupted(report, write), compiler:
        for line in chosen:
            write(table.beginning(line))
            report.rows.append(measure(line, options.seconds, bandwidth, options.compiling))
            write(table.figures(report.rows[-1]))
    write("\n" + summary.write(summary.summarise(report.rows), report.rows))
    if not report.interrupted:
        with _until_interrupted(report, write):
            _measure_memory(report, chosen, options, write)
            _measure_start(report, options, write)
    return report


@contextmanager
def _until_interrupted(report: Report, write: Write) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        report.interrupted = True
        write("\nstopped by Ctrl-C; what was measured so far counts\n")


def _measure_memory(report: Report, chosen: list[Line], options: Options, write: Write) -> None:
    if not options.memory:
        return
    if not memory.available():
        write(f"\n{memory.UNAVAILABLE}\n")
        return
    write(memory.HEADINGS)
    for line in memory.suitable(chosen):
        write(table.beginning(line))
        report.peaks.append(memory.measure(line))
        write(memory.figures(report.peaks[-1]))
    for peaks in report.peaks:
        for remark in peaks.remarks:
            write(f"{title(peaks.line)}: {remark}\n")


def _measure_start(report: Report, options: Options, write: Write) -> None:
    if not options.start:
        return
    report.import_seconds = start.import_seconds()
    write(f"\nimport neglog.functional after torch: {report.import_seconds:.3f} s\n")
    write(start.HEADINGS)
    for found in start.measure():
        report.starts.append(found)
        write(start.figures(found))

"""The table in plain text: one line for each case, a dash where there is no figure.

It holds ASCII only, and reads the same in a terminal, in a pipe and in a file.
"""

from __future__ import annotations

from collections.abc import Mapping

from neglog.bench.case import Line, remark
from neglog.bench.contenders import COMPILE, EAGER, NEGLOG
from neglog.bench.row import Row
from neglog.bench.timing import Sample

_TITLE = ("{:32}", "{:12}", "{:18}")
_TIMES = ("{:>8}", "{:>4}") * 3
_RATIOS = ("{:>8}", "{:>8}")
_ROOFLINE = ("{:>8}", "{:>6}")
_COMPILER = ("{:>8}",)
HEADINGS = (
    *("loss", "size", "of"),
    *("neglog", "iqr", "eager", "iqr", "compile", "iqr"),
    *("x eager", "x comp."),
    *("floor", "of it"),
    *("comp. s",),
)
LEGEND = """\
Loss and gradient in float32, unless stated otherwise; "no_grad" is the loss only, "none" returns
one loss per element. neglog, torch eager and torch.compile alternate; each time is a median in
milliseconds, iqr its interquartile range in %.
x eager, x comp.: neglog's speed relative to these.
floor: the roofline, the milliseconds in which a copy moves the same bytes; of it: floor / neglog.
comp. s: the seconds of the compilation, which no other figure includes."""


def header(facts: Mapping[str, str | int], bandwidth: float) -> str:
    """Write where the table was made, what it means, and its headings."""
    return (
        f"neglog {facts['neglog']}, torch {facts['torch']}, {facts['threads']} threads\n"
        f"Python {facts['python']}, {facts['processor']}, {facts['date']}\n"
        f"a large copy reads and writes {bandwidth / 1e9:.1f} GB/s\n\n"
        f"{LEGEND}\n\n"
        + _layout(_TITLE + _TIMES + _RATIOS + _ROOFLINE + _COMPILER, HEADINGS)
        + "\n"
    )


def beginning(line: Line) -> str:
    """Write what a line is, before it is measured."""
    return _layout(_TITLE, (line.name, line.size, remark(line))) + " "


def figures(row: Row) -> str:
    """Write what was measured, as the rest of a line."""
    times = [text for name in (NEGLOG, EAGER, COMPILE) for text in _times(row.samples.get(name))]
    ratios = [figure(row.ratio(name), "{:.2f}") for name in (EAGER, COMPILE)]
    roofline = (figure(row.roofline, "{:.3g}"), figure(row.roofline_fraction, "{:.0%}"))
    compiler = figure(row.compile_seconds, "{:.1f}")
    fields = (*times, *ratios, *roofline, compiler)
    return _layout(_TIMES + _RATIOS + _ROOFLINE + _COMPILER, fields) + "\n"


def figure(value: float | None, style: str = "{:.4g}") -> str:
    """Write a number, or a dash.

    >>> figure(0.0123456), figure(None)
    ('0.01235', '-')
    """
    return "-" if value is None else style.format(value)


def _times(sample: Sample | None) -> tuple[str, str]:
    if sample is None:
        return "-", "-"
    return figure(sample.median), figure(sample.spread, "{:.0f}%")


def _layout(columns: tuple[str, ...], fields: tuple[str, ...]) -> str:
    return " ".join(column.format(field) for column, field in zip(columns, fields, strict=True))

"""The summary of the table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from neglog.bench.case import title
from neglog.bench.contenders import COMPILE, EAGER
from neglog.bench.row import Row


class Comparison(NamedTuple):
    """neglog compared with one contender over the large lines."""

    mean: float  # geometric
    lines: int
    lowest: float
    lowest_line: str


class Summary(NamedTuple):
    """The comparison over large lines, and the small lines on which neglog is slower."""

    large: dict[str, Comparison]
    slower: dict[str, float]
    small: int


def summarise(rows: Sequence[Row]) -> Summary:
    """Return the means of the ratios, the lowest ones, and which small lines are slower."""
    large = [row for row in rows if row.line.group == "large"]
    comparisons = {name: _comparison(large, name) for name in (EAGER, COMPILE)}
    small = _ratios([row for row in rows if row.line.group == "small"], EAGER)
    return Summary(
        {name: comparison for name, comparison in comparisons.items() if comparison is not None},
        {name: ratio for name, ratio in small.items() if ratio < 1},
        len(small),
    )


def write(summary: Summary, rows: Sequence[Row]) -> str:
    """Write the summary below the table, first the reasons for missing results."""
    lines = [f"{title(row.line)}: {remark}" for row in rows for remark in row.remarks]
    for name, comparison in summary.large.items():
        other = "torch eager" if name == EAGER else "torch.compile"
        lines += [
            f"large lines: {comparison.mean:.2f} times as fast as {other} (geometric mean of "
            f"{comparison.lines}); the lowest, {comparison.lowest:.2f}: {comparison.lowest_line}"
        ]
    if summary.small:
        slower = [f"{name} ({ratio:.2f})" for name, ratio in summary.slower.items()]
        lines += [f"small lines slower than torch eager: {', '.join(slower) or 'none'}"]
    return "".join(f"{line}\n" for line in lines)


def as_data(summary: Summary) -> dict[str, Any]:
    """Return the summary for a JSON file."""
    large = {name: comparison._asdict() for name, comparison in summary.large.items()}
    return {"large": large, "small_slower_than_eager": summary.slower}


def _comparison(rows: Sequence[Row], name: str) -> Comparison | None:
    ratios = _ratios(rows, name)
    if not ratios:
        return None
    lowest = min(ratios, key=ratios.__getitem__)
    mean = statistics.geometric_mean(ratios.values())
    return Comparison(mean, len(ratios), ratios[lowest], lowest)


def _ratios(rows: Sequence[Row], name: str) -> dict[str, float]:
    found = {title(row.line): row.ratio(name) for row in rows}
    return {line: ratio for line, ratio in found.items() if ratio is not None}

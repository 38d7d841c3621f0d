"""The results of a run, and their JSON form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from neglog.bench import start as starts
from neglog.bench import summary as summaries
from neglog.bench.case import title
from neglog.bench.memory import Peaks
from neglog.bench.row import Row
from neglog.bench.start import Start


@dataclass
class Report:
    """What was measured so far."""

    facts: dict[str, str | int]
    bandwidth: float  # bytes a second
    rows: list[Row] = field(default_factory=list)
    peaks: list[Peaks] = field(default_factory=list)
    import_seconds: float | None = None
    starts: list[Start] = field(default_factory=list)
    interrupted: bool = False

    @property
    def failed(self) -> bool:
        """Return whether a line could not be measured, or its two losses disagree."""
        return any(row.failed for row in self.rows)

    def as_data(self) -> dict[str, Any]:
        """Return everything for a JSON file."""
        return {
            **self.facts,
            "copy_bytes_per_second": self.bandwidth,
            "interrupted": self.interrupted,
            "lines": [_row(row) for row in self.rows],
            "summary": summaries.as_data(summaries.summarise(self.rows)),
            "memory": [_peaks(peaks) for peaks in self.peaks],
            "import_seconds": self.import_seconds,
            "first_calls": [starts.as_data(start) for start in self.starts],
        }


def _row(row: Row) -> dict[str, Any]:
    line = row.line
    return {
        "line": title(line),
        "loss": line.loss,
        "group": line.group,
        "dtype": str(line.dtype).removeprefix("torch."),
        "milliseconds": {name: sample._asdict() for name, sample in row.samples.items()},
        "times_as_fast_as": {name: row.ratio(name) for name in row.samples if name != "neglog"},
        "bytes": row.bytes,
        "floor_milliseconds": row.roofline,
        "of_floor": row.roofline_fraction,
        "compile_seconds": row.compile_seconds,
        "remarks": list(row.remarks),
    }


def _peaks(peaks: Peaks) -> dict[str, Any]:
    return {
        "line": title(peaks.line),
        "of_gradient": dict(peaks.multiples),
        "remarks": list(peaks.remarks),
    }

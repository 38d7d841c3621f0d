"""Count the calls that were replaced, and report them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload


@dataclass(frozen=True)
class Call:
    """A place that calls one of torch's losses.

    Args:
        location: file and line, or `"compiled"` for a call inside `torch.compile`.
        loss: the name of the function.
        calls: the number of calls; for a compiled one, of compilations.
        reason: why torch computed the loss; empty if neglog did.
        speedup: the time of torch's loss and gradient divided by that of neglog's; None if it was
            not measured.
    """

    location: str
    loss: str
    calls: int
    reason: str
    speedup: float | None


class Report(Sequence[Call]):
    """What `neglog.everywhere` replaced. `print` writes it as a table."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = tuple(calls)

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Call, ...]: ...
    def __getitem__(self, index: int | slice) -> Call | tuple[Call, ...]:
        """Return a call, or several."""
        return self._calls[index]

    def __len__(self) -> int:
        """Return the number of different calls."""
        return len(self._calls)

    def __repr__(self) -> str:
        """Return the table."""
        return str(self)

    def __str__(self) -> str:
        """Return the table."""
        if not self._calls:
            return "no call of a torch loss was seen"
        rows = [("call", "loss", "calls", "computed by", "speed-up"), *map(_row, self._calls)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def to_list(self) -> list[dict[str, Any]]:
        """Return the calls as dictionaries, for a logger or JSON."""
        return [asdict(call) for call in self._calls]


def _row(call: Call) -> tuple[str, ...]:
    ran_on = f"torch: {call.reason}" if call.reason else "neglog"
    speedup = "" if call.speedup is None else f"{call.speedup:.1f}x"
    return call.location, call.loss, str(call.calls), ran_on, speedup


class Counter:
    """The counts and speed-ups of all calls of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._counts: dict[tuple[str, str, str], int] = {}
            self._speedups: dict[tuple[str, str, str], float | None] = {}

    def add(self, location: str, loss: str, reason: str = "") -> int:
        """Count a call; return how many there were at this location."""
        key = location, loss, reason
        with self._lock:
            count = self._counts[key] = self._counts.get(key, 0) + 1
        return count

    def set_speedup(self, location: str, loss: str, speedup: float | None) -> None:
        """Keep the speed-up of a call that neglog computes."""
        with self._lock:
            self._speedups[location, loss, ""] = speedup

    def report(self) -> Report:
        """Return the calls, sorted by location."""
        with self._lock:
            return Report(
                [
                    Call(
                        location, loss, count, reason, self._speedups.get((location, loss, reason))
                    )
                    for (location, loss, reason), count in sorted(self._counts.items())
                ]
            )


counter = Counter()

"""Forty-seven mistakes with losses: the outcome of each, and a test that makes it."""

from __future__ import annotations

from collections import Counter

from pitfalls import counting, inputs, inside, targets, training
from pitfalls.row import OUTCOMES as OUTCOMES
from pitfalls.row import OUTSIDE as OUTSIDE
from pitfalls.row import Row as Row

ROWS: list[Row] = sorted(
    [*inputs.ROWS, *targets.ROWS, *counting.ROWS, *training.ROWS, *inside.ROWS],
    key=lambda row: row.number,
)


def table() -> str:
    """Return how many rows have which outcome, and a line for each."""
    counts = Counter(row.outcome for row in ROWS)
    lines = [f"{len(ROWS)} pitfalls, by outcome", ""]
    lines += [f"{counts[outcome]:4}  {outcome}" for outcome in OUTCOMES]
    lines += ["", *(f"{row.number:4}  {row.outcome:28}{row.title}" for row in ROWS)]
    return "\n".join(lines)


def markdown() -> str:
    """Return the table of `docs/pitfalls.md`."""
    lines = ["| # | what goes wrong | torch 2.13 | neglog | outcome |", "|---|---|---|---|---|"]
    for row in ROWS:
        link = f"https://github.com/pytorch/pytorch/issues/{row.thread}"
        title = row.title if row.thread is None else f"{row.title} ([#{row.thread}]({link}))"
        lines.append(f"| {row.number} | {title} | {row.torch} | {row.neglog} | {row.outcome} |")
    return "\n".join(lines)

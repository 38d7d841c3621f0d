"""The table: one row per loss, one column per category, "passed/cases" in both modes."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import torch

from conformance.categories import CATEGORIES, FEW, MANY, OF_MODULE, ONE, SOME, tally
from conformance.compare import MODES
from conformance.losses import LOSSES, Loss

WIDTH = 6  # columns side by side
CAPTION = f"""\
PyTorch {torch.__version__}'s own test data on a CPU: OpInfos, ModuleInfos (m.…), criterion tests.
A case counts if torch passes it. Of each OpInfo and dtype evenly spaced samples: all in value,
gradient, memory and mem.grad; at most {MANY} in gaps, all leaves, double and forward; {FEW} in
compile (aot_eager); {ONE} in inductor; {SOME} in the rest. Of a ModuleInfo and dtype at most
{OF_MODULE}, of criterion tests all.
"""
TITLES = {
    "compatible": "With torch_compatible(): the same as torch / cases",
    "default": "By default: the same as torch / cases, +n where neglog raises on purpose",
}


def table() -> str:
    """Return the caption, a table for each mode, and why neglog raises where it does."""
    return "\n\n".join([CAPTION, *map(_mode, reversed(MODES)), _reasons(), _left_out()])


def _mode(mode: str) -> str:
    columns, blocks = iter([*CATEGORIES, "total"]), []
    while names := list(islice(columns, WIDTH)):
        lines = [["", *names]]
        lines += [
            [loss.function, *(_cell(mode, [loss], name) for name in names)] for loss in LOSSES
        ]
        lines.append(["total", *(_cell(mode, list(LOSSES), name) for name in names)])
        blocks.append("\n".join(map(_line, lines)))
    return f"{TITLES[mode]}\n" + "\n\n".join(blocks)


def _cell(mode: str, losses: list[Loss], name: str) -> str:
    names = list(CATEGORIES) if name == "total" else [name]
    tallies = [tally(loss, each) for loss in losses for each in names]
    cases, same = sum(t.cases for t in tallies), sum(t.same[mode] for t in tallies)
    loud = sum(t.loud.total() for t in tallies) if mode == "default" else 0
    return f"{same}{f'+{loud}' if loud else ''}/{cases}" if cases else "–"


def _line(cells: list[str]) -> str:
    return f"{cells[0]:32}" + "".join(f"{cell:>18}" for cell in cells[1:])


def _reasons() -> str:
    reasons: Counter[str] = Counter()
    for loss in LOSSES:
        for name in CATEGORIES:
            reasons += tally(loss, name).loud
    rows = [f"{count:7}  {reason}" for reason, count in reasons.most_common()]
    return "\n".join(
        ["Raised on purpose, by default, of which torch_compatible() has none:", *rows]
    )


def _left_out() -> str:
    """Say which samples torch does not pass itself."""
    reasons: Counter[str] = Counter()
    for loss in LOSSES:
        for name in CATEGORIES:
            reasons += tally(loss, name).left_out
    rows = [f"{count:7}  {reason[:120]}" for reason, count in reasons.most_common()]
    return "\n".join(["No case, because torch says:", *rows])


if __name__ == "__main__":
    print(table())

"""The lines of `neglog bench --declared` on one thread, by the smallest CPU time of many turns.

Loss and gradient of neglog, torch eager and torch.compile of the same formula take turns. The CPU
time of the process does not count what other programs take from a busy machine, unlike the
medians that `neglog bench` prints.

    OMP_NUM_THREADS=1 python benchmarks/declared.py [--only TEXT]
"""

from __future__ import annotations

import argparse
import math
import time
import warnings

import torch

from neglog.bench import contenders, declared, machine
from neglog.bench.batch import Run
from neglog.bench.composed import LINES
from neglog.bench.contenders import COMPILE, EAGER, NEGLOG

SECONDS, LEAST = 0.6, 5  # of CPU time for each line; turns
HEAD = "| loss | of | neglog, ms | eager, ms | compile, ms | × eager | × compile |"


def best(runs: dict[str, Run]) -> dict[str, float]:
    """Return the smallest CPU time of each run, in milliseconds."""
    found = dict.fromkeys(runs, math.inf)
    for run in runs.values():
        run()
    end, turns = time.process_time() + SECONDS, 0
    while turns < LEAST or time.process_time() < end:
        for name, run in runs.items():
            start = time.process_time()
            run()
            found[name] = min(found[name], 1e3 * (time.process_time() - start))
        turns += 1
    return found


def row(line: declared.Declared) -> tuple[str, list[float]]:
    """Return the table's row of a line, and how many times as fast neglog is."""
    task = line.task()
    runs = {name: contenders.runner(name, line, task) for name in (NEGLOG, EAGER)}
    if line.compiles:
        try:
            runs[COMPILE], _ = contenders.compiled(line, task)
        except Exception as error:  # the compiler's own faults: the row says so
            warnings.warn(contenders.reason(error), stacklevel=1)
    found = best(runs)
    ratios = [found.get(name, math.nan) / found[NEGLOG] for name in (EAGER, COMPILE)]
    times = [found.get(name, math.nan) for name in (NEGLOG, EAGER, COMPILE)]
    cells = [f"`{line.name}` {line.size}", line.note, *(f"{t:.4g}" for t in times)]
    cells += [f"{ratio:.2f}" for ratio in ratios]
    return f"| {' | '.join(cells)} |".replace("nan", "–"), ratios


def main() -> None:
    """Print the table and the geometric means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="lines whose names or notes contain this text")
    only = parser.parse_args().only
    torch.set_num_threads(1)
    print(", ".join(f"{name} {value}" for name, value in machine.facts().items()))
    print(f"\n{HEAD}\n|{'---|' * 7}", flush=True)
    every = []
    for line in (*LINES, *declared.lines()):
        if only in f"{line.name} {line.note}":
            text, ratios = row(line)
            every.append(ratios)
            print(text, flush=True)
    for place, name in enumerate((EAGER, COMPILE)):
        known = [math.log(ratios[place]) for ratios in every if not math.isnan(ratios[place])]
        if not known:  # a line that torch.compile does not support
            continue
        mean = math.exp(sum(known) / len(known))
        print(f"\n{mean:.2f} times as fast as {name}, geometric mean of {len(known)} lines", end="")
    print()


if __name__ == "__main__":
    main()

"""Time and memory of a linear layer and cross-entropy: neglog and torch, in one run.

    python benchmarks/linear.py [--sizes 2048,512,32000 …] [--dtypes float32 bfloat16] [--rounds 5]

A size is rows, features, classes. Each figure is the median of loss and gradients by input and
weight, the contenders taking turns; what takes longer than `--patience` seconds is timed once.

floor     the three matrix products alone, into memory that is there
eager     cross_entropy(linear(x, w), y)
compile   the same, compiled by torch.compile
default   torch's linear_cross_entropy with the pieces it chooses
best      the same with the best of some sizes of pieces
neglog    neglog.functional.linear_cross_entropy

Memory is the peak beyond the data of one step in a process of its own, less the gradients.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from neglog import functional
from neglog.bench import machine

NN = torch.nn.functional
SIZES = ["2048,512,32000", "1024,1024,128256", "4096,256,256000"]
PIECES = (256, 512, 1024)
CONTENDERS = ("floor", "eager", "compile", "default", "best", "neglog")
EVERYTHING = 24 * 2**30  # bytes, beyond which eager is not tried


def data(size: str, dtype: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows, a layer and labels."""
    rows, features, classes = map(int, size.split(","))
    torch.manual_seed(0)
    x = torch.randn(rows, features, dtype=getattr(torch, dtype))
    w = torch.randn(classes, features, dtype=x.dtype).mul_(features**-0.5)
    return x.requires_grad_(), w.requires_grad_(), torch.randint(0, classes, (rows,))


def eager(x: Tensor, w: Tensor, y: Tensor) -> Tensor:
    """Return the loss from all logits at once."""
    return NN.cross_entropy(NN.linear(x, w), y)


def in_pieces(rows: int | None) -> Callable[..., Tensor]:
    """Return torch's chunked loss."""
    options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=rows)
    return lambda x, w, y: NN.linear_cross_entropy(x, w, y, options=options)


def products(x: Tensor, w: Tensor) -> Callable[[], None]:
    """Return the three matrix products, into memory that is there."""
    x, w = x.detach(), w.detach()
    z, by_x, by_w = x.new_empty(len(x), len(w)), torch.empty_like(x), torch.empty_like(w)

    def run() -> None:
        torch.mm(x, w.t(), out=z)
        torch.mm(z, w, out=by_x)
        torch.mm(z.t(), x, out=by_w)

    return run


def step(loss: Callable[..., Tensor], x: Tensor, w: Tensor, y: Tensor) -> Callable[[], None]:
    """Return what computes the loss and its gradients."""

    def run() -> None:
        x.grad = w.grad = None
        loss(x, w, y).backward()

    return run


def steps(x: Tensor, w: Tensor, y: Tensor) -> dict[str, Callable[[], None]]:
    """Return the contenders that this size allows."""
    losses = {"eager": eager, "compile": torch.compile(eager), "default": in_pieces(None)}
    losses |= {f"best of {rows}": in_pieces(rows) for rows in PIECES if rows <= len(x)}
    losses["neglog"] = functional.linear_cross_entropy
    whole = 3 * len(x) * len(w) * x.itemsize
    if whole > EVERYTHING:
        return {"neglog": step(losses["neglog"], x, w, y)}
    return {"floor": products(x, w)} | {n: step(f, x, w, y) for n, f in losses.items()}


def timed(run: Callable[[], None]) -> float:
    """Return the seconds of a call."""
    gc.collect()
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def times(size: str, dtype: str, rounds: int, patience: float) -> dict[str, list[float]]:
    """Return the seconds of each contender; the first call of each is not counted."""
    contenders = steps(*data(size, dtype))
    first = {name: timed(run) for name, run in contenders.items()}
    found = {name: [s] for name, s in first.items() if s > patience}
    found |= {name: [] for name in first if name not in found}
    for _ in range(rounds):
        for name, run in contenders.items():
            if first[name] <= patience:
                found[name].append(timed(run))
    return found


def peak(size: str, dtype: str, contender: str) -> float:
    """Return the MiB that a step takes beyond its data and its gradients, in this process."""
    x, w, y = data(size, dtype)
    few = slice(0, 16)
    small = data("16,8,64", dtype)
    if contender == "neglog":  # load and compile once
        functional.linear_cross_entropy(*small).backward()
        functional.linear_cross_entropy(x[few].detach(), w.detach(), y[few])
    run = steps(x, w, y)[contender]
    Path("/proc/self/clear_refs").write_text("5")
    before = _of_process("VmRSS")
    run()
    gradients = (x.nbytes + w.nbytes) / 2**20
    return _of_process("VmHWM") - before - gradients


def _of_process(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def peaks(size: str, dtype: str, names: list[str]) -> dict[str, float]:
    """Return the peaks of contenders, each measured in a process of its own."""
    found = {}
    for name in names:
        arguments = ["--peak", name, "--sizes", size, "--dtypes", dtype]
        ran = subprocess.run(
            [sys.executable, __file__, *arguments], capture_output=True, text=True, check=True
        )
        found[name] = float(ran.stdout.split()[-1])
    return found


def report(size: str, dtype: str, rounds: int, patience: float) -> None:
    """Print the lines of one size."""
    found = times(size, dtype, rounds, patience)
    pieces = {name: t for name, t in found.items() if name.startswith("best of")}
    if pieces:
        chosen = min(pieces, key=lambda name: statistics.median(pieces[name]))
        found = {name: t for name, t in found.items() if name not in pieces or name == chosen}
    medians = {name: statistics.median(t) for name, t in found.items()}
    beyond = peaks(size, dtype, [name for name in ("eager", "neglog") if name in found])
    print(f"\n{size}  {dtype}")
    for name, seconds in medians.items():
        spread = max(found[name]) - min(found[name])
        against = f"{seconds / medians['floor']:6.2f}" if "floor" in medians else "     –"
        memory = f"{beyond[name]:8.0f}" if name in beyond else "        "
        print(f"{name:14}{seconds:9.3f}{spread / seconds:8.0%}{against}{memory}", flush=True)


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--sizes", nargs="+", default=SIZES)
    options.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--patience", type=float, default=20.0)
    options.add_argument("--peak", help="print one contender's peak, and nothing else")
    given = options.parse_args()
    if given.peak:
        print(peak(given.sizes[0], given.dtypes[0], given.peak))
        return
    print(", ".join(f"{name} {value}" for name, value in machine.facts().items()))
    print("\nsize, contender    seconds  spread × floor  MiB beyond the gradients")
    for size in given.sizes:
        for dtype in given.dtypes:
            report(size, dtype, given.rounds, given.patience)


if __name__ == "__main__":
    main()

"""A linear model and a network, fitted by several processes.

    torchrun --nproc-per-node 2 examples/fit_with_torchrun.py
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-endpoint HOST:29500 examples/fit_with_torchrun.py

Every process calls `neglog.fit` with the same arguments and has the same result; the first one
prints and writes. Of the linear model each reads its own blocks of the file, and a step is one
all-reduce of the loss, the gradient and the Hessian. Of the network each holds all rows and takes a
part of every step's; with ``shard=True`` (FSDP2) it holds a part of the weights only.

Without torchrun the script starts two processes of itself, and compares what they find with the
fit of one. The command line does the same:
``torchrun -m neglog fit FILE --target y --distributed``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import neglog

NETWORK = {"target": "sales", "likelihood": "poisson", "hidden": (8,), "epochs": 3}


def make(path: Path) -> None:
    """Write a table of 20,000 days: what the weather and the price do to sales."""
    random = np.random.default_rng(0)
    sun, price = random.random(20_000), random.uniform(1, 3, 20_000)
    sales = random.poisson(np.exp(1 + sun - 0.5 * price))
    pl.DataFrame({"sun": sun, "price": price, "sales": sales}).write_parquet(path)


def work(path: Path, shared: bool) -> str:
    """Fit both models; return the weights, and the network's loss."""
    table = str(path)
    fit = neglog.fit(table, target="sales", likelihood="poisson", distributed=shared)
    network = neglog.fit(table, **NETWORK, distributed=shared, shard=shared)
    assert fit.weights is not None
    weights = " ".join(f"{weight:.6f}" for weight in fit.weights[0])
    return f"linear: sun, price = {weights}; network: {network.loss:.6f} nats"


def main() -> None:
    """Do the work of a process, or start two that do."""
    if "RANK" in os.environ:
        said = work(Path(os.environ["TABLE"]), shared=True)
        if os.environ["RANK"] == "0":
            print(said)
        return
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "sales.parquet")
        make(table)
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone",
                   "--nproc-per-node", "2", __file__]  # fmt: skip
        there = {**os.environ, "TABLE": str(table), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=there, check=True, capture_output=True, text=True)
        alone = work(table, shared=False)
        assert done.stdout.strip() == alone, f"two processes: {done.stdout}one: {alone}"
        print(f"two processes found {alone}, and the same is found by one")


if __name__ == "__main__":
    main()

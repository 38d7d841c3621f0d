"""Peak memory and time of streamed fits, compared with the same fits in memory.

Each fit is `neglog fit` in a process of its own; memory is the peak of the whole process, of which
some 400 MiB are Python and torch. The rows of the larger file are four times as many.

    python benchmarks/stream.py
    python benchmarks/stream.py --rows 4000000 --form csv
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

FEATURES, PART = 20, 250_000


def part(number: int) -> pl.DataFrame:
    """Return some rows: numbers, a column of labels, and a target of two classes."""
    random = np.random.default_rng(number)
    x = random.standard_normal((PART, FEATURES))
    level = random.integers(0, 12, PART)
    eta = x @ np.linspace(-0.5, 0.5, FEATURES) + 0.1 * level - 1.0
    columns = {f"x{j}": x[:, j] for j in range(FEATURES)}
    columns["level"] = np.array([f"level {k}" for k in range(12)])[level]
    return pl.DataFrame(columns | {"y": (eta + random.logistic(size=PART) > 0).astype(np.int8)})


def write(path: Path, rows: int) -> None:
    """Write the file part by part."""
    parts = (part(number) for number in range(rows // PART))
    if path.suffix == ".csv":
        with path.open("wb") as file:
            for number, frame in enumerate(parts):
                frame.write_csv(file, include_header=number == 0)
        return
    with pq.ParquetWriter(path, part(0).to_arrow().schema) as file:
        for frame in parts:
            file.write_table(frame.to_arrow())


def fit(path: Path, stream: bool) -> tuple[float, float, float]:
    """Fit in a process of its own; return the seconds, the MiB at the peak, and the loss."""
    command = [sys.executable, "-m", "neglog", "fit", str(path), "--target", "y", "--json"]
    start = time.perf_counter()
    process = subprocess.Popen(command + ["--stream"] * stream, stdout=subprocess.PIPE)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return seconds, usage.ru_maxrss / 1024, json.loads(text)["mean_loss_nats"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the smaller file")
    parser.add_argument("--form", choices=("parquet", "csv"), default="parquet")
    given = parser.parse_args()
    print(f"{'rows':>10}  {'file, MiB':>9}  {'':10}{'seconds':>8}{'peak, MiB':>11}  loss in nats")
    with tempfile.TemporaryDirectory() as folder:
        for rows in (given.rows, 4 * given.rows):
            path = Path(folder, f"table.{given.form}")
            write(path, rows)
            size = path.stat().st_size / 2**20
            for stream in (True, False):
                seconds, memory, loss = fit(path, stream)
                how = "streamed" if stream else "in memory"
                print(
                    f"{rows:10}  {size:9.0f}  {how:10}{seconds:8.1f}{memory:11.0f}  {loss:.12f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()

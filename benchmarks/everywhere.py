"""What `neglog.everywhere` adds to the time of a torch function, on one thread.

Both are timed alternately; the minimum of many.

    OMP_NUM_THREADS=1 python benchmarks/everywhere.py
"""

from __future__ import annotations

import time

import torch

import neglog

CALLS, ROUNDS = 2_000, 200


def seconds(x: torch.Tensor) -> float:
    """Return the seconds of one small addition."""
    start = time.perf_counter()
    for _ in range(CALLS):
        x + x
    return (time.perf_counter() - start) / CALLS


def main() -> None:
    """Print the time of a small addition with and without the mode."""
    x = torch.zeros(10)
    off, on = [], []
    for _ in range(ROUNDS):
        off.append(seconds(x))
        with neglog.everywhere():
            on.append(seconds(x))
    print(f"x + x of 10 numbers: {min(off) * 1e6:.2f} µs, with everywhere {min(on) * 1e6:.2f} µs")


if __name__ == "__main__":
    main()

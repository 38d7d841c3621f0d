"""Whether a loss slows down neighbouring matrix products, which use another thread pool.

    python benchmarks/alternation.py

A product of 1000 × 1000 matrices (MKL's threads) and a cross-entropy of 100 000 × 10 with its
gradient take turns. Each is timed by itself, alone and in turns, with neglog's loss and torch's;
medians in milliseconds. As fast in turns as alone means that no thread waits for another's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from neglog import functional
from neglog.bench import machine

TURNS = 150


def timed(run: Callable[[], object]) -> float:
    """Return the milliseconds of a call."""
    started = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - started)


def alone(run: Callable[[], object]) -> float:
    """Return the median of a call that nothing comes between."""
    return statistics.median(timed(run) for _ in range(TURNS))


def in_turns(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of two calls that take turns."""
    pairs = [(timed(one), timed(other)) for _ in range(TURNS)]
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second)


def main() -> None:
    """Print three rounds."""
    a = torch.randn(1000, 1000)
    x, y = torch.randn(100_000, 10, requires_grad=True), torch.randint(0, 10, (100_000,))

    def product() -> torch.Tensor:
        return a @ a

    def loss_of(library: object) -> Callable[[], None]:
        def run() -> None:
            x.grad = None
            library.cross_entropy(x, y).backward()

        return run

    losses = {"neglog": loss_of(functional), "torch": loss_of(torch.nn.functional)}
    print(", ".join(f"{name} {value}" for name, value in machine.facts().items()))
    for run in (product, *losses.values()):
        run()
    for _ in range(3):
        print(f"\nproduct alone{alone(product):24.2f}")
        for name, run in losses.items():
            beside, loss = in_turns(product, run)
            print(f"product beside {name:8}{beside:14.2f}", end="")
            print(f"   the loss {loss:6.2f}, alone {alone(run):6.2f}")


if __name__ == "__main__":
    main()

"""Time loss + gradient of neglog beside torch eager: `python benchmarks/losses.py`.

The two alternate in one process, so that a busy machine slows both; the ratio is that of the
medians. Every line first checks that the two agree.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as theirs

import neglog
from neglog import functional as ours

Loss = Callable[..., Tensor]
Data = tuple[Tensor, ...]  # the prediction, the target, and what else the loss takes


def _pair(name: str) -> tuple[Loss, Loss]:
    return getattr(ours, name), getattr(theirs, name)


def _binary(*shape: int) -> Data:
    return torch.randn(shape), torch.randint(0, 2, shape).float()


def _real(*shape: int) -> Data:
    return torch.randn(shape), torch.randn(shape)


def _classes(rows: int, classes: int) -> Data:
    return torch.randn(rows, classes), torch.randint(0, classes, (rows,))


CASES: list[tuple[str, str, Callable[[], Data]]] = [
    ("binary_cross_entropy_with_logits", "3000000", lambda: _binary(3_000_000)),
    ("binary_cross_entropy_with_logits", "1000", lambda: _binary(1000)),
    ("mse_loss", "3000000", lambda: _real(3_000_000)),
    ("mse_loss", "1000", lambda: _real(1000)),
    ("huber_loss", "3000000", lambda: _real(3_000_000)),
    ("gaussian_nll_loss", "3000000", lambda: (*_real(3_000_000), torch.rand(3_000_000) + 0.1)),
    ("poisson_nll_loss", "3000000", lambda: (torch.randn(3_000_000), _binary(3_000_000)[1])),
    (
        "soft_margin_loss",
        "3000000",
        lambda: (torch.randn(3_000_000), 2 * _binary(3_000_000)[1] - 1),
    ),
    ("multilabel_soft_margin_loss", "100000x30", lambda: _binary(100_000, 30)),
    ("cross_entropy", "65536x1000", lambda: _classes(65536, 1000)),
    ("cross_entropy", "1000000x10", lambda: _classes(1_000_000, 10)),
    ("cross_entropy", "3000000x3", lambda: _classes(3_000_000, 3)),
    ("cross_entropy", "4096x32000", lambda: _classes(4096, 32000)),
    ("cross_entropy", "64x10", lambda: _classes(64, 10)),
]


def step(loss: Loss, x: Tensor, *others: Tensor) -> Tensor:
    x.grad = None
    value = loss(x, *others)
    value.backward()
    return value.detach()


def measure(name: str, data: Data, seconds: float) -> tuple[float, float, int]:
    """Return the two medians in milliseconds, and how many pairs they rest on."""
    x, *others = data
    x.requires_grad_()
    pair = _pair(name)
    torch.testing.assert_close(step(pair[0], x, *others), step(pair[1], x, *others))
    times: tuple[list[float], list[float]] = ([], [])
    inner = 1 if x.numel() > 100_000 else 50
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for loss, taken in zip(pair, times, strict=True):
            start = time.perf_counter()
            for _ in range(inner):
                step(loss, x, *others)
            taken.append((time.perf_counter() - start) / inner * 1e3)
    return statistics.median(times[0]), statistics.median(times[1]), len(times[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="of measurement per line")
    parser.add_argument("--only", default="", help="measure the losses whose name contains this")
    options = parser.parse_args()
    torch.manual_seed(0)
    print(
        f"neglog {neglog.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    )
    print(f"Python {platform.python_version()}, {cpu()}")
    print("float32, loss + gradient, medians of alternating pairs, ms\n")
    print(f"{'loss':34}{'size':>12}{'neglog':>10}{'torch':>10}{'ratio':>8}{'pairs':>7}")
    for name, size, make in CASES:
        if options.only in name:
            mine, torchs, pairs = measure(name, make(), options.seconds)
            print(f"{name:34}{size:>12}{mine:10.3f}{torchs:10.3f}{torchs / mine:8.2f}{pairs:7d}")


def cpu() -> str:
    """Name the processor as the system does, for a table that says where it was made."""
    if platform.system() == "Linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()

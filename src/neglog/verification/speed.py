"""The time of loss and gradient: the kernel, torch eager and torch.compile of the same formula."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neglog import engine
from neglog.engine import ElementwiseProblem, selection
from neglog.report.document import Table, number
from neglog.verification.findings import WEAK, Result
from neglog.verification.points import ORDINARY
from neglog.verification.subject import Subject, columns

ELEMENTS = 1_000_000
_SECONDS = 1.5


def speed(subject: Subject, points: dict[str, list[tuple[float, ...]]], compiled: bool) -> Result:
    """Time loss and gradient of 10⁶ float32 elements, and name the backend."""
    result = Result("Speed and kernel")
    if not subject.likelihood.elementwise:
        result.words.append("The kernels of rows are timed by `neglog bench`.")
        return result
    tensors = _tensors(subject, points[ORDINARY])
    backend = selection.serving(_problem(subject, tensors))
    result.data = {"backend": backend.__class__.__module__.split(".")[-2]}
    runs = {"neglog": lambda: _step(subject, tensors, _fused)}
    runs["torch eager"] = lambda: _step(subject, tensors, _by_torch)
    if compiled:
        fast: Any = torch.compile(_by_torch, dynamic=False)
        runs["torch.compile"] = lambda: _step(subject, tensors, fast)
    threads = torch.get_num_threads()
    times = _alternate(runs)
    base = times["neglog"]
    rows = [[name, number(ms, 3), number(ms / base, 3)] for name, ms in times.items()]
    result.table = Table(["", "ms", "relative to neglog"], rows)
    fused = result.data["backend"] != "reference"
    kernel = "the fused kernel" if fused else "torch's operations, without a fused kernel"
    result.words.append(
        f"Loss and gradient of {ELEMENTS:,} float32 elements, {threads} threads, minimum of "
        f"alternating runs; {kernel} ({result.data['backend']}) serves it."
    )
    result.data |= {"milliseconds": times, "threads": threads}
    if not fused:
        result.add(WEAK, "no fused kernel serves this declaration: it runs in torch's operations.")
    for name, ms in times.items():
        if ms < base:
            result.add(WEAK, f"{name} takes {ms:.3g} ms, the kernel {base:.3g} ms.")
    return result


def _tensors(subject: Subject, points: list[tuple[float, ...]]) -> list[Tensor]:
    """Return the ordinary points, repeated to 10⁶ elements."""
    drawn = [column.float() for column in columns(points)]
    repeats = -(-ELEMENTS // len(points))
    kept = [*drawn[: len(subject.inputs) + len(subject.given)], drawn[-1]]
    tensors = [column.repeat(repeats)[:ELEMENTS].contiguous() for column in kept]
    for tensor in tensors[: len(subject.inputs)]:
        tensor.requires_grad_()
    return tensors


def _problem(subject: Subject, tensors: list[Tensor]) -> ElementwiseProblem:
    n = len(subject.inputs)
    likelihood: Any = subject.likelihood
    return ElementwiseProblem(
        likelihood, tuple(tensors[:n]), tensors[-1], tuple(tensors[n:-1]), subject.settings
    )


def _fused(subject: Subject, tensors: list[Tensor]) -> Tensor:
    return engine.loss(_problem(subject, tensors))


def _by_torch(subject: Subject, tensors: list[Tensor]) -> Tensor:
    settings = [torch.full((), s) for s in subject.settings]
    loss: Tensor = subject.likelihood.nll(*tensors[:-1], *settings, tensors[-1])
    return loss.mean()


def _step(subject: Subject, tensors: list[Tensor], loss: Callable[..., Tensor]) -> None:
    inputs = tensors[: len(subject.inputs)]
    torch.autograd.grad(loss(subject, tensors), inputs, allow_unused=True)


def _alternate(runs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the smallest time of each run, in milliseconds."""
    for run in runs.values():
        run()
    best = dict.fromkeys(runs, float("inf"))
    rounds, end = 0, time.perf_counter() + _SECONDS
    while rounds < 3 or time.perf_counter() < end:
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], 1e3 * (time.perf_counter() - start))
        rounds += 1
    return best

"""Losses of many blocks, and processes of their own, for the tests that try to break the engine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cases
import forked
import torch
from torch import Tensor

import neglog
from neglog import engine
from neglog import functional as F
from neglog.engine import RowwiseProblem

SOURCES = Path(neglog.__file__).parents[1]
Parts = list[Tensor]
Call = Callable[[], Parts]


def parts(loss: Callable[[Tensor], Tensor], x: Tensor) -> Parts:
    """Return the loss of a fresh leaf and its gradient, for an upstream that is not all 1."""
    x = x.detach().clone().requires_grad_()
    value = loss(x)
    upstream = torch.linspace(0.5, 2.0, value.numel(), dtype=value.dtype).reshape(value.shape)
    return [value.detach(), *torch.autograd.grad(value, x, upstream)]


def elementwise(name: str, reduction: str) -> Call:
    """Draw inputs of an elementwise declaration; return what computes loss and gradients."""
    (likelihood,) = (c for c in cases.ELEMENTWISE if c.name == name)
    problem = cases.elementwise(likelihood, (50_001,), torch.float32)
    problem = problem._replace(reduction=reduction)

    def call() -> Parts:
        leaves = tuple(t.clone().requires_grad_() for t in problem.inputs)
        loss = engine.loss(problem._replace(inputs=leaves))
        return [loss.detach(), *torch.autograd.grad(loss.sum(), leaves)]

    return call


def rows(name: str, kind: str, reduction: str) -> Call:
    """Draw rows of several blocks; return what computes their loss and its gradient."""
    size, classes = {"many": (200, 1025), "soft": (300, 600)}.get(kind, (70_000, 3))
    likelihood = neglog.REGISTRY[name]
    x, y = cases.rows(likelihood, size, classes, torch.float32)
    facts = (torch.linspace(0.5, 2, classes), torch.rand(size), -100, 0.0, reduction)
    if kind == "image":
        x = x.reshape(7, -1, classes).movedim(-1, 1).contiguous()
    if kind == "soft":
        y = torch.rand(size, classes).softmax(1)
    if kind == "many":  # a sum is smoothed, which takes another loop
        facts = (None, None, -100, 0.1 * (reduction == "sum"), reduction)
    facts = (*facts, cases.settings(likelihood))
    return partial(parts, lambda x: engine.loss(RowwiseProblem(likelihood, x, y, *facts)), x)


def log_softmax() -> Call:
    """Draw rows of several blocks; return what computes log softmax and its gradient."""
    torch.manual_seed(0)
    return partial(parts, partial(F.log_softmax, dim=1), torch.randn(300, 600))


DRAWN: dict[str, Callable[[], Call]] = {"log_softmax": log_softmax}
for _reduction in cases.REDUCTIONS:
    for _c in cases.ELEMENTWISE:
        DRAWN[f"{_c.name} {_reduction}"] = partial(elementwise, _c.name, _reduction)
    for _c in cases.ROWS:
        for _kind in ("few", "image", "many", "soft"):
            DRAWN[f"{_c.name} {_kind} {_reduction}"] = partial(rows, _c.name, _kind, _reduction)


def are_same(one: Parts, other: Parts) -> bool:
    """Return whether two results have the same bits, except NaN payloads and the sign of 0."""
    return all(
        a.dtype == b.dtype and torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0))
        for a, b in zip(one, other, strict=True)
    )


def python(
    code: str, cache: Path, sources: Path = SOURCES, check: bool = True, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, with a cache of its own."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(sources)}
    done = forked.python(code, environment | variables)
    assert not check or done.returncode == 0, done.stderr
    return done

"""The three contenders: neglog, torch eager and torch.compile."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType

import torch
from torch.nn import functional as torch_losses

from neglog import functional as neglogs
from neglog.bench.batch import Loss, Run, Task
from neglog.bench.case import Line
from neglog.bench.composed import Composed
from neglog.bench.declared import Declared

NEGLOG, EAGER, COMPILE = "neglog", "eager", "compile"
_CACHE = "TORCHINDUCTOR_CACHE_DIR"
_MODULES: dict[str, ModuleType] = {NEGLOG: neglogs, EAGER: torch_losses}


def runner(name: str, line: Line, task: Task) -> Run:
    """Return the timed function for neglog or torch eager."""
    return task.runner(_loss(name, line, task))


def compiled(line: Line, task: Task) -> tuple[Run, float]:
    """Return the timed function for torch.compile, and the compile time in seconds.

    Forward and backward are compiled by their first use. Each line starts with an empty compiler:
    it would otherwise take the next shape for a hint that shapes change.
    """
    torch._dynamo.reset()
    run = task.runner(torch.compile(_loss(EAGER, line, task)))
    start = time.perf_counter()
    run()
    return run, time.perf_counter() - start


@contextmanager
def fresh_compiler() -> Iterator[None]:
    """Compile without cached results of earlier compilations, with the compiler loaded.

    Otherwise the first line would pay for loading it. If it fails, every line will say so.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        before = os.environ.get(_CACHE)
        os.environ[_CACHE] = folder
        try:
            with suppress(Exception):
                torch.compile(lambda x: x + 1)(torch.ones(2))
            yield
        finally:
            del os.environ[_CACHE]
            if before is not None:
                os.environ[_CACHE] = before


def reason(error: Exception) -> str:
    """Return the first line of an error."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].strip()}" if lines else type(error).__name__


def _loss(name: str, line: Line, task: Task) -> Loss:
    if isinstance(line, (Composed, Declared)):
        return line.function(name == NEGLOG, task.keywords)
    function, keywords = getattr(_MODULES[name], line.loss), dict(task.keywords)
    if name == EAGER and keywords.pop("class_dim", None) == -1:  # torch takes rows
        return lambda x, y: function(x.reshape(-1, x.shape[-1]), y.reshape(-1), **keywords)
    return lambda *arguments: function(*arguments, **keywords)

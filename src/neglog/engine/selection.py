"""Choose the backend that computes a problem."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import torch

from neglog.engine import inspection, values
from neglog.engine.backend import Backend
from neglog.engine.problem import AnyProblem


def found() -> list[Backend]:
    """Return the backends in the folders of `engine`, by descending priority.

    Their kernels are not imported, because Numba and Triton are slow to import.
    """
    folders = (Path(place) for place in sys.modules[__package__].__path__)
    names = {file.parent.name for folder in folders for file in folder.glob("*/backend.py")}
    modules = (import_module(f"{__package__}.{name}.backend") for name in sorted(names))
    return sorted((module.BACKEND for module in modules), key=lambda b: -b.priority)


def select(problem: AnyProblem) -> Backend:
    """Return the backend that computes a problem in the current context.

    Where torch's operations are transformed or traced, it is a backend that runs below the
    transforms, or one that consists of torch's operations.
    """
    if values.is_transformed():
        if values.is_watched() or not inspection.KNOWS_LEVELS:
            return fallback()
        backend = serving(inspection.below(problem))
        return backend if backend.transforms else fallback()
    hides = values.has_transforms() if torch.compiler.is_compiling() else values.is_watched()
    return fallback() if hides else serving(problem)


def serving(problem: AnyProblem) -> Backend:
    """Return the first backend that serves a problem, whatever the context."""
    for backend in BACKENDS:
        if backend.serves(problem):
            return backend
    raise RuntimeError("no backend serves the problem")


def fallback() -> Backend:
    """Return the backend that serves every problem."""
    return BACKENDS[-1]


BACKENDS = found()

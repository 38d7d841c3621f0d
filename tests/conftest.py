"""What every test may rely on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))
settings.register_profile("neglog", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("neglog")


@pytest.fixture(autouse=True)
def _poisoned_memory(monkeypatch):
    """Fill the kernels' fresh memory with NaN, so that an element nobody wrote is seen."""
    from neglog.engine import memory

    for name in ("empty_like", "empty_scalar", "empty_line"):
        fresh = getattr(memory, name)

        def poisoned(*arguments, fresh=fresh):
            return fresh(*arguments).fill_(float("nan"))

        monkeypatch.setattr(memory, name, poisoned)


@pytest.fixture(autouse=True)
def _threads_restored():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)

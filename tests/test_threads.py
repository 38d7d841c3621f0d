"""The quarantine of `engine/cpu/threads.py`: forks, failures, callers at once."""

from __future__ import annotations

import multiprocessing
from array import array as buffer
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numba import carray

from neglog import functional
from neglog.engine.cpu import threads
from neglog.engine.cpu.jit import compile_kernel
from neglog.engine.cpu.kernels.placeholders import array, taken

WAYS = ["team", "pool"]


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Run a test on torch's own threads, where torch has such, and on our pool."""
    if request.param == "pool":
        monkeypatch.setattr(threads, "_team", lambda: None)
    elif threads._team() is None:
        pytest.skip("this build of torch does not compute with GNU OpenMP")
    return request.param


def visit(memory):
    """Count the visits to every block; a kernel as simple as can be."""
    args = carray(memory, 3)
    visits = array(args[2], args[1], np.int64)
    while True:
        block = taken(memory)
        if block >= args[1]:
            break
        visits[block] += 1


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 17, 1000])
@pytest.mark.parametrize("count", [1, 2, 8])
def test_every_block_is_visited_once(way, blocks, count) -> None:
    torch.set_num_threads(count)
    kernel = compile_kernel(visit, torch.float32)
    visits = buffer("q", bytes(8 * blocks))
    threads.run(kernel, buffer("q", (0, blocks, visits.buffer_info()[0])), blocks)
    assert list(visits) == [1] * blocks


def test_callers_at_once_do_not_disturb_each_other(way) -> None:
    x = torch.randn(8, 50_000)
    expected = [functional.mse_loss(row, torch.zeros_like(row)).item() for row in x]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda r: functional.mse_loss(r, torch.zeros_like(r)).item(), [*x] * 5))
    assert got == expected * 5


def _loss_of(x: torch.Tensor) -> float:
    return functional.mse_loss(x, torch.zeros_like(x)).item()


def test_a_forked_child_computes() -> None:
    """OpenMP would wait for threads that the fork did not copy: as torch's own operations do."""
    torch.set_num_threads(2)
    x = torch.ones(20_000)  # several of our blocks, one of torch's
    assert _loss_of(x) == 1.0
    fork = multiprocessing.get_context("fork")
    with fork.Pool(1) as children:
        assert children.apply_async(_loss_of, (x,)).get(timeout=60) == 1.0

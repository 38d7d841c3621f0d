"""The quarantine of `engine/threads.py`: forks, failures, callers at once."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from neglog import functional
from neglog.engine import threads

WAYS = ["team", "pool"]


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Run a test on torch's own threads, where torch has such, and on our pool."""
    if request.param == "pool":
        monkeypatch.setattr(threads, "_openmp", lambda: None)
    elif threads._openmp() is None:
        pytest.skip("this build of torch does not compute with GNU OpenMP")
    return request.param


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 17])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_every_block_is_visited_once(way, blocks, count) -> None:
    torch.set_num_threads(count)
    seen: list[int] = []
    threads.run(lambda start, stop: seen.extend(range(start, stop)), blocks)
    assert sorted(seen) == list(range(blocks))


def test_a_failure_in_a_thread_reaches_the_caller(way) -> None:
    torch.set_num_threads(2)

    def fail(start: int, stop: int) -> None:
        if stop == 4:
            raise KeyboardInterrupt("in the second range")

    with pytest.raises(KeyboardInterrupt, match="second range"):
        threads.run(fail, 4)


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

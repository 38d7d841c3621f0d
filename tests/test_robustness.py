"""The engine under load: many threads, forks, recycled memory, interruptions."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import time
from array import array
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from robustness import DRAWN, are_same
from torch.utils.data import DataLoader

from neglog import functional as F
from neglog.engine import memory
from neglog.engine.cpu import threads

calls = pytest.mark.parametrize("name", DRAWN)


@calls
def test_the_same_bits_at_any_number_of_threads_and_again(name) -> None:
    call = DRAWN[name]()
    torch.set_num_threads(1)
    expected = call()
    assert not any(t.isnan().any() for t in expected), "memory that nobody wrote"
    for count in (2, 8, 8):
        torch.set_num_threads(count)
        assert are_same(call(), expected), count


@pytest.mark.slow
@pytest.mark.parametrize("way", ["team", "pool"])
def test_sixteen_callers_of_different_losses_at_once(way, monkeypatch) -> None:
    if way == "pool":
        monkeypatch.setattr(threads, "_team", lambda: None)
    names = [name for name in DRAWN if "mean" in name or name == "log_softmax"]
    names = [name for name in names for _ in range(4)]  # the same losses at once, too
    drawn = {name: DRAWN[name]() for name in names}
    jobs = [drawn[name] for name in names]
    once = {name: job() for name, job in drawn.items()}
    serial = [once[name] for name in names]
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda job: job(), jobs))
    pairs = zip(names, results, serial, strict=True)
    assert not [name for name, got, expected in pairs if not are_same(got, expected)]


X = torch.linspace(-3, 3, 60_000).reshape(-1, 3)


def _worker_s_losses(_) -> torch.Tensor:
    """Return what a child computes: kernels of one block and of several, and a gradient."""
    x = X.clone().requires_grad_()
    loss = F.mse_loss(x, torch.zeros_like(x)) + F.cross_entropy(x, torch.arange(len(x)) % 3)
    (slope,) = torch.autograd.grad(loss, x)
    return torch.stack([loss.detach(), slope.double().sum().float(), F.l1_loss(X[:9], X[1:10])])


class Worker(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> torch.Tensor:
        return _worker_s_losses(i)


@pytest.mark.parametrize("used_before", [False, True])
def test_a_worker_of_a_loader_computes(used_before) -> None:
    torch.set_num_threads(2)
    expected = _worker_s_losses(0) if used_before else None
    loader = DataLoader(Worker(), num_workers=2, multiprocessing_context="fork", timeout=60)
    for batch in loader:
        for got in batch:
            expected = got if expected is None else expected
            assert torch.equal(got, expected)


def test_a_child_of_a_process_that_computes_at_that_moment_computes_too() -> None:
    torch.set_num_threads(2)
    expected, stop = _worker_s_losses(0), threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            _worker_s_losses(0)

    others = [threading.Thread(target=go_on) for _ in range(3)]
    for other in others:
        other.start()
    try:
        fork = multiprocessing.get_context("fork")
        for _ in range(3):
            time.sleep(0.02)
            with fork.Pool(1) as children:
                # One thread, as in a loader's worker: torch's own operations would wait for more.
                one = children.apply_async(_on_one_thread)
                assert torch.equal(one.get(timeout=60), expected)
    finally:
        stop.set()
        for other in others:
            other.join()


def _on_one_thread() -> torch.Tensor:
    torch.set_num_threads(1)
    return _worker_s_losses(0)


def test_a_child_of_a_process_that_compiles_at_that_moment_compiles_too() -> None:
    from numba.core.compiler_lock import global_compiler_lock

    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with global_compiler_lock:
            taken.set()
            done.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    taken.wait(60)
    # A fork that waited for the lock would be right as well, so it is given back in a moment.
    threading.Timer(0.5, done.set).start()
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if global_compiler_lock._lock.acquire(timeout=2) else 1)
        finally:
            os._exit(2)
    other.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Slow:
    """A kernel whose second thread takes its time, and whose first is interrupted."""

    def __init__(self) -> None:
        self.caller, self.running = threading.get_ident(), threading.Event()
        self.finished = threading.Event()

    def released(self, address: int) -> None:
        if threading.get_ident() == self.caller:
            self.running.wait(10)
            raise KeyboardInterrupt
        self.running.set()
        time.sleep(0.3)
        self.finished.set()


def test_an_interrupted_caller_waits_for_the_threads_that_use_its_memory(monkeypatch) -> None:
    monkeypatch.setattr(threads, "_team", lambda: None)
    torch.set_num_threads(2)
    kernel = Slow()
    with pytest.raises(KeyboardInterrupt):
        threads.run(kernel, array("q", [0]), 2)
    finished = kernel.finished.is_set()
    kernel.finished.wait(10)
    assert finished


@pytest.fixture
def small_blocks(monkeypatch):
    """Have blocks of 16 KiB recycled, and look at every one that is handed out."""
    monkeypatch.setattr(memory, "LARGE", 1 << 14)
    monkeypatch.setattr(memory, "_waiting", memory.deque(maxlen=1))
    given = []
    fresh = memory._block

    def block(size):
        result = fresh(size)
        given.append(result.ctypes.data)
        return result

    monkeypatch.setattr(memory, "_block", block)
    return given


def gradient(x, scale=1.0):
    leaf = x.clone().requires_grad_()
    (F.mse_loss(leaf, torch.zeros_like(leaf), reduction="sum") * scale).backward()
    return leaf.grad


def test_a_block_comes_back_when_its_last_tensor_has_died(small_blocks) -> None:
    x = torch.linspace(-1, 1, 5000)
    for _ in range(5):
        assert torch.equal(gradient(x), 2 * x)
    gc.collect()
    assert len(small_blocks) == 5
    assert len(set(small_blocks)) == 1, "nothing was recycled"


HOLDERS = {
    "itself": lambda g: g,
    "view": lambda g: g[7:9],
    "detached": lambda g: g.detach(),
    "array": lambda g: g.numpy(),
    "storage": lambda g: g.untyped_storage(),
    "capsule": lambda g: torch.utils.dlpack.to_dlpack(g),
    "other dtype": lambda g: g.view(torch.int32),
    "memory view": lambda g: memoryview(g.numpy()),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_block_that_somebody_holds_is_not_handed_out(holder, small_blocks) -> None:
    x = torch.linspace(-1, 1, 5000)
    kept = HOLDERS[holder](gradient(x))
    gc.collect()
    before = small_blocks[-1]
    others = [gradient(x, 3.0) for _ in range(4)]
    assert before not in small_blocks[1:]
    del kept
    assert all(torch.equal(g, 6 * x) for g in others)


def test_gradients_add_up_in_recycled_memory(small_blocks) -> None:
    x, y = torch.linspace(-1, 1, 5000).requires_grad_(), torch.zeros(5000)
    kept = []
    for step in range(1, 6):
        F.mse_loss(x, y, reduction="sum").backward()
        assert torch.equal(x.grad, 2 * x.detach() * step)
        if step == 3:  # an optimizer that sets gradients to None, and somebody who keeps one
            kept.append((x.grad, x.grad.clone()))
        loss = F.mse_loss(x, y, reduction="sum")
        first = torch.autograd.grad(loss, x, retain_graph=True)[0]
        second = torch.autograd.grad(3 * loss, x, retain_graph=True)[0]
        third = torch.autograd.grad(loss, x)[0]
        assert torch.equal(first, third)
        assert torch.equal(second, 3 * first)
        assert len({first.data_ptr(), second.data_ptr(), third.data_ptr(), x.grad.data_ptr()}) == 4
    x.grad = None
    F.mse_loss(x, y).backward()
    assert kept[0][0].data_ptr() != x.grad.data_ptr()


def test_blocks_that_die_in_other_threads_are_recycled_safely(small_blocks) -> None:
    x = torch.linspace(-1, 1, 5000)

    def step(i: int) -> bool:
        g = gradient(x, float(i))
        held = g.clone()
        time.sleep(0)
        right = torch.equal(g, 2 * x * i) and torch.equal(g, held)
        threading.Thread(target=lambda t: None, args=(g,)).start()
        return right

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(step, range(1, 200)))


def test_the_losses_themselves_are_recycled_safely(small_blocks) -> None:
    x = torch.linspace(-1, 1, 5000)
    kept = [F.mse_loss(x + i, x, reduction="none") for i in range(6)]
    gc.collect()
    for i, loss in enumerate(kept):
        torch.testing.assert_close(loss, (x + i - x).square())


def test_a_system_without_madvise_does_not_fail(small_blocks, monkeypatch) -> None:
    monkeypatch.setattr(memory.mmap, "MADV_HUGEPAGE", 9999)  # EINVAL, as without huge pages
    x = torch.linspace(-1, 1, 5000)
    assert torch.equal(gradient(x), 2 * x)

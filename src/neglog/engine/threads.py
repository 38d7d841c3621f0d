"""Serial kernels over ranges of blocks, on the threads that torch computes with.

Numba's own parallel layers either abort a forked child or abort on concurrent callers, and they
compile slowly. A pool of our own has neither fault but fights torch's threads, which go on
spinning on their cores for milliseconds after every operation of torch. So where torch brings
GNU OpenMP, its own team is asked to call us (`_on_team`); elsewhere, and in a forked child, where
OpenMP would wait for threads that the fork did not copy, a small pool serves (`_on_pool`).

The blocks are fixed by the size of the input alone, so the results are the same bits at any number
of threads. `tests/test_threads.py` holds all of this.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import torch

Kernel = Callable[[int, int], object]
_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_forked = False
_pool: tuple[int, ThreadPoolExecutor] | None = None


def run(kernel: Kernel, blocks: int) -> None:
    """Call `kernel(start, stop)` on ranges that cover `blocks`, on torch's number of threads."""
    threads = min(torch.get_num_threads(), blocks)
    if threads <= 1:
        if blocks:
            kernel(0, blocks)
        return
    team = None if _forked else _openmp()
    if team is None:
        _on_pool(kernel, blocks, threads)
    else:
        _on_team(team, kernel, blocks, threads)


def _on_team(team: ctypes.CDLL, kernel: Kernel, blocks: int, threads: int) -> None:
    failures: list[BaseException] = []

    def work(_: object) -> None:
        part, parts = team.omp_get_thread_num(), team.omp_get_num_threads()
        try:
            kernel(blocks * part // parts, blocks * (part + 1) // parts)
        except BaseException as failure:  # it cannot cross the C frames between here and the caller
            failures.append(failure)

    team.GOMP_parallel(_CALLBACK(work), None, threads, 0)
    if failures:
        raise failures[0]


def _on_pool(kernel: Kernel, blocks: int, threads: int) -> None:
    ends = [blocks * part // threads for part in range(threads + 1)]
    pool = _executor(threads - 1)
    others = [pool.submit(kernel, *ends[part : part + 2]) for part in range(1, threads)]
    try:
        kernel(*ends[:2])
    finally:
        for other in others:
            other.result()


@cache
def _openmp() -> ctypes.CDLL | None:
    """Return the GNU OpenMP library that torch has loaded, if that is what it computes with."""
    folder = Path(torch.__file__).parent
    for path in sorted([*folder.glob("lib/libgomp*"), *folder.parent.glob("torch.libs/libgomp*")]):
        library = ctypes.CDLL(str(path))
        if hasattr(library, "GOMP_parallel"):
            return library
    return None


def _executor(threads: int) -> ThreadPoolExecutor:
    global _pool
    if _pool is None or _pool[0] < threads:
        _pool = threads, ThreadPoolExecutor(threads, thread_name_prefix="neglog")
    return _pool[1]


def _after_fork() -> None:
    global _forked, _pool
    _forked, _pool = True, None


os.register_at_fork(after_in_child=_after_fork)

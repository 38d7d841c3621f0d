"""Run kernels on the threads of torch.

A separate pool would compete with torch's threads, which keep spinning on their cores for
milliseconds after every operation of torch. So if torch has loaded GNU OpenMP, its team of threads
runs the kernel (`_team`); otherwise, and in a forked child, where OpenMP would wait for threads
that the fork did not copy, a small pool does (`_on_pool`).

Every thread takes the next block until none is left, and the blocks depend only on the size of the
input. So the results have the same bits at any number of threads. `tests/test_threads.py` tests
this.
"""

from __future__ import annotations

import ctypes
import os
from array import array
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import torch

from neglog.engine.cpu.jit import Kernel

_forked = False
_pool: tuple[int, ThreadPoolExecutor] | None = None


def run(kernel: Kernel, args: array[int], blocks: int) -> None:
    """Run a kernel until all blocks are done; its first argument is the index of the next block."""
    address = args.buffer_info()[0]
    threads = min(torch.get_num_threads(), blocks)
    if threads <= 1:
        (kernel.held if blocks <= 1 else kernel.released)(address)
        return
    team = None if _forked else _team()
    if team is None:
        _on_pool(kernel, address, threads)
    else:
        team(kernel.address, address, threads, 0)


def _on_pool(kernel: Kernel, address: int, threads: int) -> None:
    pool = _executor(threads - 1)
    others = []
    try:
        for _ in range(threads - 1):
            others.append(pool.submit(kernel.released, address))
        kernel.released(address)
    finally:  # also after an interrupt: they use memory of the caller
        for other in others:
            other.result()


@cache
def _team() -> Any:
    """Return `GOMP_parallel` of the GNU OpenMP library that torch has loaded, if it has one."""
    folder = Path(torch.__file__).parent
    for path in sorted([*folder.glob("lib/libgomp*"), *folder.parent.glob("torch.libs/libgomp*")]):
        library = ctypes.CDLL(str(path))
        if hasattr(library, "GOMP_parallel"):
            library.GOMP_parallel.argtypes = (
                ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint,
            )  # fmt: skip
            return library.GOMP_parallel
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

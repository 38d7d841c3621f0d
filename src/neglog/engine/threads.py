"""Serial kernels over ranges of blocks, driven by a small pool of our own.

Numba's own parallel layers either abort a forked child or abort on concurrent callers, and they
compile slowly. The blocks are fixed by the size of the input alone, so the results are the same
bits at any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_pool: tuple[int, ThreadPoolExecutor] | None = None


def run(kernel: Callable[[int, int], object], blocks: int) -> None:
    """Call `kernel(start, stop)` on ranges that cover `blocks`, one for each of torch's threads."""
    threads = min(torch.get_num_threads(), blocks)
    ends = [blocks * part // threads for part in range(threads + 1)] if threads else [0, 0]
    others = [
        _executor(threads - 1).submit(kernel, *ends[part : part + 2]) for part in range(1, threads)
    ]
    try:
        kernel(*ends[:2])
    finally:
        for other in others:
            other.result()


def _executor(threads: int) -> ThreadPoolExecutor:
    global _pool
    if _pool is None or _pool[0] < threads:
        _pool = threads, ThreadPoolExecutor(threads, thread_name_prefix="neglog")
    return _pool[1]


def _forget_pool() -> None:
    global _pool
    _pool = None


os.register_at_fork(after_in_child=_forget_pool)  # a fork keeps the pool but not its threads

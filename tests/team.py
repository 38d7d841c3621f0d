"""Processes of torch.distributed that are started once and run many cases."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import forked


class Team:
    """Four processes of gloo, of which the first ones run a case."""

    SIZE = 4

    def __init__(self, folder: Path) -> None:
        pipes = [forked.CONTEXT.Pipe() for _ in range(self.SIZE)]
        self.pipes = [ours for ours, _ in pipes]
        self.processes = [
            forked.start(serve, rank, self.SIZE, f"file://{folder}/meet", theirs)
            for rank, (_, theirs) in enumerate(pipes)
        ]

    def run(self, case: Callable[..., Any], *arguments: Any, size: int = SIZE) -> list[Any]:
        """Return what a function of a module returns in each process, or the error it raised.

        It takes the rank, the group of the first `size` processes and the arguments.
        """
        for pipe in self.pipes:
            pipe.send((case, size, arguments))
        found = [pipe.recv() if pipe.poll(60) else TimeoutError(case) for pipe in self.pipes]
        return found[:size]

    def results(self, case: Callable[..., Any], *arguments: Any, size: int = SIZE) -> list[Any]:
        """Return what a function returns in each process; raise what one of them raised."""
        found = self.run(case, *arguments, size=size)
        for result in found:
            if isinstance(result, BaseException):
                raise result
        return found

    def end(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.kill()
            process.join()


def serve(rank: int, size: int, meet: str, pipe: Connection) -> None:
    """Run the cases that a pipe sends, until it closes."""
    import torch
    from torch import distributed

    from neglog.engine import selection

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    selection.BACKENDS[:] = [b for b in selection.BACKENDS if b.name == "reference"]
    distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=size)
    groups = [distributed.new_group(range(n)) for n in range(1, size + 1)]
    while True:
        try:
            case, members, arguments = pipe.recv()
        except EOFError:
            return
        found = None
        if rank < members:
            try:
                found = case(rank, groups[members - 1], *arguments)
            except Exception as error:
                traceback.print_exc()
                found = error
        pipe.send(found)

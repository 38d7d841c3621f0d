"""Processes of their own that need not import torch: forks of a server that has.

A new interpreter takes 2 s to import it; a fork starts in a hundredth of that. A fork leaves
without the functions of `atexit`.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

_METHODS = multiprocessing.get_all_start_methods()
CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in _METHODS else "spawn")
# What needs long to import and reads none of neglog's files.
CONTEXT.set_forkserver_preload(["torch", "torch._dynamo", "torch.distributed.fsdp"])


def start(function: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start a function of a module in a process of its own."""
    process = CONTEXT.Process(target=function, args=arguments)
    process.start()
    return process


def statuses(processes: list[BaseProcess]) -> list[int]:
    """Wait for processes; return their exit statuses."""
    for process in processes:
        process.join(120)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"{process.name} has not ended")
    return [process.exitcode for process in processes]


def python(
    code: str, environment: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run code as `python -c` does in this environment; return what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("stdout", "stderr")]
        (status,) = statuses([start(_run, code, environment, arguments, files)])
        texts = [file.read_text("utf-8") for file in files]
    return subprocess.CompletedProcess(code, status, *texts)


def _run(
    code: str, environment: dict[str, str], arguments: tuple[str, ...], files: list[Path]
) -> None:
    for file, place in zip(files, (1, 2), strict=True):
        with file.open("wb") as stream:
            os.dup2(stream.fileno(), place)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[:0] = environment["PYTHONPATH"].split(os.pathsep)
    sys.argv[1:] = arguments
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})

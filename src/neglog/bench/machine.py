"""The environment of a table: versions, threads, processor, date."""

from __future__ import annotations

import platform
from datetime import datetime
from pathlib import Path

import torch

from neglog._version import __version__


def facts() -> dict[str, str | int]:
    """Return the facts about the machine that affect the numbers."""
    return {
        "neglog": __version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "processor": processor(),
        "date": datetime.now().date().isoformat(),
    }


def processor() -> str:
    """Name the processor as the system does."""
    if platform.system() == "Linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

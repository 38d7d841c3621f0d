"""The output files of a run: the printed text and the figures."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from neglog.errors import BenchError


class Printer:
    """Prints, and remembers what it printed."""

    def __init__(self) -> None:
        self._chunks: list[str] = []

    def write(self, text: str) -> None:
        """Print immediately, even a part of a line."""
        self._chunks.append(text)
        sys.stdout.write(text)
        sys.stdout.flush()

    def save(self, path: Path) -> None:
        """Write everything that was printed to a file."""
        _save("".join(self._chunks), path)


def check(path: Path) -> None:
    """Refuse an unwritable file before measuring.

    Raises:
        BenchError: it cannot.
    """
    folder = path.absolute().parent
    if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        raise BenchError(f"{path} cannot be written; choose another file.")


def write_json(data: dict[str, Any], path: Path) -> None:
    """Write figures to a file."""
    _save(json.dumps(data, indent=2) + "\n", path)


def _save(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"{path} cannot be written ({error.strerror}).") from None

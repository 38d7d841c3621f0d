"""The commands' output: results to standard output, everything else to standard error."""

from __future__ import annotations

import codecs
import io
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

CONVERGED, NOT_CONVERGED, USAGE_ERROR, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141


class Output(Console):
    """Standard output; a closed pipe raises an error."""

    def on_broken_pipe(self) -> None:
        """Let `main` end the command; rich would exit with a different status."""
        raise BrokenPipeError


def prepare() -> None:
    """Replace closed streams, and transliterate characters that a stream's encoding lacks."""
    codecs.register_error("neglog.spelled", _spelled)
    if not os.environ.get("COLUMNS", "").strip("0"):
        os.environ.pop("COLUMNS", None)  # rich would print nothing on lines of no width
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # as after >&-
            flag, mode = (os.O_RDONLY, "r") if name == "stdout" else (os.O_WRONLY, "w")
            setattr(sys, name, os.fdopen(os.open(os.devnull, flag), mode))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="neglog.spelled")


def _spelled(error: UnicodeError) -> tuple[str, int]:
    from neglog.report.terminal import SPELLED

    assert isinstance(error, UnicodeEncodeError)
    letters = error.object[error.start : error.end].translate(SPELLED)
    return letters.encode("ascii", "backslashreplace").decode(), error.end


def print_note(text: str) -> None:
    """Print a note to standard error."""
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


def write_json(data: dict[str, Any]) -> None:
    """Print data to standard output as JSON; non-finite numbers become null."""
    # In ASCII, as a pipe may have any encoding.
    sys.stdout.write(json.dumps(_finite(data), indent=2, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value) if isinstance(value, Path) else _finite(value.tolist())

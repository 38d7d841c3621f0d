"""Write the index of errors: each kind with its message, its cause and its remedy."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import tempfile
import warnings
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from api_pages import write_if_new

import neglog
from neglog import functional
from neglog.errors import NeglogError
from neglog.errors.kinds import GROUPS, kinds

HEAD = """# Errors

Each message of neglog ends with the code of its kind, such as `[NL402]`. It says what was expected,
what was passed, the first index where values are wrong, the likely cause, and the remedy. The
kinds are classes of `neglog.errors`; `neglog explain NL402` shows one. Each derives from the
exceptions that torch raises for the same fault, so that an `except` clause written for torch
catches it. The examples ran when this page was built.
"""


def write_page(app: Any, config: Any) -> None:
    """Write the page."""
    if config.language == "en":
        folder = Path(app.srcdir) / "errors"
        folder.mkdir(exist_ok=True)
        write_if_new(folder / "index.md", page())


def page() -> str:
    """Return the page: the kinds in groups, each under its code."""
    parts = [HEAD]
    for begin, group in groupby(kinds().values(), key=lambda kind: kind.code[:3]):
        parts += [f"## {GROUPS[begin]}", *map(entry, group)]
    return "\n\n".join(parts) + "\n"


def entry(kind: type[NeglogError]) -> str:
    """Return the texts of a kind."""
    bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
    lines = [
        f"({kind.code.lower()})=",
        f"### {kind.code} · {kind.__name__}",
        f"\n{kind.__doc__} A kind of {bases}.",
        f"\nCause\n: {kind.cause}",
        f"\nRemedy\n: {kind.remedy}",
        f"\n```python\n{kind.example}\n```",
        f"\n```text\n{message(kind)}\n```",
    ]
    return "\n".join(lines)


def message(kind: type[NeglogError]) -> str:
    """Return the message of a kind's example."""
    return " ".join(str(raised(kind)).split())


def raised(kind: type[NeglogError]) -> NeglogError | None:
    """Run the example of a kind in an empty folder and return the error."""
    names = {"torch": torch, "neglog": neglog, "F": functional, "pd": pd, "Path": Path}
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(folder)
        try:
            Path("example.py").write_text(kind.example, "utf-8")  # formulas need their source
            with contextlib.redirect_stderr(io.StringIO()):
                runpy.run_path("example.py", names)
        except NeglogError as error:
            return error
        finally:
            os.chdir(here)
    return None


def setup(app: Any) -> dict[str, bool]:
    """Write the page once the settings are known."""
    app.connect("config-inited", write_page, priority=150)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

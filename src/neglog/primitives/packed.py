"""Formulas of rows with all settings as one argument, which kernels pass on.

A kernel is written once for any number of settings. `packed` adds statements that read them to the
text of a formula. Triton looks the text up again, so it is stored in `linecache`.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
import textwrap
from functools import cache
from types import FunctionType
from typing import Any

MOST = 8  # settings, which a kernel holds in registers


@cache
def packed(formula: Any, settings: tuple[str, ...], reading: str = "{}[{}]") -> FunctionType:
    """Return a formula of a log-probability, the settings, and a target.

    Args:
        formula: of a log-probability, each setting, and a target.
        settings: the names of the settings.
        reading: the expression for a setting, given the argument and the setting's index.
    """
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(formula))).body
    assert isinstance(definition, ast.FunctionDef)
    first, *_, last = definition.args.args
    whole = "_".join(("settings", *settings))  # which no name in the formula equals
    lines = [f"{name} = {reading.format(whole, i)}" for i, name in enumerate(settings)]
    definition.decorator_list = []
    definition.args.args = [first, ast.arg(whole), last]
    definition.body[:0] = ast.parse("\n".join(lines)).body
    text = ast.unparse(ast.fix_missing_locations(definition)) + "\n"
    file = f"<neglog {hashlib.sha256(text.encode()).hexdigest()[:12]}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    scope: dict[str, Any] = {}
    exec(compile(text, file, "exec"), formula.__globals__, scope)
    found: FunctionType = scope[definition.name]
    return found

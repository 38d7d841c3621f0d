"""`bind`, which moves a formula to another backend, and `fingerprint`, which names what it uses.

The globals of a formula are torch's primitives (`primitives.reference`). `bind` copies a formula
with another backend's primitives as its globals, so that one source runs under torch, Numba and
sympy.

Numba's disk cache keys a function by its file, its qualified name and its byte code, **not by its
globals**. Without a remedy, two formulas bound to one template would return each other's results,
and an edited formula would run old machine code. Therefore the name of each cached function
contains a hash of every source it depends on: `fingerprint`. `tests/test_primitives.py` tests both
cases.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any


def bind(
    formula: Callable[..., Any],
    vocabulary: Mapping[str, Any],
    real: Callable[[float], Any] = float,
    name: str | None = None,
) -> FunctionType:
    """Copy a formula with `vocabulary` as its globals and its floats converted to `real`."""
    assert isinstance(formula, FunctionType)
    constants = tuple(real(c) if isinstance(c, float) else c for c in formula.__code__.co_consts)
    name = name or formula.__name__
    code = (
        formula.__code__.replace(co_consts=constants, co_qualname=name)
        if _HAS_QUALNAME
        else (formula.__code__.replace(co_consts=constants))
    )
    bound = FunctionType(code, dict(vocabulary), name, formula.__defaults__, formula.__closure__)
    bound.__qualname__ = name
    bound.__module__ = __name__  # Numba's cache imports it: a user's module may have moved
    return bound


_HAS_QUALNAME = hasattr(bind.__code__, "co_qualname")


def fingerprint(*sources: Any) -> str:
    """Hash modules by their text and functions by their code: twelve hexadecimal digits.

    The source text is not used: the file may have been edited after the import.
    """
    text = "\0".join(
        repr(_code_key(source.__code__))
        if hasattr(source, "__code__")
        else inspect.getsource(source)
        for source in sources
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _code_key(code: CodeType) -> tuple[Any, ...]:
    """Return the code of a function without its location."""
    constants = [_code_key(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars

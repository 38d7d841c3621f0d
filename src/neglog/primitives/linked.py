"""Functions that only compiled code calls: linked into their callers, and optimised there.

Numba optimises each function and generates its machine code, and does so again inside every
caller. A function that is not called from Python or C needs neither on its own, which saves a
quarter of the compile time of a kernel.

The danger: these are internals of Numba's code generator. If they are missing, Numba compiles as
usual; `tests/test_primitives.py` compares the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

_NO_ENTRIES: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_INTERNALS = (
    "_optimize_final_module", "_finalize_final_module", "_finalize_dynamic_globals",
    "get_pointer_to_function", "codegen",
)  # fmt: skip


def linked(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a function that only compiled code calls."""
    if all(hasattr(JITCodeLibrary, name) for name in _INTERNALS):
        options["pipeline_class"] = _Pipeline
    return njit(function, **_NO_ENTRIES, **options)


class _NoEnvironment:
    """Replaces a code generator: a function that raises nothing needs no environment."""

    @staticmethod
    def set_env(name: str, environment: Any) -> None:
        """Do nothing."""


class _Linked(JITCodeLibrary):
    """A module that is linked into others, and neither optimised nor loaded on its own."""

    codegen = _NoEnvironment()

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0


class _Pipeline(Compiler):
    """Numba's compiler, with such a module as the library of its results."""

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing, target, library, *rest)
        self.state.library = _Linked(target.codegen(), "linked")

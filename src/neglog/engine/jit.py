"""How a loop and its formulas become machine code: the one place that calls Numba with a cache."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numba import cfunc, njit, types
from numba.core.compiler_lock import global_compiler_lock

from neglog.engine.loops import (
    columns,
    elementwise,
    log_softmax,
    native,
    rows,
    rows_slots,
    slots,
    sums,
    survey,
)
from neglog.engine.loops.sums import IN_ORDER
from neglog.words import bind, fingerprint, polynomials
from neglog.words import numba as numba_words

# Sums over an array may be reordered, so that they can be vectorised; the formulas may not.
LOOP: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "forceinline": False,
    "fastmath": {"reassoc", "contract"},
}
# What only other machine code calls needs no doors for Python and C, which take time to compile.
INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
NOTICEABLE = 1.0  # seconds
_SIGNATURE = types.void(types.CPointer(types.int64))


# Taken when they are imported: a text that is read later may have been edited.
_HERE = sys.modules[__name__]
_LOOPS = (columns, elementwise, log_softmax, native, rows, rows_slots, slots, sums, survey)
_TOOLS = fingerprint(*_LOOPS, numba_words, polynomials, _HERE, bind)[:6]


class Kernel:
    """Machine code that takes the address of its slots; any number of threads may run it at once.

    Attributes:
        address: of the code.
        held: calls it and keeps Python's lock: right where it takes microseconds.
        released: calls it and lets other threads of Python run.
    """

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled  # owns the code
        self.address: int = compiled.address
        self.held = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(self.address)
        self.released = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.address)


def compile_kernel(
    template: Callable[..., Any],
    dtype: torch.dtype,
    label: str = "",
    formulas: Mapping[str, Callable[..., Any]] | None = None,
    helpers: Mapping[str, Any] | None = None,
    flags: Mapping[str, bool] | None = None,
    *,
    narrow: bool = False,
    narrow_too: tuple[str, ...] = (),
    narrowly: Mapping[str, Callable[..., Any]] | None = None,
) -> Kernel:
    """Compile a loop for numbers that are stored in a dtype, with formulas and smaller loops in it.

    Args:
        template: the loop, which leaves names open.
        dtype: of the stored numbers.
        label: a word for the names in the machine code.
        formulas: what fills some of the names, in the vocabulary of `neglog.words`.
        helpers: what fills others; one may call those before it.
        flags: the rest of the names, each true or false.
        narrow: whether the formulas may round as `words(…, narrow=True)` does.
        narrow_too: helpers that are also compiled so, under their names with `narrow_` before.
        narrowly: formulas that are others in those.

    Every name holds a hash of every source: that of the whole keeps Numba's cache honest (see
    `neglog.words`), and those of the parts keep the machine code honest, where a part that comes
    from the cache and one that was compiled now would otherwise bear one name, and one of them be
    called for both.
    """
    formulas, helpers, flags = formulas or {}, helpers or {}, flags or {}
    narrowly = {**formulas, **(narrowly or {})}
    storage = native.STORAGES[dtype]
    sources = (*formulas.values(), *narrowly.values(), *helpers.values(), template)
    stamp = fingerprint(*sources) + _TOOLS
    chosen = "_".join(flag for flag, on in flags.items() if on)
    suffix = "_".join([label, storage.name, chosen, "narrow" * narrow, stamp])

    def inner(name: str, function: Any, names: dict[str, Any], options: dict[str, Any]) -> Any:
        named = bind(function, _globals(function) | names, name=f"{name}_{suffix}")
        return njit(named, **INNER, **options)

    def spelled(prefix: str, formulas: Mapping[str, Any], narrow: bool) -> dict[str, Any]:
        words = {**numba_words.words(np.float64, narrow=narrow), **flags}
        bound = {n: inner(prefix + n, f, words, numba_words.JIT) for n, f in formulas.items()}
        return words | bound

    names = {"KIND": storage.numpy, "taken": native.taken, "largest": numba_words.largest}
    names["wide"] = numba_words.prefer_wide_vectors
    for name, function in (("array", native.array), *storage.conversions()):
        names[name] = inner(name, function, {}, LOOP)
    names |= spelled("", formulas, narrow)
    for name, helper in helpers.items():
        names[name] = inner(name, helper, names, numba_words.JIT if helper in IN_ORDER else LOOP)
    for name in narrow_too:
        short = f"narrow_{name}"
        names[short] = inner(short, helpers[name], names | spelled("narrow_", narrowly, True), LOOP)
    started = time.perf_counter()
    whole = bind(template, _globals(template) | names, name=f"{template.__name__}_{suffix}")
    options = {"error_model": LOOP["error_model"], "fastmath": LOOP["fastmath"]}
    compiled = _cached(whole, options)
    _tell(time.perf_counter() - started, f"{label or template.__name__}, {storage.name}")
    return Kernel(compiled)


_LOGGER = logging.getLogger("neglog")
_told: list[str] = []


def _tell(seconds: float, what: str) -> None:
    """Say once in a process why a first call took so long."""
    if seconds > NOTICEABLE and not _told:
        _told.append(what)
        message = "compiled a kernel (%s) in %.1f s: once, where Numba can write its cache"
        _LOGGER.warning(message, what, seconds)


def _cached(loop: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Compile with Numba's disk cache, or without it where no folder may be written."""
    try:
        return cfunc(_SIGNATURE, cache=True, **options)(loop)
    except RuntimeError:  # "cannot cache function: no locator available"
        return cfunc(_SIGNATURE, **options)(loop)


def _globals(function: Callable[..., Any]) -> dict[str, Any]:
    names: dict[str, Any] = getattr(function, "__globals__", {})
    return dict(names)


# A child must not inherit the compiler's lock from a thread that it has not.
os.register_at_fork(
    before=global_compiler_lock.acquire,
    after_in_parent=global_compiler_lock.release,
    after_in_child=global_compiler_lock.release,
)

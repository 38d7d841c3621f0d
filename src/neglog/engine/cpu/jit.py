"""Compile kernels and their formulas: the only module that calls Numba with a cache."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType
from typing import Any

import numpy as np
import torch
from numba import cfunc, types
from numba.core.compiler_lock import global_compiler_lock

from neglog.engine.cpu.kernels import (
    alignments,
    columns,
    composed,
    distances,
    elementwise,
    half_precision,
    hazards,
    log_softmax,
    margins,
    mixtures,
    native,
    normal_vectors,
    pairs,
    placeholders,
    positions,
    powers,
    risk_sets,
    rows,
    rows_args,
    spread,
    spread_steps,
    sums,
    survey,
    targets,
)
from neglog.engine.cpu.kernels.placeholders import IN_REAL
from neglog.engine.cpu.kernels.sums import IN_ORDER
from neglog.primitives import (
    arithmetic,
    bessel,
    bits,
    elementary,
    formats,
    gamma,
    normal,
    polynomials,
    tables,
)  # fmt: skip
from neglog.primitives import linked as linking
from neglog.primitives import numba as numba_primitives
from neglog.primitives.binding import bind, fingerprint
from neglog.primitives.linked import linked

# Sums over an array may be reordered, so that they can be vectorised; the formulas may not.
LOOP: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "forceinline": False,
    "fastmath": {"reassoc", "contract"},
}
# Only functions that create an array count references, each count an atomic operation: the calling
# kernel holds the arrays that other functions use.
_MAKES_ARRAYS = {"empty", "zeros", "carray"}
NOTICEABLE = 1.0  # seconds
_SIGNATURE = types.void(types.CPointer(types.int64))


# Hashed at import: a source file that is read later may have been edited.
_HERE = sys.modules[__name__]
_LOOPS = (
    alignments, columns, composed, distances, elementwise, half_precision, hazards, log_softmax,
    margins, mixtures, native, normal_vectors, pairs, placeholders, positions, powers,
    risk_sets, rows, rows_args, spread, spread_steps, sums, survey, targets,
)  # fmt: skip
_PRIMITIVES = (
    numba_primitives, arithmetic, bessel, bits, elementary, formats, gamma, normal, polynomials,
    tables, linking,
)  # fmt: skip
_TOOLS = fingerprint(*_LOOPS, *_PRIMITIVES, _HERE, bind)[:6]


class Kernel:
    """Machine code that takes the address of its arguments; several threads may run it at once.

    Attributes:
        address: of the code.
        held: calls it and holds the GIL, for calls that take microseconds.
        released: calls it and releases the GIL.
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
    flags: Mapping[str, int] | None = None,
    *,
    real: Any = np.float64,
    well_conditioned: Mapping[str, Callable[..., Any]] | None = None,
) -> Kernel:
    """Compile a kernel for numbers stored in a dtype, with its formulas and helpers.

    Args:
        template: the kernel, with placeholders.
        dtype: of the stored numbers.
        label: part of the names in the machine code.
        formulas: replace placeholders; written in the primitives of `neglog.primitives`.
        helpers: replace placeholders; each may call those before it.
        flags: replace the other placeholders, each by true or false, or by a number.
        real: the type of helpers marked `in_real`; the others compute in float64.
        well_conditioned: formulas with which the marked helpers are compiled again in float32,
            under names that start with `narrow_`.

    Each name contains a hash of all sources. In the name of the kernel it invalidates Numba's cache
    (see `neglog.primitives.binding`). In the names of parts it prevents a cached and a newly
    compiled part from sharing a name, under which one would be called for both.
    """
    formulas, helpers, flags = formulas or {}, helpers or {}, flags or {}
    replaced = [f for f in flags for helper in helpers.values() if _globals(helper).get(f)]
    assert not replaced, f"flags have the names of constants: {replaced}"
    every = (*formulas.values(), *(well_conditioned or {}).values(), *helpers.values(), template)
    stamp = fingerprint(*every) + _TOOLS
    chosen = "_".join(flag if on is True else f"{flag}{on}" for flag, on in flags.items() if on)
    facts = [label, native.STORAGES[dtype].name, real.__name__, chosen, stamp]
    parts = _Parts(dtype, real, flags, "_".join(facts))
    wide = parts.vocabulary(np.float64, formulas)
    own = wide if real is np.float64 else parts.vocabulary(real, formulas)
    for name, helper in helpers.items():
        compiled = parts.helper(name, helper, own if helper in IN_REAL else wide)
        wide[name] = own[name] = compiled
    if well_conditioned is not None:
        narrow = parts.vocabulary(np.float32, well_conditioned, "narrow_")
        for name in (name for name, helper in helpers.items() if helper in IN_REAL):
            compiled = parts.helper(f"narrow_{name}", helpers[name], narrow)
            narrow[name] = wide[f"narrow_{name}"] = compiled
    started = time.perf_counter()
    whole = bind(template, _globals(template) | wide, name=parts.named(template.__name__))
    compiled = _cached(whole, {name: LOOP[name] for name in ("error_model", "fastmath")})
    _log(time.perf_counter() - started, f"{label or template.__name__}, {facts[1]}")
    return Kernel(compiled)


class _Parts:
    """Compiles the helpers and formulas of one kernel."""

    def __init__(
        self, dtype: torch.dtype, real: Any, flags: Mapping[str, int], suffix: str
    ) -> None:
        self.storage, self.suffix = native.STORAGES[dtype], suffix
        self.fixed = {"KIND": self.storage.numpy, "taken": native.taken, "real": real, **flags}
        self.fixed |= {"address_of": native.address_of, "copy": native.copy}
        self.fixed |= {"rank": bits.rank, "ranked": bits.ranked}
        self.fixed |= {"nearest": bits.nearest, "two_to": bits.two_to}
        self.fixed |= {"exponent_of": bits.exponent_of}
        self.fixed |= {"wide": bits.prefer_wide_vectors}

    def named(self, name: str) -> str:
        """Return a unique name."""
        return f"{name}_{self.suffix}"

    def vocabulary(
        self, computed_in: Any, formulas: Mapping[str, Any], prefix: str = ""
    ) -> dict[str, Any]:
        """Return the globals of code that computes in a float type."""
        primitives = numba_primitives.vocabulary(computed_in)
        names = {"COMPUTED_IN": computed_in, **self.fixed, **primitives}
        names["power"] = numba_primitives.power(computed_in)
        names |= numba_primitives.near_vocabulary()
        prefix += f"{computed_in.__name__}_"
        spelled = {
            name: self._inner(prefix + name, formula, primitives, bits.JIT, computed_in)
            for name, formula in formulas.items()
        }
        # A type is also a conversion, and takes no time to compile.
        names |= {"load": computed_in, "store": self.storage.numpy}
        parts: dict[str, Any] = {"array": native.array, "soon_read": native.soon_read}
        parts["soon_written"] = native.soon_written
        if self.storage.converts is not None:
            to_float, parts["store"] = self.storage.converts
            parts |= {"to_float": to_float, "load": native.load}
        for name, function in parts.items():
            names[name] = self._inner(prefix + name, function, names, LOOP)
        return names | spelled

    def helper(self, name: str, function: Any, names: dict[str, Any]) -> Any:
        """Compile a helper with a vocabulary as its globals."""
        options = bits.JIT if function in IN_ORDER else LOOP
        real = names["COMPUTED_IN"] if function in IN_REAL else float
        return self._inner(name, function, names, options, real)

    def _inner(
        self, name: str, function: Any, names: dict[str, Any], options: Any, real: Any = float
    ) -> Any:
        """Compile a part, or return that of an earlier kernel with the same sources.

        That part keeps the earlier kernel's name, which depends on the same sources.
        """
        meant = _globals(function) | names
        used = sorted(_names_in(function.__code__) & meant.keys())
        facts = (function, real, id(options), *((name, id(meant[name])) for name in used))
        if facts not in _parts:
            named = bind(function, meant, real, name=self.named(name))
            counts = not _MAKES_ARRAYS.isdisjoint(function.__code__.co_names)
            _parts[facts] = linked(named, _nrt=counts, **options)
        return _parts[facts]


# By function, type, options and globals. A part keeps them alive, so that no `id` is reused.
_parts: dict[tuple[Any, ...], Any] = {}


def _names_in(code: CodeType) -> set[str]:
    """Return the names that a code object and its nested ones look up."""
    inner = (_names_in(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inner)


_LOGGER = logging.getLogger("neglog")


def _log(seconds: float, what: str) -> None:
    """Log a slow compilation; later processes load the kernel if Numba can write its cache."""
    if seconds > NOTICEABLE:
        _LOGGER.info("compiled the kernel %s in %.1f s", what, seconds)


def _cached(loop: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Compile with Numba's disk cache, or without it if no folder is writable."""
    with _uncollected():
        try:
            return cfunc(_SIGNATURE, cache=True, **options)(loop)
        except RuntimeError:  # "cannot cache function: no locator available"
            return cfunc(_SIGNATURE, **options)(loop)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Disable garbage collection: it takes a tenth of the time, and most objects stay in use."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _globals(function: Callable[..., Any]) -> dict[str, Any]:
    names: dict[str, Any] = getattr(function, "__globals__", {})
    return dict(names)


# A child process must not inherit the compiler's lock from a thread that it does not have.
os.register_at_fork(
    before=global_compiler_lock.acquire,
    after_in_parent=global_compiler_lock.release,
    after_in_child=global_compiler_lock.release,
)

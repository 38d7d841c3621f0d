"""How a loop and its formulas become machine code: the one place that calls Numba with a cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numba import njit

from neglog.words import bind, fingerprint
from neglog.words import numba as numba_words

# Sums over an array may be reordered, so that they can be vectorised; the formulas may not.
LOOP: dict[str, Any] = {**numba_words.JIT, "fastmath": {"reassoc", "contract"}}


def compile_loop(
    template: Callable[..., Any],
    real: type,
    label: str = "",
    formulas: Mapping[str, Callable[..., Any]] | None = None,
    helpers: Mapping[str, Callable[..., Any]] | None = None,
    flags: Mapping[str, bool] | None = None,
) -> Any:
    """Compile a loop for one floating type, with formulas and smaller loops put into it.

    The name holds a hash of every source, which is what keeps Numba's cache honest: see
    `neglog.words`.
    """
    formulas, helpers, flags = formulas or {}, helpers or {}, flags or {}
    words = {**numba_words.words(real), "real": real, **flags}
    parts = {name: njit(bind(f, words, real), **numba_words.JIT) for name, f in formulas.items()}
    for name, loop in helpers.items():
        parts[name] = njit(bind(loop, {**loop.__globals__, **words}), **LOOP)
    names = {**template.__globals__, **words, **parts}
    stamp = fingerprint(*formulas.values(), *helpers.values(), template, numba_words, bind)
    name = "_".join([template.__name__.strip("_"), label, real.__name__, stamp])
    return njit(bind(template, names, name=name), cache=True, **LOOP)

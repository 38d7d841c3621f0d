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
    helpers: Mapping[str, Any] | None = None,
    flags: Mapping[str, bool] | None = None,
) -> Any:
    """Compile a loop for one floating type, with formulas and smaller loops put into it.

    A helper may call the helpers before it. The name holds a hash of every source, which is what
    keeps Numba's cache honest: see `neglog.words`.
    """
    formulas, helpers = formulas or {}, helpers or {}
    words = {**numba_words.words(real), "real": real, **(flags or {})}
    names = {**words, "largest": numba_words.largest, "wide": numba_words.prefer_wide_vectors}
    for name, formula in formulas.items():
        names[name] = njit(bind(formula, words, real), **numba_words.JIT)
    for name, helper in helpers.items():
        names[name] = njit(bind(helper, _globals(helper) | names), **LOOP)
    sources = (*formulas.values(), *helpers.values(), template)
    stamp = fingerprint(*sources, numba_words, bind, compile_loop)
    chosen = "_".join(flag for flag, on in (flags or {}).items() if on)
    name = "_".join([template.__name__, label, real.__name__, chosen, stamp])
    return cached(bind(template, _globals(template) | names, name=name), **LOOP)


def cached(loop: Callable[..., Any], **options: Any) -> Any:
    """Compile with Numba's disk cache, or without it where no folder may be written."""
    try:
        return njit(loop, cache=True, **options)
    except RuntimeError:  # "cannot cache function: no locator available"
        return njit(loop, **options)


def _globals(function: Callable[..., Any]) -> dict[str, Any]:
    names: dict[str, Any] = getattr(function, "__globals__", {})
    return dict(names)

"""Compile kernels with a declaration's formulas: the only module that creates Triton's kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
import triton.language as tl

from neglog.engine import precision
from neglog.engine.gpu.kernels import elementwise as elementwise_kernels
from neglog.engine.gpu.kernels import rows as rows_kernels
from neglog.primitives import triton as language
from neglog.primitives.packed import packed
from neglog.primitives.triton import to_triton
from neglog.primitives.unrolled import unrolled
from neglog.support import anything

HALVES = (torch.float16, torch.bfloat16)
BLOCK = 1024  # elements that are processed at a time
LONG_SHARE = 8  # of a block or tile, for formulas that need more registers
THREADS = 128  # of a program
SUMS = 4096  # sums of programs that one program adds at a time, in few steps
# How a formula of rows reads a setting from the device, in the type of its log-probability.
_READING = "tl.zeros_like(log_p) + tl.load({} + {}).to(log_p.dtype)"
_TYPES: dict[Any, Any] = {np.float32: tl.float32, np.float64: tl.float64}
# Compiled once for all values of these arguments, without special cases for 1 or multiples of 16.
# `size` is not one of them: if 16 divides it, neighbours have one mask and are read at once.
_PLAIN = ("runs", "weight_period", "scale", "count", "ignored", "kept", "spread", "chunks")
_PLAIN_STEMS = ("period_", "setting_")


@cache
def elementwise(
    likelihood: Any, dtype: torch.dtype, narrow: bool, flags: frozenset[str]
) -> tuple[Any, int]:
    """Compile the elementwise kernel for one likelihood, one dtype, and the required outputs.

    Returns the kernel, and the number of elements per block: float64 takes two registers.
    """
    weighted, by_y = "WEIGHTED" in flags, "BY_Y" in flags
    well_conditioned = precision.well_conditioned(likelihood, dtype, narrow, weighted, by_y)
    fine = dtype == torch.float64 or (well_conditioned is None and dtype not in HALVES)
    narrows = well_conditioned not in (None, anything) and dtype not in HALVES
    inputs = len(likelihood.inputs)
    written = (*_ELEMENTWISE_FLAGS, *(f"BY_{i}" for i in range(inputs)))
    chosen: dict[str, Any] = {name: name in flags for name in written}
    chosen |= {"BY_ANY": any(chosen[f"BY_{i}"] for i in range(inputs)), "INPUTS": inputs}
    plain = ("nll", "grad", "grad_target")
    real = np.float64 if fine or narrows else np.float32
    block = BLOCK if real is np.float32 else BLOCK // 2
    if precision.has_long_primitives(likelihood):
        block = max(THREADS, block // LONG_SHARE)
    names = chosen | {"BLOCK": block, "NARROWS": narrows}
    names["treat_any"] = _treat(likelihood, real, plain, chosen)
    if narrows:
        there = ("well_conditioned_nll", "well_conditioned_grad", "grad_target")
        names["treat_well_conditioned"] = _treat(likelihood, np.float32, there, chosen)
        names["is_well_conditioned"] = to_triton(_formula(well_conditioned), {})
    return _kernel(elementwise_kernels.elementwise, names, _counts(likelihood)), block


_ELEMENTWISE_FLAGS = (
    "WEIGHTED", "MASKED", "REPEATS", "VALUED", "SUMMED", "BY_Y", "SCALED", "PULLED",
    "KEEPS",
)  # fmt: skip


def _treat(likelihood: Any, real: Any, facts: tuple[str, ...], chosen: dict[str, Any]) -> Any:
    """Compile the computation of a block in one float type."""
    primitives = language.vocabulary(real)
    names = primitives | chosen | {"REAL": _TYPES[real]}
    names["kept"] = to_triton(elementwise_kernels.kept, chosen)
    for name, fact in zip(("nll", "grad", "grad_target"), facts, strict=True):
        names[name] = to_triton(getattr(likelihood, fact), primitives)
    return to_triton(elementwise_kernels.treat, names, _counts(likelihood))


def _counts(likelihood: Any) -> dict[str, int]:
    """Return how many inputs, given tensors and settings a kernel is written out for."""
    lengths = map(len, (likelihood.inputs, likelihood.given, likelihood.settings))
    return dict(zip("ngs", lengths, strict=True))


def _formula(support: Any) -> Callable[..., Any]:
    found: Callable[..., Any] = support.contains
    return found


@cache
def rows(
    template: Callable[..., Any],
    likelihood: Any,
    dtype: torch.dtype,
    sizes: tuple[int, int],
    flags: frozenset[str],
) -> Any:
    """Compile a kernel for rows; `sizes` are its rows and classes at a time."""
    cancels = "TARGETED" in flags or (likelihood and not precision.is_linear(likelihood))
    real, total = types_of(dtype, cancels)
    wide = language.vocabulary(total)
    chosen: dict[str, Any] = {name: name in flags for name in _ROWS_FLAGS}
    chosen |= {"REAL": _TYPES[real], "SUM": _TYPES[total], "INFINITY": math.inf, "BLOCK": BLOCK}
    chosen |= {"ROWS": sizes[0], "WIDTH": sizes[1], "log1p": language.vocabulary(real)["log1p"]}
    chosen["divided"] = wide["divided"]
    chosen["power"] = language.coarse_power() if dtype in HALVES else language.power(real)
    if likelihood is not None:
        for fact in ("nll", "grad"):
            formula = packed(getattr(likelihood, fact), likelihood.settings, _READING)
            chosen[fact] = to_triton(formula, wide | {"tl": tl})
    names = dict(chosen)
    for part in _PARTS:
        names[part.__name__] = to_triton(part, names)
    treat = rows_kernels.treat_target_row if "TARGETED" in flags else rows_kernels.treat_label_row
    names["treat_row"] = to_triton(treat, names)
    return _kernel(template, names)


_ROWS_FLAGS = (
    "ROW_WEIGHTED", "SURVEYED", "SCALED", "PULLED", "KEEPS", "LABELLED", "TARGETED", "WEIGHTED",
    "VALUED", "SUMMED", "DIFFERENTIATED", "WHOLE",
)  # fmt: skip
_PARTS = (
    rows_kernels.row_weight_of, rows_kernels.tile_of, rows_kernels.powers_of, rows_kernels.joined,
    rows_kernels.part_of,
)  # fmt: skip


def types_of(dtype: torch.dtype, cancels: bool) -> tuple[Any, Any]:
    """Return the float types of a row's arithmetic and of its sums.

    With labels and a linear formula nothing cancels; with soft targets the probabilities may.
    """
    if dtype in HALVES:
        return np.float32, np.float32
    return (np.float64 if cancels or dtype == torch.float64 else np.float32), np.float64


@cache
def finish(dtype: torch.dtype, inverted: bool, surveyed: bool) -> Any:
    """Compile the sum over the results of programs."""
    names = {"BLOCK": SUMS, "INVERTED": inverted, "SURVEYED": surveyed, "HALF": dtype in HALVES}
    return _kernel(
        elementwise_kernels.finish, names | {"divided": language.vocabulary(np.float64)["divided"]}
    )


def _kernel(
    template: Callable[..., Any], names: dict[str, Any], counts: dict[str, int] | None = None
) -> Any:
    arguments = unrolled(template, counts or {}).__code__
    found = arguments.co_varnames[: arguments.co_argcount]
    plain = [name for name in found if name in _PLAIN or name.startswith(_PLAIN_STEMS)]
    return to_triton(template, names, counts, do_not_specialize=plain)

"""Whether a kernel may compute in float32 without losing digits of the stored result."""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import numpy as np
import torch

from neglog import formula
from neglog.likelihood import Elementwise, Rows
from neglog.primitives.reference import NAMES
from neglog.support import Support, anything


def is_narrow(settings: tuple[float, ...]) -> bool:
    """Return whether float32 holds the settings."""
    with np.errstate(over="ignore"):
        return all(float(np.float32(number)) == number for number in settings)


def well_conditioned(
    likelihood: type[Elementwise], dtype: torch.dtype, narrow: bool, weighted: bool, by_y: bool
) -> Support | None:
    """Return the targets at which float32 is enough; None if there are none."""
    found: Any = likelihood.well_conditioned if narrow and dtype != torch.float64 else None
    # A weight may bring a product back into float32's range; `well_conditioned` does not cover
    # `grad_target`.
    return None if (weighted if found is anything else by_y) else found


def is_linear(likelihood: type[Rows]) -> bool:
    """Return whether the loss of a class is −y · log_p: its gradient is declared as ``-y``.

    Then nothing cancels against a label, and second derivatives need no second pass over the
    log-probabilities. Other formulas may raise the relative error of log_p, so that kernels compute
    it in float64.
    """
    gradient: Any = likelihood.grad
    return _is_linear(gradient)


@cache
def _is_linear(gradient: Any) -> bool:
    return [ast.unparse(statement) for statement in formula.parsed(gradient).body] == ["return -y"]


# Special functions and powers take many registers, and compute in float64 for float32 too.
_LONG = {*NAMES} - {
    "absolute", "at_least", "centred_sigmoid", "difference", "exp", "log", "log1p", "maximum",
    "minimum", "sigmoid", "softplus", "sqrt", "where",
}  # fmt: skip


def has_long_primitives(likelihood: Any) -> bool:
    """Return whether the loss or its gradient reads a special function or a power."""
    return not _LONG.isdisjoint(
        (*likelihood.nll.__code__.co_names, *likelihood.grad.__code__.co_names)
    )

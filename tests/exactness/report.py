"""The table: how far the kernels, the reference and torch are from the truth, in ulps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch

from exactness.cells import CELLS, LIMITS, Cell, worst
from exactness.sums import SUMS, Sum
from neglog import functional
from neglog.engine import values

CAPTION = f"""\
Worst error of the loss / of the gradient, in units in the last place of the dtype at the true
value, or, where addends cancel, in what float64 can tell of their difference. Each sample and the
mean; mpmath on the rounded inputs. ! above the limit, which is for the kernels; – not in torch
{torch.__version__}. Of the sums the error of the sum or of the mean, whichever is larger.
"""
LINE = "{:31}{:9}{:20}{:>20}{:>20}{:>20}"


@contextmanager
def by_reference() -> Iterator[None]:
    """Let torch run the formulas, as where no kernel serves."""
    with mock.patch.object(values, "kernel_serves", lambda *tensors: False):
        yield


def table() -> str:
    """Return the caption, the limits and a line for every cell and every sum."""
    head = LINE.format("loss", "dtype", "regime", "kernels", "reference", "torch")
    limits = [f"{_short(d)} {u.loss:g} / {u.gradient:g}" for d, u in LIMITS.items()]
    lines = [CAPTION, "limits: " + ", ".join(limits), "", head]
    lines += [_line(cell, lambda f, cell=cell: _cell(cell, f)) for cell in CELLS]
    lines += ["", *(_line(each.cell, lambda f, each=each: _sum(each, f)) for each in SUMS)]
    return "\n".join(lines)


def _line(cell: Cell, compute: Callable[[Any], str]) -> str:
    columns = [compute(functional)]
    with by_reference():
        columns.append(compute(functional))
    try:
        columns.append(compute(torch.nn.functional))
    except (NotImplementedError, RuntimeError):  # of some halves on a CPU
        columns.append("–")
    return LINE.format(cell.loss.name, _short(cell.dtype), cell.regime.name, *columns)


def _cell(cell: Cell, functions: Any) -> str:
    found = worst(cell, functions)
    mark = "" if found.within(LIMITS[cell.dtype]) else " !"
    return f"{_number(found.loss)} / {_number(found.gradient)}{mark}"


def _sum(each: Sum, functions: Any) -> str:
    problem = each.problem()
    found = each.worst(functions, problem)
    return _number(found) + ("" if found <= each.limit(problem) else " !")


def _number(ulps: float) -> str:
    return f"{ulps:.2f}" if ulps < 100 else f"{ulps:.0e}"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

"""The table: how far the kernels, the reference and torch are from the truth, in ulps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch

from exactness.cells import CELLS, LIMITS, Cell, Ulps, worst
from exactness.sums import SUMS, Sum
from neglog import functional
from neglog.engine import fast_path, selection

CAPTION = f"""\
Worst error of the loss / of the gradient, in units in the last place of the dtype at the true
value, or, where addends cancel, in what float64 can tell of their difference. Each sample and the
mean; mpmath on the rounded inputs. ! above the limit, which is for the kernels; – not in torch
{torch.__version__}. Of the sums the error of the sum or of the mean, whichever is larger.
"""
LINE = "{:41}{:9}{:20}{:>20}{:>20}{:>20}"
WORST = "The worst of all regimes"
SHORT = "{:41}{:9}{:>18}{:>18}{:>18}"


@contextmanager
def by_reference() -> Iterator[None]:
    """Let torch run the formulas, as where no kernel serves."""
    backends, plans = ("BACKENDS", selection.BACKENDS[-1:]), ("plans", {})
    with mock.patch.object(selection, *backends), mock.patch.object(fast_path, *plans):
        yield


def table() -> str:
    """Return the caption, the limits, a line for every cell and every sum, and the worst of all."""
    head = LINE.format("loss", "dtype", "regime", "kernels", "reference", "torch")
    limits = [f"{_short(d)} {u.loss:g} / {u.gradient:g}" for d, u in LIMITS.items()]
    lines = [CAPTION, "limits: " + ", ".join(limits), "", head]
    worsts: dict[tuple[str, torch.dtype, Ulps], list[Ulps | None]] = {}
    for cell in CELLS:
        found = _by_all(lambda f, cell=cell: worst(cell, f))
        lines.append(_line(cell, [_pair(cell.limits, ulps) for ulps in found]))
        place = (cell.loss.name, cell.dtype, cell.limits)
        worsts[place] = [_larger(*two) for two in zip(worsts.get(place, found), found, strict=True)]
    lines += ["", *(_line(each.cell, _sums(each)) for each in SUMS), "", WORST]
    lines.append(SHORT.format("loss", "dtype", "kernels", "reference", "torch"))
    for (name, dtype, allowed), found in worsts.items():
        pairs = [_pair(allowed, ulps) for ulps in found]
        lines.append(SHORT.format(name, _short(dtype), *pairs))
    return "\n".join(lines)


def _by_all(compute: Callable[[Any], Any]) -> list[Any]:
    """Return what the kernels, the reference and torch come to; None of what torch has not."""
    columns = [compute(functional)]
    with by_reference():
        columns.append(compute(functional))
    try:
        columns.append(compute(torch.nn.functional))
    # Losses and options that torch lacks, and some half-precision losses on a CPU.
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        columns.append(None)
    return columns


def _line(cell: Cell, columns: list[str]) -> str:
    return LINE.format(cell.loss.name, _short(cell.dtype), cell.regime.name, *columns)


def _larger(a: Ulps | None, b: Ulps | None) -> Ulps | None:
    if a is None or b is None:
        return None
    return Ulps(max(a.loss, b.loss), max(a.gradient, b.gradient))


def _pair(limits: Ulps, found: Ulps | None) -> str:
    if found is None:
        return "–"
    mark = "" if found.within(limits) else " !"
    return f"{_number(found.loss)} / {_number(found.gradient)}{mark}"


def _sums(each: Sum) -> list[str]:
    problem = each.problem()
    found, limit = _by_all(lambda f: each.worst(f, problem)), each.limit(problem)
    return ["–" if u is None else _number(u) + ("" if u <= limit else " !") for u in found]


def _number(ulps: float) -> str:
    return f"{ulps:.2f}" if ulps < 100 else f"{ulps:.0e}"


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

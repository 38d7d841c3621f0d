"""Columns that are combinations of those before them, as R calls aliased."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neglog.fitting.linear.sums import Source, Units

_SUSPICIOUS = 1e-8
_ALIASED = 1e-7
_PART = 1e-6


@dataclass(frozen=True)
class Alias:
    """A column that other columns make up.

    Attributes:
        column: its number.
        of: the numbers of the others (the intercept's is the count of the columns) and how much
            of each.
    """

    column: int
    of: tuple[tuple[int, float], ...]

    def words(self, names: Sequence[str]) -> str:
        """Write the column as the combination that it is."""
        every = [*names, "1"]
        parts = [_times(amount, every[j]) for j, amount in self.of]
        text = " + ".join(parts).replace("+ −", "− ")
        return f"{names[self.column]} = {text or '0'}"

    def constant(self, intercept: int) -> bool:
        """Tell whether the intercept, of that number, makes the column up alone."""
        return all(j == intercept for j, _ in self.of)


def _times(amount: float, name: str) -> str:
    if name == "1":
        return f"{amount:.4g}".replace("-", "−")
    if abs(amount - 1) < _PART:
        return name
    return f"−{name}" if abs(amount + 1) < _PART else f"{amount:.4g}·{name}".replace("-", "−", 1)


def aliases(
    gram: Tensor,
    source: Source,
    intercept: bool,
    reduce: Callable[[Tensor], Tensor] = lambda sums: sums,
) -> list[Alias]:
    """Return the columns that those before them, and the intercept, make up.

    The Gram matrix tells in half the digits; a column that it makes suspicious is put to the test
    of the rows themselves.

    Args:
        gram: (P + 1, P + 1) products of the columns, the intercept's last.
        source: the rows.
        intercept: whether the model has one.
        reduce: as of `Problem`.
    """
    size = gram.diagonal().sqrt()
    unit = torch.where(size > 0, size, 1.0)
    scaled = gram / unit[:, None] / unit
    factor = torch.zeros_like(gram)  # of the columns kept so far, by Cholesky's method
    known: list[int] = []
    found = []
    for j in [len(gram) - 1] * intercept + list(range(len(gram) - 1)):
        if size[j] == 0:
            found.append(Alias(j, _in_table_units(j, {}, source.units)))
            continue
        count = len(known)
        own = factor[:count, :count]
        line = torch.linalg.solve_triangular(own, scaled[known, j : j + 1], upper=False)
        left = float(scaled[j, j] - line.square().sum())
        if left < _SUSPICIOUS:
            part = torch.linalg.solve_triangular(own.T, line, upper=True)[:, 0]
            amounts = part * size[j] / size[known]
            if _left(source, known, amounts, j, reduce) < _ALIASED * float(size[j]):
                parts = zip(known, amounts.tolist(), part.abs().tolist(), strict=True)
                of = {k: a for k, a, share in parts if share > _PART}
                found.append(Alias(j, _in_table_units(j, of, source.units)))
                continue
        factor[count, :count] = line[:, 0]
        factor[count, count] = max(left, _SUSPICIOUS**2) ** 0.5
        known.append(j)
    return found


def _in_table_units(
    column: int, of: dict[int, float], units: Units
) -> tuple[tuple[int, float], ...]:
    """Return what makes a column up, where the columns are as they stand in the table."""
    scale, centre = units.scale.tolist(), units.centre.tolist()
    own = {k: a * scale[k] / scale[column] for k, a in of.items() if k != len(centre)}
    terms = [centre[column], *(-centre[k] * of[k] for k in own), of.get(len(centre), 0.0)]
    if abs(sum(terms)) > _PART * max(map(abs, terms)):
        own[len(centre)] = sum(terms) / scale[column]
    return tuple(own.items())


def _left(
    source: Source,
    known: list[int],
    amounts: Tensor,
    column: int,
    reduce: Callable[[Tensor], Tensor],
) -> float:
    """Return the length of what remains of a column without the others' part in it."""
    weights = torch.zeros(source.features + 1, 1, dtype=torch.float64)
    weights[column] = 1.0
    weights[known, 0] -= amounts
    total = torch.zeros(1, dtype=torch.float64)
    for batch in source:
        total += batch.columns.predict(weights).square().sum()
    return math.sqrt(float(reduce(total)))

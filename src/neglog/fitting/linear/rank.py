"""Detect aliased columns: linear combinations of earlier columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neglog.fitting.batches.source import Source

_SUSPECT_PIVOT = 1e-8
_ALIASED = 1e-7
_NEGLIGIBLE = 1e-6
_BLOCK = 128
_TERMS, _CHARACTERS = 4, 600


@dataclass(frozen=True)
class Alias:
    """A column that is a linear combination of others.

    Attributes:
        column: its number.
        of: the indices of the others (the intercept's is the number of columns) and their
            coefficients.
    """

    column: int
    of: tuple[tuple[int, float], ...]

    def describe(self, names: Sequence[str]) -> str:
        """Write the first terms of the linear combination."""
        every = [*names, "1"]
        combinations = [_times(amount_unit, every[j]) for j, amount_unit in self.of[:_TERMS]]
        text = " + ".join(combinations).replace("+ −", "− ")
        more = len(self.of) - _TERMS
        rest = f" + {more} more term{'s' * (more > 1)}" if more > 0 else ""
        return f"{names[self.column]} = {text or '0'}{rest}"

    def constant(self, intercept: int) -> bool:
        """Return whether the column is a multiple of the intercept."""
        return all(j == intercept for j, _ in self.of)


def _times(amount_unit: float, name: str) -> str:
    if name == "1":
        return f"{amount_unit:.4g}".replace("-", "−")
    if abs(amount_unit - 1) < _NEGLIGIBLE:
        return name
    return (
        f"−{name}"
        if abs(amount_unit + 1) < _NEGLIGIBLE
        else f"{amount_unit:.4g}·{name}".replace("-", "−", 1)
    )


def aliases(
    gram: Tensor,
    source: Source,
    intercept: bool,
    reduce: Callable[[Tensor], Tensor] = lambda sums: sums,
) -> list[Alias]:
    """Return the columns that are combinations of the intercept and earlier columns.

    The Gram matrix has half the digits of the rows, so it only selects candidates; their residuals
    are computed from the rows.

    Args:
        gram: (P + 1, P + 1) products of the columns, the intercept's last.
        source: the rows.
        intercept: whether the model has one.
        reduce: as of `Objective`.
    """
    size = gram.diagonal().sqrt()
    unit = torch.where(size > 0, size, 1.0)
    factor = _Factor(gram / unit[:, None] / unit)
    order = [len(gram) - 1] * intercept + list(range(len(gram) - 1))
    of: dict[int, dict[int, float]] = {j: {} for j in order if size[j] == 0}
    queue = [j for j in order if size[j] > 0]
    while queue:
        columns = queue[:_BLOCK]
        candidates = factor.add(columns)
        numbers = [candidate.column for candidate in candidates]
        combinations = factor.combinations(candidates)
        amounts = combinations * size[numbers] / size[factor.kept][:, None]
        residual = _residual_norms(source, factor.kept, amounts, numbers, reduce)
        kept, terms = torch.tensor(factor.kept), combinations.abs() > _NEGLIGIBLE
        for i, candidate in enumerate(candidates):
            if residual[i] >= _ALIASED * size[candidate.column]:  # it stands on its own after all
                factor.keep_after_all(candidate)
                columns = columns[: columns.index(candidate.column) + 1]
                break
            nonzero = terms[:, i]
            pairs = zip(kept[nonzero].tolist(), amounts[nonzero, i].tolist(), strict=True)
            of[candidate.column] = dict(pairs)
        queue = queue[len(columns) :]
    scale, centre = source.units.scale.tolist(), source.units.centre.tolist()
    return [Alias(j, _in_table_units(j, of[j], scale, centre)) for j in order if j in of]


def describe(found: Sequence[Alias], names: Sequence[str]) -> str:
    """Describe the first few aliases, and count the rest."""
    shown = [found[0].describe(names)]
    for alias in found[1:]:
        text = alias.describe(names)
        if sum(map(len, shown)) + len(text) > _CHARACTERS:
            break
        shown.append(text)
    more = len(found) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


@dataclass(frozen=True)
class _Candidate:
    """A column with a small residual after projection on the earlier columns.

    Attributes:
        column: its number.
        factor_row: its row of the factor, one entry for each earlier kept column.
        residual: its squared residual norm by the Gram matrix.
    """

    column: int
    factor_row: Tensor
    residual: float


class _Factor:
    """The Cholesky factor of the linearly independent columns.

    Attributes:
        scaled: the Gram matrix of the columns scaled to length 1.
        kept: the indices of the kept columns.
    """

    def __init__(self, scaled: Tensor) -> None:
        self.scaled = scaled
        self.kept: list[int] = []
        self._matrix = torch.zeros_like(scaled)

    def add(self, columns: list[int]) -> list[_Candidate]:
        """Keep the independent columns of the next ones; return the others."""
        count = len(self.kept)
        factor = self._matrix[:count, :count]
        factor_rows = self.scaled.new_zeros(count + len(columns), len(columns))
        before = self.scaled[self.kept][:, columns]
        factor_rows[:count] = torch.linalg.solve_triangular(factor, before, upper=False)
        rest = self.scaled[columns][:, columns] - factor_rows[:count].T @ factor_rows[:count]
        candidates = []
        for i, column in enumerate(columns):
            residual, count = float(rest[i, i]), len(self.kept)
            if residual < _SUSPECT_PIVOT:
                candidates.append(_Candidate(column, factor_rows[:count, i], residual))
                continue
            factor_rows[count, i:] = rest[i, i:] / residual**0.5
            rest[i:, i:] -= torch.outer(factor_rows[count, i:], factor_rows[count, i:])
            self._keep(column, factor_rows[: count + 1, i])
        return candidates

    def combinations(self, candidates: list[_Candidate]) -> Tensor:
        """Return (K, S) the coefficients of the candidates in the kept columns."""
        count = len(self.kept)
        factor_rows = self.scaled.new_zeros(count, len(candidates))
        for i, candidate in enumerate(candidates):
            factor_rows[: len(candidate.factor_row), i] = candidate.factor_row
        upper = self._matrix[:count, :count].T
        combinations: Tensor = torch.linalg.solve_triangular(upper, factor_rows, upper=True)
        return combinations

    def keep_after_all(self, candidate: _Candidate) -> None:
        """Keep a candidate, and drop the columns after it."""
        del self.kept[len(candidate.factor_row) :]
        diagonal = max(candidate.residual, _SUSPECT_PIVOT**2) ** 0.5
        self._keep(
            candidate.column,
            torch.cat([candidate.factor_row, candidate.factor_row.new_tensor([diagonal])]),
        )

    def _keep(self, column: int, factor_row: Tensor) -> None:
        self._matrix[len(self.kept), : len(factor_row)] = factor_row
        self.kept.append(column)


def _in_table_units(
    column: int, of: dict[int, float], scale: list[float], centre: list[float]
) -> tuple[tuple[int, float], ...]:
    """Return the terms of a column in the units of the table."""
    scaled = {k: a * scale[k] / scale[column] for k, a in of.items() if k != len(centre)}
    terms = [centre[column], *(-centre[k] * of[k] for k in scaled), of.get(len(centre), 0.0)]
    if abs(sum(terms)) > _NEGLIGIBLE * max(map(abs, terms)):
        scaled[len(centre)] = sum(terms) / scale[column]
    return tuple(scaled.items())


def _residual_norms(
    source: Source,
    kept: list[int],
    amounts: Tensor,
    columns: list[int],
    reduce: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return (S,) the residual norms of columns."""
    total = torch.zeros(len(columns), dtype=torch.float64)
    if not columns:
        return total
    weights = torch.zeros(source.features + 1, len(columns), dtype=torch.float64)
    weights[kept] = -amounts
    weights[columns, range(len(columns))] = 1.0
    for batch in source:
        total += batch.columns.matmul(weights).square().sum(0)
    return reduce(total).sqrt()

"""Columns that are combinations of those before them, as R calls aliased."""

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
    """A column that other columns make up.

    Attributes:
        column: its number.
        of: the numbers of the others (the intercept's is the count of the columns) and how much
            of each.
    """

    column: int
    of: tuple[tuple[int, float], ...]

    def describe(self, names: Sequence[str]) -> str:
        """Write the column as the combination that it is, its first terms."""
        every = [*names, "1"]
        combinations = [_times(amount_unit, every[j]) for j, amount_unit in self.of[:_TERMS]]
        text = " + ".join(combinations).replace("+ −", "− ")
        more = len(self.of) - _TERMS
        rest = f" + {more} more term{'s' * (more > 1)}" if more > 0 else ""
        return f"{names[self.column]} = {text or '0'}{rest}"

    def constant(self, intercept: int) -> bool:
        """Return whether the column is a multiple of the intercept, which has that number."""
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
    """Return the columns that are combinations of the intercept and the columns before them.

    The Gram matrix has half the digits of the rows, so it only raises a suspicion: what is left of
    a suspicious column is then computed from the rows themselves.

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
            own = terms[:, i]
            pairs = zip(kept[own].tolist(), amounts[own, i].tolist(), strict=True)
            of[candidate.column] = dict(pairs)
        queue = queue[len(columns) :]
    scale, centre = source.units.scale.tolist(), source.units.centre.tolist()
    return [Alias(j, _in_table_units(j, of[j], scale, centre)) for j in order if j in of]


def describe(found: Sequence[Alias], names: Sequence[str]) -> str:
    """Write some columns as the combinations that they are, and count the rest."""
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
    """A column of which the columns before it leave next to nothing.

    Attributes:
        column: its number.
        factor_row: its line of the factor, one entry for each column kept before it.
        residual: the squared length that the Gram matrix leaves of it.
    """

    column: int
    factor_row: Tensor
    residual: float


class _Factor:
    """The triangular factor, by Cholesky's method, of the columns that stand on their own.

    Attributes:
        scaled: the products of all columns, each of length 1.
        kept: the numbers of the columns that are kept.
    """

    def __init__(self, scaled: Tensor) -> None:
        self.scaled = scaled
        self.kept: list[int] = []
        self._matrix = torch.zeros_like(scaled)

    def add(self, columns: list[int]) -> list[_Candidate]:
        """Keep those of the next columns that stand on their own; return the others."""
        count = len(self.kept)
        own = self._matrix[:count, :count]
        factor_rows = self.scaled.new_zeros(count + len(columns), len(columns))
        before = self.scaled[self.kept][:, columns]
        factor_rows[:count] = torch.linalg.solve_triangular(own, before, upper=False)
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
        """Return (K, S): how much of each kept column the suspects consist of."""
        count = len(self.kept)
        factor_rows = self.scaled.new_zeros(count, len(candidates))
        for i, candidate in enumerate(candidates):
            factor_rows[: len(candidate.factor_row), i] = candidate.factor_row
        upper = self._matrix[:count, :count].T
        combinations: Tensor = torch.linalg.solve_triangular(upper, factor_rows, upper=True)
        return combinations

    def keep_after_all(self, candidate: _Candidate) -> None:
        """Keep a suspect, and forget the columns after it."""
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
    """Return the terms of a column where the columns are as they stand in the table."""
    own = {k: a * scale[k] / scale[column] for k, a in of.items() if k != len(centre)}
    terms = [centre[column], *(-centre[k] * of[k] for k in own), of.get(len(centre), 0.0)]
    if abs(sum(terms)) > _NEGLIGIBLE * max(map(abs, terms)):
        own[len(centre)] = sum(terms) / scale[column]
    return tuple(own.items())


def _residual_norms(
    source: Source,
    kept: list[int],
    amounts: Tensor,
    columns: list[int],
    reduce: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return (S,) the lengths of what remains of columns without the others' part in them."""
    total = torch.zeros(len(columns), dtype=torch.float64)
    if not columns:
        return total
    weights = torch.zeros(source.features + 1, len(columns), dtype=torch.float64)
    weights[kept] = -amounts
    weights[columns, range(len(columns))] = 1.0
    for batch in source:
        total += batch.columns.matmul(weights).square().sum(0)
    return reduce(total).sqrt()

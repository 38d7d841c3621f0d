"""Design matrices of a batch, dense or with coded label columns.

A model with P columns has P + 1 weights per output, the intercept last. The operations are the
product with weights, the transposed product, and the Gram matrix. `Dense` stores all numbers;
`Mixed` stores label columns as codes, so that the cost does not depend on the number of levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Columns(Protocol):
    """The operations of a design matrix of N rows and P columns."""

    def matmul(self, weights: Tensor) -> Tensor:
        """Return (N, K) linear predictors of weights (P + 1, K)."""

    def transpose_matmul(self, slopes: Tensor) -> Tensor:
        """Return (P + 1, K): the transposed product with slopes (N, K)."""

    def gram(self, weights: Tensor) -> Tensor:
        """Return (P + 1, P + 1): the weighted Gram matrix."""

    def dense(self) -> Tensor:
        """Return (N, P + 1): the dense matrix, with a last column of ones."""


@dataclass(frozen=True)
class Dense:
    """(N, P) numbers of float64, of any strides."""

    x: Tensor

    def matmul(self, weights: Tensor) -> Tensor:
        """Return (N, K) linear predictors of weights (P + 1, K)."""
        return self.x @ weights[:-1] + weights[-1]

    def transpose_matmul(self, slopes: Tensor) -> Tensor:
        """Return (P + 1, K): the transposed product with slopes (N, K)."""
        return torch.cat([self.x.T @ slopes, slopes.sum(0, keepdim=True)])

    def gram(self, weights: Tensor) -> Tensor:
        """Return (P + 1, P + 1): the weighted Gram matrix."""
        weighted = self.x * weights[:, None]
        return bordered(weighted.T @ self.x, self.x.T @ weights, weights.sum())

    def dense(self) -> Tensor:
        """Return (N, P + 1): the dense matrix, with a last column of ones."""
        return torch.cat([self.x, self.x.new_ones(len(self.x), 1)], 1)


@dataclass(frozen=True)
class Labels:
    """One label column as (N,) codes; code 0 is the reference level, which has no weight."""

    codes: Tensor
    levels: int

    def sums(self, values: Tensor) -> Tensor:
        """Return (levels − 1, …): the sum of (N,) or (N, K) values over the rows of each level."""
        if values.ndim == 1:
            return torch.bincount(self.codes, values, self.levels)[1:]
        total = values.new_zeros(self.levels - 1, values.shape[1])
        for row, column in zip(total.T, values.T, strict=True):
            row.copy_(self.sums(column))
        return total


@dataclass(frozen=True)
class Mixed:
    """(N, Q) numbers, then label columns."""

    x: Tensor
    labels: Sequence[Labels]

    def matmul(self, weights: Tensor) -> Tensor:
        """Return (N, K) linear predictors of weights (P + 1, K)."""
        width = self.x.shape[1]
        output = self.x @ weights[:width] + weights[-1]
        for label in self.labels:
            level_weights = weights[width : width + label.levels - 1]
            output += torch.cat([torch.zeros_like(weights[-1:]), level_weights]).index_select(
                0, label.codes
            )
            width += label.levels - 1
        return output

    def transpose_matmul(self, slopes: Tensor) -> Tensor:
        """Return (P + 1, K): the transposed product with slopes (N, K)."""
        label_sums = [label.sums(slopes) for label in self.labels]
        return torch.cat([self.x.T @ slopes, *label_sums, slopes.sum(0, keepdim=True)])

    def gram(self, weights: Tensor) -> Tensor:
        """Return (P + 1, P + 1): the weighted Gram matrix."""
        weighted = self.x * weights[:, None]
        grid = [[weighted.T @ self.x]]
        for i, label in enumerate(self.labels):
            across = [_counts(label, other, weights) for other in self.labels[:i]]
            grid.append([label.sums(weighted), *across, torch.diag(label.sums(weights))])
        edge = torch.cat([self.x.T @ weights, *(label.sums(weights) for label in self.labels)])
        return bordered(_symmetric(grid), edge, weights.sum())

    def dense(self) -> Tensor:
        """Return (N, P + 1): the dense matrix, with a last column of ones."""
        hot = [
            torch.nn.functional.one_hot(label.codes, label.levels)[:, 1:].to(self.x.dtype)
            for label in self.labels
        ]
        return torch.cat([self.x, *hot, self.x.new_ones(len(self.x), 1)], 1)


def _counts(label: Labels, other: Labels, weights: Tensor) -> Tensor:
    """Return the sum of the weights for each pair of levels."""
    pairs = label.codes * other.levels + other.codes
    total = torch.bincount(pairs, weights, label.levels * other.levels)
    return total.reshape(label.levels, other.levels)[1:, 1:]


def _symmetric(lower: Sequence[Sequence[Tensor]]) -> Tensor:
    """Return the symmetric matrix with the given lower blocks."""
    count = len(lower)
    rows = [
        torch.cat([lower[i][j] if j <= i else lower[j][i].T for j in range(count)], 1)
        for i in range(count)
    ]
    return torch.cat(rows)


def bordered(inner: Tensor, edge: Tensor, corner: Tensor) -> Tensor:
    """Return a symmetric matrix extended by one row and column."""
    right = torch.cat([edge, corner[None]])[:, None]
    return torch.cat([torch.cat([inner, edge[None]]), right], 1)

"""The losses of a chunk's rows, and how they change with what the model emits for them.

For each row the model emits R numbers: its linear predictors, then the parameters that are the
same for every row, such as the logarithm of a dispersion. A `RowLosses` holds the rows' losses and
their first and second derivatives by those R numbers, and chains them to the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from neglog.fitting.batches.matrix import Columns

_BLOCK = 96


class RowLosses(Protocol):
    """The rows' losses in nats and their derivatives."""

    @property
    def nll(self) -> Tensor:
        """(N,) losses."""

    @property
    def slope(self) -> Tensor:
        """(N, R) first derivatives."""

    def hessian(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return the (weighted) sum over the rows of the second derivatives by the weights."""

    def information(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return what the model itself expects `hessian` to be."""


def gradient(local: RowLosses, outputs: int, columns: Columns, weight: Tensor | None) -> Tensor:
    """Return the (weighted) sum over the rows of the first derivatives by the weights."""
    slope = weighted(local.slope, weight)
    own = columns.transpose_matmul(slope[:, :outputs])
    return torch.cat([own.T.reshape(-1), slope[:, outputs:].sum(0)])


def scores(local: RowLosses, outputs: int, columns: Columns) -> Tensor:
    """Return (N, weights): each row's first derivatives by the weights."""
    z = columns.dense()
    own = [local.slope[:, a : a + 1] * z for a in range(outputs)]
    return torch.cat([*own, local.slope[:, outputs:]], 1)


def weighted(values: Tensor, weight: Tensor | None) -> Tensor:
    """Multiply the rows by their weights, where they have any."""
    if weight is None:
        return values
    return values * (weight if values.ndim == 1 else weight[:, None])


@dataclass(frozen=True)
class OnePredictorLosses:
    """One linear predictor and nothing else: (N, 1) slopes and (N,) curvatures."""

    nll: Tensor
    slope: Tensor
    curvature: Callable[[], Tensor]
    expected: Callable[[], Tensor]

    def hessian(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return the (weighted) sum over the rows of the second derivatives by the weights."""
        return columns.gram(weighted(self.curvature(), weight))

    def information(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return what the model itself expects `hessian` to be."""
        return columns.gram(weighted(self.expected(), weight))


@dataclass(frozen=True)
class SharedParameterLosses:
    """One linear predictor, then parameters of all rows: (N, R) slopes, (N, R, R) curvatures."""

    nll: Tensor
    slope: Tensor
    curvature: Tensor

    def hessian(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return the (weighted) sum over the rows of the second derivatives by the weights."""
        own = columns.gram(weighted(self.curvature[:, 0, 0], weight))
        edge = columns.transpose_matmul(weighted(self.curvature[:, 0, 1:], weight))
        rows = self.curvature[:, 1:, 1:]
        shared = (rows if weight is None else rows * weight[:, None, None]).sum(0)
        return torch.cat([torch.cat([own, edge], 1), torch.cat([edge.T, shared], 1)])

    def information(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return the second derivatives themselves, as no closed form of their mean is known."""
        return self.hessian(columns, weight)


def joint(
    nll: Callable[[Tensor, Tensor, Tensor], Tensor], output: Tensor, shared: Tensor, y: Tensor
) -> SharedParameterLosses:
    """Differentiate rows' losses by their predictor and by what they share.

    Args:
        nll: maps (N,) predictors, (N, Q) parameters and the target to (N,) losses.
        output: (N,) predictors.
        shared: (Q,) parameters.
        y: the target.
    """
    with torch.enable_grad():
        inputs = torch.cat([output[:, None], shared.expand(len(output), -1)], 1).requires_grad_()
        loss = nll(inputs[:, 0], inputs[:, 1:], y)
        (slope,) = torch.autograd.grad(loss.sum(), inputs, create_graph=True)
        lines = [
            torch.autograd.grad(column.sum(), inputs, retain_graph=True)[0]
            for column in slope.unbind(1)
        ]
    return SharedParameterLosses(loss.detach(), slope.detach(), torch.stack(lines, 1))


@dataclass(frozen=True)
class SoftmaxLosses:
    """K − 1 linear predictors against a base class whose own is 0: cross-entropy."""

    nll: Tensor
    slope: Tensor
    probabilities: Tensor

    def hessian(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return Σ w (diag p − p pᵀ) ⊗ z zᵀ, by two products instead of one a pair of classes."""
        z = columns.dense()
        rows, width = z.shape
        free = self.probabilities.shape[1]
        spread = (self.probabilities[:, :, None] * z[:, None, :]).reshape(rows, free * width)
        left = weighted(spread, weight)
        own = (left.T @ z).reshape(free, width, width)
        return _block_diagonal(own) - _product(left, spread)

    def information(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return `hessian`, which does not depend on the target."""
        return self.hessian(columns, weight)


def _block_diagonal(blocks: Tensor) -> Tensor:
    count, width, _ = blocks.shape
    whole = blocks.new_zeros(count, width, count, width)
    whole[range(count), :, range(count)] = blocks
    return whole.reshape(count * width, count * width)


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Return leftᵀ right, which is symmetric, computing only blocks on and below the diagonal."""
    size = left.shape[1]
    whole = left.new_empty(size, size)
    for start in range(0, size, _BLOCK):
        own = slice(start, start + _BLOCK)
        whole[own, : start + _BLOCK] = left[:, own].T @ right[:, : start + _BLOCK]
        whole[:start, own] = whole[own, :start].T
    return whole

"""Row losses and their derivatives with respect to the model output.

For each row the model outputs R numbers: its linear predictors, then the shared parameters, such as
the logarithm of a dispersion. `RowLosses` holds the losses and their first and second derivatives
with respect to those R numbers, and chains them to the weights.
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
    """Row losses in nats and their derivatives."""

    @property
    def nll(self) -> Tensor:
        """(N,) losses."""

    @property
    def slope(self) -> Tensor:
        """(N, R) first derivatives."""

    def hessian(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return the (weighted) sum of the Hessians with respect to the weights."""

    def information(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return the expected `hessian`, the Fisher information."""


def gradient(local: RowLosses, outputs: int, columns: Columns, weight: Tensor | None) -> Tensor:
    """Return the (weighted) sum of the gradients with respect to the weights."""
    slope = weighted(local.slope, weight)
    weight_gradient = columns.transpose_matmul(slope[:, :outputs])
    return torch.cat([weight_gradient.T.reshape(-1), slope[:, outputs:].sum(0)])


def scores(local: RowLosses, outputs: int, columns: Columns) -> Tensor:
    """Return (N, weights): the gradient of each row with respect to the weights."""
    z = columns.dense()
    weight_scores = [local.slope[:, a : a + 1] * z for a in range(outputs)]
    return torch.cat([*weight_scores, local.slope[:, outputs:]], 1)


def weighted(values: Tensor, weight: Tensor | None) -> Tensor:
    """Multiply rows by their weights, if any."""
    if weight is None:
        return values
    return values * (weight if values.ndim == 1 else weight[:, None])


@dataclass(frozen=True)
class OnePredictorLosses:
    """One linear predictor: (N, 1) slopes and (N,) curvatures."""

    nll: Tensor
    slope: Tensor
    curvature: Callable[[], Tensor]
    expected: Callable[[], Tensor]

    def hessian(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return the (weighted) sum of the Hessians with respect to the weights."""
        return columns.gram(weighted(self.curvature(), weight))

    def information(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return the expected `hessian`, the Fisher information."""
        return columns.gram(weighted(self.expected(), weight))


@dataclass(frozen=True)
class SharedParameterLosses:
    """One linear predictor and shared parameters: (N, R) slopes, (N, R, R) curvatures."""

    nll: Tensor
    slope: Tensor
    curvature: Tensor

    def hessian(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return the (weighted) sum of the Hessians with respect to the weights."""
        block = columns.gram(weighted(self.curvature[:, 0, 0], weight))
        edge = columns.transpose_matmul(weighted(self.curvature[:, 0, 1:], weight))
        rows = self.curvature[:, 1:, 1:]
        shared = (rows if weight is None else rows * weight[:, None, None]).sum(0)
        return torch.cat([torch.cat([block, edge], 1), torch.cat([edge.T, shared], 1)])

    def information(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return `hessian`, since its expectation has no closed form."""
        return self.hessian(columns, weight)


def joint(
    nll: Callable[[Tensor, Tensor, Tensor], Tensor], output: Tensor, shared: Tensor, y: Tensor
) -> SharedParameterLosses:
    """Differentiate row losses with respect to the predictor and the shared parameters.

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
    """Cross-entropy with K − 1 linear predictors and a reference class."""

    nll: Tensor
    slope: Tensor
    probabilities: Tensor

    def hessian(self, columns: Columns, weight: Tensor | None) -> Tensor:
        """Return Σ w (diag p − p pᵀ) ⊗ z zᵀ, by two products instead of one per pair of classes."""
        z = columns.dense()
        rows, width = z.shape
        free = self.probabilities.shape[1]
        spread = (self.probabilities[:, :, None] * z[:, None, :]).reshape(rows, free * width)
        left = weighted(spread, weight)
        block = (left.T @ z).reshape(free, width, width)
        return _block_diagonal(block) - _product(left, spread)

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
        rows = slice(start, start + _BLOCK)
        whole[rows, : start + _BLOCK] = left[:, rows].T @ right[:, : start + _BLOCK]
        whole[:start, rows] = whole[rows, :start].T
    return whole

"""Random data for each kind of loss: the prediction, then the target."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.bench.case import Shape


def real(shape: Shape) -> tuple[Tensor, ...]:
    """Return real predictions and real targets."""
    return torch.randn(shape), torch.randn(shape)


def with_variance(shape: Shape) -> tuple[Tensor, ...]:
    """Return means, targets and variances."""
    return *real(shape), torch.rand(shape) + 0.1


def binary(shape: Shape) -> tuple[Tensor, ...]:
    """Return logits and targets of 0 or 1."""
    return torch.randn(shape), torch.randint(0, 2, shape).float()


def probabilities(shape: Shape) -> tuple[Tensor, ...]:
    """Return probabilities, away from 0 and 1, and targets of 0 or 1."""
    return torch.rand(shape) * 0.98 + 0.01, binary(shape)[1]


def signs(shape: Shape) -> tuple[Tensor, ...]:
    """Return logits and targets of −1 or +1."""
    return torch.randn(shape), 2 * binary(shape)[1] - 1


def counts(shape: Shape) -> tuple[Tensor, ...]:
    """Return the logarithms of rates, and counts."""
    return torch.randn(shape), torch.randint(0, 5, shape).float()


def soft_targets(shape: Shape) -> tuple[Tensor, ...]:
    """Return rows of log-probabilities and rows of probabilities."""
    return torch.log_softmax(torch.randn(shape), 1), torch.softmax(torch.randn(shape), 1)


def classes(shape: Shape) -> tuple[Tensor, ...]:
    """Return logits with the classes in dimension 1, and labels."""
    rows, count, *places = shape
    return torch.randn(shape), torch.randint(0, count, (rows, *places))


def soft_classes(shape: Shape) -> tuple[Tensor, ...]:
    """Return logits and rows of probabilities."""
    return torch.randn(shape), torch.softmax(torch.randn(shape), 1)


def log_classes(shape: Shape) -> tuple[Tensor, ...]:
    """Return rows of log-probabilities, and labels."""
    logits, labels = classes(shape)
    return torch.log_softmax(logits, 1), labels


def next_tokens(shape: Shape) -> tuple[Tensor, ...]:
    """Return logits (N, L, K) without those of a last position, and labels without a first one."""
    rows, length, count = shape
    logits, labels = (
        torch.randn(rows, length + 1, count),
        torch.randint(0, count, (rows, length + 1)),
    )
    return logits[:, :-1], labels[:, 1:]

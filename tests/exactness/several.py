"""Losses of several tensors in float32, against the textbook in float64 on the same numbers.

Float64 rounds at 2⁻⁵³, so that it tells the errors of float32 unless 2²⁹ of them cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from neglog import functional
from neglog.explain.lessons import LESSONS

ROWS = 32


def _embeddings() -> tuple[Any, ...]:
    return tuple(torch.randn(3, ROWS, 8))


def _sequences() -> tuple[Any, ...]:
    one = torch.tensor(1)
    return torch.randn(5, 3).log_softmax(-1), torch.tensor([1, 2]), 5 * one, 2 * one


DRAWS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "plackett_luce_loss": lambda: (torch.randn(ROWS, 6), torch.rand(ROWS, 6)),
    "cox_ph_loss": lambda: (
        torch.randn(ROWS), 1.0 + torch.randperm(ROWS), torch.arange(ROWS) % 2
    ),
    "mixture_density_loss": lambda: (*torch.randn(3, ROWS, 4), torch.randn(ROWS)),
    "multivariate_normal_nll_loss": lambda: (
        torch.randn(ROWS, 3), torch.randn(3, 3).tril(-1) + torch.eye(3) + 0.5, torch.randn(ROWS, 3)
    ),
    "ctc_loss": _sequences,
    "cosine_embedding_loss": lambda: (
        *torch.randn(2, ROWS, 8), torch.tensor([1.0, -1.0]).repeat(ROWS // 2)
    ),
    "multi_margin_loss": lambda: (torch.randn(ROWS, 6), torch.arange(ROWS) % 6),
    "multilabel_margin_loss": lambda: (
        torch.randn(ROWS, 4), torch.tensor([3, 0, -1, 1]).repeat(ROWS, 1)
    ),
    "triplet_margin_loss": _embeddings,
    "triplet_margin_with_distance_loss": _embeddings,
}  # fmt: skip


def errors(name: str) -> tuple[float, float]:
    """Return the errors of the sum of the losses and of its derivative by the first tensor.

    The first is relative; the second is relative to the largest derivative. Both are in multiples
    of float32's epsilon, 2⁻²³.
    """
    lesson = LESSONS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tensors = DRAWS[name]()
    if name == "multivariate_normal_nll_loss":
        tensors = (tensors[0], tensors[1].tril(), tensors[2])
    leaf = tensors[0].clone().requires_grad_()
    loss = getattr(functional, name)(leaf, *tensors[1:], reduction="sum", **lesson.options)
    (slope,) = torch.autograd.grad(loss, leaf)
    wide = [t.double() if t.is_floating_point() else t for t in tensors]
    true = lesson.loss(*wide)
    assert lesson.slope is not None
    true_slope = lesson.slope(*wide)
    eps = torch.finfo(torch.float32).eps
    of_loss = abs(loss.double() - true) / abs(true) / eps
    of_slope = (slope.double() - true_slope).abs().max() / true_slope.abs().max() / eps
    return of_loss.item(), of_slope.item()


def table() -> str:
    """Return a line for each loss."""
    head = "Losses of several tensors, float32, multiples of 2⁻²³: sum of the losses / derivative"
    lines = [f"{name:36}{loss:8.2f} / {slope:.2f}" for name in DRAWS for loss, slope in
             [errors(name)]]  # fmt: skip
    return "\n".join([head, *lines])

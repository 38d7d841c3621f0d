"""The losses of a linear layer as one would write them without neglog, and how to compare.

The logits are in one piece, and in float64.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
# The layer's products are rounded like torch's own; half precision is rounded once.
NEAR = {torch.float64: 1e-11, torch.float32: 2e-5, torch.bfloat16: 8e-3, torch.float16: 4e-3}
FEATURES = 5


def logits(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    softcap: float | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Return the logits that the softmax sees."""
    z = torch.nn.functional.linear(x, w, b)
    if softcap:
        z = softcap * torch.tanh(z / softcap)
    return z / temperature


def cross_entropy(
    x: Tensor,
    w: Tensor,
    target: Any,
    b: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    softcap: float | None = None,
    temperature: float = 1.0,
    z_loss: float = 0.0,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: float | None = None,
) -> Tensor:
    """Return cross-entropy with everything, from its definition."""
    z = logits(x, w, b, softcap, temperature)
    classes, keep = z.shape[-1], z.new_ones(z.shape[:-1])
    weight = z.new_ones(classes) if weight is None else weight
    count = keep
    if isinstance(target, tuple):
        target = torch.zeros_like(z).scatter(-1, target[1].long(), target[0])
    elif not target.is_floating_point():
        keep = (target != ignore_index).to(z.dtype)
        label = torch.where(target == ignore_index, 0, target).long()
        count = weight[label] * keep
        target = torch.nn.functional.one_hot(label, classes).to(z.dtype)
    share = keep if sample_weight is None else keep * sample_weight
    share = share if mask is None else torch.where(mask, share, 0.0)
    due = weight * ((1 - label_smoothing) * target + label_smoothing / classes)
    loss = -(due * torch.log_softmax(z, -1)).sum(-1)
    loss = share * (loss + z_loss * torch.logsumexp(z, -1).square())
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    divisor = (count * torch.where(keep != 0, share, 0.0)).sum()
    if normalizer is not None:
        return loss.sum() / normalizer
    nothing = divisor == 0  # torch's mean of nothing: NaN, its gradient 0
    return loss.sum() / torch.where(nothing, 1.0, divisor) + torch.where(nothing, torch.nan, 0.0)


def statistics(z: Tensor, label: Tensor, teacher: Tensor) -> dict[str, Tensor]:
    """Return what `linear_statistics` does, from the logits of the two."""
    log_p, log_q = torch.log_softmax(z, -1), torch.log_softmax(teacher, -1)
    truth = z.gather(-1, label[..., None])
    return {
        "nll": -log_p.gather(-1, label[..., None])[..., 0],
        "logsumexp": torch.logsumexp(z, -1),
        "entropy": -(log_p.exp() * log_p).sum(-1),
        "kl": (log_q.exp() * (log_q - log_p)).sum(-1),
        "top1": z.argmax(-1),
        "correct": z.argmax(-1) == label,
        "rank": (z > truth).sum(-1),
        "log_sum_sq_probs": log_p.exp().square().sum(-1).log(),
        "mean_logits": z.mean(-1),
    }


def close(found, wanted, dtype) -> None:
    """Compare relative to the largest: sums of both signs cancel."""
    found, wanted = found.double(), wanted.double()
    size = max(1.0, wanted.abs().max().item()) if wanted.numel() else 1.0
    torch.testing.assert_close(found, wanted, rtol=0.0, atol=NEAR[dtype] * size, equal_nan=True)


def leaves(*tensors):
    return [t.detach().clone().requires_grad_(t.is_floating_point()) for t in tensors]


def compare(ours, plain, tensors, dtype) -> None:
    """Compare value and all gradients, for any gradient from above."""
    mine, theirs = leaves(*tensors), leaves(*(t.double() for t in tensors))
    found, wanted = ours(*mine), plain(*theirs)
    assert found.shape == wanted.shape
    close(found, wanted, dtype)
    above = torch.randn(wanted.shape, dtype=torch.float64)
    slopes = torch.autograd.grad(found, mine, above.to(found.dtype))
    for slope, expected in zip(slopes, torch.autograd.grad(wanted, theirs, above), strict=True):
        close(slope, expected, dtype)


def layer(rows=7, classes=9, dtype=torch.float64):
    torch.manual_seed(0)
    x, w, b = torch.randn(rows, FEATURES), torch.randn(classes, FEATURES), torch.randn(classes)
    label = torch.randint(0, classes, (rows,))
    return leaves(*(t.to(dtype) for t in (x, w, b))), label

"""Losses of distillation: divergences between the distributions of a student and a teacher."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neglog import validation
from neglog.functional.common import Extras
from neglog.functional.composed import common, composed


def generalized_jsd_loss(
    student: Tensor,
    teacher: Tensor,
    beta: float = 0.5,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    *,
    reduction: str = "mean",
    normalizer: Tensor | float | None = None,
) -> Tensor:
    """Return the generalised Jensen–Shannon divergence of two softmaxes, in nats.

    With p of the teacher, q of the student and m = β p + (1 − β) q it is
    β KL(p ‖ m) + (1 − β) KL(q ‖ m). β = 0 means the forward divergence KL(p ‖ q), β = 1 the reverse
    one KL(q ‖ p).

    Args:
        student: logits (…, C).
        teacher: logits of the same shape, constants.
        beta: the teacher's share of the mixture, in [0, 1].
        temperature: divides both logits, above 0.
        mask: True for the rows to include, (…).
        reduction: ``"mean"`` over rows, ``"sum"`` or ``"none"``.
        normalizer: the divisor of a mean, such as the number of tokens in all micro-batches.

    Raises:
        ShapeError: the shapes do not match.
        ArgumentError: an option is invalid, or the teacher requires a gradient.

    Source: R. Agarwal et al., On-policy distillation of language models, ICLR 2024.

    >>> student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
    >>> generalized_jsd_loss(student, teacher, beta=1.0)
    tensor(0.4338)
    """
    reduction = validation.reduction(None, None, reduction)
    validation.tensors(student=student, teacher=teacher)
    validation.floating(student, "student")
    validation.floating(teacher, "teacher")
    validation.same_shape(student, teacher, "teacher", "student")
    validation.no_gradient(teacher=teacher)
    validation.within("[0, 1]", beta=beta)
    validation.positive(temperature=temperature)

    def losses(student: Tensor, teacher: Tensor) -> Tensor:
        q, p = ((t / temperature).log_softmax(-1) for t in (student, teacher))
        if beta == 0:
            return _divergence(p, q)
        if beta == 1:
            return _divergence(q, p)
        impossible = (p == -torch.inf) & (q == -torch.inf)  # where logaddexp has no gradient
        m = torch.logaddexp(
            p.masked_fill(impossible, 0.0) + math.log(beta),
            q.masked_fill(impossible, 0.0) + math.log1p(-beta),
        )
        return beta * _divergence(p, m) + (1 - beta) * _divergence(q, m)

    extras = Extras(mask, None, normalizer, "nan")
    tensors, rows = (student, teacher), student.shape[:-1]
    return composed(losses, tensors, rows, reduction, extras, common(*tensors))


def _divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return Σ p ln(p / q) of logarithms, 0 where p is 0."""
    return (p.exp() * torch.where(p == -torch.inf, 0.0, p - q)).sum(-1)

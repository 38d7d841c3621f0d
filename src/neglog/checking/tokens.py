"""Facts about a model of token sequences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from neglog.checking import evaluate
from neglog.checking.plans import INPUTS, CallPlan
from neglog.checking.structures import mapped, tensors


def tokens(plan: CallPlan) -> Tensor | None:
    """Return the token sequences, (B, T), that a call passes to the model first."""
    named = (plan.named[name] for name in INPUTS if name in plan.named)
    first = next(iter((*plan.arguments, *named)), None)
    if not isinstance(first, Tensor) or first.is_floating_point():
        return None
    return first if first.dim() == 2 and first.shape[1] > 1 else None


def sees_later(model: nn.Module, plan: CallPlan, x: Tensor) -> bool | None:
    """Return whether a model's first outputs depend on the last token; None if unknown."""
    changed = x.clone()
    changed[:, -1] = torch.where(x[:, -1] == x[:, 0], x[:, 1], x[:, 0])

    def outputs(now: Tensor) -> list[Tensor]:
        torch.manual_seed(0)  # of dropout; `without_trace` restores the state
        call = mapped((plan.arguments, dict(plan.named)), lambda t: now if t is x else t)
        return list(_first(evaluate.predictions(model, *call), x))

    before, fault = evaluate.attempt(outputs, x)
    after, _ = evaluate.attempt(outputs, changed)
    if fault or not before or after is None or torch.equal(changed, x):
        return None
    return not all(torch.equal(*pair) for pair in zip(before, after, strict=False))


def _first(output: Any, x: Tensor) -> Iterator[Tensor]:
    """Yield the outputs at the first position, of tensors (B, T, ...) and (B, ..., T)."""
    for tensor in tensors(output):
        if tensor.is_floating_point() and tensor.dim() == 3:
            if tensor.shape[:2] == x.shape:
                yield tensor[:, 0]
            elif (tensor.shape[0], tensor.shape[2]) == x.shape:
                yield tensor[:, :, 0]

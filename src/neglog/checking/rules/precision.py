"""Errors of the input's dtype, compared with float64 on the same batch."""

from __future__ import annotations

import math

import torch

from neglog.checking.batch import CheckedBatch, describe_fraction
from neglog.checking.rule import RuleResult, Severity, batch_rule

_HALVES = (torch.float16, torch.bfloat16)


@batch_rule("overflow", Severity.BREAKS)
def overflow(batch: CheckedBatch) -> RuleResult | None:
    """Find a loss that is infinite in the input's dtype and finite in float64."""
    x = batch.input
    if not x.is_floating_point() or x.dtype == torch.float64 or not bool(torch.isfinite(x).all()):
        return None
    if batch.outcome.loss is None or not batch.outcome.loss.numel() or math.isfinite(batch.loss):
        return None
    if batch.wide.loss is None or not bool(torch.isfinite(batch.wide.loss).all()):
        return None
    exact = float(batch.wide.loss.mean())
    return RuleResult(
        "certain",
        f"The loss overflows in {x.dtype}.",
        f"the largest input is {float(x.abs().max()):.4g}; {x.dtype} ends at "
        f"{torch.finfo(x.dtype).max:.4g}",
        f"the loss is {batch.loss:g}; in float64 it is {exact:.5g}",
        "call input.float() before the loss",
    )


@batch_rule("rounded-loss", Severity.UNEVEN)
def rounded_loss(batch: CheckedBatch) -> RuleResult | None:
    """Find a loss with a half-precision error larger than rounding."""
    x = batch.input
    if x.dtype not in _HALVES or not math.isfinite(batch.loss) or batch.wide.loss is None:
        return None
    exact = float(batch.wide.loss.mean())
    error = abs(batch.loss - exact)
    if not error > 2 * torch.finfo(x.dtype).eps * max(abs(exact), 0.1):
        return None
    return RuleResult(
        "certain",
        f"{x.dtype} changes the loss by more than rounding.",
        f"{batch.loss:.5g} in {x.dtype}, {exact:.5g} in float64 on the same batch",
        f"the loss is {100 * error / max(abs(exact), 1e-12):.2g} % off, and so are comparisons",
        "call input.float() before the loss",
    )


@batch_rule("lost-gradient", Severity.BLIND)
def lost_gradient(batch: CheckedBatch) -> RuleResult | None:
    """Find a gradient that vanishes in half precision."""
    gradient, exact = batch.outcome.gradient, batch.wide_gradient
    if gradient is None or exact is None:
        return None
    lost = (gradient == 0) & (exact != 0)
    whole = exact.abs().sum()
    if not bool(exact[lost].abs().sum() > 0.1 * whole):
        return None
    part = 100 * float(exact[lost].abs().sum() / whole)
    return RuleResult(
        "certain",
        f"The gradient underflows in {batch.input.dtype}.",
        f"{describe_fraction(lost)}, are exactly 0 and are not in float64",
        f"{part:.3g} % of the gradient is lost",
        "call input.float() before the loss, or scale the loss (torch.amp.GradScaler)",
    )

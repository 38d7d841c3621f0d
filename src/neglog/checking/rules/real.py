"""Real targets and counts: variances, rates, marks for what is missing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neglog.checking.batch import Batch, share
from neglog.checking.criterion import REAL
from neglog.checking.rule import Harm, Told, batch_rule

_MARKS = (-100.0, -999.0, -9999.0, -99999.0)
_SURE = 1000.0  # e^x is so many times the counts


@batch_rule("sentinel-target", Harm.WRONG, *REAL, "gaussian_nll_loss")
def sentinel_target(batch: Batch) -> Told | None:
    """Find marks for missing values among the targets of a loss that has no ignore_index."""
    y = batch.target
    if batch.is_part or not y.numel():
        return None
    for mark in _MARKS:
        marked = y == mark
        rest = y[~marked & torch.isfinite(y)].double()
        if int(marked.sum()) < 2 or len(rest) < 2:
            continue
        # Far from all others: the gap is several times as wide as they are spread.
        gap, spread = float(rest.min()) - mark, float(rest.max() - rest.min())
        if gap <= 5 * spread:
            continue
        least, most = float(rest.min()), float(rest.max())
        return Told(
            "near certain",
            f"The target holds {mark:g}, which looks like a mark for missing values.",
            f"{share(marked)}; all others lie in [{least:.4g}, {most:.4g}]",
            f"the mark is learnt as a number: the loss is {batch.loss:.4g}",
            "leave them out: mask= of neglog's losses, or index before torch's",
        )
    return None


@batch_rule("rate-as-logarithm", Harm.WRONG, "poisson_nll_loss")
def rate_as_logarithm(batch: Batch) -> Told | None:
    """Find rates passed where log_input=True takes their logarithms."""
    x, y = batch.input.double(), batch.target.double()
    if not batch.criterion.options.get("log_input") or not x.numel() or bool((x < 0).any()):
        return None
    if not bool(torch.isfinite(x).all()) or not bool(torch.isfinite(y).all()):
        return None
    mean, counts, risen = float(x.mean()), float(y.mean()), float(x.exp().mean())
    if counts <= 0 or not counts / 3 <= mean <= 3 * counts or risen < 10 * counts:
        return None
    return Told(
        "near certain" if risen > _SURE * counts else "heuristic",
        "The input looks like rates, and log_input=True takes it for their logarithms.",
        f"the mean of the input is {mean:.3g}, of the target {counts:.3g}, of exp(input) "
        f"{risen:.3g}; no input is negative",
        f"exp({float(x.max()):.3g}) = {math.exp(min(float(x.max()), 700.0)):.2g}: the loss is "
        f"{batch.loss:.3g}",
        "pass log_input=False, or the logarithm of the rate",
    )


@batch_rule("fractional-counts", Harm.NOTE, "poisson_nll_loss")
def fractional_counts(batch: Batch) -> Told | None:
    """Find targets that are no counts."""
    y = batch.target
    if not y.is_floating_point() or not bool(torch.isfinite(y).all()) or bool((y < 0).any()):
        return None
    wrong = y != y.round()
    if not bool(wrong.any()):
        return None
    return Told(
        "heuristic",
        "The targets of a Poisson loss are counts, and these are not whole.",
        f"{share(wrong)}, is {float(y[wrong][0]):.4g}",
        "the loss is the Poisson quasi-likelihood, whose variance equals its mean",
        "pass the counts, and the exposure as log(exposure) added to the input",
    )


def _variance(batch: Batch) -> Tensor | None:
    given = batch.more[0] if batch.more else batch.criterion.options.get("var")
    return given if isinstance(given, Tensor) and given.numel() else None


@batch_rule("negative-variance", Harm.BREAKS, "gaussian_nll_loss")
def negative_variance(batch: Batch) -> Told | None:
    """Find variances below 0, which are likely logarithms."""
    var = _variance(batch)
    if var is None or not bool((var < 0).any()):
        return None
    wrong = var < 0
    return Told(
        "certain",
        "var holds negative values; these look like logarithms of variances.",
        f"{share(wrong)}, is {float(var[wrong][0]):.4g}",
        "the loss raises",
        "pass var.exp(), or softplus of what the network emits",
    )


@batch_rule("tiny-variance", Harm.BLIND, "gaussian_nll_loss")
def tiny_variance(batch: Batch) -> Told | None:
    """Find variances at the floor, with errors that are much larger."""
    var, eps = _variance(batch), float(batch.criterion.options.get("eps", 1e-6))
    if var is None or batch.input.shape != batch.target.shape or bool((var < 0).any()):
        return None
    errors = (batch.input.double() - batch.target.double()).square()
    if var.shape != errors.shape:
        return None
    wrong = (var.double() <= eps) & (errors > 100 * eps)
    if not bool(wrong.any()):
        return None
    worst = float(errors[wrong].max())
    return Told(
        "certain",
        f"Variances are at or below the floor eps={eps:g}, and the errors there are not.",
        f"{share(wrong)}; the largest squared error there is {worst:.3g}",
        f"such a row costs up to {0.5 * worst / eps:.3g} nats and rules the batch: the loss is "
        f"{batch.loss:.3g}",
        "let the network emit softplus(x) + 1e-3, or raise eps",
    )

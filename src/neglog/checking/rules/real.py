"""Real targets and counts: variances, rates, marks for missing values."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neglog.checking.batch import CheckedBatch, describe_fraction
from neglog.checking.criterion import REAL
from neglog.checking.rule import RuleResult, Severity, batch_rule

_SENTINELS = (-100.0, -999.0, -9999.0, -99999.0)
_SURE = 1000.0  # ratio of e^x to the counts
_POSITIVE = ("Exp", "Softplus", "Relu", "Sigmoid", "Hardsigmoid")
# The range of the operators that a network may end in.
_RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("Sigmoid", "Hardsigmoid", "Softmax"), (0.0, 1.0)),
    **dict.fromkeys(("Tanh", "Hardtanh"), (-1.0, 1.0)),
    **dict.fromkeys(("Relu", "Softplus", "Exp"), (0.0, math.inf)),
}
_SHARE = 0.05  # of the targets; fewer may be outliers


@batch_rule("sentinel-target", Severity.WRONG, *REAL, "gaussian_nll_loss")
def sentinel_target(batch: CheckedBatch) -> RuleResult | None:
    """Find marks for missing values among the targets of a loss that has no ignore_index."""
    y = batch.target
    if batch.is_part or not y.numel():
        return None
    for mark in _SENTINELS:
        marked = y == mark
        rest = y[~marked & torch.isfinite(y)].double()
        if int(marked.sum()) < 2 or len(rest) < 2:
            continue
        # An outlier: the gap is several times the range of the others.
        gap, spread = float(rest.min()) - mark, float(rest.max() - rest.min())
        if gap <= 5 * spread:
            continue
        least, most = float(rest.min()), float(rest.max())
        return RuleResult(
            "near certain",
            f"The target holds {mark:g}, which looks like a mark for missing values.",
            f"{describe_fraction(marked)}; all others lie in [{least:.4g}, {most:.4g}]",
            f"the model learns the mark as a number: the loss is {batch.loss:.4g}",
            "leave them out: mask= of neglog's losses, or index before torch's",
        )
    return None


@batch_rule("unreachable-target", Severity.WRONG, *REAL, "gaussian_nll_loss")
def unreachable_target(batch: CheckedBatch) -> RuleResult | None:
    """Find targets outside the range of the network's last operator."""
    name, y = batch.origin.operator, batch.target
    if name not in _RANGES or not y.numel() or batch.is_part or y.is_complex():
        return None
    least, most = _RANGES[name]
    y = y.double()
    slack = 0.01 * (1.0 if math.isfinite(most) else float(y.abs().mean()))
    wrong = (y < least - slack) | (y > most + slack)
    if not float(wrong.double().mean()) > _SHARE:
        return None
    span = "0 or more" if most == math.inf else f"between {least:g} and {most:g}"
    return RuleResult(
        "near certain",
        f"The last operator before the loss is {name.lower()}, whose results are {span}, and "
        "targets lie outside.",
        f"{describe_fraction(wrong)}, is {float(y[wrong][0]):.4g}; all lie in "
        f"[{float(y.min()):.4g}, {float(y.max()):.4g}]",
        "those targets cannot be reached, however good the model is",
        f"leave out the last {name.lower()}, or scale the targets into its range",
    )


@batch_rule("rate-as-logarithm", Severity.WRONG, "poisson_nll_loss")
def rate_as_logarithm(batch: CheckedBatch) -> RuleResult | None:
    """Find rates passed where log_input=True takes their logarithms."""
    x, y = batch.input.double(), batch.target.double()
    if not batch.criterion.options.get("log_input") or not x.numel() or bool((x < 0).any()):
        return None
    if batch.origin.operator in _POSITIVE:
        return _positive_logarithms(batch)
    if not bool(torch.isfinite(x).all()) or not bool(torch.isfinite(y).all()):
        return None
    mean, counts, risen = float(x.mean()), float(y.mean()), float(x.exp().mean())
    if counts <= 0 or not counts / 3 <= mean <= 3 * counts or risen < 10 * counts:
        return None
    return RuleResult(
        "near certain" if risen > _SURE * counts else "heuristic",
        "The input looks like rates, and log_input=True takes it for their logarithms.",
        f"the mean of the input is {mean:.3g}, of the target {counts:.3g}, of exp(input) "
        f"{risen:.3g}; no input is negative",
        f"exp({float(x.max()):.3g}) = {math.exp(min(float(x.max()), 700.0)):.2g}: the loss is "
        f"{batch.loss:.3g}",
        "pass log_input=False, or the logarithm of the rate",
    )


def _positive_logarithms(batch: CheckedBatch) -> RuleResult:
    name, x = batch.origin.operator.lower(), batch.input
    return RuleResult(
        "certain" if name == "exp" else "near certain",
        f"The last operator before the loss is {name}, and log_input=True takes its result for the "
        "logarithm of a rate.",
        f"{x.numel()} inputs lie in [{float(x.min()):.3g}, {float(x.max()):.3g}]; none is negative",
        "no rate can be below 1: counts of 0 cost at least 1 nat each",
        f"leave out the {name} and pass its input, or pass log_input=False",
    )


@batch_rule("fractional-counts", Severity.NOTE, "poisson_nll_loss")
def fractional_counts(batch: CheckedBatch) -> RuleResult | None:
    """Find targets that are not counts."""
    y = batch.target
    if not y.is_floating_point() or not bool(torch.isfinite(y).all()) or bool((y < 0).any()):
        return None
    wrong = y != y.round()
    if not bool(wrong.any()):
        return None
    of_logarithms = batch.criterion.options.get("log_input", True)
    change = "as log(exposure) added to the input" if of_logarithms else "as a factor of the input"
    return RuleResult(
        "heuristic",
        "The targets of a Poisson loss are counts, but these are not integers.",
        f"{describe_fraction(wrong)}, is {float(y[wrong][0]):.4g}",
        "the loss is the Poisson quasi-likelihood, whose variance equals its mean",
        f"pass the counts, and the exposure {change}",
    )


def _variance(batch: CheckedBatch) -> Tensor | None:
    given = batch.more[0] if batch.more else batch.criterion.options.get("var")
    return given if isinstance(given, Tensor) and given.numel() else None


@batch_rule("negative-variance", Severity.BREAKS, "gaussian_nll_loss")
def negative_variance(batch: CheckedBatch) -> RuleResult | None:
    """Find variances below 0, which are likely logarithms."""
    var = _variance(batch)
    if var is None or not bool((var < 0).any()):
        return None
    wrong = var < 0
    return RuleResult(
        "certain",
        "var holds negative values; these look like logarithms of variances.",
        f"{describe_fraction(wrong)}, is {float(var[wrong][0]):.4g}",
        "the loss raises",
        "pass var.exp(), or softplus of the model's output",
    )


@batch_rule("tiny-variance", Severity.BLIND, "gaussian_nll_loss")
def tiny_variance(batch: CheckedBatch) -> RuleResult | None:
    """Find variances at the lower bound eps with much larger errors."""
    var, eps = _variance(batch), float(batch.criterion.options.get("eps", 1e-6))
    if var is None or batch.input.shape != batch.target.shape or bool((var < 0).any()):
        return None
    errors = (batch.input.double() - batch.target.double()).square()
    if var.shape != errors.shape:
        return None
    wrong = (var.double() <= eps) & (errors > 100 * eps)
    if not bool(wrong.any()):
        return None
    largest = float(errors[wrong].max())
    return RuleResult(
        "certain",
        f"Variances are at or below eps={eps:g}, but their errors are much larger.",
        f"{describe_fraction(wrong)}; the largest squared error there is {largest:.3g}",
        f"such a row costs up to {0.5 * largest / eps:.3g} nats and dominates the batch: the loss "
        f"is {batch.loss:.3g}",
        "let the network output softplus(x) + 1e-3, or raise eps",
    )

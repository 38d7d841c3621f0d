"""The form of a distribution over classes: logits, probabilities or log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from neglog.checking.batch import (
    CheckedBatch,
    describe_fraction,
    first,
    is_log_normalised,
    looks_probable,
    readings,
)
from neglog.checking.criterion import REAL, SOFTMAX
from neglog.checking.rule import RuleResult, Severity, batch_rule

_ENOUGH = 2  # one row of numbers in [0, 1] may sum to 1 by chance


def floor_of_double_softmax(classes: int) -> float:
    """Return the least cross-entropy that probabilities, taken for logits, can reach.

    It is -ln(e / (e + K - 1)), at the probabilities (1, 0, ..., 0).

    >>> round(floor_of_double_softmax(10), 3)
    1.461
    """
    return math.log1p((classes - 1) / math.e)


@batch_rule("double-softmax", Severity.WRONG, *SOFTMAX, "nll_loss", "kl_div")
def double_softmax(batch: CheckedBatch) -> RuleResult | None:
    """Find probabilities where the loss, or the log-softmax before it, requires logits."""
    if batch.criterion.kind not in SOFTMAX:
        return _log_softmax_of_softmax(batch)
    if not batch.has_rows or batch.classes < 2 or not len(batch.rows):
        return None
    made = batch.origin.operator == "Softmax"
    several = len(batch.rows) >= _ENOUGH
    slack = batch.slack if several else 1e-5
    sums = f"{len(batch.rows)} of {len(batch.rows)} rows lie in [0, 1] and sum to 1"
    if not made and not ((several or batch.classes > 2) and looks_probable(batch.rows, 1, slack)):
        dim = _probable_over(batch)
        if dim is None:
            return None
        sums = f"the input lies in [0, 1] and sums to 1 over dimension {dim}"
    classes = batch.classes
    floor = floor_of_double_softmax(classes)
    best = "the loss cannot go below"
    plain = batch.criterion.kind == "cross_entropy" and not batch.soft
    if not plain or batch.criterion.options.get("label_smoothing"):
        best = "for a label the cross-entropy cannot go below"
    certainty = "near certain" if several else "heuristic"
    return RuleResult(
        "certain" if made else certainty,
        "The input holds probabilities, and the loss applies softmax to them once more.",
        "the last operator before the loss is a softmax" if made else sums,
        f"{best} {floor:.3f} nats for {classes} classes, however good the model is",
        "leave out the softmax and pass the logits; apply softmax to predict only",
    )


def _log_softmax_of_softmax(batch: CheckedBatch) -> RuleResult | None:
    if batch.activation != "Softmax" or not batch.input.numel():
        return None
    least, most = float(batch.input.min()), float(batch.input.max())
    return RuleResult(
        "certain",
        "The input is the log-softmax of probabilities: a softmax has been applied twice.",
        f"the last two operators are Softmax and LogSoftmax; the input lies in [{least:.3g}, "
        f"{most:.3g}]",
        "a probability can be at most e times as large as another, however good the model is",
        "leave out the first softmax: log_softmax takes the logits",
    )


def _probable_over(batch: CheckedBatch) -> int | None:
    """Return another dimension than that of the classes over which the input sums to 1."""
    x = batch.precise
    others = (d for d in range(x.dim()) if d != batch.class_dim and x.shape[d] > _ENOUGH)
    return next((d for d in others if looks_probable(x, d, batch.slack)), None)


@batch_rule("log-softmax-dimension", Severity.WRONG, "nll_loss")
def log_softmax_dimension(batch: CheckedBatch) -> RuleResult | None:
    """Find log-probabilities that are normalised over another dimension than the classes'."""
    if not _is_unnormalised(batch):
        return None
    x = batch.precise
    wrong = [d for d in range(x.dim()) if d != batch.class_dim and _normalised_over(batch, x, d)]
    if not wrong:
        return None
    return RuleResult(
        "near certain",
        f"The log-softmax was taken over dimension {wrong[0]}; the classes are in dimension "
        f"{batch.class_dim}.",
        f"exp(input) sums to 1 over dimension {wrong[0]} of {tuple(x.shape)}, and over dimension "
        f"{batch.class_dim} to {_sums(batch)}",
        f"rows compete with one another instead of classes: the loss is {batch.loss:.4g}",
        f"use log_softmax(x, dim={batch.class_dim})",
    )


def _normalised_over(batch: CheckedBatch, x: Tensor, dim: int) -> bool:
    return x.shape[dim] > 1 and is_log_normalised(x, dim, batch.slack)


def _is_unnormalised(batch: CheckedBatch) -> bool:
    """Return True if all rows are finite and some are not log-distributions."""
    if not batch.has_rows or batch.classes < 2 or not len(batch.rows):
        return False
    if bool(batch.rows.isnan().any()) or bool(torch.isposinf(batch.rows).any()):
        return False
    return not is_log_normalised(batch.rows, 1, batch.slack)


def _sums(batch: CheckedBatch) -> str:
    sums = batch.rows.exp().sum(1)
    return f"{float(sums.min()):.4g} ... {float(sums.max()):.4g}"


@batch_rule("nll-probabilities", Severity.WRONG, "nll_loss")
def nll_probabilities(batch: CheckedBatch) -> RuleResult | None:
    """Find probabilities where the loss requires their logarithms."""
    if not _is_unnormalised(batch) or not looks_probable(batch.rows, 1, batch.slack):
        return None
    rows = len(batch.rows)
    return RuleResult(
        "certain" if rows >= _ENOUGH else "near certain",
        "The input holds probabilities, and NLLLoss takes their logarithms.",
        f"{rows} of {rows} rows lie in [0, 1] and sum to 1",
        f"the loss, {batch.loss:.4g}, lies between -1 and 0, and an error costs at most 1",
        "use log_softmax instead of softmax, or CrossEntropyLoss on the logits",
    )


@batch_rule("nll-logits", Severity.WRONG, "nll_loss")
def nll_logits(batch: CheckedBatch) -> RuleResult | None:
    """Find an input other than log-probabilities."""
    if not _is_unnormalised(batch) or nll_probabilities(batch) or log_softmax_dimension(batch):
        return None
    wrong = batch.rows.logsumexp(1).abs() > batch.slack
    positive = bool((batch.rows > 0).any())
    return RuleResult(
        "certain" if positive else "near certain",
        "The input does not hold log-probabilities; it looks like logits.",
        f"rows {describe_fraction(wrong)}, do not sum to 1: exp(input) sums to {_sums(batch)}",
        f"the loss, {batch.loss:.4g}, is unbounded below: larger logits always lower it",
        "use CrossEntropyLoss, or log_softmax(x, 1) before NLLLoss",
    )


@batch_rule("kl-input", Severity.WRONG, "kl_div")
def kl_input(batch: CheckedBatch) -> RuleResult | None:
    """Find a first argument of KLDivLoss other than log-probabilities."""
    x = batch.input
    if not x.is_floating_point() or x.dim() == 0 or not x.numel() or bool(x.isnan().any()):
        return None
    x = batch.precise
    if any(is_log_normalised(*reading, batch.slack) for reading in readings(x)):
        return None
    if x.dim() < 2 and bool((x <= 0).all()):
        return None  # perhaps a part of a distribution
    probable = any(looks_probable(*reading, batch.slack) for reading in readings(x))
    evidence, fix = "logits", "pass log_softmax(logits, dim)"
    if probable:
        evidence, fix = "probabilities", "pass log_softmax(logits, dim) instead of softmax"
    positive = x > 0
    where = (
        f"{describe_fraction(positive)}, are above 0" if bool(positive.any()) else "none is above 0"
    )
    return RuleResult(
        "certain" if bool(positive.any()) else "near certain",
        f"KLDivLoss takes log-probabilities first; these look like {evidence}.",
        f"{where}; exp(input) sums to 1 over no dimension of {tuple(x.shape)}",
        f"the loss, {batch.loss:.4g}, is not a divergence: it can be negative",
        fix,
    )


@batch_rule("kl-log-target", Severity.WRONG, "kl_div")
def kl_log_target(batch: CheckedBatch) -> RuleResult | None:
    """Find a target whose form is not the one that log_target states."""
    y = batch.target.double()
    if not batch.target.is_floating_point() or y.dim() == 0 or not y.numel():
        return None
    if bool(y.isnan().any()):
        return None
    slack, negative = batch.slack, bool((y <= 0).all())
    logs = negative and any(is_log_normalised(*reading, slack) for reading in readings(y))
    probable = any(looks_probable(*reading, slack) for reading in readings(y))
    stated = bool(batch.criterion.options.get("log_target"))
    if not (logs and not stated) and not (probable and stated):
        return None
    held = "log-probabilities" if logs else "probabilities"
    return RuleResult(
        "certain",
        f"The target holds {held}, and log_target is {stated}.",
        f"{tuple(y.shape)} values from {float(y.min()):.4g} to {float(y.max()):.4g}, which sum to "
        f"1 {'after exp' if logs else 'as they are'}",
        f"the loss is {batch.loss:.4g}, which is not a divergence",
        f"pass log_target={not stated}",
    )


@batch_rule("kl-target", Severity.WRONG, "kl_div")
def kl_target(batch: CheckedBatch) -> RuleResult | None:
    """Find target rows that are not distributions."""
    y = batch.target
    if batch.criterion.options.get("log_target") or not y.is_floating_point() or y.dim() == 0:
        return None
    if not y.numel() or not bool(torch.isfinite(y).all()) or kl_log_target(batch):
        return None
    if bool((y < 0).any()):
        wrong, certainty = y < 0, "certain"
        evidence = f"{describe_fraction(wrong)}, are negative"
    else:
        if y.dim() < 2 or any(_sums_to_one(*reading, batch.slack) for reading in readings(y)):
            return None
        sums, certainty = y.double().sum(-1), "near certain"
        wrong = ((sums - 1).abs() > batch.slack) & (sums != 0)
        evidence = f"{int(wrong.sum())} of {wrong.numel()} rows do not sum to 1"
        evidence += f", the first at {first(wrong)} sums to {float(sums[wrong][0]):.4g}"
    return RuleResult(
        certainty,
        "The target rows are not distributions.",
        evidence,
        f"the loss, {batch.loss:.4g}, has its minimum elsewhere than at 0",
        "divide every row by its sum, or apply softmax",
    )


def _sums_to_one(y: Tensor, dim: int, slack: float) -> bool:
    """Return whether rows sum to 1; rows of zeros are ignored."""
    sums = y.double().sum(dim)
    return bool((((sums - 1).abs() <= slack) | (sums == 0)).all()) and bool((sums != 0).any())


@batch_rule("kl-dimension", Severity.WRONG, "kl_div")
def kl_dimension(batch: CheckedBatch) -> RuleResult | None:
    """Find distributions over the batch, or over another dimension in input and target."""
    x, y = batch.precise, batch.target.double()
    if not batch.target.is_floating_point() or x.dim() < 2 or x.shape != y.shape or not x.numel():
        return None
    if bool(x.isnan().any()) or bool(y.isnan().any()):
        return None
    if 1 in x.shape and x.numel() > 1 and bool((x == 0).all()):
        return RuleResult(
            "certain",
            "The log-softmax was taken over a dimension of size 1.",
            f"all {x.numel()} values of {tuple(x.shape)} are 0: every probability is 1",
            f"the loss, {batch.loss:.4g}, does not depend on the network",
            "use the dimension of the classes, such as dim=-1",
        )
    stated = bool(batch.criterion.options.get("log_target"))
    of_y = is_log_normalised if stated else looks_probable
    spots = range(len(readings(x)))
    here = {i for i in spots if _normal(is_log_normalised, readings(x)[i], batch.slack)}
    there = {i for i in spots if _normal(of_y, readings(y)[i], batch.slack)}
    if not here or not there or (here & there) - {0}:
        return None
    batchwise = here | there == {0}
    apart = f"the input sums to 1 over {_spots(here, x)}, the target over {_spots(there, x)}"
    return RuleResult(
        "near certain" if batchwise else "certain",
        "The distributions run over the batch dimension, 0."
        if batchwise
        else "Input and target are distributions over different dimensions.",
        f"of {tuple(x.shape)}: {apart}",
        f"rows compete with one another instead of classes; the loss, {batch.loss:.4g}, is not "
        "the divergence between a row and its target",
        "use dim=1, or dim=-1 if the classes are last, in both softmax calls",
    )


def _normal(
    test: Callable[[Tensor, int, float], bool], reading: tuple[Tensor, int], slack: float
) -> bool:
    tensor, dim = reading
    return tensor.shape[dim] > 1 and test(tensor, dim, slack)


def _spots(found: set[int], x: Tensor) -> str:
    names = [f"dimension {i}" if i < x.dim() else "trailing dimensions" for i in sorted(found)]
    return names[0]


@batch_rule("softmax-dimension", Severity.WRONG, "binary_cross_entropy", *REAL)
def softmax_dimension(batch: CheckedBatch) -> RuleResult | None:
    """Find a softmax over the batch before a loss of elements."""
    x = batch.precise
    if batch.origin.operator != "Softmax" or x.dim() < 2 or x.shape[0] == x.shape[1]:
        return None
    moved = batch.origin.permuted or batch.origin.permuted_before  # the batch may not come first
    if moved or min(x.shape[:2]) < 2 or not looks_probable(x, 0, batch.slack):
        return None
    return RuleResult(
        "near certain",
        "The softmax was taken over the batch dimension, 0.",
        f"of {tuple(x.shape)}: the input sums to 1 over dimension 0, and over dimension 1 to "
        f"{float(x.sum(1).min()):.3g} ... {float(x.sum(1).max()):.3g}",
        "rows compete with one another instead of classes: a prediction depends on the batch that "
        "it comes in",
        "use softmax(x, dim=1), or dim=-1 where the classes are last",
    )


@batch_rule("kl-mean", Severity.NOTE, "kl_div")
def kl_mean(batch: CheckedBatch) -> RuleResult | None:
    """Find the mean over elements, where a divergence is a sum over classes."""
    x = batch.input
    if batch.criterion.reduction != "mean" or x.dim() < 2 or x.shape != batch.target.shape:
        return None
    factor = x.numel() // max(x.shape[0], 1)
    return RuleResult(
        "heuristic",
        "reduction='mean' divides by the number of classes too.",
        f"input is {tuple(x.shape)}: the sum is divided by {x.numel()}, not by {x.shape[0]}",
        f"the loss is {factor} times smaller than the divergence of a row",
        "use reduction='batchmean'",
    )

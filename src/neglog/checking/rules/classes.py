"""Class labels: their range, those that are ignored, soft targets, shifts."""

from __future__ import annotations

import torch

from neglog.checking.batch import CheckedBatch, describe_fraction
from neglog.checking.criterion import LABELS
from neglog.checking.rule import RuleResult, Severity, batch_rule
from neglog.errors import wrong_labels

_MANY = 100


@batch_rule("label-range", Severity.BREAKS, *LABELS)
def label_range(batch: CheckedBatch) -> RuleResult | None:
    """Find labels that are out of range."""
    y = batch.target
    if not batch.has_rows or batch.soft or batch.classes < 2:
        return None
    invalid = ((y < 0) | (y >= batch.classes)) & (y != batch.ignored_label)
    if not bool(invalid.any()):
        return None
    evidence = wrong_labels(y.long(), invalid, batch.classes, batch.ignored_label)
    fix = evidence.rstrip(".").rpartition("; ")[2]
    if fix.startswith("labels"):
        fix = f"give the head {int(y.max()) + 1} columns, or fix the labels"
    markers = [v for v in (-100, -1, 255) if bool((y[invalid] == v).all())]
    if markers:
        fix = f"pass ignore_index={markers[0]}"
    return RuleResult(
        "certain",
        f"The target holds labels out of range for {batch.classes} classes.",
        evidence,
        "the loss raises on a CPU; on a GPU it destroys the process's CUDA context",
        fix,
    )


@batch_rule("all-ignored", Severity.BREAKS, *LABELS)
def all_ignored(batch: CheckedBatch) -> RuleResult | None:
    """Find a batch whose labels are all ignored."""
    if not batch.has_rows or batch.soft or bool(batch.included.any()):
        return None
    if not batch.target.numel():
        return None
    return RuleResult(
        "certain",
        "Every label is ignored.",
        f"{batch.target.numel()} of {batch.target.numel()} are {batch.ignored_label}",
        f"the loss is {batch.loss:g} and its gradient 0: logging and early stopping break",
        "skip such batches, or divide the sum by max(count, 1)",
    )


@batch_rule("mostly-ignored", Severity.NOTE, *LABELS)
def mostly_ignored(batch: CheckedBatch) -> RuleResult | None:
    """Find a batch whose labels are almost all ignored."""
    if not batch.has_rows or batch.soft or batch.included.numel() < _MANY:
        return None
    included, total = int(batch.included.sum()), batch.included.numel()
    if not 0 < included < 0.01 * total:
        return None
    return RuleResult(
        "heuristic",
        "Almost every label is ignored.",
        f"{total - included} of {total} are {batch.ignored_label}, which is ignored",
        f"the gradient comes from {included} of {total} rows",
        "look at how the labels are masked",
    )


@batch_rule("ignore-index-unused", Severity.WRONG, "cross_entropy")
def unused_ignore_index(batch: CheckedBatch) -> RuleResult | None:
    """Find an ignore_index that a target of probabilities does not use."""
    if not batch.soft or batch.ignored_label == -100:
        return None
    return RuleResult(
        "certain",
        "The target holds probabilities, for which ignore_index has no effect.",
        f"ignore_index is {batch.ignored_label}; the target is floating and of the input's shape",
        "rows that should be ignored are not, or the loss raises",
        "give rows to ignore a target of zeros",
    )


@batch_rule("soft-targets", Severity.WRONG, "cross_entropy")
def soft_targets(batch: CheckedBatch) -> RuleResult | None:
    """Find target rows that are not distributions over the classes."""
    if batch.is_part or not batch.has_rows or not batch.soft or batch.input.dim() == 1:
        return None
    rows = batch.over_classes(batch.target)
    if not bool(torch.isfinite(rows).all()):
        return None
    negative = (rows < 0).any(1)
    if bool(negative.any()):
        return _bad_rows(batch, "certain", "Target rows hold negative probabilities", negative)
    sums = rows.sum(1)
    wrong = ((sums - 1).abs() > batch.slack) & (sums != 0)  # rows of zeros are ignored
    if not bool(wrong.any()) or _classes_are_last(batch):
        return None
    several = bool(((rows == 0) | (rows == 1)).all()) and bool((sums > 1).any())
    what = "Target rows do not sum to 1"
    if several:
        what = "Target rows hold more than one 1: this is multi-label"
    return _bad_rows(batch, "near certain", what, wrong, several)


def _classes_are_last(batch: CheckedBatch) -> bool:
    return bool(((batch.target.float().sum(-1) - 1).abs() <= 1e-3).all())


def _bad_rows(
    batch: CheckedBatch, certainty: str, what: str, wrong: torch.Tensor, several: bool = False
) -> RuleResult:
    row = batch.over_classes(batch.target)[wrong][0]
    held = ", ".join(f"{v:.3g}" for v in row[:6].tolist()) + (", ..." if len(row) > 6 else "")
    return RuleResult(
        certainty,
        f"{what}.",
        f"rows {describe_fraction(wrong)}: ({held}), whose sum is {float(row.sum()):.4g}",
        f"the loss, {batch.loss:.4g}, is not a cross-entropy: each row is weighted by its sum",
        "use BCEWithLogitsLoss" if several else "divide every target row by its sum",
    )


@batch_rule("label-shift", Severity.WRONG, *LABELS)
def label_shift(batch: CheckedBatch) -> RuleResult | None:
    """Find sequences whose predictions fit the labels of the neighbouring position."""
    x, y = batch.input, batch.target
    if not batch.has_rows or batch.soft or x.dim() != 3 or x.shape[2] < 8 or x.shape[1] < 4:
        return None
    if batch.outcome.error or batch.criterion.reduction != "mean":
        return None
    pairs = {1: (x[..., :-1], y[..., 1:]), -1: (x[..., 1:], y[..., :-1])}
    losses = {s: CheckedBatch(batch.criterion, *pair).loss for s, pair in pairs.items()}
    shift = min(losses, key=lambda s: losses[s])
    if not (losses[shift] < 0.5 * batch.loss and losses[shift] < batch.loss - 1):
        return None
    return RuleResult(
        "heuristic",
        "The predictions fit the labels of the neighbouring position much better.",
        f"the loss is {batch.loss:.4g}, and {losses[shift]:.4g} if labels move by {shift:+d}",
        "the model is judged on the wrong token: a shift was done twice, or not at all",
        "shift once: input[:, :, :-1] against target[:, 1:]",
    )


@batch_rule("log-of-softmax", Severity.NOTE, "nll_loss")
def log_of_softmax(batch: CheckedBatch) -> RuleResult | None:
    """Find the logarithm of a softmax, which loses what log_softmax keeps."""
    if batch.origin.operator != "Log" or batch.origin.before != "Softmax":
        return None
    zero = torch.isneginf(batch.input)
    evidence = f"; {describe_fraction(zero)}, is -inf already" if bool(zero.any()) else ""
    return RuleResult(
        "near certain",
        "The input is log(softmax(x)), which underflows where log_softmax(x) is exact.",
        f"the last two operators are Softmax and Log{evidence}",
        "a class 104 below the largest logit (float32) gets -inf: loss inf, gradient NaN",
        "use log_softmax(x, 1), or CrossEntropyLoss on the logits",
    )

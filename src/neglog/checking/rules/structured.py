"""Losses of several tensors: what neglog's functions refuse, and mistakes in valid arguments."""

from __future__ import annotations

from torch import Tensor

from neglog.checking.batch import (
    CheckedBatch,
    describe_fraction,
    is_log_normalised,
    looks_probable,
)
from neglog.checking.criterion import STRUCTURED
from neglog.checking.rule import RuleResult, Severity, batch_rule
from neglog.errors import ArgumentError, SupportError

# By kind: what the loss requires of its first tensor, over whose last dimension softmax may run.
_SCORES = {
    "bradley_terry_loss": "rewards",
    "corn_loss": "logits",
    "cox_ph_loss": "logarithms of hazards",
    "discrete_hazard_loss": "logits",
    "mixture_density_loss": "logits",
    "multi_margin_loss": "scores",
    "multilabel_margin_loss": "scores",
    "ordinal_loss": "scores",
    "plackett_luce_loss": "scores",
}
_ROWS = 4  # a few rows of numbers in [0, 1] do not sum to 1 by chance
_ENOUGH = 32


@batch_rule("argument-values", Severity.WRONG, *STRUCTURED)
def argument_values(batch: CheckedBatch) -> RuleResult | None:
    """Find values that neglog's loss of the same name refuses, such as targets of 0 for −1."""
    fault = batch.refusal
    if not isinstance(fault, (SupportError, ArgumentError)) or log_probabilities(batch):
        return None
    if any(bool(t.isnan().any()) for t in (batch.input, batch.target) if t.is_floating_point()):
        return None  # which other rules find
    evidence = str(fault).rstrip(".")
    remedy = evidence.rpartition("; ")[2]
    raises = "the loss raises" if batch.outcome.error else f"the loss is {batch.loss:.4g}, silently"
    return RuleResult(
        "certain",
        f"The loss does not handle the values of an argument of {batch.criterion.name}.",
        evidence,
        raises,
        remedy if remedy != evidence else "pass values of this set",
    )


@batch_rule("softmax-scores", Severity.WRONG, *_SCORES)
def softmax_scores(batch: CheckedBatch) -> RuleResult | None:
    """Find probabilities where the loss requires logits or scores."""
    x, required = batch.input, _SCORES[batch.criterion.kind]
    made = batch.origin.operator in ("Sigmoid", "Softmax")
    if not x.is_floating_point() or not x.numel():
        return None
    rows = x.dim() > 1 and x.shape[-1] > 1 and x.numel() >= _ROWS * x.shape[-1]
    if not made and not (rows and looks_probable(batch.precise, -1, batch.slack)):
        return None
    evidence = f"all {x.numel() // x.shape[-1]} rows lie in [0, 1] and sum to 1" if x.dim() else ""
    if made:
        evidence = f"the last operator before the loss is a {batch.origin.operator.lower()}"
    return RuleResult(
        "certain" if made else "near certain",
        f"The input holds probabilities, and the loss requires {required}.",
        evidence,
        "two of them differ by 1 at most, however good the model is",
        f"leave out the softmax or sigmoid and pass the {required}",
    )


@batch_rule("ctc-log-probabilities", Severity.WRONG, "ctc_loss")
def log_probabilities(batch: CheckedBatch) -> RuleResult | None:
    """Find an input of CTC other than log-probabilities over the last dimension."""
    x = batch.precise
    if batch.criterion.kind != "ctc_loss" or not x.is_floating_point() or x.dim() < 2:
        return None
    if not x.numel() or bool(x.isnan().any()) or is_log_normalised(x, -1, batch.slack):
        return None
    probable = looks_probable(x, -1, batch.slack)
    other = next((d for d in range(x.dim() - 1) if is_log_normalised(x, d, batch.slack)), None)
    held, fix = "logits", "pass logits.log_softmax(-1)"
    if probable:
        held, fix = "probabilities", "use log_softmax(-1) instead of softmax(-1)"
    elif other is not None:
        held, fix = f"log-probabilities over dimension {other}", "use log_softmax(-1)"
    wrong = x.logsumexp(-1).abs() > batch.slack
    consequence = f"the loss, {batch.loss:.4g}, is not a likelihood and may be negative"
    if batch.outcome.error:
        consequence = "the loss raises"
    return RuleResult(
        "certain" if probable or bool((x > 0).any()) else "near certain",
        f"The loss requires log-probabilities over the classes; these look like {held}.",
        f"frames: {describe_fraction(wrong)}, do not sum to 1 after exp",
        consequence,
        fix,
    )


@batch_rule("no-events", Severity.BREAKS, "cox_ph_loss")
def no_events(batch: CheckedBatch) -> RuleResult | None:
    """Find a batch without events, which has no partial likelihood."""
    event = _event(batch)
    if event is None or not event.numel() or bool((event != 0).any()):
        return None
    return RuleResult(
        "certain",
        "All times are censored.",
        f"event is 0 for all {event.numel()}",
        f"the loss is {batch.loss:g}, and its gradient has no effect",
        "draw batches with an event each, larger or stratified ones, or pass empty='zero'",
    )


@batch_rule("all-censored", Severity.NOTE, "discrete_hazard_loss")
def all_censored(batch: CheckedBatch) -> RuleResult | None:
    """Find many people of whom none had the event."""
    event = _event(batch)
    if event is None or event.numel() < _ENOUGH or bool((event != 0).any()):
        return None
    return RuleResult(
        "heuristic",
        "All times are censored.",
        f"event is 0 for all {event.numel()}",
        f"the loss, {batch.loss:.4g}, only lowers every hazard towards 0",
        "look whether event is 1 for those to whom it happened",
    )


def _event(batch: CheckedBatch) -> Tensor | None:
    """Return whether the event occurred, 1 where it did."""
    found = batch.more[0] if batch.more else batch.criterion.options.get("event")
    return found if isinstance(found, Tensor) else None

"""Invalid values, and symptoms of mistakes that no other rule explains."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neglog.checking.batch import CheckedBatch, describe_fraction, first
from neglog.checking.criterion import BINARY, DECLARED, LABELS
from neglog.checking.rule import RuleResult, Severity, batch_rule
from neglog.errors import outside

_UNBOUNDED = (*BINARY, "multilabel_soft_margin_loss", "poisson_nll_loss")
_NEVER_NEGATIVE = (*LABELS, *BINARY, "multilabel_soft_margin_loss", "soft_margin_loss")


@batch_rule("criterion-raises", Severity.SYMPTOM, of_outcome=True)
def criterion_raises(batch: CheckedBatch) -> RuleResult | None:
    """Find a loss that cannot be computed."""
    if not batch.outcome.error:
        return None
    return RuleResult(
        "certain",
        "The criterion raises on this batch.",
        batch.outcome.error,
        "there is no loss and no gradient",
        "fix the cause in the message, or call the criterion by hand",
    )


@batch_rule("non-finite-input", Severity.BREAKS)
def non_finite_input(batch: CheckedBatch) -> RuleResult | None:
    """Find NaN predictions, and infinite ones that make the loss or its gradient non-finite."""
    x = batch.input
    if not x.is_floating_point() or bool(torch.isfinite(x).all()):
        return None
    wrong = torch.isnan(x)
    if not bool(wrong.any()):
        wrong = torch.isinf(x)
        if not _non_finite(batch) or _smoothing_over_masks(batch) or impossible_label(batch):
            return None
    value = x[tuple(wrong.nonzero()[0].tolist())].item()
    return RuleResult(
        "certain",
        "The input holds NaN or infinity.",
        f"{describe_fraction(wrong)}, which holds {value:g}",
        _describe_non_finite(batch),
        "look for a division by 0, a logarithm of 0 or an overflow before the loss",
    )


def _non_finite(batch: CheckedBatch) -> bool:
    """Return whether the loss or its gradient is not finite."""
    tensors = (batch.outcome.loss, batch.outcome.gradient)
    return any(t is not None and not bool(torch.isfinite(t).all()) for t in tensors)


def _describe_non_finite(batch: CheckedBatch) -> str:
    gradient = batch.outcome.gradient
    evidence = "the loss raises" if batch.outcome.error else f"the loss is {batch.loss:g}"
    if gradient is None:
        return evidence
    count = int((~torch.isfinite(gradient)).sum())
    if not count:
        return evidence
    return f"{evidence}, and {count} of {gradient.numel()} elements of its gradient are not finite"


@batch_rule("non-finite-target", Severity.BREAKS)
def non_finite_target(batch: CheckedBatch) -> RuleResult | None:
    """Find NaN or infinite targets."""
    y = batch.target
    if not y.is_floating_point() or bool(torch.isfinite(y).all()):
        return None
    wrong = ~torch.isfinite(y)
    if batch.criterion.options.get("log_target") and not _non_finite(batch):
        return None  # the logarithm of a soft target of 0
    if batch.criterion.kind == "other" and not _non_finite(batch):
        return None
    value = y[tuple(wrong.nonzero()[0].tolist())].item()
    return RuleResult(
        "certain",
        f"The {batch.criterion.second} holds NaN or infinity.",
        f"{describe_fraction(wrong)}, which holds {value:g}",
        _describe_non_finite(batch),
        "fill or drop missing values; NaN * 0 is NaN, so that a mask must come before the loss",
    )


@batch_rule("masked-logits-smoothing", Severity.BREAKS, "cross_entropy")
def masked_logits_smoothing(batch: CheckedBatch) -> RuleResult | None:
    """Find label smoothing over classes whose logit is minus infinity."""
    if not _smoothing_over_masks(batch):
        return None
    smoothing = batch.criterion.options["label_smoothing"]
    return RuleResult(
        "certain",
        "Label smoothing gives probability to classes that are masked by a logit of -inf.",
        f"{describe_fraction(torch.isneginf(batch.input))}, are -inf; "
        f"label_smoothing is {smoothing:g}",
        f"the loss is {batch.loss:g}",
        "mask with a large finite number such as -1e4, or smooth the allowed classes yourself",
    )


def _smoothing_over_masks(batch: CheckedBatch) -> bool:
    smoothing = batch.criterion.options.get("label_smoothing", 0.0)
    masked = batch.input.is_floating_point() and bool(torch.isneginf(batch.input).any())
    return bool(smoothing) and masked and batch.has_rows and _non_finite(batch)


@batch_rule("impossible-label", Severity.BREAKS, *LABELS)
def impossible_label(batch: CheckedBatch) -> RuleResult | None:
    """Find labels whose class is masked by a logit of minus infinity."""
    if not batch.has_rows or batch.soft or batch.outcome.error:
        return None
    chosen = batch.rows.gather(1, batch.labels[:, None])[:, 0]
    wrong = torch.isneginf(chosen)
    if not bool(wrong.any()):
        return None
    return RuleResult(
        "certain",
        "The input gives the class of the label probability 0: its logit is -inf.",
        f"rows: {describe_fraction(wrong)} (counted without ignored ones)",
        _describe_non_finite(batch),
        "do not mask the class of the label, or mark such rows with ignore_index",
    )


@batch_rule("target-range", Severity.WRONG)
def target_range(batch: CheckedBatch) -> RuleResult | None:
    """Find targets outside the likelihood's support."""
    declared = batch.criterion.declaration
    y = batch.target
    if (
        batch.is_part
        or declared is None
        or not y.numel()
        or y.is_complex()
        or y.dtype == torch.bool
    ):
        return None
    invalid = ~declared.support.contains(y) & torch.isfinite(y)
    if not bool(invalid.any()):
        return None
    fix, cause = _cause(batch, y, invalid)
    bounded = "" if batch.outcome.error else f": {batch.loss:.4g} here"
    effect = "has another minimum"
    if batch.criterion.kind in _UNBOUNDED:
        effect = "falls without bound on such elements"
    return RuleResult(
        "certain",
        f"The target must hold {declared.support.words.replace('−', '-')} everywhere{cause}.",
        outside("target", declared.support.words, y, invalid),
        f"the loss is not a likelihood and {effect}{bounded}",
        fix,
    )


def _cause(batch: CheckedBatch, y: Tensor, invalid: Tensor) -> tuple[str, str]:
    """Return the fix and the likely cause."""
    values = set(torch.unique(y).tolist()) if y.numel() <= 10**7 else set()
    if batch.criterion.kind == "soft_margin_loss" and values <= {0.0, 1.0}:
        return "pass 2 * target - 1", "; these look like labels 0 and 1"
    if values <= {-1.0, 1.0}:
        return "pass (target + 1) / 2", "; these look like labels -1 and +1"
    if 255 in values:
        return "divide the target by 255", "; this looks like a mask of 0 and 255"
    if values & {-100.0, -1.0}:
        return (
            "leave them out: mask= of neglog's losses, or index before torch's",
            "; -1 and -100 often mark elements to ignore",
        )
    if values and all(v == int(v) for v in values if math.isfinite(v)) and len(values) > 2:
        return "use CrossEntropyLoss with one column per class", "; these look like class labels"
    return f"look at the target at {first(invalid)}", ""


@batch_rule("input-range", Severity.WRONG)
def input_range(batch: CheckedBatch) -> RuleResult | None:
    """Find predictions outside the likelihood's domain."""
    declared = batch.criterion.declaration
    if declared is None:
        return None
    # A variance has rules of its own.
    more = batch.more if batch.criterion.kind == DECLARED else ()
    names = ("input", *declared.inputs[1:])
    for name, domain, x in zip(names, declared.domains, (batch.input, *more), strict=False):
        if not isinstance(x, Tensor) or not x.is_floating_point() or not x.numel():
            continue
        invalid = ~domain.contains(x) & torch.isfinite(x)
        if bool(invalid.any()):
            meant, fix = _MEANT.get(batch.criterion.kind, ("", _WITHIN))
            return RuleResult(
                "certain",
                f"The {name} must hold {domain.words} everywhere{meant}.",
                outside(name, domain.words, x, invalid),
                "the loss raises" if batch.outcome.error else f"the loss is {batch.loss:.4g}",
                fix,
            )
    return None


_WITHIN = "apply a function with values in this set, such as exp, softplus or sigmoid"
_MEANT = {  # by kind: what inputs outside the domain are likely to be, and the fix
    "binary_cross_entropy": ("; these look like logits", "use BCEWithLogitsLoss"),
    "poisson_nll_loss": ("; these look like logarithms of rates", "pass log_input=True"),
}


@batch_rule("non-finite-gradient", Severity.BREAKS)
def non_finite_gradient(batch: CheckedBatch) -> RuleResult | None:
    """Find a finite loss with a non-finite gradient."""
    outcome = batch.outcome
    if outcome.gradient is None or outcome.loss is None or batch.input.isnan().any():
        return None
    wrong = ~torch.isfinite(outcome.gradient)
    if not bool(torch.isfinite(outcome.loss).all()) or not bool(wrong.any()):
        return None
    return RuleResult(
        "certain",
        "The loss is finite, but its gradient is not.",
        f"{describe_fraction(wrong)}, is {outcome.gradient[wrong][0].item():g}",
        "one step of an optimizer makes every parameter NaN",
        "keep the input away from where the derivative is infinite",
    )


@batch_rule("non-finite-loss", Severity.SYMPTOM, of_outcome=True)
def non_finite_loss(batch: CheckedBatch) -> RuleResult | None:
    """Find a NaN or infinite loss of finite numbers."""
    loss = batch.outcome.loss
    if loss is None or not loss.numel() or bool(torch.isfinite(loss).all()):
        return None
    return RuleResult(
        "certain",
        "The loss is not finite.",
        f"it is {loss[~torch.isfinite(loss)][0].item():g}",
        "its gradient makes every parameter NaN, or has no effect",
        "look at the largest inputs, or at a division by a count of 0",
    )


@batch_rule("negative-loss", Severity.SYMPTOM, *_NEVER_NEGATIVE, "kl_div")
def negative_loss(batch: CheckedBatch) -> RuleResult | None:
    """Find a negative value of a loss that is never negative."""
    loss = batch.outcome.loss
    if loss is None or not loss.numel() or batch.loss >= -batch.slack:
        return None
    if loss.dim() and batch.criterion.kind == "kl_div":
        return None  # its terms may be negative, their sum is not
    return RuleResult(
        "certain",
        "The loss is negative, which minus the logarithm of a probability never is.",
        f"it is {batch.loss:.4g}",
        "its minimum is not at the correct prediction",
        "look at the values of input and target",
    )


@batch_rule("constant-loss", Severity.SYMPTOM)
def constant_loss(batch: CheckedBatch) -> RuleResult | None:
    """Find a loss that does not depend on the input."""
    x, gradient = batch.input, batch.outcome.gradient
    if gradient is None or not batch.loss or not math.isfinite(batch.loss):
        return None
    if not gradient.numel() or bool((gradient != 0).any()):
        return None
    # At a minimum the gradient is 0 as well; there, moving the input moves the loss.
    for moved in (x * 0.5, x * 0.5 + 0.25, x.flip(0) * 0.75):
        if CheckedBatch(batch.criterion, moved, batch.target, batch.more).loss != batch.loss:
            return None
    return RuleResult(
        "certain",
        "The loss does not depend on the input.",
        f"it is {batch.loss:.4g} for this input and for three others; its gradient is exactly 0",
        "nothing is learnt",
        "look for labels of 0 where +1 and -1 are meant, for one class only, or for rounding",
    )

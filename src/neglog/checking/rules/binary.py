"""Binary targets: probabilities where logits are required, and saturation."""

from __future__ import annotations

import math

from neglog.checking.batch import CheckedBatch, describe_fraction
from neglog.checking.criterion import LOGITS, REWEIGHTED
from neglog.checking.rule import RuleResult, Severity, batch_rule
from neglog.checking.rules.shapes import one_class

_SOFTMAX = ("cross_entropy", "nll_loss")  # not kl_div, which also compares features
_BOUNDED = ("Tanh", "Hardtanh", "Hardsigmoid", "Sigmoid")
_ENOUGH = 32  # with fewer logits, all may lie in [0, 1] by chance


@batch_rule("double-sigmoid", Severity.WRONG, *LOGITS, *REWEIGHTED, "binary_cross_entropy")
def double_sigmoid(batch: CheckedBatch) -> RuleResult | None:
    """Find probabilities where the loss, or the sigmoid before it, requires logits."""
    x, y = batch.input, batch.target
    if batch.criterion.kind == "binary_cross_entropy":
        return _sigmoid_of(batch) if batch.activation in ("Sigmoid", "Softmax") else None
    if not x.is_floating_point() or not x.numel() or x.shape != y.shape:
        return None
    made = batch.origin.operator in ("Sigmoid", "Softmax")
    within = bool(((x >= 0) & (x <= 1)).all()) and batch.origin.operator != "Relu"
    if not made and not (within and x.numel() >= _ENOUGH and bool((x != x.flatten()[0]).any())):
        return None
    evidence = f"all {x.numel()} inputs lie in [0, 1]"
    if made:
        evidence = f"the last operator before the loss is a {batch.origin.operator.lower()}"
    return RuleResult(
        "certain" if made else "heuristic",
        "The input holds probabilities, and the loss applies a sigmoid to them once more.",
        evidence,
        _consequence(batch),
        "leave out the sigmoid and pass the logits",
    )


def _sigmoid_of(batch: CheckedBatch) -> RuleResult:
    return RuleResult(
        "certain",
        "The input is the sigmoid of probabilities: a sigmoid has been applied twice.",
        f"the last two operators are {batch.activation} and Sigmoid",
        _consequence(batch),
        f"leave out the {batch.activation.lower()}, and use BCEWithLogitsLoss on the logits",
    )


def _consequence(batch: CheckedBatch) -> str:
    bounds = "the probability stays between 0.5 and 0.731"
    if batch.criterion.kind in REWEIGHTED:
        return f"{bounds}, however good the model is"
    return f"{bounds}; perfect ones cost {_floor(batch):.3f} nats on these targets, not 0"


def _floor(batch: CheckedBatch) -> float:
    """Return the mean loss of the right zeros and ones, taken for logits."""
    positives = batch.target.double().clamp(0, 1).mean().item()
    return positives * math.log1p(math.exp(-1)) + (1 - positives) * math.log(2)


@batch_rule("squashed-logits", Severity.WRONG, *LOGITS, *_SOFTMAX, "binary_cross_entropy")
def squashed_logits(batch: CheckedBatch) -> RuleResult | None:
    """Find a bounded activation between the last layer and a loss that takes logits."""
    name, x = batch.activation, batch.input
    if batch.criterion.kind in ("nll_loss", "binary_cross_entropy"):
        return _squashed_before(batch)
    softmax = batch.criterion.kind == "cross_entropy"
    if name in ("LogSoftmax", "LogSigmoid") and x.numel() and not softmax:
        return _logarithms(batch)
    name = batch.origin.before if name == "Clamp" else name
    if name not in _BOUNDED or not x.numel() or not bool((x.abs() <= 1).all()):
        return None
    if (name == "Sigmoid" and not softmax) or (softmax and not batch.has_rows):
        return None  # double-sigmoid, or no rows
    width = 1 if name in ("Sigmoid", "Hardsigmoid") else 2
    others = batch.classes - 1 if softmax else 1
    reach = width if softmax else 1
    floor = math.log1p(others * math.exp(-reach))
    applied = "softmax" if softmax else "a sigmoid"
    return RuleResult(
        "certain",
        f"The last operator before the loss is {name.lower()}, and the loss applies {applied} "
        "of its own to the logits.",
        f"all {x.numel()} inputs lie in [{float(x.min()):.3g}, {float(x.max()):.3g}]",
        f"logits cannot leave [{1 - width}, 1]: the loss of a perfectly predicted row is at best "
        f"{floor:.3f} nats, not 0",
        f"leave out the {name.lower()} and pass the logits",
    )


def _squashed_before(batch: CheckedBatch) -> RuleResult | None:
    name, link = batch.activation, batch.origin.operator
    if name not in _BOUNDED or (name == "Sigmoid" and link == "Sigmoid"):
        return None  # double-sigmoid
    x = batch.input
    low = 0 if name in ("Sigmoid", "Hardsigmoid") else -1
    return RuleResult(
        "certain",
        f"The last two operators before the loss are {name} and {link}: the logits are squashed.",
        f"all {x.numel()} inputs lie in [{float(x.min()):.3g}, {float(x.max()):.3g}]",
        f"logits cannot leave [{low}, 1]: no probability can come near 1, however good the model "
        "is",
        f"leave out the {name.lower()}",
    )


def _logarithms(batch: CheckedBatch) -> RuleResult:
    name, x = batch.origin.operator, batch.input
    return RuleResult(
        "certain",
        f"The last operator before the loss is {name}, and the loss takes logits.",
        f"the largest of {x.numel()} inputs is {float(x.max()):.3g}; logarithms of probabilities "
        "are never above 0",
        "probabilities above 0.5 cannot be expressed: a positive costs at least 0.693 nats",
        f"leave out {name} and pass the logits",
    )


@batch_rule("rectified-logits", Severity.WRONG, *LOGITS, *_SOFTMAX, "binary_cross_entropy")
def rectified_logits(batch: CheckedBatch) -> RuleResult | None:
    """Find a ReLU between the last layer and the loss, or the softmax or sigmoid before it."""
    name = batch.activation
    if name not in ("Relu", "Softplus", "Gelu", "Silu"):
        return None
    x, link = batch.input, batch.origin.operator
    after = "" if link == name else f" and its {link}"
    evidence = f"{int((x == 0).sum())} of {x.numel()} inputs are exactly 0, the least is"
    if after:
        evidence = f"the last two operators are {name} and {link}; the least input is"
    least = "probabilities well below 0.5 cannot be expressed: a negative costs about 0.693 nats"
    if batch.criterion.kind in _SOFTMAX:
        least = "no logit can be negative, and the gradient of those cut off is lost"
    return RuleResult(
        "near certain",
        f"The last operator before the loss{after} is {name}, which cuts off negative logits.",
        f"{evidence} {float(x.min()):.3g}",
        least,
        f"leave out the last {name}",
    )


@batch_rule("saturated-probabilities", Severity.BLIND, "binary_cross_entropy")
def saturated_probabilities(batch: CheckedBatch) -> RuleResult | None:
    """Find probabilities of exactly 0 or 1 that contradict the target."""
    x, y = batch.input, batch.target
    if x.shape != y.shape or not x.is_floating_point():
        return None
    wrong = ((x == 0) & (y > 0)) | ((x == 1) & (y < 1))
    if not bool(wrong.any()) or one_class(batch):
        return None
    part = 100 * int(wrong.sum()) / wrong.numel()
    return RuleResult(
        "certain",
        "Probabilities are exactly 0 or 1 and contradict the target: a sigmoid has saturated.",
        f"{describe_fraction(wrong)} ({part:.3g} %)",
        "each costs 100 nats, whatever the logit was, and its gradient through the sigmoid is "
        "exactly 0: the worst rows are not learnt",
        "pass the logits to BCEWithLogitsLoss, which is exact",
    )

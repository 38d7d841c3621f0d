"""Yes-or-no targets: probabilities where logits are meant, and saturation."""

from __future__ import annotations

import math

from neglog.checking.batch import Batch, share
from neglog.checking.criterion import LOGITS
from neglog.checking.rule import Harm, Told, batch_rule

_ENOUGH = 32  # so many logits do not all lie in [0, 1] by chance


@batch_rule("double-sigmoid", Harm.WRONG, *LOGITS)
def double_sigmoid(batch: Batch) -> Told | None:
    """Find probabilities where the loss wants logits."""
    x, y = batch.input, batch.target
    if not x.is_floating_point() or not x.numel() or x.shape != y.shape:
        return None
    made = batch.origin.operator in ("Sigmoid", "Softmax")
    within = bool(((x >= 0) & (x <= 1)).all()) and batch.origin.operator != "Relu"
    if not made and not (within and x.numel() >= _ENOUGH and bool((x != x.flatten()[0]).any())):
        return None
    seen = f"all {x.numel()} inputs lie in [0, 1]"
    if made:
        seen = f"the last operator before the loss is a {batch.origin.operator.lower()}"
    return Told(
        "certain" if made else "heuristic",
        "The input holds probabilities, and the loss applies a sigmoid to them once more.",
        seen,
        f"the probability stays between 0.5 and 0.731; perfect ones cost {_floor(batch):.3f} "
        "nats on these targets, not 0",
        "leave out the sigmoid and pass the logits",
    )


def _floor(batch: Batch) -> float:
    """Return the mean loss of the right zeros and ones, taken for logits."""
    yes = batch.target.double().clamp(0, 1).mean().item()
    return yes * math.log1p(math.exp(-1)) + (1 - yes) * math.log(2)


@batch_rule("rectified-logits", Harm.WRONG, *LOGITS, "cross_entropy")
def rectified_logits(batch: Batch) -> Told | None:
    """Find a ReLU between the last layer and the loss."""
    if batch.origin.operator != "Relu":
        return None
    x = batch.input
    zero = x == 0
    least = "no probability of a yes below 0.5 can be said: a no costs at least 0.693 nats"
    if batch.criterion.kind == "cross_entropy":
        least = "no logit can be negative, and the gradient of those cut off is lost"
    return Told(
        "near certain",
        "The last operator before the loss is a ReLU, which cuts off negative logits.",
        f"{int(zero.sum())} of {x.numel()} inputs are exactly 0, none is negative",
        least,
        "leave out the last ReLU",
    )


@batch_rule("saturated-probabilities", Harm.BLIND, "binary_cross_entropy")
def saturated_probabilities(batch: Batch) -> Told | None:
    """Find probabilities of exactly 0 or 1 that the target denies."""
    x, y = batch.input, batch.target
    if x.shape != y.shape or not x.is_floating_point():
        return None
    wrong = ((x == 0) & (y > 0)) | ((x == 1) & (y < 1))
    if not bool(wrong.any()):
        return None
    part = 100 * int(wrong.sum()) / wrong.numel()
    return Told(
        "certain",
        "Probabilities are exactly 0 or 1 where the target denies them: a sigmoid has saturated.",
        f"{share(wrong)} ({part:.3g} %)",
        "each costs 100 nats, whatever the logit was, and its gradient through the sigmoid is "
        "exactly 0: the worst rows are not learnt",
        "pass the logits to BCEWithLogitsLoss, which is exact",
    )

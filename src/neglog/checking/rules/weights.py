"""Class weights and pos_weight: their values and the dimension that they apply to."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.checking.batch import CheckedBatch, describe_fraction
from neglog.checking.criterion import BINARY, LABELS
from neglog.checking.rule import RuleResult, Severity, batch_rule
from neglog.errors import sentence, shape


@batch_rule("weight-values", Severity.BREAKS, *LABELS, *BINARY, "multilabel_soft_margin_loss")
def weight_values(batch: CheckedBatch) -> RuleResult | None:
    """Find weights that are negative or not finite."""
    for name in ("weight", "pos_weight"):
        weight = batch.criterion.tensor(name)
        if weight is None or not weight.is_floating_point():
            continue
        wrong = ~torch.isfinite(weight) | (weight < 0)
        if not bool(wrong.any()):
            continue
        value = float(weight[wrong].flatten()[0])
        infinite = value == float("inf")
        return RuleResult(
            "certain",
            f"{name} must be 0 or more, and finite.",
            f"{describe_fraction(wrong)}, is {value:g}"
            + ("; was the count of that class 0?" if infinite else ""),
            f"the loss is {batch.loss:.4g}; "
            + ("a row of that class makes it NaN" if infinite else "it rewards errors"),
            "give absent classes a weight of 0: weight.nan_to_num(posinf=0)",
        )
    return None


@batch_rule("weight-shape", Severity.BREAKS, *LABELS, *BINARY)
def weight_shape(batch: CheckedBatch) -> RuleResult | None:
    """Find weights whose shape the loss refuses."""
    if not batch.outcome.error:
        return None
    kind = batch.criterion.kind
    for name in ("weight", "pos_weight"):
        weight = batch.criterion.tensor(name)
        if weight is None:
            continue
        if kind in BINARY:
            fits, expected = _broadcasts(weight, batch.input), f"broadcast to {shape(batch.input)}"
            fix = "reshape it to line up with the input: (C, 1, 1) for images (N, C, H, W)"
        elif batch.has_rows:
            fits, expected = weight.shape == (batch.classes,), f"be ({batch.classes},)"
            fix = "give one value for each class"
        else:
            continue
        if not fits:
            evidence = sentence(f"{name} must {expected}", f"it is {shape(weight)}")
            return RuleResult(
                "certain", f"{name} has the wrong shape.", evidence, "the loss raises", fix
            )
    return None


def _broadcasts(weight: Tensor, input: Tensor) -> bool:
    try:
        return tuple(torch.broadcast_shapes(weight.shape, input.shape)) == tuple(input.shape)
    except RuntimeError:
        return False


@batch_rule("zero-weights", Severity.BREAKS, *LABELS)
def zero_weights(batch: CheckedBatch) -> RuleResult | None:
    """Find a batch whose classes all have weight 0."""
    weight = batch.criterion.tensor("weight")
    if weight is None or not batch.has_rows or batch.soft or batch.outcome.error:
        return None
    if (
        weight.shape != (batch.classes,)
        or not len(batch.labels)
        or batch.input.device != weight.device
    ):
        return None
    if bool((weight[batch.labels] != 0).any()):
        return None
    return RuleResult(
        "certain",
        "Every class in this batch has weight 0.",
        f"{len(batch.labels)} of {len(batch.labels)} labels, the first {int(batch.labels[0])}",
        f"a weighted mean divides by 0: the loss is {batch.loss:g}",
        "give the classes that occur a weight above 0",
    )


@batch_rule("weight-without-effect", Severity.UNEVEN, *LABELS)
def weight_without_effect(batch: CheckedBatch) -> RuleResult | None:
    """Find class weights that cancel in a batch of one row."""
    weight = batch.criterion.tensor("weight")
    if weight is None or not batch.has_rows or batch.soft or batch.criterion.reduction != "mean":
        return None
    smoothed = batch.criterion.options.get("label_smoothing", 0.0)
    if len(batch.labels) != 1 or smoothed or bool((weight == weight[0]).all()):
        return None
    return RuleResult(
        "certain",
        "Class weights cancel in a batch of one row: the mean divides by their sum.",
        f"1 row counts, of class {int(batch.labels[0])}",
        f"the loss is {batch.loss:.4g} whatever the weights are",
        "use larger batches; or reduction='sum', divided by a constant",
    )


@batch_rule("weight-placement", Severity.WRONG, *BINARY)
def weight_placement(batch: CheckedBatch) -> RuleResult | None:
    """Find weights that fit two dimensions and are applied to the last."""
    for name in ("weight", "pos_weight"):
        weight = batch.criterion.tensor(name)
        if (
            weight is None
            or weight.dim() != 1
            or len(weight) < 2
            or bool((weight == weight[0]).all())
        ):
            continue
        evidence = _placement(batch, name, len(weight))
        if evidence:
            return evidence
    return None


def _placement(batch: CheckedBatch, name: str, size: int) -> RuleResult | None:
    x = batch.input
    if x.shape[-1:] != (size,):
        return None
    image = x.dim() > 2 and x.shape[1] == size
    rows = x.dim() == 2 and x.shape[0] == size and name == "weight"
    if not image and not rows:
        return None
    meant, taken, fix = "classes", "columns", f"pass {name}.reshape(-1{', 1' * (x.dim() - 2)})"
    if rows:
        meant, taken, fix = "rows", "classes", "pass weight[:, None] to weight rows"
    return RuleResult(
        "heuristic",
        f"{name} fits two dimensions of the input and is applied to the last: it weights {taken}.",
        f"{name} is ({size},), input is {shape(x)}",
        f"if it is meant to weight {meant}, other elements are weighted, silently",
        f"{fix}, which fits one dimension only",
    )

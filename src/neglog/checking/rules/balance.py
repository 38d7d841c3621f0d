"""Weights with the opposite of their purpose: of the frequent class, or with sum 0."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.checking.batch import CheckedBatch
from neglog.checking.criterion import BINARY, ELEMENTWISE, LABELS
from neglog.checking.rule import RuleResult, Severity, batch_rule
from neglog.errors import shape

_LOGITS = "binary_cross_entropy_with_logits"
_UNEVEN = 2.0  # ratio above which a class is frequent
_ENOUGH = 16
_CHANCE_LEVEL = 3.0  # standard deviations of a fair coin


@batch_rule("inverted-pos-weight", Severity.UNEVEN, _LOGITS)
def inverted_pos_weight(batch: CheckedBatch) -> RuleResult | None:
    """Find a pos_weight above 1 where positives are frequent, or below 1 where they are rare."""
    weight, y = batch.criterion.tensor("pos_weight"), batch.target
    if weight is None or y.numel() < _ENOUGH or not bool(((y == 0) | (y == 1)).all()):
        return None
    weight, y = weight.double().to(y.device), y.double()
    per = _columns(weight, y)
    if per is None or weight.numel() != per.shape[1] or len(per) < _ENOUGH:
        return None
    positives = per.sum(0)
    ratio = (len(per) - positives) / positives.clamp(min=1)
    weight = weight.flatten()
    wrong = (weight >= _UNEVEN) & (ratio <= 1 / _UNEVEN)
    wrong |= (weight <= 1 / _UNEVEN) & (ratio >= _UNEVEN) & (positives > 0)
    wrong &= (positives - len(per) / 2).abs() > _CHANCE_LEVEL * len(per) ** 0.5 / 2
    if not bool(wrong.any()):
        return None
    i = int(wrong.nonzero()[0])
    column = f" of column {i}" if weight.numel() > 1 else ""
    near = bool((weight[i] * ratio[i]).log().abs() < 0.5)
    return RuleResult(
        "near certain" if near else "heuristic",
        "pos_weight looks inverted: it gives more weight to the frequent class.",
        f"pos_weight{column} is {float(weight[i]):.3g}; {int(positives[i])} of {len(per)} targets "
        f"are 1, so that negatives / positives is {float(ratio[i]):.3g}",
        "the imbalance grows: the rare class counts for "
        f"{_balance(float(weight[i]), float(ratio[i])):.3g} times less than the frequent one",
        "use pos_weight = number of negatives / number of positives",
    )


def _columns(weight: Tensor, y: Tensor) -> Tensor | None:
    """Lay targets out as (rows, weights); None where weights lie along several dimensions."""
    along = [d - weight.dim() for d, size in enumerate(weight.shape) if size > 1]
    if not along:
        return y.reshape(-1, 1)
    if len(along) > 1 or y.dim() < -along[0]:
        return None
    return y.movedim(along[0], -1).reshape(-1, y.shape[along[0]])


def _balance(weight: float, ratio: float) -> float:
    """Return the ratio of the total weights of the two classes."""
    factor = weight / ratio if ratio > 0 else float("inf")
    return factor if factor > 1 else 1 / factor


@batch_rule("inverted-weight", Severity.UNEVEN, *LABELS)
def inverted_weight(batch: CheckedBatch) -> RuleResult | None:
    """Find class weights that are the classes' frequencies."""
    weight = batch.criterion.tensor("weight")
    if weight is None or not batch.has_rows or batch.soft or batch.label_fault:
        return None
    if weight.shape != (batch.classes,) or len(batch.labels) < _ENOUGH * batch.classes / 2:
        return None
    labels = batch.labels
    if bool(((labels < 0) | (labels >= batch.classes)).any()) or not bool((weight > 0).all()):
        return None
    counts = torch.bincount(labels, minlength=batch.classes).double()
    class_fractions, weight_fractions = (
        counts / counts.sum(),
        weight.double().to(counts.device) / weight.double().sum(),
    )
    most, least = int(class_fractions.argmax()), int(class_fractions.argmin())
    uneven = (
        class_fractions[most] >= _UNEVEN * class_fractions[least]
        and weight_fractions[most] >= _UNEVEN * weight_fractions[least]
    )
    if not bool(uneven) or not _proportional(class_fractions, weight_fractions):
        return None
    return RuleResult(
        "near certain",
        "The class weights look inverted: they grow with the frequency of the class.",
        f"class {most} has {int(counts[most])} of {len(labels)} labels and weight "
        f"{float(weight[most]):.3g}; class {least} has {int(counts[least])} and weight "
        f"{float(weight[least]):.3g}",
        "the imbalance is squared: the rare classes are learnt last or not at all",
        "use weights that fall with the frequency, such as len(y) / (classes * counts)",
    )


def _proportional(class_fractions: Tensor, weight_fractions: Tensor) -> bool:
    return bool(((class_fractions - weight_fractions).abs() <= 0.25 * class_fractions + 0.02).all())


@batch_rule("sample-weight-sum", Severity.WRONG, *LABELS, *ELEMENTWISE)
def sample_weight_sum(batch: CheckedBatch) -> RuleResult | None:
    """Find sample weights whose sum, by which a mean divides, is 0 or negative."""
    weight = batch.extras.get("sample_weight")
    if batch.given_reduction != "mean" or batch.extras.get("normalizer") is not None:
        return None
    if not isinstance(weight, Tensor) or not weight.numel() or bool(weight.isnan().any()):
        return None
    mask = batch.extras.get("mask")
    if isinstance(mask, Tensor) and mask.shape == weight.shape:
        weight = torch.where(mask, weight, 0)
    total, size = float(weight.double().sum()), float(weight.double().abs().sum())
    if total > 1e-3 * size or (not size and batch.extras.get("empty") == "zero"):
        return None
    what = "0" if abs(total) <= 1e-3 * size else "negative"
    return RuleResult(
        "certain",
        f"The sample weights sum to {'almost ' if what == '0' and total else ''}{what}, and "
        "reduction='mean' divides by their sum.",
        f"sample_weight is {shape(weight)}, from {float(weight.min()):.3g} to "
        f"{float(weight.max()):.3g}; the sum is {total:.3g}",
        "the loss is huge, infinite or of the wrong sign",
        "pass normalizer=len(batch): the mean of the products, as for advantages",
    )


@batch_rule("normalizer-value", Severity.WRONG, *LABELS, *BINARY, *ELEMENTWISE)
def normalizer_value(batch: CheckedBatch) -> RuleResult | None:
    """Find a normalizer that is not positive."""
    normalizer = batch.extras.get("normalizer")
    if normalizer is None or (isinstance(normalizer, Tensor) and normalizer.numel() != 1):
        return None
    value = float(normalizer)
    if value > 0 and value != float("inf"):
        return None
    return RuleResult(
        "certain",
        "normalizer must be positive and finite: a mean divides by it.",
        f"it is {value:g}",
        "the loss is infinite, NaN or of the wrong sign",
        "pass the number of included elements, at least 1",
    )

"""Losses of ordered classes."""

from __future__ import annotations

import torch
from torch import Tensor

from neglog import errors, validation
from neglog.distributed.plan import Plan
from neglog.engine import values
from neglog.engine.problem import ElementwiseProblem
from neglog.errors import sentence, shape
from neglog.errors.tensors import InputShapeError, OrderError, TargetShapeError
from neglog.functional.common import ElementwiseRequest, Extras, loss, rounded
from neglog.functional.extras import wide
from neglog.functional.options import with_options
from neglog.likelihoods import Bernoulli, OrderedLogit


@loss
def ordinal_loss(
    input: Tensor,
    target: Tensor,
    thresholds: Tensor,
    ignore_index: int = -100,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return the `OrderedLogit` loss of ordered classes: cumulative logits, proportional odds.

    The probability of a class up to k is σ(thresholds[k] − input). The thresholds may require a
    gradient, and are in increasing order.

    Args:
        input: one score for each target, any shape; a higher score means a higher class.
        target: classes 0 … K − 1 of any integer dtype, in the input's shape.
        thresholds: the numbers between the classes, in increasing order, (K − 1,).

    Raises:
        ShapeError: the shapes of input and target differ, or the thresholds are not a line.
        ArgumentError: the thresholds are not in increasing order (checked on a CPU).
        DtypeError: the input is not floating, or the classes are not integers.
        SupportError: a class is out of range (checked on a CPU).

    >>> import torch
    >>> ordinal_loss(torch.tensor([0.0]), torch.tensor([1]), torch.tensor([-1.0, 1.0]))
    tensor(0.7719)
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    _, target, counts = _ordered(input, target, ignore_index, extras, thresholds=thresholds)
    if values.are_known(thresholds):
        validation.increasing(thresholds)
    dtype = torch.promote_types(input.dtype, thresholds.dtype)
    input = input.to(wide(dtype))
    end = thresholds.new_full((1,), float("inf"))
    edges, place = torch.cat([-end, thresholds, end]).to(input.dtype), target.reshape(-1)
    # The backward of `index_select` is several times as fast as that of indexing.
    lower, upper = (e.index_select(0, place).reshape(target.shape) for e in (edges, edges[1:]))
    problem = ElementwiseProblem(
        OrderedLogit, (input, lower, upper), target.to(input.dtype),
        reduction=validation.reduction(None, None, reduction),
    )  # fmt: skip
    return rounded(ElementwiseRequest(problem, extras, counts=counts), dtype)


def _check_classes(num_classes: int | None) -> None:
    if num_classes is not None:
        validation.within("[2, inf)", num_classes=num_classes)


@loss
@with_options(_check_classes)
def corn_loss(
    input: Tensor,
    target: Tensor,
    num_classes: int | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Bernoulli` loss of ordered classes by conditional probabilities: CORN.

    Logit k is that of a class above k, given that it is not below k; rows of lower classes do not
    enter it. A mean is over the pairs of a row and a logit that it enters, as that of
    coral-pytorch.

    Args:
        input: logits (N, K − 1), or (…, K − 1).
        target: classes 0 … K − 1 of any integer dtype, (N,), or (…).
        num_classes: K, to check the input's shape.
        mask: True for the rows to include, (N,), or for the logits, (N, K − 1).
        sample_weight: the weight of each row, or of each logit.

    Returns:
        The loss in nats: one number, or with ``reduction="none"`` (N, K − 1), with 0 for the logits
        that a row does not enter.

    Raises:
        ShapeError: the target's shape is not the input's without its last dimension.
        DtypeError: the input is not floating, or the classes are not integers.
        SupportError: a class is out of range (checked on a CPU).

    >>> import torch
    >>> corn_loss(torch.zeros(2, 3), torch.tensor([0, 2]))
    tensor(0.6931)

    Source: X. Shi, W. Cao, S. Raschka, Deep neural networks for rank-consistent ordinal regression
    based on conditional probabilities, Pattern Analysis and Applications 26, 2023.
    """
    validation.tensors(input=input, target=target)
    if num_classes is not None:
        validation.conditional_logits(input, num_classes)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    classes, target, counts = _ordered(input, target, ignore_index, extras)
    steps = torch.arange(classes - 1, device=input.device)
    target = target[..., None]
    entered = target >= steps
    counts = entered if counts is None else entered & counts[..., None]
    above = (target > steps).to(input.dtype)
    reduction = validation.reduction(None, None, reduction)
    problem = ElementwiseProblem(Bernoulli, (input,), above, reduction=reduction)
    return ElementwiseRequest(problem, extras, counts=counts)


def _ordered(
    input: Tensor,
    target: Tensor,
    ignore_index: int,
    extras: Extras,
    thresholds: Tensor | None = None,
) -> tuple[int, Tensor, Tensor | None]:
    """Return the number of classes, the classes, and which of them are included, if not all.

    Ignored and excluded targets are replaced by class 0.
    """
    validation.tensors(input=input, target=target)
    validation.floating(input)
    validation.labels_only("target", target)
    if thresholds is None:
        leading, last = input.shape[:-1], input.shape[-1] if input.dim() else 0
        expected = "target must have the input's shape without its last dimension"
    else:
        validation.tensors(thresholds=thresholds)
        validation.floating(thresholds, "thresholds")
        if thresholds.dim() != 1 or not len(thresholds):
            raise InputShapeError(
                sentence("thresholds must have shape (K − 1,)", f"it is {shape(thresholds)}")
            )
        leading, last = input.shape, len(thresholds)
        expected = "target must have the input's shape"
    if target.shape != leading or not last:
        got = f"it is {shape(target)}, the input {shape(input)}"
        raise TargetShapeError(sentence(expected, got))
    ignored = validation.ignored(ignore_index)
    weight = extras.loss_weights(input.shape, input, None)
    if weight is None and not 0 <= ignored <= last and _are_within(target, last):
        return last + 1, target.long(), None
    counts = target != ignored
    if weight is not None:  # an excluded target may be invalid
        included = weight != 0
        counts = counts & (included.any(-1) if thresholds is None else included)
    target = target.long()
    outside = counts & ((target < 0) | (target > last))
    if values.are_known(target) and bool(outside.any()):
        message = errors.wrong_labels(target.reshape(-1), outside.reshape(-1), last + 1, ignored)
        raise OrderError(message)
    return last + 1, torch.where(counts & ~outside, target, 0), counts


def _are_within(target: Tensor, last: int) -> bool:
    """Return whether all classes are known to lie from 0 to the last one."""
    if not values.are_known(target) or not target.numel():
        return False
    least, most = torch.aminmax(target.long())
    return bool(least >= 0) and bool(most <= last)

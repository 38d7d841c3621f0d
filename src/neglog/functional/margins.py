"""Torch's hinge losses of scores: no likelihoods, but behind the same validation and options."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as theirs

from neglog import engine, errors, validation
from neglog.distributed.plan import Plan
from neglog.engine import ComposedProblem, reference, values
from neglog.errors import sentence
from neglog.errors.tensors import LabelError
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.composed import check_labels, composed, is_torchs
from neglog.functional.declared import declared
from neglog.functional.extras import wide
from neglog.likelihoods import HingeEmbedding, MarginRanking


@loss
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest | Tensor:
    """Return the `HingeEmbedding` loss of the distances of similar and dissimilar pairs.

    It is the distance of a similar pair, and max(0, margin − distance) of a dissimilar one.

    Args:
        input: distances, any shape.
        target: +1 for similar, −1 for dissimilar; the same shape. As in torch, it has no gradient.
        margin: the distance beyond which dissimilar pairs have no loss.

    Returns:
        The loss, not in nats: one number, or with ``reduction="none"`` one per pair.

    Raises:
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: the input is not floating.
        SupportError: a target is neither −1 nor +1 (checked on a CPU).

    >>> hinge_embedding_loss(torch.tensor([0.25, 0.25]), torch.tensor([1.0, -1.0]))
    tensor(0.5000)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    validation.tensors(input=input, target=target)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if is_torchs(reduction, extras):
        return theirs.hinge_embedding_loss(input, target, margin, reduction=reduction)
    validation.floating(input)
    fixed = target.detach() if target.requires_grad else target  # it only chooses the case
    request = declared(HingeEmbedding, (input,), fixed, (margin,), reduction, extras)
    request.is_plain &= fixed is target  # a plan would differentiate by the target
    return request


@loss
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest | Tensor:
    """Return the `MarginRanking` loss of two scores: max(0, margin − target · (input1 − input2)).

    `bradley_terry_loss` is the likelihood of such pairs.

    Args:
        input1: scores, any shape.
        input2: scores, the same shape.
        target: +1 if the first should be higher, −1 if the second should; the same shape.
        margin: by how much.

    Returns:
        The loss, not in nats: one number, or with ``reduction="none"`` one per pair.

    Raises:
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: an input is not floating.
        SupportError: a target is neither −1 nor +1 (checked on a CPU).

    >>> margin_ranking_loss(torch.tensor([2.0]), torch.tensor([0.5]), torch.tensor([-1.0]))
    tensor(1.5000)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    validation.tensors(input1=input1, input2=input2, target=target)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if is_torchs(reduction, extras):
        return theirs.margin_ranking_loss(input1, input2, target, margin, reduction=reduction)
    validation.floating(input1, "input1")
    validation.floating(input2, "input2")
    validation.same_shape(input1, input2, "input2", "input1")
    validation.same_shape(input1, target, "target", "input1")
    return declared(MarginRanking, (input1, input2), target, (margin,), reduction, extras)


@loss
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
    ignore_index: int | None = None,
) -> Tensor:
    """Return the hinge loss of several classes: Σ max(0, margin − own score + other score)ᵖ / C.

    `cross_entropy` is the likelihood of such labels.

    Args:
        input: scores (N, C) or (C,).
        target: class labels, integers (N,) or ().
        p: the power, 1 or 2.
        margin: by how much the score of the label should exceed the others.
        weight: the weight of each class, (C,); a mean does not divide by it.

    Returns:
        The loss, not in nats: one number, or with ``reduction="none"`` one per row.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: the input is not floating, or labels are not integers.
        SupportError: a label is out of range (checked on a CPU).
        ArgumentError: p is neither 1 nor 2.

    Source: K. Crammer, Y. Singer, On the algorithmic implementation of multiclass kernel-based
    vector machines, JMLR 2, 2001.

    >>> multi_margin_loss(torch.tensor([[2.0, 1.5]]), torch.tensor([0]))
    tensor(0.2500)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    validation.tensors(input=input, target=target)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if is_torchs(reduction, extras) and ignore_index is None:
        return theirs.multi_margin_loss(input, target, p, margin, weight, reduction=reduction)
    validation.one_of("p", p, (1, 2))
    validation.at_most_two_dimensions(input)
    classes = validation.logits(input, single_class=True)
    validation.labels(input, target)
    validation.class_weight(weight, classes)
    label, dtype = target.long(), input.dtype
    counts = validation.counted(label, ignore_index)
    factors = None if weight is None else weight.to(wide(dtype))

    def formula(x: Tensor, y: Tensor, w: Tensor | None, *, reduction: str) -> Tensor:
        return theirs.multi_margin_loss(x, y, p, margin, w, reduction=reduction)

    def losses(x: Tensor, y: Tensor, reduction: str = "none") -> Tensor:
        found = engine.loss(ComposedProblem(
            "multi_margin", formula, (x, y, factors), settings=(float(margin),),
            flags=("SQUARED",) if p == 2 else (), reduction=reduction,
        ))  # fmt: skip
        return found.reshape(y.shape) if reduction == "none" else found  # one row may have (1,)

    return composed(
        losses, (input, label), label.shape, reduction, extras, dtype,
        counts=counts, fillers=(1, 0),
        check=lambda included: check_labels(label, classes, included, ignore_index),
        reduces=True,
    )  # fmt: skip


@loss
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return the hinge loss of several labels: Σ max(0, 1 − own score + other score) / C.

    `multilabel_soft_margin_loss` is the likelihood of such labels.

    Args:
        input: scores (N, C) or (C,).
        target: the indices of a row's labels, then −1; integers of the same shape. What follows
            the first −1 is not read.

    Returns:
        The loss, not in nats: one number, or with ``reduction="none"`` one per row.

    Raises:
        ShapeError: the shapes differ.
        DtypeError: the input is not floating, or labels are not integers.
        SupportError: a label is out of range, or the target is multi-hot (checked on a CPU).

    Source: K. Crammer, Y. Singer, A family of additive online algorithms for category ranking, JMLR
    3, 2003.

    >>> multilabel_margin_loss(torch.tensor([[0.5, 0.0, 1.0]]), torch.tensor([[2, -1, 0]]))
    tensor(0.1667)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    validation.tensors(input=input, target=target)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if is_torchs(reduction, extras):
        return theirs.multilabel_margin_loss(input, target, reduction=reduction)
    validation.floating(input)
    validation.at_most_two_dimensions(input)
    validation.same_shape(input, target)
    validation.integers("target", target, "the indices of the labels, then −1")
    label = target.long()

    def losses(x: Tensor, y: Tensor, reduction: str = "none") -> Tensor:
        problem = ComposedProblem("multilabel_margin", _of_lists, (x, y), reduction=reduction)
        return engine.loss(problem)

    return composed(
        losses, (input, label), input.shape[:-1], reduction, extras, input.dtype,
        fillers=(1, -1),
        check=lambda included: _check_lists(label, included),
        reduces=True,
    )  # fmt: skip


def _of_lists(x: Tensor, y: Tensor, *, reduction: str) -> Tensor:
    """Return the losses of scores and lists of labels, reduced."""
    if not x.numel():
        return reference.reduced(x.new_zeros(x.shape[:-1]) + x.sum(), reduction)
    if torch.compiler.is_compiling():
        return reference.reduced(_hinges_of_labels(x, y), reduction)
    return theirs.multilabel_margin_loss(x, y, reduction=reduction)


def _hinges_of_labels(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the losses by operations of torch.

    The decomposition of torch's loss, which compilers take, counts the padding as label 0.
    """
    listed = (labels >= 0).cumprod(-1).bool()
    own = torch.where(listed, labels, 0)
    classes = torch.arange(scores.shape[-1], device=scores.device)
    is_label = (listed[..., None] & (own[..., None] == classes)).any(-2)
    hinges = (1.0 - scores.gather(-1, own)[..., None] + scores[..., None, :]).relu()
    compared = listed[..., None] & ~is_label[..., None, :]
    return torch.where(compared, hinges, 0.0).sum((-2, -1)) / scores.shape[-1]


def _check_lists(labels: Tensor, included: Tensor | None) -> None:
    """Refuse labels that are neither an index nor −1, and rows of zeros and ones."""
    if not values.are_known(labels) or not labels.numel():
        return
    classes = labels.shape[-1]
    if included is None:
        least, most = (int(end) for end in torch.aminmax(labels))
        if least >= -1 and most < classes and (least < 0 or most > 1):
            return
    rows = torch.ones(labels.shape[:-1], dtype=torch.bool) if included is None else included
    outside = ((labels < -1) | (labels >= classes)) & rows[..., None]
    expected = f"target must hold class indices from 0 to {classes - 1}, then −1"
    if outside.any():
        first = tuple(outside.nonzero()[0].tolist())
        got = f"it is {labels[first].item()} at {errors.format_index(first)}"
        raise LabelError(sentence(expected, got))
    shown = labels[rows]
    if classes < 3 or not shown.numel():
        return
    if int(shown.amin()) == 0 and int(shown.amax()) <= 1:
        remedy = "pass the indices of the ones, or use multilabel_soft_margin_loss"
        raise LabelError(sentence(expected, "it is only 0 and 1", "this looks multi-hot", remedy))

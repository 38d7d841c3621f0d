"""Torch's losses of distances between embeddings, behind neglog's validation and options."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as theirs

from neglog import engine, validation
from neglog.compatibility import is_torch_compatible
from neglog.distributed.plan import Plan
from neglog.engine import ComposedProblem, reference
from neglog.errors import sentence, shape
from neglog.errors.arguments import OptionError
from neglog.errors.tensors import InputShapeError, TargetShapeError
from neglog.functional.common import Extras, loss, loss_in_its_own_dtype
from neglog.functional.composed import check_values, common, composed, is_torchs
from neglog.functional.options import with_options
from neglog.support import signs

_NORMS = {2: (), 1: ("TAXICAB",), math.inf: ("MAXIMUM",)}  # the flags of the kernel


def _check_triplets(margin: float, p: float) -> None:
    validation.positive(margin=margin)
    if not is_torch_compatible():
        validation.not_negative(p=p)


@loss
@with_options(_check_triplets)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
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
    """Return max(0, margin + distance to the positive − distance to the negative).

    Args:
        anchor: (N, D) or (D,).
        positive: rows of the same class as the anchor's, the same shape.
        negative: rows of other classes, the same shape.
        margin: by how much the negative should be farther away; above 0.
        p: the norm of the distance, 0 or more; infinity for the largest difference.
        eps: added to each difference.
        swap: whether to use the distance of positive and negative, if it is less.

    Returns:
        The loss, not in nats: one number, or with ``reduction="none"`` one per row.

    Raises:
        ShapeError: the shapes differ; torch would broadcast.
        DtypeError: a tensor is not floating.
        ArgumentError: the margin is not above 0, or p is negative.

    Source: V. Balntas, E. Riba, D. Ponsa, K. Mikolajczyk, Learning local feature descriptors with
    triplets and shallow convolutional neural networks, BMVC 2016.

    >>> near, far = torch.zeros(1, 2), torch.tensor([[0.0, 0.25]])
    >>> triplet_margin_loss(near, near, far)
    tensor(0.7500)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if is_torchs(reduction, extras):
        return theirs.triplet_margin_loss(
            anchor, positive, negative, margin, p, eps, swap, reduction=reduction
        )
    tensors = _rows(anchor=anchor, positive=positive, negative=negative)

    losses, rows = _of_norm(margin, p, eps, swap), tensors[0].shape[:-1]
    return composed(losses, tensors, rows, reduction, extras, common(*tensors), reduces=True)


def _of_norm(margin: float, p: float, eps: float, swap: bool) -> Callable[..., Tensor]:
    """Return the function of three tensors that returns their losses, or one number."""

    def formula(a: Tensor, b: Tensor, c: Tensor, *, reduction: str) -> Tensor:
        return theirs.triplet_margin_loss(a, b, c, margin, p, eps, swap, reduction=reduction)

    def losses(a: Tensor, b: Tensor, c: Tensor, reduction: str = "none") -> Tensor:
        if p not in _NORMS:
            return formula(a, b, c, reduction=reduction)
        settings, flags = (float(margin), float(eps)), (*_NORMS[p], *(["SWAP"] if swap else []))
        facts = (3, settings, flags, reduction)
        return engine.loss(ComposedProblem("triplet_margin", formula, (a, b, c), *facts))

    return losses


def _check_distance(distance_function: Any, margin: float) -> None:
    validation.positive(margin=margin)
    if distance_function is not None and not callable(distance_function):
        expected = "distance_function must be a function of two tensors"
        raise OptionError(sentence(expected, f"it is {type(distance_function).__name__}"))


@loss_in_its_own_dtype
@with_options(_check_distance)
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> Tensor:
    """Return `triplet_margin_loss` with a distance of your own.

    Args:
        anchor: as the distance takes it; (N, D) by default.
        positive: rows of the same class as the anchor's, the same shape.
        negative: rows of other classes, the same shape.
        distance_function: returns one distance for each row of two tensors; by default
            the Euclidean one, as torch.nn.PairwiseDistance.
        margin: by how much the negative should be farther away; above 0.
        swap: whether to use the distance of positive and negative, if it is less.

    Returns:
        The loss, not in nats: one number, or with ``reduction="none"`` one per row.

    Raises:
        ShapeError: the shapes differ, or the distance does not return one number per row.
        DtypeError: a tensor is not floating.
        ArgumentError: the margin is not above 0, or the distance is not a function.

    Source: as `triplet_margin_loss`.

    >>> near, far = torch.zeros(1, 2), torch.tensor([[0.0, 0.25]])
    >>> triplet_margin_with_distance_loss(near, near, far, distance_function=lambda a, b: (
    ...     a - b).abs().sum(-1))
    tensor(0.7500)
    """
    reduction = validation.reduction(None, None, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if is_torchs(reduction, extras):
        return theirs.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=distance_function, margin=margin,
            swap=swap, reduction=reduction,
        )  # fmt: skip
    tensors = _rows(anchor=anchor, positive=positive, negative=negative)
    rows, weighted = tensors[0].shape[:-1], mask is not None or sample_weight is not None
    shared = (rows, reduction, extras, common(*tensors))
    if distance_function is None:
        return composed(_of_norm(margin, 2.0, 1e-6, swap), tensors, *shared, reduces=True)

    def measured(a: Tensor, b: Tensor) -> Tensor:
        found = distance_function(a, b)
        _check_distances(found, a.shape, weighted)
        return found

    def losses(a: Tensor, b: Tensor, c: Tensor, reduction: str = "none") -> Tensor:
        near, far = measured(a, b), measured(a, c)
        far = torch.minimum(far, measured(b, c)) if swap else far
        validation.same_shape(near, far, "distance to the negative", "distance to the positive")
        return reference.reduced(torch.clamp_min(margin + near - far, 0), reduction)

    return composed(losses, tensors, *shared, reduces=True)


def _check_distances(found: Any, rows: torch.Size, weighted: bool) -> None:
    """Refuse what is not one distance per row, which would broadcast or be a mean already."""
    validation.any_tensors(**{"the result of distance_function": found})
    fits = found.shape == rows[:-1]
    if not weighted and 0 < found.dim() < len(rows):  # of rows of several dimensions
        fits = fits or found.shape == rows[: found.dim()]
    if not fits:
        expected = f"distance_function must return one distance per row, {tuple(rows[:-1])}"
        remedy = "sum over the last dimension, as (a - b).abs().sum(-1)"
        raise InputShapeError(sentence(expected, f"it returned {shape(found)}", remedy=remedy))


@loss
def cosine_embedding_loss(
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
) -> Tensor:
    """Return 1 − cosine of similar pairs, and max(0, cosine − margin) of dissimilar ones.

    Args:
        input1: rows (N, D) or (D,).
        input2: rows, the same shape.
        target: +1 for similar, −1 for dissimilar; (N,) or (). As in torch, it has no gradient.
        margin: the cosine below which dissimilar pairs have no loss.

    Returns:
        The loss, not in nats: one number, or with ``reduction="none"`` one per row.

    Raises:
        ShapeError: the shapes do not fit; torch would broadcast.
        DtypeError: an input is not floating.
        SupportError: a target is neither −1 nor +1 (checked on a CPU).

    Source: `torch.nn.functional.cosine_embedding_loss`, which defines it.

    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    >>> cosine_embedding_loss(a, b, torch.tensor([1.0]))
    tensor(1.)
    """
    reduction = validation.reduction(size_average, reduce, reduction)
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if is_torchs(reduction, extras):
        return theirs.cosine_embedding_loss(input1, input2, target, margin, reduction=reduction)
    input1, input2 = _rows(input1=input1, input2=input2)
    validation.tensors(target=target)
    validation.real(target=target)
    rows = input1.shape[:-1]
    if input1.dim() > 2:
        expected = "input1 must be (N, D) or (D,)"
        remedy = "use input1.flatten(0, -2) for more rows"
        raise InputShapeError(sentence(expected, f"it is {shape(input1)}", remedy=remedy))
    if target.shape != rows:
        expected = f"for input1 {shape(input1)} target must be {tuple(rows)}"
        raise TargetShapeError(sentence(expected, f"it is {shape(target)}"))

    def formula(a: Tensor, b: Tensor, y: Tensor, *, reduction: str) -> Tensor:
        return theirs.cosine_embedding_loss(a, b, y, margin, reduction=reduction)

    def losses(a: Tensor, b: Tensor, y: Tensor, reduction: str = "none") -> Tensor:
        tensors, settings = (a, b, y.detach().to(a.dtype)), (float(margin),)
        problem = ComposedProblem(
            "cosine_embedding", formula, tensors, 2, settings, reduction=reduction
        )
        return engine.loss(problem)

    return composed(
        losses, (input1, input2, target), rows, reduction, extras, common(input1, input2),
        fillers=(1, 1, 1),
        check=lambda included: check_values("target", target, signs, included),
        reduces=True,
    )  # fmt: skip


def _rows(**named: Tensor) -> list[Tensor]:
    """Return floating tensors of one shape, rows of features; torch would broadcast."""
    validation.tensors(**named)
    (first, start), *others = named.items()
    for name, tensor in named.items():
        validation.floating(tensor, name)
    for name, tensor in others:
        validation.same_shape(start, tensor, name, first)
    if start.dim() == 0:
        raise InputShapeError(sentence(f"{first} must hold rows of features", "it is a scalar"))
    return [*named.values()]

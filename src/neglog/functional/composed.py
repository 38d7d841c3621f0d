"""Losses that torch's operations compute: their masks, weights and reductions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from neglog import errors, validation
from neglog.compatibility import is_torch_compatible
from neglog.device import sum_dtype
from neglog.engine import values
from neglog.engine.weighing import weighed
from neglog.errors.tensors import LabelError, ValueOutsideError
from neglog.functional.common import Extras, finished
from neglog.functional.extras import wide
from neglog.support import Support, ends_of_unit_interval, real, signs

Losses = Callable[..., Tensor]
_TORCHS = ("none", "mean", "sum")


def composed(
    losses: Losses,
    tensors: Sequence[Tensor],
    shape: torch.Size,
    reduction: str,
    extras: Extras,
    dtype: torch.dtype,
    *,
    fillers: Sequence[float] | None = None,
    counts: Tensor | None = None,
    check: Callable[[Tensor | None], None] | None = None,
    reduces: bool = False,
) -> Tensor:
    """Return losses of torch's operations, reduced.

    Args:
        losses: returns the losses of the tensors.
        tensors: the shape of the losses leads in each of them.
        shape: of the losses.
        reduction: any, `PAIR` included.
        extras: the caller's.
        dtype: of the result.
        fillers: the numbers with which excluded losses are computed.
        counts: which losses to include, if not all.
        check: refuses invalid values, given which losses are included, if not all.
        reduces: whether `losses` takes a `reduction` of torch's.
    """
    extras.check(reduction)
    computed = wide(dtype)
    like = torch.empty(0, dtype=computed, device=tensors[0].device)
    weight = extras.loss_weights(shape, like, counts)
    included = None if weight is None else weight != 0
    if check is not None:
        check(included)
    tensors = [
        t.to(computed) if t.is_floating_point() or t.dtype == torch.bool else t for t in tensors
    ]
    # torch returns unset memory for some losses of no rows.
    reduces = reduces and shape.numel() > 0
    if reduces and counts is None and extras.are_direct(reduction, 0) and reduction in _TORCHS:
        return losses(*tensors, reduction=reduction).to(dtype)
    if included is not None:
        fillers = fillers or range(1, len(tensors) + 1)
        tensors = [_shown(t, included, f) for t, f in zip(tensors, fillers, strict=True)]
    each = losses(*tensors)
    return reduced(each, weight, reduction, extras, dtype)


def reduced(
    each: Tensor, weight: Tensor | None, reduction: str, extras: Extras, dtype: torch.dtype
) -> Tensor:
    """Return losses times their weights, reduced; excluded ones must be finite."""
    shape, count = each.shape, each.numel() if weight is None else weight.sum()
    extras.check_sum(reduction, None, lambda: weight)
    if weight is not None and (small := extras.scaled_down(reduction, None, count)):
        scaled = small[0].loss_weights(shape, each, None)
        assert scaled is not None
        return reduced(each, torch.where(weight == 0, 0.0, scaled), reduction, small[0], dtype)
    terms = each if weight is None else weighed(each, weight)

    def total(scale: float) -> Tensor:
        summed = (terms if scale == 1.0 else terms * scale).sum(dtype=sum_dtype(each.device))
        return summed.to(each.dtype)

    whole = terms if reduction == "none" else total(1.0)
    return finished(whole, count, shape, reduction, extras, dtype, total)


def _shown(tensor: Tensor, included: Tensor, filler: float) -> Tensor:
    """Return a tensor without the numbers of excluded losses, which may be NaN."""
    rest = (1,) * (tensor.dim() - included.dim())
    return torch.where(included.reshape(included.shape + rest), tensor, _number(filler, tensor))


def _number(value: float, like: Tensor) -> Tensor:
    return torch.full((), value, dtype=like.dtype, device=like.device)


def is_torchs(reduction: str, extras: Extras) -> bool:
    """Return whether a call is one of torch's, whose behaviour is requested."""
    plain = extras == Extras(empty=extras.empty) and extras.empty == "nan"
    return is_torch_compatible() and plain and reduction in _TORCHS


def common(first: Tensor, *others: Tensor) -> torch.dtype:
    """Return the dtype to which tensors are promoted together."""
    dtype = first.dtype
    for other in others:
        dtype = torch.promote_types(dtype, other.dtype)
    return dtype


def check_values(name: str, tensor: Tensor, support: Support, included: Tensor | None) -> None:
    """Raise `SupportError` with the first index if an included value is invalid and known."""
    if is_torch_compatible() or not values.are_known(tensor) or _are_valid(tensor, support):
        return
    outside = ~support.contains(tensor.detach())
    if included is not None:
        outside &= included.reshape(included.shape + (1,) * (tensor.dim() - included.dim()))
    if outside.any():
        raise ValueOutsideError(errors.outside(name, support.words, tensor, outside))


def _are_valid(tensor: Tensor, support: Support) -> bool:
    """Return True if a faster way than `contains` shows that all values are valid."""
    if tensor.dtype == torch.bool or not tensor.numel():
        return support in (ends_of_unit_interval, real) or not tensor.numel()
    if support is real:
        return not tensor.is_floating_point() or bool(tensor.detach().sum().isfinite())
    if support is signs:
        least, most = torch.aminmax(tensor.detach().abs())
        return bool(least == 1) and bool(most == 1)
    return False


def check_labels(
    labels: Tensor, classes: int, included: Tensor | None, ignored: int | None = None
) -> None:
    """Raise `SupportError` with the first index if an included label is out of range and known."""
    if not values.are_known(labels) or not labels.numel():
        return
    least, most = torch.aminmax(labels)
    if least.item() >= 0 and most.item() < classes:
        return
    outside = (labels < 0) | (labels >= classes)
    if included is not None:
        outside &= included
    if outside.any():
        none = validation.ignored(-(2**63)) if ignored is None else ignored
        raise LabelError(errors.wrong_labels(labels, outside, classes, none))

"""Apply neglog's own options to a batch, so that torch's conventions hold.

Rules follow torch's conventions. Classes are moved to the dimension that torch uses, and masked
elements are overwritten with valid ones, so that shapes and indices remain those of the user.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from neglog import validation
from neglog.checking.criterion import LABELS, STRUCTURED, Criterion
from neglog.errors import NeglogError

# What neglog adds to torch's losses, and the value that leaves it out.
_ADDED = {"mask": None, "sample_weight": None, "normalizer": None, "empty": "nan", "plan": None}
_CLASS_DIMS = dict.fromkeys(LABELS, 1) | {"multilabel_soft_margin_loss": -1}
_Tensors = tuple[Tensor, Tensor, tuple[Any, ...]]


def plain(
    criterion: Criterion, input: Tensor, target: Tensor, more: tuple[Any, ...]
) -> tuple[Criterion, _Tensors]:
    """Return a criterion without neglog's own options, and the tensors that it would be given."""
    if criterion.kind in STRUCTURED:
        return criterion, _structured(criterion, input, target, more)
    used = _used(criterion)
    if not used or criterion.kind == "other":
        return criterion, (input, target, more)
    applied = _labelled if criterion.kind in LABELS else _elementwise
    try:
        tensors = applied(criterion, input, target, more)
    except (NeglogError, IndexError, RuntimeError, TypeError):  # the call itself will say it
        return criterion, (input, target, more)
    return _without(criterion, used, input), tensors


def _used(criterion: Criterion) -> dict[str, Any]:
    """Return the added options that are in use, with the values that leave them out."""
    plainly: dict[str, Any] = {**_ADDED, "class_dim": _CLASS_DIMS.get(criterion.kind)}
    if criterion.kind not in LABELS:  # torch's losses of labels have it
        plainly["ignore_index"] = None
    given = {name: criterion.options.get(name, value) for name, value in plainly.items()}
    return {
        name: value
        for name, value in plainly.items()
        if isinstance(given[name], Tensor) or given[name] != value
    }


def _labelled(
    criterion: Criterion, input: Tensor, target: Tensor, more: tuple[Any, ...]
) -> _Tensors:
    dim = int(criterion.options.get("class_dim", 1))
    soft = target.is_floating_point() and target.shape == input.shape
    input = validation.classes_second(input, dim)
    target = validation.classes_second(target, dim) if soft else target
    losses = input.shape[:1] + input.shape[2:] if input.dim() > 1 else torch.Size()
    keep = _kept(criterion, losses)
    if keep is None or not keep.any():
        return input, target, more
    if not soft:
        target = torch.where(keep, target, int(criterion.options["ignore_index"]))
    rows = keep.unsqueeze(1) if input.dim() > 1 else keep
    first = tuple(keep.nonzero()[0].tolist())
    place = (*first[:1], slice(None), *first[1:]) if first else (slice(None),)

    def filled(tensor: Tensor) -> Tensor:
        row = tensor[place]
        return torch.where(rows, tensor, row.reshape(1, -1, *[1] * (tensor.dim() - 2)))

    return filled(input), filled(target) if soft else target, more


def _elementwise(
    criterion: Criterion, input: Tensor, target: Tensor, more: tuple[Any, ...]
) -> _Tensors:
    keep = _kept(criterion, target.shape)
    ignored = criterion.options.get("ignore_index")
    if ignored is not None:
        counts = target != ignored
        keep = counts if keep is None else keep & counts
    dim = criterion.options.get("class_dim")
    if criterion.kind == "multilabel_soft_margin_loss" and dim is not None:
        input, target = input.movedim(dim, -1), target.movedim(dim, -1)
        keep = None if keep is None else keep.movedim(dim, -1)
    if keep is None or not keep.any():
        return input, target, more

    def filled(value: Any) -> Any:
        if not isinstance(value, Tensor) or value.shape != keep.shape:
            return value
        return torch.where(keep, value, value[keep][0])

    return filled(input), filled(target), tuple(filled(m) for m in more)


def _structured(
    criterion: Criterion, input: Tensor, target: Tensor, more: tuple[Any, ...]
) -> _Tensors:
    """Overwrite excluded rows with the first included one; the options stay, and exclude them."""
    masks = [criterion.options.get("mask"), criterion.options.get("sample_weight")]
    kept = [m != 0 for m in masks if isinstance(m, Tensor)]
    ignored = criterion.options.get("ignore_index")
    if ignored is not None and not target.is_floating_point():
        kept.append(target != ignored)
    shapes = {tuple(k.shape) for k in kept}
    if len(shapes) != 1 or not (keep := torch.stack(kept).all(0)).any():
        return input, target, more

    def filled(value: Any) -> Any:
        if not isinstance(value, Tensor) or value.shape[: keep.dim()] != keep.shape:
            return value
        places = keep.reshape(keep.shape + (1,) * (value.dim() - keep.dim()))
        return torch.where(places, value, value[keep][0])

    if criterion.kind == "ctc_loss" and input.dim() == 3:  # the frames come first
        return filled(input.movedim(1, 0)).movedim(0, 1), filled(target), (*map(filled, more),)
    return filled(input), filled(target), tuple(map(filled, more))


def _kept(criterion: Criterion, losses: torch.Size) -> Tensor | None:
    """Return a mask of the losses included by mask and sample weight."""
    mask, weight = criterion.options.get("mask"), criterion.options.get("sample_weight")
    keep = None if mask is None else validation.leading("mask", mask, losses)
    if weight is not None:
        counts = validation.leading("sample_weight", weight, losses) != 0
        keep = counts if keep is None else keep & counts
    return keep


def _without(criterion: Criterion, used: dict[str, Any], input: Tensor) -> Criterion:
    """Return the criterion with the used options left out, and weights in their place."""
    placed = _placed(criterion, input)
    options = {**criterion.options, **used, **placed}
    if not isinstance(criterion.call, nn.Module):
        keywords = {**criterion.keywords, **used, **placed}
        return replace(criterion, keywords=keywords, options=options)
    call = copy.copy(criterion.call)  # its attributes and buffers are its own, their tensors shared
    call._buffers = {**call._buffers, **placed}
    for name in used.keys() & vars(call).keys() | used.keys() & {"class_dim", "ignore_index"}:
        setattr(call, name, used[name])
    keywords = {name: v for name, v in criterion.keywords.items() if name not in used}
    return replace(criterion, call=call, keywords=keywords, options=options)


def _placed(criterion: Criterion, input: Tensor) -> dict[str, Tensor]:
    """Return weights of one dimension, laid along class_dim, of losses that are not of labels."""
    dim = criterion.options.get("class_dim")
    if criterion.kind in _CLASS_DIMS or dim is None or not input.dim():
        return {}
    after = input.dim() - 1 - dim % input.dim()
    weights = {name: criterion.tensor(name) for name in ("weight", "pos_weight")}
    return {
        name: weight.reshape(-1, *[1] * after)
        for name, weight in weights.items()
        if weight is not None and weight.dim() == 1
    }

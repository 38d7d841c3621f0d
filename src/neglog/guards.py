"""What is checked before any arithmetic: types, shapes, dtypes and options. No value is read."""

from __future__ import annotations

import warnings
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from neglog.errors import ArgumentError, DtypeError, ShapeError, sentence, shape

REDUCTIONS = ("none", "mean", "sum")


def tensors(**named: Any) -> None:
    """Refuse arguments that are no tensors."""
    for name, value in named.items():
        if not isinstance(value, Tensor):
            kind = f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
            wanted, remedy = f"{name} must be a torch.Tensor", f"use torch.as_tensor({name})"
            raise ArgumentError(sentence(wanted, f"it is {kind}", remedy=remedy))


def reduction(size_average: Any, reduce: Any, choice: Any) -> str:
    """Return the reduction, with torch's two deprecated switches taken into account."""
    for name, value in (("size_average", size_average), ("reduce", reduce)):
        if isinstance(value, (str, Tensor)):
            given = f"it is {value!r}" if isinstance(value, str) else "it is a tensor"
            remedy = "pass it by name, reduction=…"
            raise ArgumentError(sentence(f"`{name}` must be a bool or None", given, remedy=remedy))
    if size_average is not None or reduce is not None:
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if choice not in REDUCTIONS:
        raise ArgumentError(sentence(f"reduction must be one of {REDUCTIONS}", f"it is {choice!r}"))
    return str(choice)


def same_shape(input: Tensor, other: Tensor, name: str = "target") -> None:
    """Refuse two shapes that torch would broadcast, silently and wrongly."""
    if input.shape == other.shape:
        return
    wanted = f"input and {name} must have the same shape"
    got = f"input is {shape(input)} and {name} is {shape(other)}"
    cause, remedy = "", "reshape one of them"
    pairs = [*zip_longest(input.shape[::-1], other.shape[::-1], fillvalue=1)][::-1]
    if all(a == b or 1 in (a, b) for a, b in pairs):
        together = tuple(b if a == 1 else a for a, b in pairs)
        cause = f"they would broadcast to {together} and compare every one with every other"
    for a, b, call in ((input, other, "input"), (other, input, name)):
        for dim in range(a.dim()):
            if a.shape[dim] == 1 and a.shape[:dim] + a.shape[dim + 1 :] == b.shape:
                remedy = f"use {call}.squeeze({dim})"
    raise ShapeError(sentence(wanted, got, cause, remedy))


def same_dtype(input: Tensor, target: Tensor) -> None:
    """Refuse a prediction and a target of different dtypes."""
    if input.is_floating_point() and input.dtype == target.dtype:
        return
    got = f"input is {input.dtype} and target is {target.dtype}"
    cause, remedy = "", "use target.to(input.dtype)"
    if target.is_floating_point() and not input.is_floating_point():
        cause, remedy = "the arguments look swapped", "the prediction comes first"
    wanted = "input and target must have the same floating dtype"
    raise DtypeError(sentence(wanted, got, cause, remedy))


def common_dtype(input: Tensor, target: Tensor) -> torch.dtype:
    """Return the floating dtype in which real predictions meet real targets."""
    dtype = torch.promote_types(input.dtype, target.dtype)
    if not dtype.is_floating_point:
        got = f"input is {input.dtype} and target is {target.dtype}"
        remedy = "use input.float()"
        raise DtypeError(sentence("one of input and target must be floating", got, remedy=remedy))
    return dtype


def no_gradient(**named: Tensor | None) -> None:
    """Refuse weights that ask for a gradient, which no loss gives them."""
    for name, tensor in named.items():
        if tensor is not None and tensor.requires_grad:
            remedy = f"pass {name}.detach()"
            raise ArgumentError(
                sentence(f"{name} is a constant", "it requires a gradient", remedy=remedy)
            )


def expanded(name: str, weight: Tensor | None, input: Tensor) -> Tensor | None:
    """Return a weight broadcast to the input's shape and dtype."""
    if weight is None:
        return None
    try:
        return weight.to(input.dtype).expand(input.shape)
    except RuntimeError:
        wanted = f"{name} must broadcast to the input's shape {shape(input)}"
        remedy = "give it one value per class, in the input's last dimension"
        raise ShapeError(sentence(wanted, f"it is {shape(weight)}", remedy=remedy)) from None


def class_weight(weight: Tensor | None, classes: int) -> None:
    """Refuse a class weight that has not one value per class."""
    if weight is not None and tuple(weight.shape) != (classes,):
        wanted = f"weight must have one value for each of {classes} classes, shape ({classes},)"
        raise ShapeError(sentence(wanted, f"it is {shape(weight)}"))


def logits(input: Tensor, single_class: bool) -> int:
    """Return the number of classes of (C,), (N, C) or (N, C, d₁, …)."""
    floating(input)
    if input.dim() == 0:
        raise ShapeError(sentence("input must be (C,), (N, C) or (N, C, d1, …)", "it is a scalar"))
    classes = input.shape[0 if input.dim() == 1 else 1]
    if classes == 0 or (classes == 1 and not single_class):
        wanted = "input must have two classes or more in its class dimension"
        cause = "with one class the loss is always 0" if classes else ""
        remedy = "for a binary head use binary_cross_entropy_with_logits" if classes else ""
        raise ShapeError(sentence(wanted, f"it is {shape(input)}", cause, remedy))
    return classes


def labels(input: Tensor, target: Tensor) -> None:
    """Refuse class labels whose dtype or shape does not fit the logits."""
    expected = input.shape[:1] + input.shape[2:] if input.dim() > 1 else input.shape[:0]
    if target.is_floating_point() or target.is_complex():
        wanted = "class labels must be integers"
        got = f"target is {target.dtype} of shape {shape(target)}"
        remedy = "call target.long() for labels; class probabilities have the shape of the input"
        raise DtypeError(sentence(wanted, got, remedy=remedy))
    if target.shape == expected:
        return
    wanted = f"for input {shape(input)} labels must be {tuple(expected)}"
    cause = remedy = ""
    if target.shape == input.shape:
        cause, remedy = "this looks one-hot", "pass target.argmax(1), or target.to(input.dtype)"
    elif target.dim() == input.dim() and target.shape[1] == 1:
        remedy = "use target.squeeze(1)"
    elif target.shape == input.shape[:-1]:
        cause = f"the classes look to be in the last dimension, of size {input.shape[-1]}"
        remedy = "pass input.movedim(-1, 1)"
    raise ShapeError(sentence(wanted, f"target is {shape(target)}", cause, remedy))


def floating(input: Tensor) -> None:
    """Refuse an input that cannot be a prediction."""
    if not input.is_floating_point():
        remedy = "the prediction comes first, the target second"
        raise DtypeError(sentence("input must be floating", f"it is {input.dtype}", remedy=remedy))


def softmax_dim(input: Tensor, dim: int | None) -> int:
    """Return the dimension; where none is given, torch's choice, with torch's warning."""
    if dim is not None:
        return dim
    message = "log_softmax without `dim` is deprecated: pass the dimension of the classes"
    warnings.warn(message, UserWarning, stacklevel=4)
    return 0 if input.dim() in (0, 1, 3) else 1


def no_ignored_probability(ignored: int) -> None:
    """Refuse a label to ignore where the target holds no labels."""
    if ignored >= 0:
        wanted = "ignore_index needs class labels"
        remedy = "give the rows that do not count a target of zeros"
        raise ArgumentError(sentence(wanted, "target holds probabilities", remedy=remedy))


def smoothing(label_smoothing: float) -> None:
    """Refuse a label smoothing outside [0, 1]."""
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(
            sentence("label_smoothing must lie in [0, 1]", f"it is {label_smoothing}")
        )

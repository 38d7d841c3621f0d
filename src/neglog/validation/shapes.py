"""Checks of shapes, which read no value."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from neglog.compatibility import is_torch_compatible
from neglog.device import tensor_like
from neglog.errors import sentence, shape
from neglog.errors.arguments import OptionError, TensorExpectedError, WeightError
from neglog.errors.tensors import (
    DimensionError,
    InputDtypeError,
    InputShapeError,
    LabelDtypeError,
    LabelShapeError,
    OrderError,
    SingleClassError,
    TargetShapeError,
    WeightShapeError,
)
from neglog.validation.dtypes import floating, real
from neglog.validation.options import number, tensors, warn


def same_shape(input: Tensor, other: Tensor, name: str = "target", first: str = "input") -> None:
    """Refuse two shapes that torch would broadcast, silently and wrongly."""
    if input.shape == other.shape:
        return
    expected = f"{first} and {name} must have the same shape"
    got = f"{first} is {shape(input)} and {name} is {shape(other)}"
    cause, remedy = "", "reshape one of them"
    pairs = [*zip_longest(input.shape[::-1], other.shape[::-1], fillvalue=1)][::-1]
    if all(a == b or 1 in (a, b) for a, b in pairs):
        together = tuple(b if a == 1 else a for a, b in pairs)
        cause = f"they would broadcast to {together} and compare every element with every other"
    for a, b, call in ((input, other, first), (other, input, name)):
        for dim in range(a.dim()):
            if a.shape[dim] == 1 and a.shape[:dim] + a.shape[dim + 1 :] == b.shape:
                remedy = f"use {call}.squeeze({dim})"
    raise TargetShapeError(sentence(expected, got, cause, remedy))


def aligned(input: Tensor, target: Tensor, into_input: bool = False) -> tuple[Tensor, Tensor]:
    """Return two tensors of one shape; they are broadcast only in torch's compatibility mode.

    With `into_input` the input's shape is kept, as torch keeps it in some losses.
    """
    if input.shape == target.shape:
        return input, target
    if not is_torch_compatible() or (into_input and _widens(target, input)):
        same_shape(input, target)
    if not torch.compiler.is_compiling():  # which could not write the shapes
        warn(f"input is {shape(input)} and target is {shape(target)}: they are broadcast", 4)
    together = torch.broadcast_tensors(input, target)
    return together[0], together[1]


def _widens(target: Tensor, input: Tensor) -> bool:
    """Return whether the target broadcasts to a shape other than the input's."""
    pairs = zip(target.shape[::-1], input.shape[::-1], strict=False)
    return target.dim() > input.dim() or any(a not in (1, b) for a, b in pairs)


def leading(name: str, tensor: Any, losses: torch.Size) -> Tensor:
    """Return a tensor of the losses' shape, or of its leading dimensions, in the full shape."""
    if not isinstance(tensor, Tensor):
        remedy = f"use torch.as_tensor({name})"
        expected, got = f"{name} must be a torch.Tensor", f"it is {type(tensor).__name__}"
        raise WeightError(sentence(expected, got, remedy=remedy))
    real(**{name: tensor})
    pairs = zip(tensor.shape, losses, strict=False)
    if tensor.dim() > len(losses) or any(a not in (1, b) for a, b in pairs):
        expected = f"{name} must have the losses' shape {tuple(losses)} or its leading dimensions"
        raise WeightShapeError(sentence(expected, f"it is {shape(tensor)}"))
    wide: Tensor = tensor.reshape(tensor.shape + (1,) * (len(losses) - tensor.dim()))
    return wide.expand(losses)


def expanded(name: str, weight: Any, input: Tensor, class_dim: int | None) -> Tensor | None:
    """Return a weight broadcast to the input's shape and dtype, its one dimension at class_dim."""
    if weight is None:
        return None
    try:
        weight = tensor_like(weight, input)
    except (TypeError, ValueError, RuntimeError):
        expected = f"{name} must be a tensor, a number or a list of numbers"
        raise WeightError(sentence(expected, f"it is {type(weight).__name__}")) from None
    if class_dim is not None and weight.dim() == 1 and input.dim() > 0:
        dimension(class_dim, input)
        after = input.dim() - 1 - class_dim % input.dim()
        weight = weight.reshape(-1, *[1] * after)
    try:
        full: Tensor = weight.expand(input.shape)
        return full
    except RuntimeError:
        expected = f"{name} must broadcast to the input's shape {shape(input)}"
        remedy = "give it one value per class, in the input's last dimension"
        if weight.dim() == 1 and weight.shape[0] in input.shape:
            remedy = f"pass class_dim={list(input.shape).index(weight.shape[0])}"
        raise WeightShapeError(
            sentence(expected, f"it is {shape(weight)}", remedy=remedy)
        ) from None


def variance(var: Any, input: Tensor) -> Tensor:
    """Return the variances in the input's shape.

    They may be one number, or lack the input's last dimension, as in torch.
    """
    if isinstance(var, (int, float)):
        number("var", var)
        if var < 0:
            raise OptionError(sentence("var must be 0 or more", f"it is {var!r}"))
        dtype = input.dtype if input.is_floating_point() else torch.get_default_dtype()
        return torch.full_like(input, var, dtype=dtype)
    if not isinstance(var, Tensor):
        expected = "var must be a torch.Tensor or a number"
        raise TensorExpectedError(sentence(expected, f"it is {type(var).__name__}"))
    tensors(var=var)
    if var.shape == input.shape:
        return var
    real(var=var)
    if input.shape[:-1] == var.shape and input.dim() > 0:
        return var.unsqueeze(-1).expand_as(input)
    if var.numel() == 1 and var.dim() <= 1:
        return var.reshape(()).expand_as(input)
    pairs = zip(var.shape, input.shape, strict=False)
    if var.dim() == input.dim() and all(a in (1, b) for a, b in pairs):
        return var.expand_as(input)
    expected = (
        f"var must have the input's shape {shape(input)}, a last dimension of 1, or be one number"
    )
    raise WeightShapeError(sentence(expected, f"it is {shape(var)}"))


def shared(name: str, tensor: Any, input: Tensor) -> Tensor:
    """Return a further tensor of a loss in the input's shape: it may be one number for all."""
    if isinstance(tensor, (int, float)) and not isinstance(tensor, bool):
        number(name, tensor)
        dtype = input.dtype if input.is_floating_point() else torch.get_default_dtype()
        return tensor_like(tensor, input, dtype).expand(input.shape)
    tensors(**{name: tensor})
    found: Tensor = tensor
    if found.shape == input.shape:
        return found
    pairs = zip(found.shape[::-1], input.shape[::-1], strict=False)
    if found.dim() <= input.dim() and all(a in (1, b) for a, b in pairs):
        return found.expand(input.shape)
    expected = f"{name} must have the input's shape {shape(input)}, or broadcast into it"
    remedy = f"use {name}.reshape(input.shape)" if found.numel() == input.numel() else ""
    raise WeightShapeError(sentence(expected, f"it is {shape(found)}", remedy=remedy))


def dimension(class_dim: int, input: Tensor) -> None:
    """Refuse a class dimension that the input does not have."""
    if not isinstance(class_dim, int) or not -input.dim() <= class_dim < input.dim():
        expected = f"class_dim must be a dimension of the input {shape(input)}"
        raise DimensionError(sentence(expected, f"it is {class_dim}"))


def classes_second(input: Tensor, class_dim: int) -> Tensor:
    """Return the input with its classes in dimension 1 of (N, C, …), as torch requires."""
    if class_dim == 1 or input.dim() <= 1:
        return input
    dimension(class_dim, input)
    return input.movedim(class_dim, 1)


def class_weight(weight: Tensor | None, classes: int, name: str = "weight") -> None:
    """Refuse a class weight without one real value per class."""
    if weight is None:
        return
    tensors(**{name: weight})
    if weight.is_complex():
        raise InputDtypeError(sentence(f"{name} must be real", f"it is {weight.dtype}"))
    if tuple(weight.shape) != (classes,):
        expected = f"{name} must have one value for each of {classes} classes, shape ({classes},)"
        raise WeightShapeError(sentence(expected, f"it is {shape(weight)}"))


def logits(input: Tensor, single_class: bool) -> int:
    """Return the number of classes of (C,), (N, C) or (N, C, d₁, …)."""
    floating(input)
    if input.dim() == 0:
        raise InputShapeError(
            sentence("input must be (C,), (N, C) or (N, C, d1, …)", "it is a scalar")
        )
    classes = input.shape[0 if input.dim() == 1 else 1]
    single_class = single_class or is_torch_compatible()
    if classes == 0 or (classes == 1 and not single_class):
        expected = "input must have two classes or more in its class dimension"
        cause = "with one class the loss is always 0" if classes else ""
        remedy = "for a binary head use binary_cross_entropy_with_logits" if classes else ""
        raise SingleClassError(sentence(expected, f"it is {shape(input)}", cause, remedy))
    return classes


def at_most_two_dimensions(input: Tensor) -> None:
    """Refuse inputs other than one row, or rows, of classes."""
    if input.dim() not in (1, 2):
        remedy = "use input.flatten(0, -2) for more rows" if input.dim() else ""
        expected = "input must be (C,) or (N, C)"
        raise InputShapeError(sentence(expected, f"it is {shape(input)}", remedy=remedy))


def labels(input: Tensor, target: Tensor) -> None:
    """Refuse class labels whose dtype or shape does not fit the logits."""
    expected_shape = input.shape[:1] + input.shape[2:] if input.dim() > 1 else input.shape[:0]
    real(target=target)
    if target.is_floating_point():
        expected = "class labels must be integers"
        got = f"target is {target.dtype} of shape {shape(target)}"
        remedy = "call target.long() for labels; class probabilities have the shape of the input"
        raise LabelDtypeError(sentence(expected, got, remedy=remedy))
    alone = input.dim() == 1 and target.shape == (1,)  # one label for one row, as in torch
    if target.shape == expected_shape or alone:
        return
    expected = f"for input {shape(input)} labels must be {tuple(expected_shape)}"
    cause = remedy = ""
    if target.shape == input.shape and input.dim() > 1:
        cause, remedy = "this looks one-hot", "pass target.argmax(1), or target.to(input.dtype)"
        remedy += "; for rows with several labels use binary_cross_entropy_with_logits"
    elif target.dim() == input.dim() > 1 and target.shape[1] == 1:
        remedy = "use target.squeeze(1)"
    elif target.shape == input.shape[:-1]:
        cause = f"the classes seem to be in the last dimension, of size {input.shape[-1]}"
        remedy = "pass class_dim=-1"
    raise LabelShapeError(sentence(expected, f"target is {shape(target)}", cause, remedy))


def softmax_dim(input: Tensor, dim: int | None) -> int:
    """Return the dimension; where none is given, torch's choice, with torch's warning."""
    if dim is not None:
        ends = max(input.dim(), 1)  # torch takes 0 and −1 for a scalar
        if not is_torch_compatible() and not -ends <= dim < ends:
            expected = f"dim must be a dimension of the input {shape(input)}"
            raise DimensionError(sentence(expected, f"it is {dim}"))
        return dim
    message = "log_softmax without `dim` is deprecated: pass the dimension of the classes"
    warn(message, 4)
    return 0 if input.dim() in (0, 1, 3) else 1


def with_offset(input: Tensor, offset: Tensor, class_dim: int) -> Tensor:
    """Return logits plus one number per class."""
    classes = logits(classes_second(input, class_dim), single_class=False)
    class_weight(offset, classes, "offset")
    dim = 0 if input.dim() == 1 else class_dim % input.dim()
    return input + offset.reshape([classes if i == dim else 1 for i in range(input.dim())])


def conditional_logits(input: Tensor, num_classes: int) -> None:
    """Refuse logits that are not one fewer than the classes."""
    classes = input.shape[-1] + 1 if input.dim() else 0
    if classes != num_classes:
        expected = f"input must have one logit fewer than its {num_classes} classes"
        raise InputShapeError(sentence(expected, f"it is {shape(input)}"))


def increasing(thresholds: Tensor, count: int | None = None) -> None:
    """Refuse thresholds in another order, or of another number."""
    if thresholds.dim() != 1 or len(thresholds) != (len(thresholds) if count is None else count):
        expected = f"thresholds must have shape ({count},), one fewer than the classes"
        raise WeightShapeError(sentence(expected, f"it is {shape(thresholds)}"))
    wrong = ~(thresholds.detach().diff() > 0)
    if wrong.any():
        i = int(wrong.nonzero()[0]) + 1
        low, high = thresholds[i - 1].item(), thresholds[i].item()
        got = f"{high:g} at index {i} follows {low:g}"
        remedy = "sort them, or train with a lower learning rate"
        raise OrderError(sentence("thresholds must be in increasing order", got, remedy=remedy))

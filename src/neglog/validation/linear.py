"""Checks of a linear layer and its target, which read no value."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from neglog import errors
from neglog.errors import (
    format_index,
    sentence,
    shape,
)
from neglog.errors.arguments import (
    IncompatibleOptionsError,
    MissingArgumentError,
    OptionError,
    UnknownNameError,
)
from neglog.errors.tensors import (
    DtypeMismatchError,
    InputShapeError,
    LabelDtypeError,
    LabelError,
    LabelShapeError,
    LayerShapeError,
    SingleClassError,
    TargetShapeError,
    ValueOutsideError,
)
from neglog.support import unit_interval
from neglog.validation.dtypes import floating, real
from neglog.validation.options import not_negative, number, one_of, tensors


def layer(input: Tensor, linear_weight: Tensor, linear_bias: Tensor | None) -> None:
    """Refuse an input, a weight and a bias that are not those of one linear layer."""
    tensors(input=input, linear_weight=linear_weight)
    floating(input)
    expected = "linear_weight must be (classes, …, features), as torch.nn.Linear has it"
    if linear_weight.dim() < 2:
        raise LayerShapeError(sentence(expected, f"it is {shape(linear_weight)}"))
    if input.dim() == 0 or input.shape[-1] != linear_weight.shape[-1]:
        expected = f"for linear_weight {shape(linear_weight)} the input must be (…, "
        expected += f"{linear_weight.shape[-1]})"
        remedy = ""
        if input.dim() and linear_weight.dim() == 2 and input.shape[-1] == linear_weight.shape[0]:
            remedy = "the weight looks transposed: use linear_weight.t()"
        raise LayerShapeError(sentence(expected, f"it is {shape(input)}", remedy=remedy))
    if linear_weight.dim() > 2 and input.dim() != 2:
        expected = "a linear_weight of more than two dimensions needs an input (N, features)"
        raise LayerShapeError(sentence(expected, f"it is {shape(input)}"))
    given = {"linear_weight": linear_weight}
    if linear_bias is not None:
        tensors(linear_bias=linear_bias)
        given["linear_bias"] = linear_bias
        if linear_bias.shape != linear_weight.shape[:-1]:
            expected = f"linear_bias must be {tuple(linear_weight.shape[:-1])}"
            raise LayerShapeError(sentence(expected, f"it is {shape(linear_bias)}"))
    for name, tensor in given.items():
        if tensor.dtype != input.dtype:
            expected = f"input and {name} must have the same dtype"
            got = f"input is {input.dtype} and {name} is {tensor.dtype}"
            raise DtypeMismatchError(sentence(expected, got, remedy=f"use {name}.to(input.dtype)"))


def rows_of_layer(weight: Tensor, rows: int) -> None:
    """Refuse a module's weight that has been replaced by one of another size."""
    if weight.shape[0] != rows:
        expected = f"linear.weight must have {rows} rows"
        raise LayerShapeError(sentence(expected, f"it has {weight.shape[0]}"))


def several_classes(classes: int, allow_single_class: bool) -> None:
    """Refuse a softmax over one class, or over none."""
    if classes == 0 or (classes == 1 and not allow_single_class):
        expected = "linear_weight must have two classes or more"
        cause = "with one class the loss is always 0" if classes else ""
        remedy = "for a binary head use linear_binary_cross_entropy_with_logits" if classes else ""
        raise SingleClassError(sentence(expected, f"it has {classes}", cause, remedy))


def linear_labels(target: Tensor, losses: torch.Size, probabilities: torch.Size) -> None:
    """Refuse labels whose dtype or shape does not fit the layer."""
    real(target=target)
    if target.is_floating_point():
        expected = f"the target must be integer labels {tuple(losses)}, or probabilities "
        expected += f"{tuple(probabilities)}"
        raise LabelDtypeError(sentence(expected, f"it is {target.dtype} of shape {shape(target)}"))
    if target.shape == losses or (not losses and target.shape == (1,)):
        return
    expected = f"labels must be {tuple(losses)}"
    cause = remedy = ""
    if target.shape == probabilities:
        cause, remedy = "this looks one-hot", "pass target.argmax(-1)"
    elif target.numel() == losses.numel():
        remedy = f"use target.reshape({tuple(losses)})"
    raise LabelShapeError(sentence(expected, f"target is {shape(target)}", cause, remedy))


def chosen(values: Any, indices: Any, leading: torch.Size) -> None:
    """Refuse a pair that is not the probabilities of a few classes and the classes."""
    tensors(values=values, indices=indices)
    wrong = indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool
    if not values.is_floating_point() or wrong:
        expected = "a target of two tensors must be probabilities (…, k) and the classes' indices"
        raise LabelDtypeError(sentence(expected, f"they are {values.dtype} and {indices.dtype}"))
    if values.shape != indices.shape or values.shape[:-1] != leading or values.dim() == 0:
        expected = f"probabilities and indices must both be {(*leading, 'k')}"
        got = f"they are {shape(values)} and {shape(indices)}"
        raise TargetShapeError(sentence(expected.replace("'", ""), got))


def workspace(memory: Any, size: int | None) -> int:
    """Return the size of a workspace; refuse an invalid amount of memory."""
    if size is None:
        expected = "memory must be bytes, such as 2**28 or '256MiB'"
        raise OptionError(sentence(expected, f"it is {memory!r}"))
    return size


def flat(linear_weight: Tensor) -> None:
    """Refuse a weight with more than one loss for each row."""
    if linear_weight.dim() != 2:
        expected = "linear_weight must be (classes, features) here"
        raise LayerShapeError(sentence(expected, f"it is {shape(linear_weight)}"))


def labels_only(name: str, target: Any) -> None:
    """Refuse a target of probabilities."""
    tensors(**{name: target})
    if target.is_floating_point() or target.is_complex():
        expected = f"{name} must be labels here, which are integers"
        raise LabelDtypeError(sentence(expected, f"it is {target.dtype}"))


def outputs(names: Any, known: tuple[str, ...]) -> None:
    """Refuse unknown or repeated outputs."""
    accepted = isinstance(names, (tuple, list)) and all(isinstance(n, str) for n in names)
    if not accepted or not 0 < len(set(names)) == len(names) or not set(names) <= set(known):
        expected = f"outputs must be different ones of {known}"
        raise UnknownNameError(sentence(expected, f"they are {names!r}"))


def needed(name: str, value: Any, outputs: list[str]) -> None:
    """Refuse outputs whose arguments are missing."""
    if outputs and value is None:
        expected = f"{' and '.join(map(repr, outputs))} must have a {name}"
        remedy = f"pass {name}=, or outputs= without them"
        raise MissingArgumentError(sentence(expected, "there is none", remedy=remedy))


def unused(name: str, value: Any, output: str, outputs: tuple[str, ...]) -> None:
    """Refuse an argument that none of the outputs reads."""
    if value is not None and output not in outputs:
        got = f"outputs are {outputs}"
        remedy = f"add {output!r} to outputs, or remove {name}"
        raise IncompatibleOptionsError(
            sentence(f"{name} is for the output {output!r}", got, remedy=remedy)
        )


def teacher(given: Any, leading: torch.Size, classes: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return a teacher's input, weight and bias, or refuse them."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        expected = "teacher must be a tuple of input, weight and optionally bias"
        raise OptionError(sentence(expected, f"it is {type(given).__name__}"))
    x, w, b = (*given, None)[:3]
    layer(x, w, b)
    if x.shape[:-1] != leading or w.shape[0] != classes:
        expected = f"the teacher must have input {(*leading, 'features')} and {classes} classes"
        got = f"its input is {shape(x)} and its weight {shape(w)}"
        raise LayerShapeError(sentence(expected.replace("'", ""), got))
    return x, w, b


def dense(target: Tensor, whole: tuple[int, ...]) -> None:
    """Refuse a target without one value for each output."""
    if tuple(target.shape) != whole:
        expected = f"a target with a value for each output must be {whole}"
        remedy = "pass integers for the indices of the positive outputs"
        raise TargetShapeError(sentence(expected, f"it is {shape(target)}", remedy=remedy))


def indices(target: Tensor, leading: torch.Size, outputs: int) -> None:
    """Refuse indices that do not belong to the rows, or that are zeros and ones."""
    if target.is_complex() or target.dim() == 0 or target.shape[:-1] != leading:
        expected = f"the indices of the positive outputs must be {(*leading, 'k')}"
        raise LabelShapeError(sentence(expected.replace("'", ""), f"they are {shape(target)}"))
    if target.shape[-1] == outputs:
        expected = "integers must be the indices of the positive outputs"
        got = f"there is one for each of the {outputs} outputs"
        remedy = "pass target.bool() if they are zeros and ones"
        raise LabelDtypeError(sentence(expected, got, remedy=remedy))


def known_indices(index: Tensor, classes: int, counts: Tensor | None) -> None:
    """Refuse indices out of range in included rows; negative ones are ignored by design."""
    invalid = _in_rows(index >= classes, counts)
    if invalid.any():
        first = tuple(invalid.nonzero()[0].tolist())
        got = (
            f"{int(invalid.sum())} do not, the first {index[first].item()} at {format_index(first)}"
        )
        raise LabelError(sentence(f"indices must lie below {classes}", got))


def known_probabilities(target: Tensor, counts: Tensor | None) -> None:
    """Refuse invalid probabilities in included rows, a few rows at a time."""
    step = max(1, 2**20 // max(1, target.shape[1]))
    for start in range(0, len(target), step):
        rows = slice(start, start + step)
        outside = ~unit_interval.contains(target[rows].detach())
        if _in_rows(outside, None if counts is None else counts[rows]).any():
            outside = _in_rows(~unit_interval.contains(target.detach()), counts)
            raise ValueOutsideError(errors.outside("target", unit_interval.words, target, outside))


def _in_rows(invalid: Tensor, counts: Tensor | None) -> Tensor:
    return invalid if counts is None else invalid & counts[:, None]


def pairs(one: Any, other: Any, same: bool) -> None:
    """Refuse two sides of which one has no partner for each row of the other."""
    tensors(query=one, key=other)
    floating(one)
    if one.dtype != other.dtype:
        expected = "the two sides must have one dtype"
        raise DtypeMismatchError(sentence(expected, f"they are {one.dtype} and {other.dtype}"))
    expected = "the two sides must be rows (N, features)"
    fit = one.dim() == other.dim() == 2 and one.shape[1] == other.shape[1]
    if fit and same and len(one) != len(other):
        fit, expected = False, expected + ", as many on both sides"
    elif fit and not 0 < len(one) <= len(other):
        fit, expected = False, expected + ", one or more, the second with no fewer than the first"
    if not fit:
        raise TargetShapeError(sentence(expected, f"they are {shape(one)} and {shape(other)}"))


def one_number(name: str, value: Any) -> None:
    """Refuse anything except a number or a tensor of one number."""
    if isinstance(value, Tensor):
        if value.numel() != 1 or value.is_complex():
            expected = f"{name} must be one real number"
            raise InputShapeError(
                sentence(expected, f"it is {value.dtype} of shape {shape(value)}")
            )
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        expected = f"{name} must be a number, or a tensor of one"
        raise OptionError(sentence(expected, f"it is {type(value).__name__}"))
    else:
        number(name, value)


def known_temperature(value: Tensor) -> None:
    """Refuse an invalid temperature, if the tensor's value may be read."""
    if not bool((value.detach() > 0).all()):
        remedy = "learn its logarithm and pass log_temperature.exp()"
        raise OptionError(
            sentence("temperature must be above 0", f"it is {value.item():g}", remedy=remedy)
        )


def floating_dtype(name: str, dtype: Any) -> None:
    """Refuse a dtype that is not floating."""
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        expected = f"{name} must be a floating torch.dtype"
        raise OptionError(sentence(expected, f"it is {dtype!r}"))


def no_softcap(name: str, softcap: float | None) -> None:
    """Refuse an option that a softcap would change."""
    if softcap is not None:
        got = f"softcap is {softcap!r}"
        raise IncompatibleOptionsError(sentence(f"{name} requires logits without a softcap", got))


def scaled(margin: float) -> None:
    """Refuse a margin of logits that are not cosines."""
    if margin:
        remedy = "pass scale=64.0, say"
        got = f"margin is {margin!r} and there is no scale"
        raise IncompatibleOptionsError(
            sentence("margin requires a scale of cosines", got, remedy=remedy)
        )


def margin(size: float, kind: str, kinds: tuple[str, ...]) -> None:
    """Refuse an unknown kind of margin, and one that would not make the logit smaller."""
    one_of("margin_type", kind, kinds)
    not_negative(margin=size)
    if kind == "arcface" and size > math.pi:
        expected = "margin must lie in [0, π], in radians, if margin_type='arcface'"
        raise OptionError(sentence(expected, f"it is {size!r}", remedy="use math.radians"))


def cosines(
    target: Tensor | None,
    inner: torch.Size,
    bias: Tensor | None,
    offset: Tensor | None,
    softcap: float | None,
    temperature: float,
) -> None:
    """Refuse what does not fit logits that are scaled cosines."""
    others: dict[str, Any] = {"linear_bias": bias, "offset": offset, "softcap": softcap}
    others |= {"temperature": None if temperature == 1.0 else temperature}
    others |= {"dimensions of losses": inner or None}
    for name, value in others.items():
        if value is not None:
            got = f"there is one: {name}" if isinstance(value, Tensor) else f"{name} is {value!r}"
            raise IncompatibleOptionsError(sentence(f"scale excludes {name}", got))
    if target is None or target.is_floating_point():
        got = "the target holds probabilities"
        raise IncompatibleOptionsError(sentence("scale and margin require labels", got))

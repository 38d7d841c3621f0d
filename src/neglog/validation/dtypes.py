"""Checks of dtypes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from neglog import errors
from neglog.compatibility import is_torch_compatible
from neglog.errors import sentence
from neglog.errors.arguments import (
    ConstantError,
    DeviceError,
    IgnoreIndexError,
    MaskError,
    TensorExpectedError,
    WeightError,
)
from neglog.errors.tensors import DtypeMismatchError, InputDtypeError, LabelDtypeError

_ON_ANY_DEVICE = ("targets", "input_lengths", "target_lengths")
"""The arguments of `ctc_loss` that torch takes on the CPU too."""


def real(**named: Tensor) -> None:
    """Refuse complex tensors, which are not supported."""
    for name, tensor in named.items():
        if tensor.is_complex():
            remedy = f"pass torch.view_as_real({name}), its real and imaginary parts"
            expected = f"{name} must be real: complex tensors are not supported"
            raise InputDtypeError(sentence(expected, f"it is {tensor.dtype}", remedy=remedy))


def same_dtype(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Refuse a prediction and a target of different dtypes."""
    if input.is_floating_point() and input.dtype == target.dtype:
        return input, target
    real(input=input, target=target)
    if is_torch_compatible() and input.is_floating_point() and target.is_floating_point():
        dtype = torch.promote_types(input.dtype, target.dtype)
        return input.to(dtype), target.to(dtype)
    got = f"input is {input.dtype} and target is {target.dtype}"
    cause, remedy = "", "use target.to(input.dtype)"
    if target.is_floating_point() and not input.is_floating_point():
        cause, remedy = "the arguments look swapped", "the prediction comes first"
    expected = "input and target must have the same floating dtype"
    raise DtypeMismatchError(sentence(expected, got, cause, remedy))


def common_dtype(input: Tensor, *others: Tensor, whole: bool = False) -> torch.dtype:
    """Return the floating dtype in which real predictions meet real targets.

    Where `whole` numbers may be predictions too, they meet in torch's default dtype.
    """
    dtype = input.dtype
    for other in others:
        dtype = torch.promote_types(dtype, other.dtype)
    if dtype.is_complex:
        real(input=input, target=others[0])
        real(**{f"argument {i}": other for i, other in enumerate(others[1:], start=3)})
    if whole and not dtype.is_floating_point:
        return torch.get_default_dtype()
    if not dtype.is_floating_point:
        got = f"input is {input.dtype} and target is {others[0].dtype}"
        remedy = "use input.float()"
        raise DtypeMismatchError(
            sentence("one of input and target must be floating", got, remedy=remedy)
        )
    return dtype


def boolean(**named: Tensor) -> None:
    """Refuse a mask that is not boolean."""
    for name, value in named.items():
        if not isinstance(value, Tensor) or value.dtype != torch.bool:
            got, remedy = f"it is {type(value).__name__}", f"use torch.as_tensor({name})"
            if isinstance(value, Tensor):
                got, remedy = f"it is {value.dtype}", f"use {name}.bool()"
            expected = f"{name} must be a tensor of torch.bool, True where an element counts"
            raise MaskError(sentence(expected, got, remedy=remedy))


def counted(target: Tensor, ignore_index: Any) -> Tensor | None:
    """Return a mask of the included targets; None for all."""
    if ignore_index is None:
        return None
    several = isinstance(ignore_index, Tensor) and ignore_index.numel() != 1
    if several or isinstance(ignore_index, bool) or not hasattr(ignore_index, "__float__"):
        raise IgnoreIndexError(sentence("ignore_index must be a number", f"it is {ignore_index!r}"))
    if ignore_index != ignore_index:
        remedy = "pass mask=~target.isnan()"
        raise IgnoreIndexError(
            sentence("ignore_index must be a number", "it is nan", remedy=remedy)
        )
    included: Tensor = target != ignore_index
    return included


def no_gradient(**named: Tensor | None) -> None:
    """Refuse weights that require a gradient, where they must be constants."""
    for name, tensor in named.items():
        if isinstance(tensor, Tensor) and tensor.requires_grad:
            remedy = f"pass {name}.detach()"
            raise ConstantError(
                sentence(f"{name} is a constant", "it requires a gradient", remedy=remedy)
            )


def compared(**named: Tensor) -> None:
    """Refuse tensors that a loss only compares, and so cannot differentiate, if they require it."""
    real(**named)
    for name, tensor in named.items():
        if tensor.requires_grad:
            expected = f"{name} has no gradient, since the loss only compares it"
            remedy = f"pass {name}.detach()"
            raise ConstantError(sentence(expected, "it requires one", remedy=remedy))


def same_device(named: Iterable[tuple[str, Any]]) -> None:
    """Refuse tensors on different devices; a CPU tensor of one number without axes fits any."""
    pairs = [(n, t) for n, value in named for t in (value if type(value) is tuple else (value,))]
    first: tuple[str, torch.device] | None = None
    for name, tensor in pairs:
        if not isinstance(tensor, Tensor):
            continue
        if tensor.is_cpu and (tensor.dim() == 0 or name in _ON_ANY_DEVICE):
            continue
        first = first or (name, tensor.device)
        if tensor.device != first[1]:
            expected = f"{first[0]} and {name} must be on the same device"
            got = f"{first[0]} is on {first[1]} and {name} on {tensor.device}"
            remedy = f"use {name}.to({first[0]}.device)"
            raise DeviceError(sentence(expected, got, remedy=remedy))


def floating(input: Tensor, name: str = "input") -> None:
    """Refuse an input that cannot be a prediction."""
    real(**{name: input})
    if not input.is_floating_point():
        remedy = "the prediction comes first, the target second"
        expected = f"{name} must be floating"
        raise InputDtypeError(sentence(expected, f"it is {input.dtype}", remedy=remedy))


def integers(name: str, tensor: Tensor, what: str) -> None:
    """Refuse indices, labels or lengths that are not integers."""
    if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
        remedy = f"use {name}.long()"
        expected = f"{name} must hold integers, {what}"
        raise LabelDtypeError(sentence(expected, f"it is {tensor.dtype}", remedy=remedy))


def constant_tensor(name: str, numbers: Any) -> Tensor:
    """Return a constructor's tensor, number or list as a tensor."""
    try:
        return numbers if isinstance(numbers, Tensor) else _numbers(numbers)
    except (TypeError, ValueError, RuntimeError):
        expected = f"{name} must be a tensor, a number or a list of numbers"
        raise TensorExpectedError(sentence(expected, f"it is {type(numbers).__name__}")) from None


def constant_weight(name: str, weight: Any) -> Tensor:
    """Return a constructor's weight, a tensor, a number or a list, as a tensor."""
    kept = constant_tensor(name, weight)
    known = type(kept) in (Tensor, torch.nn.Parameter) and kept.device.type == "cpu"
    if known and not kept.is_complex() and not is_torch_compatible():
        _finite_and_nonnegative(name, kept)
    return kept


def _numbers(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.get_default_dtype())


def _finite_and_nonnegative(name: str, weight: Tensor) -> None:
    wrong = ~((weight >= 0) & (weight < float("inf")))
    if not wrong.any():
        return
    first = tuple(wrong.nonzero()[0].tolist())
    value = weight[first].item()
    cause = "perhaps its count was 0" if value == float("inf") else ""
    got = f"it is {value:g} at {errors.format_index(first)}"
    raise WeightError(sentence(f"{name} must be finite and 0 or more", got, cause))

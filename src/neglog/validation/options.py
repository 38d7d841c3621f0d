"""Checks of options, which do not read tensor values unless stated."""

from __future__ import annotations

import math
import warnings
from numbers import Real
from typing import Any, cast

import numpy
import torch
from torch import Tensor

from neglog.compatibility import is_torch_compatible
from neglog.errors import sentence
from neglog.errors.arguments import (
    CalledClassError,
    IgnoreIndexError,
    NormalizerError,
    OptionError,
    ReductionError,
    TensorExpectedError,
)
from neglog.validation.contents import tensor_in
from neglog.validation.dtypes import real

REDUCTIONS = ("none", "mean", "sum", "batchmean")
OF_ROWS = "mean of rows"  # of each the sum over its outputs; not for callers
PAIR = "sum and count"  # the internal reduction of `sum_and_count`


def warn(message: str, stacklevel: int) -> None:
    """Warn the caller `stacklevel` frames up, but not when compiling, which traces no warning."""
    if not torch.compiler.is_compiling():
        warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)


def tensors(**named: Any) -> None:
    """Refuse arguments that are not tensors, and tensors that are not dense."""
    any_tensors(**named)
    for name, value in named.items():
        _dense(name, value)


def any_tensors(**named: Any) -> None:
    """Refuse arguments that are not tensors."""
    for name, value in named.items():
        if not isinstance(value, Tensor):
            kind = f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
            expected, remedy = f"{name} must be a torch.Tensor", tensor_in(name, value)
            raise TensorExpectedError(sentence(expected, f"it is {kind}", remedy=remedy))


def _dense(name: str, tensor: Tensor) -> None:
    got = ""
    if type(tensor) not in (Tensor, torch.nn.Parameter):
        return  # a subclass, such as a nested tensor, defines its own operations
    if tensor.layout is not torch.strided:
        got, remedy = f"its layout is {tensor.layout}", f"use {name}.to_dense()"
    elif tensor.dtype.itemsize == 1 and tensor.is_floating_point():
        got, remedy = f"it is {tensor.dtype}", f"use {name}.float()"
    if got:
        raise TensorExpectedError(sentence(f"{name} must be a dense tensor", got, remedy=remedy))


def reduction(size_average: Any, reduce: Any, choice: Any) -> str:
    """Return the reduction, with torch's two deprecated switches taken into account."""
    if choice == PAIR:
        return PAIR
    for name, value in (("size_average", size_average), ("reduce", reduce)):
        loud = isinstance(value, str) and not is_torch_compatible()
        if loud or isinstance(value, Tensor):
            given = f"it is {value!r}" if loud else "it is a tensor"
            remedy = "pass it by name, reduction=…" if loud else "pass it by name, weight=…"
            raise ReductionError(sentence(f"`{name}` must be a bool or None", given, remedy=remedy))
    if size_average is not None or reduce is not None:
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if choice not in REDUCTIONS:
        known = isinstance(choice, str) and choice.lower() in REDUCTIONS
        remedy = f"write {choice.lower()!r}" if known else ""
        expected = f"reduction must be one of {REDUCTIONS}"
        raise ReductionError(sentence(expected, f"it is {choice!r}", remedy=remedy))
    return str(choice)


def not_called(name: str, arguments: tuple[Any, ...]) -> None:
    """Refuse an input and a target as arguments of a constructor."""
    if len(arguments) > 1 and all(isinstance(value, Tensor) for value in arguments[:2]):
        remedy = "make the criterion first, then call it with tensors"
        raise CalledClassError(sentence(f"{name} is made of options", "got tensors", remedy=remedy))


def one_of(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    """Refuse a value that is not one of the choices."""
    if isinstance(value, Tensor) or value not in choices:
        raise OptionError(sentence(f"{name} must be one of {choices}", _got(value)))


def switch(name: str, value: Any) -> None:
    """Refuse what is neither True nor False, nor 1 nor 0 for them."""
    zero_or_one = type(value) is int and value in (0, 1)
    if zero_or_one or isinstance(value, (bool, numpy.bool_, torch.SymBool)):
        return
    raise OptionError(sentence(f"{name} must be True or False", _got(value)))


def number(name: str, value: Any) -> None:
    """Refuse what is not a finite number; a norm and the delta of Huber's loss may be infinite."""
    remedy = f"pass a number, such as {name}.item()" if isinstance(value, Tensor) else ""
    if isinstance(value, bool) or not _is_number(value):
        raise OptionError(sentence(f"{name} must be a number", _got(value), remedy=remedy))
    infinite = name in _MAY_BE_INFINITE and value == math.inf
    if not infinite and not -math.inf < value < math.inf:
        raise OptionError(sentence(f"{name} must be a finite number", _got(value)))


_MAY_BE_INFINITE = ("p", "delta")


def integer(name: str, value: Any) -> None:
    """Refuse what is not an integer."""
    if torch.compiler.is_compiling():  # it may be a symbol
        return
    if isinstance(value, (bool, Tensor)) or not hasattr(value, "__index__"):
        raise OptionError(sentence(f"{name} must be an integer", _got(value)))


def positive(**named: Any) -> None:
    """Refuse values that are not numbers above 0."""
    for name, value in named.items():
        if not _is_number(value) or not value > 0:
            remedy = f"pass a number, such as {name}.item()" if isinstance(value, Tensor) else ""
            raise OptionError(sentence(f"{name} must be above 0", _got(value), remedy=remedy))


def not_negative(**named: Any) -> None:
    """Refuse values that are not numbers of 0 or more."""
    for name, value in named.items():
        if not _is_number(value) or not value >= 0:
            raise OptionError(sentence(f"{name} must be 0 or more", _got(value)))


def between(low: float, high: float, **named: Any) -> None:
    """Refuse values that are not numbers strictly between two others."""
    for name, value in named.items():
        number = _is_number(value) and not isinstance(value, bool)
        if not number or not low < value < high:
            expected = f"{name} must lie between {low:g} and {high:g}"
            raise OptionError(sentence(expected, _got(value)))


def within(interval: str, **named: Any) -> None:
    """Refuse values that are not numbers in an interval, such as "(0, 1]"."""
    low, high = map(float, interval[1:-1].split(","))
    for name, value in named.items():
        inside = _is_number(value) and (low < value or (interval[0] == "[" and value == low))
        if not inside or not (value < high or (interval[-1] == "]" and value == high)):
            where = "be a finite number" if interval == "(-inf, inf)" else f"lie in {interval}"
            expected = f"{name} must {where}"
            raise OptionError(sentence(expected, _got(value)))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, torch.SymFloat, torch.SymInt, Real))


def _got(value: Any) -> str:
    return "it is a tensor" if isinstance(value, Tensor) else f"it is {value!r}"


def extras(normalizer: Tensor | float | None, empty: str, reduction: str) -> None:
    """Refuse a normalizer that a mean cannot divide by."""
    one_of("empty", empty, ("nan", "zero"))
    if normalizer is None:
        return
    if reduction != "mean":
        remedy = "leave it out" if reduction == PAIR else 'pass reduction="mean"'
        expected = "normalizer is the divisor of a mean"
        raise NormalizerError(sentence(expected, f"reduction is {reduction!r}", remedy=remedy))
    if isinstance(normalizer, Tensor):
        if normalizer.dim() > 0 or normalizer.requires_grad:
            got = f"it has shape {tuple(normalizer.shape)}"
            got = "it requires a gradient" if normalizer.dim() == 0 else got
            remedy = "use normalizer.detach()" if normalizer.dim() == 0 else "use normalizer.sum()"
            raise NormalizerError(sentence("normalizer must be one number", got, remedy=remedy))
        real(normalizer=normalizer)
    elif not _is_positive(normalizer):
        raise NormalizerError(sentence(_NORMALIZER, f"it is {normalizer!r}"))


_NORMALIZER = "normalizer must be a finite number above 0, or a 0-dimensional tensor"


def known_normalizer(normalizer: Tensor, empty: str) -> None:
    """Refuse a tensor normalizer with an invalid value; 0 is valid for an empty batch."""
    value = normalizer.item()
    if not _is_positive(value) and not (value == 0 and empty == "zero"):
        raise NormalizerError(sentence(_NORMALIZER, f"it is a tensor of {value!r}"))


def positive_sum(name: str, weights: Tensor, ours: bool) -> None:
    """Refuse weights, some of them negative, whose sum a mean cannot divide by.

    A sum within the rounding error of weights that cancel counts as 0. PyTorch divides by a
    negative sum of its own weights, so only `ours` must be above 0.
    """
    total, size = weights.sum(dtype=torch.float64).item(), weights.abs().sum().item()
    rounding = min(weights.numel(), 1024) * torch.finfo(torch.float32).eps
    cancels = abs(total) <= rounding * size
    if not cancels and (not ours or not total <= 0):  # a NaN sum comes from NaN weights
        return
    expected = f"a mean divides by the sum of {name}, which must be above 0"
    cause = "positive and negative ones cancel" if cancels else ""
    remedy = "pass normalizer=len(batch) to divide by the number of rows"
    got = f"the sum of these {weights.numel()} is {total:g}"
    raise NormalizerError(sentence(expected, got, cause, remedy))


def _is_positive(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and 0 < float(value) < math.inf


def ignored(ignore_index: Any) -> int:
    """Return the label to ignore; a value outside int64 ignores nothing."""
    if torch.compiler.is_compiling():  # it may be a symbol
        return cast(int, ignore_index)
    several = isinstance(ignore_index, Tensor) and ignore_index.numel() != 1
    if several or isinstance(ignore_index, bool) or not hasattr(ignore_index, "__index__"):
        raise IgnoreIndexError(sentence("ignore_index must be an integer", _got(ignore_index)))
    label = int(ignore_index)
    return label if -(2**63) <= label < 2**63 else -(2**63)


def no_ignored_probability(ignored: int) -> None:
    """Refuse `ignore_index` if the target holds probabilities."""
    if ignored >= 0:
        expected = "ignore_index needs class labels"
        remedy = "exclude rows with mask="
        raise IgnoreIndexError(sentence(expected, "target holds probabilities", remedy=remedy))


def smoothing(label_smoothing: Any) -> None:
    """Refuse a label smoothing outside [0, 1]."""
    if not isinstance(label_smoothing, (int, float)) or not 0.0 <= label_smoothing <= 1.0:
        raise OptionError(
            sentence("label_smoothing must lie in [0, 1]", f"it is {label_smoothing!r}")
        )

"""Choices as plain values of the types that they are declared with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, get_origin

import numpy as np

from neglog.errors.options import FitOptionError


def plain(name: str, kind: Any, value: Any, optional: bool) -> Any:
    """Return a choice as a plain value: an integer of NumPy as Python's, a list as a tuple.

    Args:
        name: of the choice, for the message.
        kind: its type, without None.
        value: what was chosen.
        optional: whether None is a choice.

    Raises:
        FitError: it is of another type.

    Example:
        >>> plain("hidden", Sequence[int], [64, 32], False)
        (64, 32)
    """
    if kind is Any or (value is None and optional):
        return value
    make, expected = _TYPES[get_origin(kind) if get_origin(kind) is Mapping else kind]
    try:
        return make(value)
    except TypeError:
        raise FitOptionError(f"{name} must be {expected}, but got {value!r}.") from None


def path(name: str, value: Any) -> Path | None:
    """Return where a file or a folder is; None for none.

    Raises:
        FitError: it is not a path.
    """
    if value is None or isinstance(value, (str, os.PathLike)):
        return None if value is None else Path(value)
    raise FitOptionError(f"{name} must be a path, but got {value!r}.")


def _of(*kinds: type) -> Callable[[Any], Any]:
    """Return what turns values of these types, which are no truth values, into the first."""

    def make(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise TypeError
        return kinds[0](value)

    return make


def _each(
    make: Callable[[Any], Any], alone: type | tuple[type, ...] | None = None
) -> Callable[[Any], Any]:
    """Return what turns several values into a tuple, and a single one of a type as well."""

    def several(value: Any) -> Any:
        if alone and isinstance(value, alone):
            return (make(value),)
        if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
            raise TypeError
        return tuple(make(item) for item in value)

    return several


def _mark(value: Any) -> str:
    """Return what stands for a missing value as a file holds it: the number 9.0 as 9."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError
    number = float(value)
    return str(int(number)) if number.is_integer() else str(number)


_INTEGER, _TEXT = _of(int, Integral), _of(str)
_TYPES: dict[Any, tuple[Callable[[Any], Any], str]] = {
    bool: (_of(bool, np.bool_), "True or False"),
    int: (_INTEGER, "a whole number"),
    float: (_of(float, Real), "a number"),
    str: (_TEXT, "text"),
    str | type: (_TEXT, "a name, or a class that declares a likelihood"),
    Sequence[int]: (_each(_INTEGER), "whole numbers, such as [64, 32]"),
    str | Sequence[str]: (_each(_TEXT, alone=str), "a column's name, or several in a list"),
    str | float | Sequence[str | float]: (
        _each(_mark, alone=(str, Real)), "a text or a number, or several in a list",
    ),
    Mapping: (_of(dict, Mapping), "a dictionary"),
}  # fmt: skip

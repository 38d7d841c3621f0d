"""Arrays, tensors and lists as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from neglog.errors.tables import TableTypeError


def array_of(values: Any) -> np.ndarray[Any, Any]:
    """Convert to an array if possible; masked values are missing."""
    if hasattr(values, "detach"):
        values = _dense(values.detach())
    if isinstance(values, np.ma.MaskedArray) and values.mask.any():
        values = values.astype(object if values.dtype.kind in "OUSM" else np.float64)
        return np.asarray(values.filled(None if values.dtype.kind == "O" else np.nan))
    return np.asarray(values)


def _dense(tensor: Any) -> Any:
    """Convert to a tensor that numpy can read."""
    if tensor.is_meta or str(tensor.layout) != "torch.strided":
        raise TableTypeError(
            f"tensors must hold their numbers, but one is on {tensor.device} with the layout "
            f"{tensor.layout}; pass a dense one on a CPU or a GPU."
        )
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).cpu()


def series(name: str, values: Any) -> pl.Series:
    """Convert a one-dimensional array, tensor, list or series to a column."""
    array = array_of(values)
    if array.dtype.kind in "US" and isinstance(values, (list, tuple)):
        array = np.asarray(values, dtype=object)  # else a NaN among text becomes the text nan
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise TableTypeError(f"{name} must have one dimension, but its shape is {array.shape}.")
    if array.dtype.kind == "m":
        array = array.astype("timedelta64[us]")
    if array.dtype.kind in "biuMm":
        return pl.Series(name, array)
    if array.dtype.kind == "f":
        return pl.Series(name, array.astype(np.float64))
    if array.dtype.kind not in "OUS":
        raise TableTypeError(
            f"{name} holds {array.dtype} values, which are neither numbers nor labels."
        )
    items = [plain(value) for value in array.tolist()]
    if any(isinstance(value, str) for value in items):  # polars would write True as true
        items = [str(value) if isinstance(value, bool) else value for value in items]
    return pl.Series(name, items, strict=False)


def objects(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return an object array; lists are single values."""
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array


def plain(value: Any) -> Any:
    """Convert a value to a type of polars and Python.

    None stands for NaN, which differs from itself, and for pandas' NA, which does not say. An
    interval of pandas becomes its text, and a period the moment at which it begins.
    """
    kind = type(value)
    if kind.__module__.startswith("pandas"):
        if kind.__name__ == "Interval":
            return str(value)
        if kind.__name__ == "Period":
            return value.to_timestamp()
    if isinstance(value, np.ndarray):
        return value
    same = value == value
    return value if isinstance(same, (bool, np.bool_)) and same else None

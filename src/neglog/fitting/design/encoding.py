"""Cleaned columns as the rows that a solver reads."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from neglog.errors.tables import ConstantFeaturesError
from neglog.fitting.batches.in_memory_rows import ColumnStack, InMemoryRows, batch_rows
from neglog.fitting.batches.matrix import Labels
from neglog.fitting.design import (
    roles,
)
from neglog.fitting.design.design_matrix import Design


def shared(numbers: np.ndarray[Any, Any]) -> Tensor:
    """Return an array as a tensor that shares its memory, which is only read."""
    readable = numbers.dtype.isnative and numbers.dtype != np.longdouble
    if not readable or min(numbers.strides) < 0:
        numbers = np.ascontiguousarray(numbers, dtype=np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it may not be writable
        return torch.from_numpy(numbers)


def encoded(design: Design, frame: pl.DataFrame, y: Tensor, others: roles.Roles) -> InMemoryRows:
    """Encode cleaned rows."""
    frame = design.expanded(frame)
    labels = tuple(
        Labels(torch.from_numpy(column.read(frame[column.name]).copy()), len(column.levels))
        for column in design.labels
    )
    read = [column.read(frame[column.name]) for column in design.numbers]
    x = (
        ColumnStack([shared(column) for column in read])
        if read
        else torch.empty(len(y), 0).double()
    )
    return in_memory(x, y, labels, others)


def in_memory(
    x: Tensor | ColumnStack, y: Tensor, labels: tuple[Labels, ...], others: roles.Roles
) -> InMemoryRows:
    """Return encoded columns as rows."""
    width = x.shape[1] + sum(label.levels - 1 for label in labels)
    if not width:
        raise ConstantFeaturesError(
            "no feature is left: every column holds one label only; a model needs a column that "
            "varies."
        )
    return InMemoryRows(
        x, y, labels, others.weight, others.offset, others.groups, batch_rows(width, width)
    )

"""A table made ready to be fitted: its target, its design, and the two parts of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from neglog.errors import FitError
from neglog.fitting import design as designs
from neglog.fitting import rows, targets
from neglog.fitting.design import Design
from neglog.fitting.options import Options
from neglog.fitting.table import Table, listed
from neglog.fitting.targets import Target


@dataclass(frozen=True)
class Data:
    """The encoded rows that are used.

    Attributes:
        index: each row's number in the table, from 0.
        x: (N, P) the encoded features.
        y: the encoded target.
        truth: (N,) the target as it is reported.
        training: which of the rows are fitted.
        validation: which of them are held out.
        notes: what was left out, each a sentence.
    """

    target: Target
    design: Design
    index: np.ndarray[Any, Any]
    x: Tensor
    y: Tensor
    truth: np.ndarray[Any, Any]
    training: np.ndarray[Any, Any]
    validation: np.ndarray[Any, Any]
    notes: list[str]


def prepare(table: Table, name: str, options: Options) -> Data:
    """Choose the likelihood, encode features and target, and split the rows.

    Raises:
        FitError: the table cannot be fitted.
    """
    values = table.column(name)
    for dropped in options.drop:
        table.column(dropped)
    frame = table.frame.drop({name, *options.drop})
    design = designs.learn(frame, options.missing)
    frame = designs.cleaned(frame, design.columns)
    kept = rows.keep(frame.with_columns(values), options.missing, name)
    if kept.sum() < 2:
        raise FitError(f"{kept.sum()} rows have no value missing; a fit needs 2 or more.")
    frame, values = frame.filter(kept), values.filter(kept)
    target = targets.choose(values, options.likelihood)
    truth = target.values(values)
    y = target.encode(truth)
    groups = None if target.classes is None else y.reshape(-1).numpy()
    training, validation = rows.split(len(values), groups, options.validation, options.seed)
    design, notes = design.with_fills(frame[training]).without_idle(frame[training])
    if not kept.all():
        notes = [f"{(~kept).sum()} rows with missing values are left out.", *notes]
    return Data(
        target=target,
        design=design,
        index=np.flatnonzero(kept.to_numpy()),
        x=design.encode(frame),
        y=y,
        truth=truth,
        training=training,
        validation=validation,
        notes=notes + _bases(design),
    )


def _bases(design: Design) -> list[str]:
    bases = [f"{column.name}={column.levels[0]}" for column in design.columns if column.levels]
    return [f"base levels, of weight 0: {listed(bases, 20)}."] if bases else []

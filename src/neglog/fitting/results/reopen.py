"""A run read from its folder again, as far as its report needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from neglog.errors import FitError
from neglog.fitting.batches.in_memory_rows import Memory
from neglog.fitting.design.prepared import Data
from neglog.fitting.inference.coefficients import Coefficients
from neglog.fitting.inference.statistics import Statistics
from neglog.fitting.prediction.row_predictions import RowPredictions
from neglog.fitting.result import FitResult
from neglog.fitting.results import save
from neglog.fitting.results.save import Saved
from neglog.fitting.running.progress import Epoch
from neglog.fitting.tables.arrays import objects


def reopen(folder: Path) -> FitResult:
    """Return the fit whose run is in a folder; its features are not there, all else is.

    Raises:
        FitError: the folder holds no run, or a file of it is missing or damaged.
    """
    saved = save.read(folder)
    if saved.options.in_blocks:
        raise FitError(
            f"the rows of {folder} were streamed, and its report is of when it was fitted; fit it "
            f"again, with --config {folder / save.CONFIG}."
        )
    try:
        predictions = _predictions(folder)
        history = [Epoch(*row) for row in pl.read_csv(folder / save.HISTORY).iter_rows()]
        return _result(saved, predictions, history)
    except (OSError, KeyError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise FitError(
            f"{folder} is no whole run any more ({error}); fit it again, with --config "
            f"{folder / save.CONFIG}."
        ) from None


def _predictions(folder: Path) -> pl.DataFrame:
    parquet = folder / save.PREDICTIONS["parquet"]
    if parquet.exists():
        return pl.read_parquet(parquet)
    path = folder / save.PREDICTIONS["csv"]
    labels = {"truth": pl.String, "predicted": pl.String}  # else the label 01 becomes the number 1
    return pl.read_csv(path, infer_schema_length=None, schema_overrides=labels)


def _result(saved: Saved, predictions: pl.DataFrame, history: list[Epoch]) -> FitResult:
    facts = dict(saved.facts["fit"])
    null_loss = facts.pop("null_loss")
    parts = [predictions.filter(split=split) for split in ("training", "validation")]
    numbers = [part["row"].to_numpy() for part in parts]
    features = len(saved.design.names)
    no_rows = Memory(torch.empty(0, features).double(), torch.empty(0).double())
    data = Data(saved.fitted.target, saved.design, np.concatenate(numbers), no_rows, numbers[0],
                numbers[1], [])  # fmt: skip
    result = FitResult(
        source=saved.facts["source"],
        fitted=saved.fitted,
        data=data,
        options=saved.options,
        epochs=history,
        coefficients=_coefficients(saved),
        **facts,
    )
    # What is otherwise computed of the rows when it is asked for.
    result.training, result.validation = (_rows(part, saved) for part in parts)
    result.null_loss = null_loss
    if result.coefficients is not None:
        result.deviations = saved.tensors["coefficients.deviations"].numpy()
        result.statistics = Statistics(**saved.facts["statistics"])
    return result


def _rows(part: pl.DataFrame, saved: Saved) -> RowPredictions:
    classes = saved.fitted.target.classes
    chances = None if classes is None else part.select(
        f"p[{label}]" for label in classes).to_numpy()  # fmt: skip
    return RowPredictions(
        index=part["row"].to_numpy(),
        truth=_labels(part["truth"], classes),
        predicted=_labels(part["predicted"], classes),
        probabilities=chances,
        loss=part["loss_nats"].to_numpy(),
        weight=part["sample_weight"].to_numpy() if "sample_weight" in part.columns else None,
    )


def _labels(column: pl.Series, classes: list[Any] | None) -> np.ndarray[Any, Any]:
    """Return labels in the types that they had in the table; numbers as they are."""
    if classes is None:
        return column.cast(pl.Float64).to_numpy()
    written = pl.Series(values=classes).cast(pl.String).to_list()
    known = dict(zip(written, classes, strict=True))
    return objects([known[label] for label in column.cast(pl.String)])


def _coefficients(saved: Saved) -> Coefficients | None:
    if "coefficients" not in saved.facts:
        return None
    facts = saved.facts["coefficients"]
    return Coefficients(
        names=[(output, feature) for output, feature in facts["names"]],
        estimate=saved.tensors["coefficients.estimate"].numpy(),
        error=saved.tensors["coefficients.error"].numpy(),
        correlation=saved.tensors["coefficients.correlation"].numpy(),
        kind=facts["kind"],
        freedom=facts["freedom"],
        level=facts["level"],
    )

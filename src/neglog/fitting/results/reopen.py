"""Reopen a saved run for its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from neglog.errors.options import ModelFileError
from neglog.fitting.batches.in_memory_rows import InMemoryRows
from neglog.fitting.design.prepared import InMemoryData
from neglog.fitting.inference.coefficients import Coefficients
from neglog.fitting.inference.statistics import Statistics
from neglog.fitting.prediction.row_predictions import RowPredictions
from neglog.fitting.results import save
from neglog.fitting.results.fit import Fit
from neglog.fitting.results.save import Saved
from neglog.fitting.running.progress import Epoch, EpochLosses
from neglog.fitting.tables.arrays import objects


@dataclass(frozen=True)
class StoredFacts(EpochLosses):
    """The stored facts of a fit; those of coefficients may be None."""

    history: Sequence[Epoch]
    step: int
    null_loss: float
    training: RowPredictions
    validation: RowPredictions
    stored_deviations: np.ndarray[Any, Any] | None
    stored_statistics: Statistics | None

    @property
    def deviations(self) -> np.ndarray[Any, Any]:
        """(P,) the standard deviations of the encoded columns over the training rows."""
        assert self.stored_deviations is not None
        return self.stored_deviations

    @property
    def statistics(self) -> Statistics:
        """The log-likelihood, the deviance, and derived statistics."""
        assert self.stored_statistics is not None
        return self.stored_statistics

    @property
    def sampled(self) -> RowPredictions:
        """The predictions of the training rows."""
        return self.training


def reopen(folder: Path) -> Fit:
    """Return the fit saved in a folder, without its features.

    Raises:
        FitError: the folder holds no run, or a file of it is missing or damaged.
    """
    saved = save.read(folder)
    if saved.options.in_blocks:
        raise ModelFileError(
            f"the rows of {folder} were streamed, and its report is of when it was fitted; fit it "
            f"again, with --config {folder / save.CONFIG}."
        )
    try:
        predictions = _predictions(folder)
        history = [Epoch(*row) for row in pl.read_csv(folder / save.HISTORY).iter_rows()]
        return _result(saved, predictions, history)
    except (OSError, KeyError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise ModelFileError(
            f"{folder} is not a complete run ({error}); fit it again, with --config "
            f"{folder / save.CONFIG}."
        ) from None


def _predictions(folder: Path) -> pl.DataFrame:
    parquet = folder / save.PREDICTIONS["parquet"]
    if parquet.exists():
        return pl.read_parquet(parquet)
    path = folder / save.PREDICTIONS["csv"]
    labels = {"truth": pl.String, "predicted": pl.String}  # else the label 01 becomes the number 1
    return pl.read_csv(path, infer_schema_length=None, schema_overrides=labels)


def _result(saved: Saved, predictions: pl.DataFrame, history: list[Epoch]) -> Fit:
    facts = dict(saved.facts["fit"])
    null_loss = facts.pop("null_loss")
    parts = [predictions.filter(split=split) for split in ("training", "validation")]
    numbers = [part["row"].to_numpy() for part in parts]
    features = len(saved.design.names)
    no_rows = InMemoryRows(torch.empty(0, features).double(), torch.empty(0).double())
    data = InMemoryData(
        saved.fitted.target,
        saved.design,
        np.concatenate(numbers),
        no_rows,
        numbers[0],
        numbers[1],
        [],
    )
    deviations = saved.tensors.get("coefficients.deviations")
    statistics = saved.facts.get("statistics")
    stored = StoredFacts(
        history=history,
        step=facts["step"],
        null_loss=null_loss,
        training=_rows(parts[0], saved),
        validation=_rows(parts[1], saved),
        stored_deviations=None if deviations is None else deviations.numpy(),
        stored_statistics=None if statistics is None else Statistics(**statistics),
    )
    return Fit(
        source=saved.facts["source"],
        fitted=saved.fitted,
        data=data,
        options=saved.options,
        facts=stored,
        count=len(history) - 1,
        coefficients=_coefficients(saved),
        **facts,
    )


def _rows(part: pl.DataFrame, saved: Saved) -> RowPredictions:
    classes = saved.fitted.target.classes
    probabilities = None if classes is None else part.select(
        f"p[{label}]" for label in classes).to_numpy()  # fmt: skip
    return RowPredictions(
        index=part["row"].to_numpy(),
        truth=_labels(part["truth"], classes),
        predicted=_labels(part["predicted"], classes),
        probabilities=probabilities,
        loss=part["loss_nats"].to_numpy(),
        weight=part["sample_weight"].to_numpy() if "sample_weight" in part.columns else None,
    )


def _labels(column: pl.Series, classes: list[Any] | None) -> np.ndarray[Any, Any]:
    """Return labels with their original types; numbers unchanged."""
    if classes is None:
        return column.cast(pl.Float64).to_numpy()
    written = pl.Series(values=classes).cast(pl.String).to_list()
    by_text = dict(zip(written, classes, strict=True))
    return objects([by_text[label] for label in column.cast(pl.String)])


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

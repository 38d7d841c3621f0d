"""Predict a file block by block with a saved model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from neglog.fitting.results import atomic_files, save
from neglog.fitting.results.predict import predict_table, reading_of, texts
from neglog.fitting.results.save import Saved
from neglog.fitting.results.streamed_predictions import write_csv
from neglog.fitting.streaming.block_file import BlockFile, open_file
from neglog.fitting.tables import text_numbers
from neglog.fitting.tables.table import Table


@dataclass
class PredictionSummary:
    """The summary of a file of predictions.

    Attributes:
        rows: how many predictions were written.
        left_out: how many rows were left out because values are missing.
        known: how many rows have a target that is known.
        total: the sum of their losses in nats.
        notes: how the table was read, each a sentence.
    """

    rows: int = 0
    left_out: int = 0
    known: int = 0
    total: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def loss(self) -> float | None:
        """The mean loss in nats of the rows with a known target; None without any."""
        return self.total / self.known if self.known else None


def write_predictions(
    folder: str | Path,
    table: str | Path,
    out: str | Path,
    unseen: str = "refuse",
    reading: Mapping[str, Any] | None = None,
) -> PredictionSummary:
    """Predict the rows of a file block by block, and write the predictions as CSV.

    The file is as `neglog.predict(folder, table).frame.write_csv(out)` makes it, but for the last
    digit, as products of other shapes round differently; memory is needed for one block.

    Args:
        folder: where `neglog.fit` saved the model.
        table: the path of a text, Parquet or Feather file.
        out: the file of the predictions; it appears only once it is whole.
        unseen: as `neglog.predict`.
        reading: as `neglog.predict`.

    Raises:
        FitError: there is no model, or the table is not one that it can read.
    """
    out, (frames, written) = Path(out).absolute(), predicted(folder, table, unseen, reading)
    atomic_files.write_files({out.name: lambda path: write_csv(frames, path)}, out.parent)
    return written


def predicted(
    folder: str | Path,
    table: str | Path,
    unseen: str = "refuse",
    reading: Mapping[str, Any] | None = None,
) -> tuple[Iterator[pl.DataFrame], PredictionSummary]:
    """Return the predictions block by block, and counts that grow during iteration.

    Args:
        folder: where `neglog.fit` saved the model.
        table: the path of a text, Parquet or Feather file.
        unseen: as `neglog.predict`.
        reading: as `neglog.predict`.

    Raises:
        FitError: there is no model; and, as the blocks are taken, the table is not one that it
            can read.
    """
    written, saved = PredictionSummary(), save.read(Path(folder))
    file = open_file(table, reading_of(saved, reading or {}))
    return _predicted(saved, file, unseen, written), written


def _predicted(
    saved: Saved, file: BlockFile, unseen: str, written: PredictionSummary
) -> Iterator[pl.DataFrame]:
    text_columns, start = texts(saved), 0
    for block in range(len(file.blocks)):
        frame = file.read(block, list(file.columns))
        frame = text_numbers.convert(frame, file.reading.known, start)
        frame = frame.with_columns(
            _number_or_logical(column) for column in frame if column.name not in text_columns
        )
        found = predict_table(saved, Table(file.path.name, frame), start, unseen).predictions()
        start += len(frame)
        written.rows += len(found.frame)
        written.left_out += found.left_out
        written.notes += [note for note in found.notes if note not in written.notes]
        if found.loss is not None:
            known = int(found.frame["loss_nats"].is_not_null().sum())
            written.known += known
            written.total += known * found.loss
        yield found.frame


def _number_or_logical(column: pl.Series) -> pl.Series:
    """Convert text to the type that it has in a file read in one piece."""
    column = text_numbers.plain(column.to_frame(), ()).to_series()
    if column.dtype != pl.String:
        return column
    text = column.str.to_lowercase()
    return text == "true" if text.is_in(["true", "false"]).all() else column

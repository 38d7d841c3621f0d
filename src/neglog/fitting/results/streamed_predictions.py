"""Write the predictions of a streamed fit block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from neglog.fitting.prediction.row_predictions import predict_rows
from neglog.fitting.results.fit import Fit
from neglog.fitting.streaming.streamed import Streamed


def as_csv(frames: Iterable[pl.DataFrame]) -> Iterator[str]:
    """Yield CSV text of several tables with one header."""
    return (frame.write_csv(include_header=not number) for number, frame in enumerate(frames))


def write_csv(frames: Iterable[pl.DataFrame], path: Path) -> None:
    """Write several tables as one CSV file with one header."""
    with path.open("wb") as file:
        file.writelines(text.encode() for text in as_csv(frames))


def predictions(result: Fit) -> Iterable[pl.DataFrame]:
    """Yield the predictions of all rows, in table order."""
    data = result.data
    assert isinstance(data, Streamed)
    encoder = replace(data.encoder, own_blocks=range(len(data.encoder.file.blocks)))
    for part in encoder.parts(held_out=None):
        rows = predict_rows(result.fitted, data.starts[part.block] + part.rows, part.memory)
        held_out = encoder.selection.held_out(part.block, int(part.rows.max()) + 1)[part.rows]
        split = pl.select(
            split=pl.when(pl.Series(held_out))
            .then(pl.lit("validation"))
            .otherwise(pl.lit("training"))
        )["split"]
        yield rows.frame(result.classes).insert_column(1, split)

"""A streamed fit on disk: its model, its summary as a page, and its predictions block by block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from html import escape
from pathlib import Path

import polars as pl

from neglog.fitting.judge import judge
from neglog.fitting.result import FitResult
from neglog.fitting.save import (
    MODEL,
    PREDICTIONS,
    REPORT,
    Content,
    model_bytes,
    rows_frame,
    write_files,
)
from neglog.fitting.scale.prepare import Streamed


def write(result: FitResult, folder: Path) -> list[Path]:
    """Write the model, the predictions and the summary into a folder; return their paths.

    Raises:
        FitError: they cannot be written; then nothing is left behind.
    """
    assert isinstance(result.data, Streamed)
    if result.data.group.rank:
        return []
    frames = predictions(result, result.data)
    files: dict[str, Content] = {
        MODEL: model_bytes(result),
        PREDICTIONS: lambda path: write_csv(frames, path),
        REPORT: _page(result).encode(),
    }
    return write_files(files, folder)


def write_csv(frames: Iterable[pl.DataFrame], path: Path) -> None:
    """Write tables below each other, under one line of names."""
    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            file.write(frame.write_csv(include_header=number == 0).encode())


def predictions(result: FitResult, data: Streamed) -> Iterable[pl.DataFrame]:
    """Yield every row's prediction, in the order of the table."""
    encoder = replace(data.encoder, own=range(len(data.encoder.file.blocks)))
    for part in encoder.parts(held=None):
        rows = judge(result.fitted, data.starts[part.block] + part.rows, part.memory)
        held = encoder.choice.held(part.block, int(part.rows.max()) + 1)[part.rows]
        split = pl.select(
            split=pl.when(pl.Series(held)).then(pl.lit("validation")).otherwise(pl.lit("training"))
        )["split"]
        yield rows_frame(rows, result.classes).insert_column(1, split)


def _page(result: FitResult) -> str:
    title = escape(f"{result.target} — {result.source}")
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    return f"{head}<h1>{title}</h1><p>{escape(result.outcome)}</p>{result.summary()._repr_html_()}"

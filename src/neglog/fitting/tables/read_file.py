"""Read tables from files; the first bytes determine the format."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from neglog.errors.tables import FileReadError
from neglog.fitting.tables import (
    excel,
    factor_levels,
    file_formats,
    in_memory,
    stata,
    stored_levels,
    text_file,
)
from neglog.fitting.tables.reading import PLAIN, Reading
from neglog.fitting.tables.table import Table, checked


def read_file(path: str | Path, reading: Reading = PLAIN) -> Table:
    """Read a file; its first bytes determine the format.

    Args:
        path: the file.
        reading: how it is read.

    Raises:
        FitError: it cannot be read, or holds no table.
    """
    path = Path(path)
    notes: list[str] = []
    with readable(path):
        kind = file_formats.detect_format(path)
        reading.check_applies(kind, f"{path}, which is {file_formats.NAMES[kind]}")
        found = _read(path, kind, reading, notes)
    table = checked(
        found.source or path.name, found.frame, notes=notes, levels=found.levels, reading=reading
    )
    return replace(table, comma=found.comma)


class _FileContents(NamedTuple):
    """The columns of a file, their declared levels, and its metadata."""

    frame: pl.DataFrame
    levels: Mapping[str, tuple[Any, ...]] = {}
    comma: bool = False
    source: str | None = None


def _read(path: Path, kind: str, reading: Reading, notes: list[str]) -> _FileContents:
    """Read a file of a known format."""
    if kind == "parquet":
        levels = stored_levels.levels(path, notes, reading.texts)
        return _FileContents(pl.read_parquet(path), levels)
    if kind == "arrow":
        levels = stored_levels.levels_of_arrow(path, notes, reading.texts)
        return _FileContents(pl.read_ipc(path), levels)
    if kind == "excel":
        frame, source = excel.read(path, notes, reading)
        return _FileContents(frame, source=source)
    if kind == "stata":
        data = stata.read(path, notes)
        columns = in_memory.frame_of(data)
        assert columns is not None
        return _FileContents(columns, factor_levels.declared(data))
    if kind == "json":
        return _FileContents(pl.read_json(path, infer_schema_length=None))
    if kind == "json lines":
        return _FileContents(pl.read_ndjson(path, infer_schema_length=None))
    frame, comma = text_file.read(path, notes, reading)
    return _FileContents(frame, comma=comma)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise a clear error if a file cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise FileReadError(f"there is no file {path}; check the name and the folder.") from None
    except OSError as error:
        raise FileReadError(f"{path} cannot be read: {error.strerror or error}.") from None
    except pl.exceptions.NoDataError:
        raise FileReadError(f"{path} is empty; it needs a line of column names and rows.") from None
    except (pl.exceptions.PolarsError, csv.Error) as error:
        reason = str(error).splitlines()[0]
        expected = "save it as CSV (UTF-8, one header line) or Parquet"
        raise FileReadError(f"{path} cannot be read as a table ({reason}); {expected}.") from None

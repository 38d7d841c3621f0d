"""A CSV or Parquet file as numbered blocks of rows, the same whoever reads them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from neglog.errors import FitError
from neglog.fitting import stored, text_file, written
from neglog.fitting.levels import texts
from neglog.fitting.reading import PLAIN, Reading
from neglog.fitting.table import listed, readable, unified

_NUMBERS = 4_000_000
_LEAST, _MOST = 1024, 262_144
_BYTES = 8_000_000
_LOOK = 65_536


@dataclass(frozen=True)
class File:
    """Where the blocks are, and what their columns are read as.

    Attributes:
        columns: the columns' names and types as they are stored; text throughout for CSV.
        blocks: of CSV the bytes from and up to which a block goes, of Parquet the rows.
        separator: what is between the fields of CSV; None for Parquet.
        types: what the columns are to be instead, where that is known.
        levels: the levels of columns of labels, in the order that the file declares.
        texts: the columns of labels, which are read as text.
        notes: how the file is read, each a sentence.
        reading: how the user wants it read.
        written: the marks of thousands and decimals in columns of text that hold numbers.
    """

    path: Path
    columns: Mapping[str, pl.DataType]
    blocks: Sequence[tuple[int, int]]
    separator: str | None = None
    types: Mapping[str, pl.DataType] = field(default_factory=dict)
    levels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    reading: Reading = PLAIN
    written: Mapping[str, str] = field(default_factory=dict)

    def read(self, block: int, names: Sequence[str]) -> pl.DataFrame:
        """Return some of the columns of a block.

        Raises:
            FitError: the file cannot be read.
        """
        with readable(self.path):
            frame = self._csv(block, names) if self.separator else self._parquet(block, names)
        frame = self.reading.without_missing(unified(frame))
        labels = [texts(frame[name]) for name in frame.columns if name in self.texts]
        return self.typed(written.settled(frame.with_columns(labels), self.written))

    def typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return columns as what they are to be."""
        return frame.with_columns(
            _as(column, self.types[column.name]) for column in frame if column.name in self.types
        )

    def _parquet(self, block: int, names: Sequence[str]) -> pl.DataFrame:
        first, last = self.blocks[block]
        scan = pl.scan_parquet(self.path).select(names)
        return scan.slice(first, last - first).collect()

    def _csv(self, block: int, names: Sequence[str]) -> pl.DataFrame:
        first, last = self.blocks[block]
        with self.path.open("rb") as file:
            file.seek(first)
            content = file.read(last - first)
        every, number = list(self.columns), pl.Float64()
        schema = {n: number if self.types.get(n) == number else pl.String for n in every}
        return pl.read_csv(
            io.BytesIO(content),
            has_header=False,
            separator=self.separator or ",",
            schema=schema,
            columns=[every.index(name) for name in names],
            null_values=self.reading.markers,
        ).select(names)

    def require(self, name: str) -> None:
        """Refuse a name that is no column's."""
        if name not in self.columns:
            known = listed(list(self.columns))
            raise FitError(f"{self.path.name} has no column {name!r}; it has {known}.")


def _as(values: pl.Series, kind: pl.DataType) -> pl.Series:
    """Return a column of text as what all its text says."""
    if values.dtype != pl.String or kind == pl.String:
        return values
    return values.str.to_lowercase() == "true" if kind == pl.Boolean else values.cast(kind)


def open_file(path: str | Path, reading: Reading = PLAIN) -> File:
    """Find a file's columns and blocks.

    Args:
        path: the file.
        reading: how it is read.

    Raises:
        FitError: there is no such file, or it is no table.
    """
    path = Path(path)
    with readable(path):
        with path.open("rb") as file:
            head = file.read(_LOOK)
        found = _open_parquet(path, reading) if head[:4] == b"PAR1" else _open_csv(path, head)
    found = replace(found, reading=reading)
    if not found.blocks:
        raise FitError(f"{path.name} has no rows; it needs some below its column names.")
    return found


def _open_parquet(path: Path, reading: Reading) -> File:
    notes: list[str] = []
    levels = stored.levels(path, notes, reading.texts)
    scan = pl.scan_parquet(path)
    schema = scan.collect_schema()
    rows = int(scan.select(pl.len()).collect().item())
    wanted = max(_LEAST, min(_MOST, _NUMBERS // max(1, len(schema))))
    size = 2 ** (wanted.bit_length() - 1)  # as the groups of rows that files are made of
    blocks = [(first, min(first + size, rows)) for first in range(0, rows, size)]
    return File(path, dict(schema), blocks, levels=levels, notes=tuple(notes))


def _open_csv(path: Path, head: bytes) -> File:
    text_file.check_text_to_stream(path, head)
    between = text_file.separator_of(path, head)
    blocks = list(_csv_blocks(path))
    if not blocks:
        raise pl.exceptions.NoDataError
    with path.open("rb") as file:
        head = file.read(blocks[0][1])
    names = pl.read_csv(io.BytesIO(head), separator=between, infer_schema=False, n_rows=0).columns
    names = [name or f"column {j + 1}" for j, name in enumerate(names)]
    columns = {name: pl.String() for name in names}
    start = _end_of_line(head)
    first = [(start, blocks[0][1])] if head[start:].strip() else []
    return File(path, columns, [*first, *blocks[1:]], between)


def _csv_blocks(path: Path) -> Iterator[tuple[int, int]]:
    """Yield where blocks begin and end: at ends of lines that are outside of quotes."""
    first = 0
    with path.open("rb") as file:
        content = b""
        while more := file.read(_BYTES):
            content += more
            end = _last_end(content)
            if end:
                yield first, first + end
                first, content = first + end, content[end:]
    if content.strip():
        yield first, first + len(content)


def _last_end(content: bytes) -> int:
    """Return where the last line ends that is whole; 0 without any."""
    end = content.rfind(b"\n") + 1
    while end and content.count(b'"', 0, end) % 2:
        end = content.rfind(b"\n", 0, end - 1) + 1
    return end


def _end_of_line(content: bytes) -> int:
    """Return where the first line ends."""
    end = content.find(b"\n") + 1
    while end and content.count(b'"', 0, end) % 2:
        end = content.find(b"\n", end) + 1
    return end or len(content)

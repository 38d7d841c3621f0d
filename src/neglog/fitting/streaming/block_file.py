"""A text, Parquet or Feather file as numbered blocks of rows, the same for all readers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from neglog.errors import listed
from neglog.errors.tables import ColumnNameError, RowsError
from neglog.fitting.design.date_features import DateFeatures
from neglog.fitting.tables import (
    encodings,
    file_formats,
    stored_levels,
    text_file,
    text_layout,
    text_lines,
    text_numbers,
)
from neglog.fitting.tables.factor_levels import texts
from neglog.fitting.tables.read_file import readable
from neglog.fitting.tables.reading import PLAIN, Reading
from neglog.fitting.tables.table import unified
from neglog.fitting.tables.text_layout import Layout
from neglog.fitting.tables.text_lines import Scan

_NUMBERS = 4_000_000
_MIN_BYTES, _MAX_BYTES = 1024, 262_144
_BYTES = 8_000_000
_LOOK = 65_536
_SCANS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    "parquet": pl.scan_parquet, "arrow": pl.scan_ipc,
}  # fmt: skip


@dataclass(frozen=True)
class TextFormat:
    """How to parse a block of text.

    Attributes:
        encoding: of the file.
        layout: its separator and its column names.
        comment: the prefix of comment lines; None if there are none.
        blank: whether there are empty lines.
    """

    encoding: str
    layout: Layout
    comment: str | None
    blank: bool

    def rows(self, content: bytes) -> bytes:
        """Return the lines that are rows."""
        if self.comment or self.blank or self.layout.separator == " ":
            return text_lines.rows(content, self.layout, self.comment)
        return content


@dataclass(frozen=True)
class BlockFile:
    """The blocks of a file, and the types of its columns.

    Attributes:
        columns: the names and stored types of the columns; all text for CSV.
        blocks: of text the bytes from and up to which a block goes, otherwise the rows.
        text: how a file of text is to be parsed; None for others.
        kind: the format.
        types: what the columns are to be instead, where that is known.
        levels: the levels of columns of labels, in the order that the file declares.
        texts: the columns of labels, which are read as text.
        padded: the columns with blanks around their text.
        notes: how the file is read, each a sentence.
        reading: how to read the table.
        written: the marks of thousands and decimals in columns of text that hold numbers.
        dates: how columns of dates become others.
    """

    path: Path
    columns: Mapping[str, pl.DataType]
    blocks: Sequence[tuple[int, int]]
    text: TextFormat | None = None
    kind: str = "text"
    types: Mapping[str, pl.DataType] = field(default_factory=dict)
    levels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    padded: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    reading: Reading = PLAIN
    written: Mapping[str, str] = field(default_factory=dict)
    dates: tuple[DateFeatures, ...] = ()

    @property
    def names(self) -> list[str]:
        """The columns that `read` returns on request."""
        parts = {feature.name: list(feature.columns) for feature in self.dates}
        return [name for column in self.columns for name in parts.get(column, [column])]

    @property
    def comma(self) -> bool:
        """Whether decimal commas are more likely than points."""
        return self.text is not None and self.text.layout.comma

    def read(self, block: int, names: Sequence[str]) -> pl.DataFrame:
        """Return selected columns of a block.

        Raises:
            FitError: the file cannot be read.
        """
        return self.strip_blanks(block, names)[0]

    def strip_blanks(self, block: int, names: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
        """Return selected columns of a block, and the names of those with padded text.

        Raises:
            FitError: the file cannot be read.
        """
        padded: list[str] = []
        dates = [feature for feature in self.dates if set(names) & feature.columns.keys()]
        stored = [
            name for name in self.columns if name in {*names, *(feature.name for feature in dates)}
        ]
        with readable(self.path):
            if self.text is None:
                frame = self._stored(block, stored)
            else:
                frame, padded = text_file.strip_blanks(self._csv(block, stored), self.reading)
        frame = self.reading.without_missing(unified(frame))
        for feature in dates:
            frame = feature.expanded(frame)
        frame = frame.select(names)
        labels = [texts(frame[name]) for name in frame.columns if name in self.texts]
        return self.typed(text_numbers.convert(frame.with_columns(labels), self.written)), padded

    def typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Convert columns to their final types."""
        return frame.with_columns(
            _as(column, self.types[column.name]) for column in frame if column.name in self.types
        )

    def _stored(self, block: int, names: Sequence[str]) -> pl.DataFrame:
        first, last = self.blocks[block]
        scan = _SCANS[self.kind](self.path).select(names)
        return scan.slice(first, last - first).collect()

    def content(self, block: int) -> bytes:
        """Return the text of a block in UTF-8."""
        assert self.text is not None
        first, last = self.blocks[block]
        with self.path.open("rb") as file:
            file.seek(first)
            content = file.read(last - first)
        encoding = self.text.encoding
        return content if encoding == "utf-8" else content.decode(encoding).encode()

    def _csv(self, block: int, names: Sequence[str]) -> pl.DataFrame:
        assert self.text is not None
        content = self.content(block)
        layout, number = self.text.layout, pl.Float64()
        keys = dict(zip(layout.names, layout.keys, strict=True))
        used = list(dict.fromkeys([*names, *layout.empty]))
        numbers = {n for n, kind in self.types.items() if kind == number} - self.padded
        schema = {key: number if n in numbers else pl.String for n, key in keys.items()}
        try:
            frame = pl.read_csv(
                io.BytesIO(layout.header() + self.text.rows(content)),
                separator=layout.parsed,
                schema=schema,
                columns=[keys[name] for name in used],
                null_values=self.reading.markers,
            ).select(pl.col(keys[name]).alias(name) for name in used)
        except pl.exceptions.ComputeError as error:
            with self.path.open("rb") as file:
                before = file.read(self.blocks[block][0]).count(b"\n")
            explanation = text_lines.too_long(self.path, content, layout, self.text.comment, before)
            raise explanation or error from None
        text_file.check_empty(self.path, frame, layout)
        return frame.select(names)

    def require(self, name: str) -> None:
        """Refuse an unknown column name."""
        if name not in self.names:
            known = listed(self.names)
            raise ColumnNameError(f"{self.path.name} has no column {name!r}; it has {known}.")


def _as(values: pl.Series, kind: pl.DataType) -> pl.Series:
    """Convert a text column to the type of all its values."""
    if values.dtype != pl.String or kind == pl.String:
        return values
    return values.str.to_lowercase() == "true" if kind == pl.Boolean else values.cast(kind)


def open_file(path: str | Path, reading: Reading = PLAIN) -> BlockFile:
    """Find the columns and blocks of a file.

    Args:
        path: the file.
        reading: how it is read.

    Raises:
        FitError: there is no such file, or it is not a table.
    """
    path = Path(path)
    with readable(path):
        with path.open("rb") as file:
            head = file.read(_LOOK)
        kind = file_formats.detect_format(path)
        file_formats.refuse_to_stream(path, kind)
        reading.check_applies(kind, f"{path}, which is {file_formats.NAMES[kind]}")
        text = kind == "text"
        found = _open_csv(path, head, reading) if text else _open_stored(path, reading, kind)
    found = replace(found, reading=reading)
    if not found.blocks:
        raise RowsError(f"{path.name} has no rows; it needs some below its column names.")
    return found


def _open_stored(path: Path, reading: Reading, kind: str) -> BlockFile:
    notes: list[str] = []
    levels_of = stored_levels.levels_of_arrow if kind == "arrow" else stored_levels.levels
    levels = levels_of(path, notes, reading.texts)
    scan = _SCANS[kind](path)
    schema = scan.collect_schema()
    rows = int(scan.select(pl.len()).collect().item())
    desired = max(_MIN_BYTES, min(_MAX_BYTES, _NUMBERS // max(1, len(schema))))
    size = 2 ** (desired.bit_length() - 1)  # the usual size of row groups
    blocks = [(first, min(first + size, rows)) for first in range(0, rows, size)]
    return BlockFile(path, dict(schema), blocks, kind=kind, levels=levels, notes=tuple(notes))


def _open_csv(path: Path, head: bytes, reading: Reading) -> BlockFile:
    text_file.check_text_to_stream(path, head, reading)
    notes: list[str] = []
    scan = Scan(encodings.declared(reading))
    blocks = list(_csv_blocks(path, scan))
    if not blocks:
        raise pl.exceptions.NoDataError
    with path.open("rb") as opened:
        encoding = encodings.of_file(path, scan, opened, reading, notes)
        opened.seek(0)
        layout = text_layout.find(str(path), text_file.beginning(opened).decode(encoding), reading)
        notes += layout.notes
        comment = text_lines.comments(path, layout, scan, encoding, notes)
        opened.seek(0)
        start = sum(len(opened.readline()) for _ in range(layout.lines))
    columns = {name: pl.String() for name in layout.names if name not in layout.empty}
    blocks = [(max(start, first), last) for first, last in blocks if last > start]
    text = TextFormat(encoding, layout, comment, scan.blank)
    file = BlockFile(path, columns, blocks, text, notes=tuple(notes))
    if len(blocks) == 1 and not text.rows(file.content(0)).strip():
        return replace(file, blocks=[])
    return file


def _csv_blocks(path: Path, scan: Scan) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each block, at line ends outside quotes."""
    first = 0
    with path.open("rb") as file:
        content = b""
        while more := file.read(_BYTES):
            content += more
            end = _last_end(content)
            if end:
                scan.add(content[:end])
                yield first, first + end
                first, content = first + end, content[end:]
    if content.strip():
        scan.add(content)
        yield first, first + len(content)


def _last_end(content: bytes) -> int:
    """Return the end of the last complete line; 0 without any."""
    end = content.rfind(b"\n") + 1
    while end and content.count(b'"', 0, end) % 2:
        end = content.rfind(b"\n", 0, end - 1) + 1
    return end

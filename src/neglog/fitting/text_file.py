"""Text files of tables: their encoding, their line ends, their separator, their decimal commas."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections import Counter
from pathlib import Path

import polars as pl

from neglog.errors import FitError
from neglog.fitting.levels import has_leading_zeros, zeros_lost
from neglog.fitting.reading import Reading
from neglog.fitting.table import listed

_LOOK = 65_536
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"
_DECIMAL_COMMA = r"^\s*[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?\s*$"
_BINARY = {
    b"PK\x03\x04": "a zip archive, as spreadsheets are",
    b"\x89PNG": "a PNG image",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Office document",
}


def read(path: Path, notes: list[str], reading: Reading) -> pl.DataFrame:
    """Read a table of text; say of it what is worth a note.

    Args:
        path: the file.
        notes: where the notes go.
        reading: how it is read.

    Raises:
        FitError: it is no text in UTF-8, or UTF-16 with its mark; or two columns have one name.
        OSError: it cannot be opened.
        polars.exceptions.PolarsError: it is no table.
    """
    with path.open("rb") as file:
        head = file.read(_LOOK)
    source: Path | bytes = path
    if head.startswith(_UTF16):
        head = source = path.read_bytes().decode("utf-16").encode()
        notes.append(f"{path.name} is read as UTF-16.")
    if head.startswith(_GZIP):
        source = gzip.decompress(path.read_bytes())
        head = source[:_LOOK]
    _check_text(path, head)
    if b"\r" in head and b"\n" not in head:
        whole = source if isinstance(source, bytes) else path.read_bytes()
        head = source = whole.replace(b"\r", b"\n")
    separator = separator_of(path, head)
    try:
        frame = pl.read_csv(
            source,
            separator=separator,
            infer_schema_length=None,
            null_values=reading.markers,
            schema_overrides=dict.fromkeys(reading.texts, pl.String),
        )
    except pl.exceptions.ComputeError as error:
        raise _explained(path, source, separator) or error from None
    notes += zeros_lost(_with_leading_zeros(head, separator, frame, reading))
    return _with_decimal_commas(frame, notes) if separator == ";" else frame


def separator_of(path: Path, head: bytes) -> str:
    """Return what is between the fields: what the line of names has most of.

    Raises:
        FitError: two columns have one name.
    """
    first = head.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0]
    separator = max((b",", b";", b"\t"), key=first.count).decode()
    _check_names(path, first, separator)
    return separator


def check_text_to_stream(path: Path, head: bytes) -> None:
    """Refuse what cannot be read from one line's end to another's.

    Raises:
        FitError: it is no text in UTF-8, or its lines end in carriage returns alone.
    """
    if head.startswith((*_UTF16, _GZIP)) or (b"\r" in head and b"\n" not in head):
        raise FitError(
            f"{path} cannot be read block by block, being compressed, in UTF-16 or with carriage "
            "returns for line ends; save it as CSV in UTF-8, or as Parquet."
        )
    _check_text(path, head)


def _check_text(path: Path, head: bytes) -> None:
    for start, what in _BINARY.items():
        if head.startswith(start):
            raise FitError(f"{path} is {what}, no table; save it as CSV or Parquet.")
    if b"\0" in head:
        raise FitError(
            f"{path} holds NUL bytes, the first at byte {head.index(0)}: it is UTF-16 without its "
            "mark, or no text at all; save it as CSV in UTF-8, or as Parquet."
        )


def _check_names(path: Path, first: bytes, separator: str) -> None:
    """Refuse names that are there twice; polars would rename them silently."""
    line = first.decode(errors="replace")
    names = next(csv.reader(io.StringIO(line), delimiter=separator), [])
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise FitError(
            f"{path} has {listed([repr(name) for name in twice])} more than once among its column "
            "names, so that they cannot be told apart; rename one."
        )


def _explained(path: Path, source: Path | bytes, separator: str) -> FitError | None:
    """Return what is wrong with a file that polars refuses, as far as its lines show it."""
    content = source.read_bytes() if isinstance(source, Path) else source
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        return FitError(
            f"{path} is not in UTF-8: byte 0x{byte:02x} in line {line} is none of it, but may be "
            "Latin-1 or Windows-1252; save it as UTF-8 (iconv -f windows-1252 -t utf-8)."
        )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    width = len(next(reader, []))
    for row in reader:
        if len(row) > width:
            return FitError(
                f"{path} has {len(row)} values in line {reader.line_num}, but {width} column "
                "names; mend that line, or put values that hold separators in quotes."
            )
    return None


def _with_decimal_commas(frame: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """Turn text such as 1,5 into numbers where all of a column's text is of that form."""
    found = []
    for name, kind in frame.schema.items():
        if kind == pl.String and frame[name].drop_nulls().str.contains(_DECIMAL_COMMA).all():
            found.append(name)
    if not found:
        return frame
    notes.append(f"commas are read as decimal points in {listed(found)}.")
    return frame.with_columns(
        pl.col(name).str.strip_chars().str.replace(",", ".").cast(pl.Float64) for name in found
    )


def _with_leading_zeros(
    head: bytes, separator: str, frame: pl.DataFrame, reading: Reading
) -> list[str]:
    """Return the columns read as whole numbers whose first lines hold digits such as 01234."""
    text = head[: head.rfind(b"\n") + 1] or head
    some = pl.read_csv(
        text, separator=separator, infer_schema=False, ignore_errors=True,
        truncate_ragged_lines=True, null_values=reading.markers,
    )  # fmt: skip
    numbers = [name for name, kind in frame.schema.items() if kind.is_integer()]
    return [name for name in numbers if name in some.columns and has_leading_zeros(some[name])]

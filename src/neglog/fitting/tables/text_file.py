"""Read text tables: from bytes to columns."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from neglog.errors import listed
from neglog.errors.tables import ColumnNameError, EncodingError, StreamError
from neglog.fitting.tables import encodings, file_formats, text_layout, text_lines
from neglog.fitting.tables.factor_levels import has_leading_zeros, zeros_lost
from neglog.fitting.tables.numerals import may_have_thousands
from neglog.fitting.tables.reading import Reading
from neglog.fitting.tables.table import number_where_text_is_one
from neglog.fitting.tables.text_layout import Layout
from neglog.fitting.tables.text_profile import TextProfile
from neglog.translation import gettext as _

_SAMPLE_BYTES = 65_536
_FEW_LINES, _FEW_ROWS, _MAX_BYTES = 3, 100, 64_000_000
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_OTHER_DIGITS = r"[\d&&[^0-9]]"
_GZIP = b"\x1f\x8b"


def read(path: Path, notes: list[str], reading: Reading) -> tuple[pl.DataFrame, bool]:
    """Read a text table; return it, and whether decimal commas are more likely than points.

    Args:
        path: the file.
        notes: where the notes go.
        reading: how it is read.

    Raises:
        FitError: its encoding or its layout is not certain, or a line is too long.
        OSError: it cannot be opened.
        polars.exceptions.PolarsError: it is not a table.
    """
    content = _unpacked(path, notes, reading)
    with _opened(path, content) as file:
        scan = text_lines.scan(text_lines.parts(file), encodings.of_bytes(reading))
        encoding = encodings.of_file(path, scan, file, reading, notes)
    if encoding != "utf-8":
        content = (path.read_bytes() if content is None else content).decode(encoding).encode()
    with _opened(path, content) as file:
        head = beginning(file)
    found = text_layout.find(str(path), head.decode(), reading)
    notes += found.notes
    comment = text_lines.comments(path, found, scan, encoding, notes)
    source: Path | bytes = path
    if content is not None or not found.plain or comment or scan.blank:
        content = path.read_bytes() if content is None else content
        source = found.header() + text_lines.rows(
            text_lines.after(content, found.lines), found, comment
        )
    try:
        frame = _parsed(source, found, reading)
    except pl.exceptions.ComputeError as error:
        content = path.read_bytes() if content is None else content
        body = text_lines.after(content, found.lines)
        wrong = text_lines.unpaired(path, body, found.lines)
        wrong = wrong or text_lines.too_long(path, body, found, comment, found.lines)
        raise wrong or error from None
    frame.columns = list(found.names)
    check_empty(path, frame, found)
    frame = frame.drop(found.empty)
    notes += zeros_lost(
        _with_leading_zeros(
            text_lines.rows(text_lines.after(head, found.lines), found, comment),
            found,
            frame,
            reading,
        )
    )
    frame, padded = strip_blanks(frame, reading)
    notes += blanks_lost(n for n in padded if _is_text(frame[n]))
    return _with_points(frame, source, found, reading)


def _opened(path: Path, content: bytes | None) -> BinaryIO:
    return path.open("rb") if content is None else io.BytesIO(content)


def _unpacked(path: Path, notes: list[str], reading: Reading) -> bytes | None:
    """Return the content of a file that is compressed or not ASCII-compatible; else None."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
    content: bytes | None = None
    if head.startswith(_GZIP):
        content = gzip.decompress(path.read_bytes())
        head = content[:_SAMPLE_BYTES]
    if reading.encoding is None and head.startswith(_UTF16):
        content = (path.read_bytes() if content is None else content).decode("utf-16").encode()
        notes.append(_("{name} is read as UTF-16.").format(name=path.name))
    elif not encodings.extends_ascii(encodings.declared(reading)):
        content = path.read_bytes() if content is None else content
        content = encodings.decoded(path, content, encodings.declared(reading)).encode()
    head = head if content is None else content[:_SAMPLE_BYTES]
    check_text(path, head)
    if b"\r" in head and b"\n" not in head:
        content = path.read_bytes() if content is None else content
        content = content.replace(b"\r", b"\n")
    return content


def beginning(file: BinaryIO) -> bytes:
    """Return the first complete lines of a file."""
    content = file.read(_SAMPLE_BYTES)
    while content.count(b"\n") < _FEW_LINES and len(content) < _MAX_BYTES:
        more = file.read(_SAMPLE_BYTES)
        if not more:
            return content
        content += more
    return content[: content.rfind(b"\n") + 1] if file.read(1) else content


def _parsed(source: Path | bytes, found: Layout, reading: Reading) -> pl.DataFrame:
    names = _names(source, found)
    texts = {names[name] for name in found.names if name in reading.texts}
    options: dict[str, Any] = {"separator": found.parsed, "null_values": reading.markers}
    try:
        return _typed(source, texts, options)
    except pl.exceptions.ComputeError:  # polars takes digits of other scripts for integers
        whole = pl.read_csv(source, infer_schema=False, **options)
        others = {column.name for column in whole if column.str.contains(_OTHER_DIGITS).any()}
        if not others:
            raise
        return _typed(source, texts | others, options)


def _typed(source: Path | bytes, texts: set[str], options: dict[str, Any]) -> pl.DataFrame:
    return pl.read_csv(
        source,
        infer_schema_length=None,
        schema_overrides=dict.fromkeys(texts, pl.String),
        **options,
    )


def _names(source: Path | bytes, found: Layout) -> dict[str, str]:
    """Return the column names in the source."""
    names = found.names if isinstance(source, Path) else found.keys
    return dict(zip(found.names, names, strict=True))


def _with_points(
    frame: pl.DataFrame, source: Path | bytes, found: Layout, reading: Reading
) -> tuple[pl.DataFrame, bool]:
    """Keep ambiguous numbers such as 1.234 as text; return also whether commas are more likely."""
    numbers = [name for name, kind in frame.schema.items() if kind.is_float()]
    declared = reading.thousands is not None or reading.decimal is not None
    if not numbers or not (found.comma or declared or any(map(_has_decimal_commas, frame))):
        return frame, found.comma
    names = _names(source, found)
    some = pl.read_csv(
        source, separator=found.parsed, columns=[names[name] for name in numbers],
        infer_schema=False, null_values=reading.markers,
    ).select(pl.col(names[name]).alias(name) for name in numbers)  # fmt: skip
    ambiguous = [column for column in some if may_have_thousands(column)]
    return frame.with_columns(ambiguous), found.comma and len(ambiguous) == len(numbers)


def _has_decimal_commas(column: pl.Series) -> bool:
    """Return whether the first rows of a text column have decimal commas."""
    if column.dtype != pl.String:
        return False
    texts = TextProfile.of(column.head(_FEW_ROWS))
    return not texts.invalid.rows and texts.spelling.decimals == {","}


def check_empty(path: Path, frame: pl.DataFrame, found: Layout) -> None:
    """Refuse values in columns that were empty in the first rows.

    Raises:
        FitError: there are some.
    """
    for name in found.empty:
        if frame[name].null_count() < len(frame):
            value = frame[name].drop_nulls()[0]
            raise ColumnNameError(
                f"{path}: {name} has no name, but holds values such as {value!r}; name it, or put "
                "values that hold separators in quotes."
            )


def strip_blanks(frame: pl.DataFrame, reading: Reading) -> tuple[pl.DataFrame, list[str]]:
    """Strip blanks around text; return the frame and the names of the changed columns."""
    text = frame.select(pl.selectors.string())
    padded = [c.name for c in text if c.str.contains(r"^\s|\s$").any()]
    bare = [frame[name].str.strip_chars() for name in padded]
    kept = [stripped.set(stripped.is_in(reading.markers), None) for stripped in bare]
    return frame.with_columns(kept), padded


def blanks_lost(names: Iterable[str]) -> list[str]:
    """Return a note on labels that had surrounding blanks."""
    shown = [repr(name) for name in names]
    return (
        [_("blanks around the values of {shown} are left out.").format(shown=listed(shown))]
        if shown
        else []
    )


def _is_text(column: pl.Series) -> bool:
    return number_where_text_is_one(column).dtype == pl.String


def check_text(path: Path, head: bytes) -> None:
    """Refuse a binary file.

    Raises:
        FitError: it is something else.
    """
    file_formats.refuse_others(path, head)  # which may have been compressed
    if b"\0" in head:
        raise EncodingError(
            f"{path} holds NUL bytes, the first at byte {head.index(0)}: it is UTF-16 without its "
            "mark, or no text at all; pass --encoding utf-16-le (encoding=), or save it as CSV in "
            "UTF-8, or as Parquet."
        )


def check_text_to_stream(path: Path, head: bytes, reading: Reading) -> None:
    """Refuse content that cannot be split at line ends.

    Raises:
        FitError: its encoding does not contain ASCII, or its lines end in carriage returns alone.
    """
    others = not encodings.extends_ascii(encodings.declared(reading))
    if others or head.startswith((*_UTF16, _GZIP)) or (b"\r" in head and b"\n" not in head):
        raise StreamError(
            f"{path} cannot be read block by block, being compressed, in UTF-16 or with carriage "
            "returns for line ends; save it as CSV in UTF-8, or as Parquet."
        )
    check_text(path, head)


def _with_leading_zeros(
    rows: bytes, found: Layout, frame: pl.DataFrame, reading: Reading
) -> list[str]:
    """Return the whole-number columns whose first lines hold digits such as 01234."""
    some = pl.read_csv(
        found.header() + rows, separator=found.parsed, infer_schema=False, ignore_errors=True,
        truncate_ragged_lines=True, null_values=reading.markers,
    )  # fmt: skip
    some.columns = list(found.names)
    numbers = [name for name, kind in frame.schema.items() if kind.is_integer()]
    return [name for name in numbers if name in some.columns and has_leading_zeros(some[name])]

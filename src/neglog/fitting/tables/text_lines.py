"""Scan the bytes of a text file, and remove lines that are not rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from neglog.errors import FitError
from neglog.errors.tables import TextLayoutError
from neglog.fitting.tables.records import one_line, reader
from neglog.fitting.tables.text_layout import Layout
from neglog.translation import gettext as _

BLOCK = 8_000_000
_SAMPLE = 65_536
_MAX_MARKED_BYTES = 1000
_MARKED = re.compile(rb"^[#%][^\n]*", re.MULTILINE)
_MARKS, _ENDS = (b"#", b"%"), (b"\n", b"\r\n")


@dataclass
class Scan:
    """Facts about the bytes of a file, collected part by part.

    Attributes:
        encoding: of the file, if it is known; otherwise it is tried as UTF-8.
        fits: whether all of it can be decoded.
        line: the number of the first line that cannot be decoded.
        byte: the first byte that cannot.
        marked: lines that begin with # or %, and their numbers.
        blank: whether there are empty lines.
    """

    encoding: str = "utf-8"
    fits: bool = True
    line: int = 0
    byte: int = 0
    marked: list[tuple[int, bytes]] = field(default_factory=list)
    blank: bool = False
    _lines: int = 0
    _non_ascii: bytes = b""
    _other_lines: bytes = b""

    @property
    def sample(self) -> bytes:
        """Lines with non-ASCII characters; undecodable lines first."""
        return self._non_ascii + self._other_lines

    def add(self, part: bytes) -> None:
        """Add another part, made of whole lines."""
        if not part.isascii():
            self._decode(part)
        self.blank |= part.startswith(_ENDS) or b"\n\n" in part
        self.blank |= b"\r" in part and b"\n\r\n" in part
        self.blank |= part[part.rfind(b"\n") + 1 :].isspace()
        if any(mark in part and _begins_line(part, mark) for mark in _MARKS):
            self._mark(part)
        self._lines += part.count(b"\n")

    def _decode(self, part: bytes) -> None:
        try:
            part.decode(self.encoding)
            self._other_lines += _non_ascii_lines(part, _SAMPLE - len(self._other_lines))
        except UnicodeDecodeError as error:
            if self.fits:
                self.line = self._lines + part.count(b"\n", 0, error.start) + 1
                self.byte = part[error.start]
            self.fits = False
            first = part.rfind(b"\n", 0, error.start) + 1
            self._non_ascii += _non_ascii_lines(part[first:], _SAMPLE - len(self._non_ascii))
            self._other_lines += _non_ascii_lines(part[:first], _SAMPLE - len(self._other_lines))

    def _mark(self, part: bytes) -> None:
        last = line = quotes = 0
        for found in _MARKED.finditer(part):
            line += part.count(b"\n", last, found.start())
            quotes += part.count(b'"', last, found.start())
            within = quotes % 2 == 1
            last = found.start() if within else found.end()
            if not within and len(self.marked) <= _MAX_MARKED_BYTES:
                self.marked.append((self._lines + line + 1, found[0]))


def _begins_line(part: bytes, mark: bytes) -> bool:
    return part.startswith(mark) or b"\n" + mark in part


def _non_ascii_lines(part: bytes, most: int) -> bytes:
    """Return lines with non-ASCII characters, up to a number of bytes."""
    found = b"".join(re.findall(rb"[^\n]*[\x80-\xff][^\n]*\n?", part[: 16 * most]))
    return found if len(found) <= most else found[: found.rfind(b"\n", 0, most) + 1]


def parts(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file in parts of whole lines."""
    content = b""
    while more := file.read(BLOCK):
        content += more
        end = content.rfind(b"\n") + 1
        if end:
            yield content[:end]
            content = content[end:]
    if content:
        yield content


def scan(content: Iterable[bytes], encoding: str = "utf-8") -> Scan:
    """Scan all bytes of a file."""
    found = Scan(encoding)
    for part in content:
        found.add(part)
    return found


def comments(
    path: Path, layout: Layout, found: Scan, encoding: str, notes: list[str]
) -> str | None:
    """Return the prefix of comment lines among the rows; None without any.

    Raises:
        FitError: a line may be a comment or a row.
    """
    mark = layout.comment or "#"
    lines = [(n, t.decode(encoding)) for n, t in found.marked if n > layout.lines]
    lines = [(n, text) for n, text in lines if text.startswith(mark)]
    if not lines:
        return None
    width = len(layout.names)
    rows = [n for n, text in lines if _fields(text, layout.separator) == width]
    if len(rows) == len(lines) and layout.comment is None:
        return None
    if rows and width > 1:
        raise TextLayoutError(
            f"{path} has lines that begin with {mark!r}, of which line {rows[0]} may be a comment "
            "or a row; remove it, or write its first value in double quotes."
        )
    number, text = lines[0]
    notes.append(
        _(
            "lines that begin with {mark!r} are skipped as comments: {count} among the rows, the "
            "first in line {number}, {text!r}."
        ).format(mark=mark, count=len(lines), number=number, text=text[:60].strip())
    )
    return mark


def _fields(text: str, separator: str) -> int:
    return len(next(reader([one_line(text)], separator), []))


def rows(content: bytes, layout: Layout, comment: str | None) -> bytes:
    """Return the rows of content, with tabs in place of separating blanks.

    Args:
        content: some lines, in UTF-8.
        layout: how the file is laid out.
        comment: the prefix of comment lines; None if there are none. Empty lines are not rows.
    """
    content = _without_others(content, comment)
    if layout.separator != " ":
        return content
    found = io.StringIO()
    lines = io.StringIO(content.decode(), newline="")
    csv.writer(found, delimiter="\t", lineterminator="\n").writerows(reader(lines, " "))
    return found.getvalue().encode()


def _without_others(content: bytes, comment: str | None) -> bytes:
    """Remove empty lines and comments from content."""
    pattern = rb"^\r?\n|^[ \t\r]+\Z"
    if comment is not None:
        pattern += rb"|^" + comment.encode() + rb"[^\n]*(?:\n|\Z)"
    kept, last, quotes = [], 0, 0
    for found in re.finditer(pattern, content, re.MULTILINE):
        kept.append(content[last : found.start()])
        quotes += kept[-1].count(b'"')
        last = found.start() if quotes % 2 else found.end()
    return b"".join([*kept, content[last:]])


def after(content: bytes, lines: int) -> bytes:
    """Return the content after a number of lines."""
    parts = content.split(b"\n", lines)
    return parts[lines] if len(parts) > lines else b""


def too_long(
    path: Path, content: bytes, layout: Layout, comment: str | None, before: int
) -> FitError | None:
    """Return an error for a row with more values than names; None without any.

    Args:
        path: the file.
        content: some of it, in UTF-8.
        layout: how the file is laid out.
        comment: the prefix of comment lines.
        before: how many lines there are before the content.
    """
    width = len(layout.names)
    rows = reader(io.StringIO(content.decode(), newline=""), layout.separator)
    for row in rows:
        if len(row) > width and not (comment and row[0].startswith(comment)):
            return TextLayoutError(
                f"{path} has {len(row)} values in line {before + rows.line_num}, but {width} "
                "column names; fix that line, or put values that hold separators in quotes."
            )
    return None


def unpaired(path: Path, content: bytes, before: int) -> FitError | None:
    """Return an error for an unpaired double quote; None without any.

    Args:
        path: the file.
        content: some of it, in UTF-8.
        before: how many lines there are before the content.
    """
    if content.count(b'"') % 2 == 0:
        return None
    lines = (n for n, line in enumerate(content.split(b"\n"), 1) if line.count(b'"') % 2)
    return TextLayoutError(
        f"{path} has a double quote without its pair, in line {before + next(lines)} or after it; "
        "remove it, or put the value in double quotes and write the quote in it twice."
    )

"""The layout of a text file: separator, column names, first row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from neglog.errors import listed
from neglog.errors.tables import ColumnNameError, FileReadError, TextLayoutError
from neglog.fitting.tables.reading import Reading
from neglog.fitting.tables.records import (
    Record,
    one_line,
    reader,
    records_of,
    separator_of,
    width_of,
)
from neglog.translation import gettext as _

_LINES = 400
_MAX_TITLE_ROWS = 20
_STATED = re.compile(r'\ufeff?"?sep=(.)"?\s*$', re.IGNORECASE)
_COMMENT = re.compile(r"^\s*([#%])")
_SKIP = "pass --skip-rows N (skip_rows=), the number of lines before the column names"


@dataclass(frozen=True)
class Layout:
    """The layout of a text file.

    Attributes:
        separator: the field separator.
        lines: how many lines come before the first row, that of the names included.
        names: the names of the columns.
        plain: whether the first line holds exactly these names.
        empty: the columns without a name or a value, as after separators at the ends of lines.
        comment: the prefix of comment lines; None if there are none.
        notes: what was guessed, each a sentence.
    """

    separator: str
    lines: int
    names: tuple[str, ...]
    plain: bool
    empty: tuple[str, ...] = ()
    comment: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def comma(self) -> bool:
        """Whether decimal commas are more likely than points."""
        return self.separator == ";"

    @property
    def parsed(self) -> str:
        """The separator after `text_lines.rows` has replaced blanks by tabs."""
        return "\t" if self.separator == " " else self.separator

    @property
    def keys(self) -> list[str]:
        """Column numbers as names, which require no quotes in CSV."""
        return [str(j) for j in range(len(self.names))]

    def header(self) -> bytes:
        """Return the keys as a CSV header line."""
        return f"{self.parsed.join(self.keys)}\n".encode()


def find(path: str, text: str, reading: Reading) -> Layout:
    """Detect the layout of a file.

    Args:
        path: how the file is called in messages.
        text: its beginning, which ends where a line ends.
        reading: what the user says of it.

    Raises:
        FitError: it is not certain where the names are, or two columns have one name.
    """
    lines = text.removeprefix("\ufeff").split("\n")[:_LINES]
    preamble = _read_preamble(lines, reading)
    notes: list[str] = []
    separator = preamble.separator or separator_of(lines[preamble.lines :], preamble.mark, notes)
    records = records_of(lines, separator, preamble.mark, preamble.lines)
    return _of_records(path, records, preamble, separator, notes, reading.skip_rows is not None)


def of_rows(path: str, rows: Sequence[tuple[int, Sequence[str]]], reading: Reading) -> Layout:
    """Detect the layout of rows with known fields, such as a sheet.

    Args:
        path: how the table is called in messages.
        rows: the first rows that are not empty, and their numbers from 1 on.
        reading: what the user says of it.

    Raises:
        FitError: it is not certain where the names are, or two columns have one name.
    """
    skipped = reading.skip_rows or 0
    records = [Record(list(fields), number) for number, fields in rows if number > skipped]
    return _of_records(
        path, records, _Preamble(skipped, None), ",", [], reading.skip_rows is not None
    )


def _of_records(
    path: str,
    records: list[Record],
    preamble: _Preamble,
    separator: str,
    notes: list[str],
    declared: bool,
) -> Layout:
    """Detect the layout of a table with known fields."""
    if not records:
        raise FileReadError(f"{path} is empty; it needs a line of column names and rows.")
    first = 0 if declared else _header_index(path, records, notes)
    names, rows = records[first], records[first + 1 :]
    if preamble.comments and not first and not names.is_all_text:
        names, rows = _names_from_comment(preamble, names, rows, separator, notes)
    if preamble.comments and names.lines > preamble.lines:
        notes.insert(0, _comment_names(preamble))
    count = len(names.fields)
    wide = width_of(rows) == count + 1 and _is_empty(rows, count)  # separators at the ends of lines
    fields = [field.strip() for field in names.fields] + [""] * wide
    _check_names(path, fields)
    empty = [
        j
        for j, column_names in enumerate(fields)
        if not column_names and rows and _is_empty(rows, j)
    ]
    column_names = tuple(field or f"column {j + 1}" for j, field in enumerate(fields))
    left_out = tuple(column_names[j] for j in empty)
    if left_out:
        text = _("{names} have no name and no values, and are left out.")
        if len(left_out) == 1:
            text = _("{names} has no name and no values, and is left out.")
        notes.append(text.format(names=listed(list(left_out))))
    simple = separator != " " and names.lines == 1 and not preamble.lines
    plain = simple and list(column_names) == names.fields and '"' not in "".join(column_names)
    return Layout(
        separator, names.lines, column_names, plain, left_out, preamble.mark, tuple(notes)
    )


def _is_empty(rows: Sequence[Record], j: int) -> bool:
    return not any(row.fields[j].strip() for row in rows if j < len(row.fields))


@dataclass(frozen=True)
class _Preamble:
    """The lines before a table: their number, comments, and a declared separator."""

    lines: int
    separator: str | None
    mark: str | None = None
    comments: tuple[str, ...] = ()


def _read_preamble(lines: Sequence[str], reading: Reading) -> _Preamble:
    if reading.skip_rows is not None:
        return _Preamble(reading.skip_rows, reading.separator)
    separator, number, mark = reading.separator, 0, None
    comments: list[str] = []
    declared = _STATED.match(lines[0])
    if declared:
        separator, number = separator or declared[1], 1
    for line in lines[number:]:
        found = _COMMENT.match(line)
        if found and mark in (None, found[1]):
            mark = found[1]
            comments.append(line.strip())
        elif line.strip():
            break
        number += 1
    return _Preamble(number, separator, mark, tuple(comments))


def _comment_names(preamble: _Preamble) -> str:
    shown = listed([repr(text[:60]) for text in preamble.comments], most=3)
    return _("comments before the column names are skipped: {shown}.").format(shown=shown)


def _header_index(path: str, records: Sequence[Record], notes: list[str]) -> int:
    """Return the index of the header: the first record of typical width, after titles.

    Raises:
        FitError: it is not certain.
    """
    width, count = width_of(records), len(records[0].fields)
    if width < 2 or count > width:
        return 0
    titles = _title_rows(records)
    first = titles.index(False) if False in titles else 0
    found = records[first]
    certain = (
        first <= _MAX_TITLE_ROWS
        and len(found.fields) == width
        and all(
            field.strip() or _is_empty(records[first:], j) for j, field in enumerate(found.fields)
        )
        and found.is_all_text
        and first + 1 < len(records)
    )
    if first and certain:
        shown = listed(
            [
                repr(", ".join(field.strip() for field in r.fields if field.strip())[:60])
                for r in records[:first]
            ]
        )
        notes.append(
            _(
                "the column names are read from line {lines}, and the lines before are skipped: "
                "{shown}; --skip-rows N (skip_rows=) changes it."
            ).format(lines=found.lines, shown=shown)
        )
        return first
    if (count == width and (records[0].filled > 1 or width < 3)) or (
        count == width - 1 and _is_empty(records[1:], width - 1)
    ):
        return 0
    wide = next((record for record in records if record.filled == width), records[-1])
    raise TextLayoutError(
        f"{path} has {width} values in line {wide.lines}, but {records[0].filled} column names in "
        f"line {records[0].lines}; name every column, or {_SKIP}."
    )


def _title_rows(records: Sequence[Record]) -> list[bool]:
    """Return the records that may be titles: one field, or few fields before an empty line."""
    filled = Counter(record.filled for record in records)
    typical_width = max(filled, key=filled.__getitem__)  # of a sheet that may have other cells, too
    found: list[bool] = []
    after = records[-1].lines + 1
    for record in reversed(records):
        separated = record.filled < typical_width and (
            record.lines + 1 < after or (bool(found) and found[-1])
        )
        found.append(record.filled < max(2, typical_width - 1) or separated)
        after = record.lines
    return found[::-1]


def _names_from_comment(
    preamble: _Preamble, first: Record, rows: list[Record], separator: str, notes: list[str]
) -> tuple[Record, list[Record]]:
    """Return the names in the last comment, and the rows, if their numbers match."""
    text = preamble.comments[-1].lstrip("#% ")
    fields: list[str] = next(reader([one_line(text)], separator), [])
    names = Record(fields, preamble.lines)
    if len(fields) == len(first.fields) > 1 and names.is_all_text:
        notes.append(
            _("the column names are read from the comment in line {lines}.").format(
                lines=preamble.lines
            )
        )
        return names, [first, *rows]
    return first, rows


def _check_names(path: str, names: Sequence[str]) -> None:
    """Refuse duplicate names, which polars would rename silently."""
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise ColumnNameError(
            f"{path} has {listed([repr(name) for name in twice])} more than once among its column "
            "names, so that they are ambiguous; rename one."
        )

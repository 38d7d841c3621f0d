"""Split the lines of a text file into records, and detect the separator."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from neglog.errors import listed
from neglog.translation import gettext as _

_SEPARATORS = ("\t", "|", ";", ",")
"""Those rarer in text and numbers come first."""
SEPARATOR_NAMES = {"\t": "tabs", "|": "'|'", ";": "semicolons", ",": "commas"}


@dataclass(frozen=True)
class Record:
    """The fields of a row, and the line number of its end."""

    fields: list[str]
    lines: int

    @property
    def filled(self) -> int:
        """The number of nonempty fields."""
        return sum(bool(field.strip()) for field in self.fields)

    @property
    def is_all_text(self) -> bool:
        """Whether no field is numeric."""
        return not any(_is_number(field) for field in self.fields) and self.filled > 0


def separator_of(lines: Sequence[str], mark: str | None, notes: list[str]) -> str:
    """Return the separator that splits most lines into the same number (≥ 2) of fields."""
    found: dict[str, float] = {}
    for separator in _SEPARATORS:
        records = records_of(lines, separator, mark)
        width = width_of(records)
        if width > 1:
            found[separator] = sum(len(r.fields) == width for r in records) / len(records)
    if not found:
        return _blanks(lines, mark, notes) or ","
    best = max(found, key=found.__getitem__)
    equal = [
        _(SEPARATOR_NAMES[candidate])
        for candidate, part in found.items()
        if part == found[best] and candidate != best
    ]
    if equal:
        notes.append(
            _(
                "the fields are taken to be separated by {separator}, though every line has "
                "{others} too; --separator (separator=) changes it."
            ).format(separator=_(SEPARATOR_NAMES[best]), others=listed(equal))
        )
    return best


def _blanks(lines: Sequence[str], mark: str | None, notes: list[str]) -> str | None:
    """Return a blank if blanks split all lines into the same number (≥ 2) of fields."""
    counts = [len(record.fields) for record in records_of(lines, " ", mark)]
    widths = set(counts[1:])
    if len(widths) != 1 or counts[0] < 2 or counts[0] not in (counts[1], counts[1] - 1):
        return None
    notes.append(_("the values are separated by blanks; --separator (separator=) changes it."))
    return " "


def reader(lines: Iterable[str], separator: str) -> Any:
    """Return a CSV reader that treats several blanks as one separator."""
    if separator == " ":
        bare = (line.rstrip() + "\n" for line in lines)
        return csv.reader(bare, delimiter=" ", skipinitialspace=True)
    return csv.reader(lines, delimiter=separator)


def one_line(text: str) -> str:
    """Escape carriage returns, so that a CSV reader sees one line."""
    return text.rstrip("\r").replace("\r", " ") + "\n"


def records_of(
    lines: Sequence[str], separator: str, mark: str | None, before: int = 0
) -> list[Record]:
    """Return the fields of lines, without comments and empty lines.

    Args:
        lines: the lines.
        separator: the field separator.
        mark: what begins comments; None for nothing.
        before: how many of the lines are left out.
    """
    kept = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if number > before and line.strip() and not (mark and line.startswith(mark))
    ]
    rows = reader((one_line(line) for _, line in kept), separator)
    found = []
    try:
        for fields in rows:
            found.append(Record(fields, kept[rows.line_num - 1][0]))
    except csv.Error:  # as a field without an end is
        return found
    return found


def width_of(records: Sequence[Record]) -> int:
    """Return the most frequent number of fields; the first of ties."""
    counts = Counter(len(record.fields) for record in records)
    return max(counts, key=counts.__getitem__, default=0)


def _is_number(text: str) -> bool:
    try:
        float(text.strip().replace(",", "."))
    except ValueError:
        return False
    return True

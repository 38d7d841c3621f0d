"""Excel files: the sheet, and the first row of its table."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import polars as pl

from neglog.errors import listed
from neglog.errors.tables import FileReadError, MissingLibraryError
from neglog.fitting.tables import text_layout
from neglog.fitting.tables.reading import Reading
from neglog.fitting.tables.text_file import blanks_lost, strip_blanks
from neglog.fitting.tables.text_layout import Layout
from neglog.translation import gettext as _

_ROWS = 400


def read(path: Path, notes: list[str], reading: Reading) -> tuple[pl.DataFrame, str]:
    """Read a sheet of an Excel file, keeping date types; return the frame and its source name.

    Args:
        path: the file.
        notes: where the notes go.
        reading: how it is read.

    Raises:
        FitError: fastexcel is not installed, the file is damaged, the sheet does not exist, or it
            is not certain where its table begins.
    """
    try:
        import fastexcel
    except ModuleNotFoundError:
        raise MissingLibraryError(
            f"{path} is an Excel file, which requires fastexcel: pip install 'neglog[excel]', or "
            "save it as CSV."
        ) from None
    logging.getLogger("fastexcel").setLevel(logging.ERROR)  # it warns of empty columns
    try:
        book = fastexcel.read_excel(path)
        sheet = _sheet(path, book.sheet_names, reading, notes)
        found = _layout(path, _cells(book, sheet), reading, sheet)
        frame = _rows(book, sheet, found)
    except fastexcel.FastExcelError as error:
        reason = str(error).splitlines()[0]
        raise FileReadError(f"{path} cannot be read as an Excel file ({reason}).") from None
    notes += found.notes
    frame = frame.drop(found.empty)
    frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    frame, padded = strip_blanks(frame, reading)
    notes += blanks_lost(name for name in padded if frame[name].dtype == pl.String)
    source = f"sheet {sheet!r} of {path.name}" if len(book.sheet_names) > 1 else path.name
    return frame, source


def _rows(book: Any, sheet: str, found: Layout) -> pl.DataFrame:
    """Return the rows below the header; fastexcel drops empty trailing columns."""
    options = {"header_row": None, "skip_rows": found.lines, "schema_sample_rows": None}
    frame = _loaded(book, sheet, **options)
    empty = pl.Series([None] * len(frame), dtype=pl.String)
    return pl.DataFrame(
        [
            frame.get_column(f"__UNNAMED__{j}", default=empty).alias(name)
            for j, name in enumerate(found.names)
        ]
    )


def _loaded(book: Any, sheet: str, **options: Any) -> pl.DataFrame:
    return pl.DataFrame(book.load_sheet(sheet, **options).to_polars())


def _sheet(path: Path, names: list[str], reading: Reading, notes: list[str]) -> str:
    """Return the name of the requested sheet, or of the first."""
    shown = listed([repr(name) for name in names])
    asked = reading.sheet
    if asked is None:
        if len(names) > 1:
            notes.append(
                _("sheet {name!r} of {shown} is read; --sheet NAME (sheet=) reads another.").format(
                    name=names[0], shown=shown
                )
            )
        return names[0]
    if asked in names:
        return asked
    if asked.isdecimal() and 1 <= int(asked) <= len(names):
        return names[int(asked) - 1]
    raise FileReadError(f"{path} has no sheet {asked!r}; choose one of {shown}.")


def _layout(path: Path, cells: pl.DataFrame, reading: Reading, sheet: str) -> Layout:
    """Find the header in the first rows of a sheet."""
    rows = [["" if cell is None else cell for cell in row] for row in cells.rows()]
    filled = [(number, row) for number, row in enumerate(rows, 1) if any(map(str.strip, row))]
    return text_layout.of_rows(f"sheet {sheet!r} of {path}", filled, reading)


def _cells(book: Any, sheet: str) -> pl.DataFrame:
    return _loaded(book, sheet, header_row=None, skip_rows=0, n_rows=_ROWS, dtypes="string")

"""Detect the format of a file from its first bytes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from neglog.errors.tables import FileReadError, StreamError

HEAD = 4096
_KNOWN = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"<stata_dta>": "stata",
}
_OLD_STATA = (b"l", b"n", b"o", b"q", b"r", b"s")
"""The first bytes of Stata's older formats; the second is 1 or 2."""
_OTHERS = {
    b"FEA1": "Feather in version 1; write it in version 2",
    b"\xd0\xcf\x11\xe0": "an old Office document such as .xls; save it as .xlsx or CSV",
    b"$FL2": "an SPSS file; save it as CSV or Stata's .dta",
    b"$FL3": "an SPSS file; save it as CSV or Stata's .dta",
    b"\0" * 12 + b"\xc2\xea\x81\x60": "a SAS data set; export it as CSV",
    b"HEADER RECORD*******": "a SAS transport file; export it as CSV",
    b"RDX": "an R workspace; write the data frame with write.csv or arrow::write_parquet",
    b"X\n\0\0": "an R object; write the data frame with write.csv or arrow::write_parquet",
    b"SQLite format 3": "an SQLite database; export the table as CSV or Parquet",
    b"\x89HDF": "an HDF5 file; save the table as CSV or Parquet",
    b"\x93NUMPY": "a NumPy array; load it, and pass it to neglog.fit",
    b"\x80\x04\x95": "a pickle of Python; load it, and pass it to neglog.fit",
    b"\x80\x05\x95": "a pickle of Python; load it, and pass it to neglog.fit",
    b"Obj\x01": "an Avro file; save it as CSV or Parquet",
    b"ORC": "an ORC file; save it as CSV or Parquet",
    b"BZh": "compressed with bzip2; unpack it, or compress it with gzip",
    b"\xfd7zXZ": "compressed with xz; unpack it, or compress it with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it, or compress it with gzip",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\x89PNG": "a PNG image; save the table as CSV or Parquet",
    b"%PDF": "a PDF document; save the table as CSV or Parquet",
    b"<!DOCTYPE": "a web page; download the table itself",
    b"<html": "a web page; download the table itself",
    b"<?xml": "XML; save the table as CSV or Parquet",
}
NAMES = {
    "text": "a text file",
    "parquet": "a Parquet file",
    "arrow": "a Feather file",
    "excel": "an Excel file",
    "stata": "a Stata file",
    "json": "JSON",
    "json lines": "JSON",
}
_SPREADSHEETS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")


def detect_format(path: Path) -> str:
    """Return the format of a file: parquet, arrow, excel, stata, json, json lines or text.

    Raises:
        FitError: it is one that is not read.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    for start, name in _KNOWN.items():
        if head.startswith(start):
            return name
    if head[:1] in _OLD_STATA and head[1:2] in (b"\1", b"\2") and b"\0" in head[2:]:
        return "stata"
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(path)
    refuse_others(path, head)
    return _of_text(head)


def refuse_others(path: Path, head: bytes) -> None:
    """Refuse a file of an unsupported format.

    Raises:
        FitError: its first bytes are those of one.
    """
    for start, what in _OTHERS.items():
        if head.startswith(start):
            kind, remedy = what.split("; ", 1)
            raise FileReadError(f"{path} cannot be read, being {kind}; {remedy}.")


def _of_zip(path: Path) -> str:
    try:
        names = zipfile.ZipFile(path).namelist()
    except zipfile.BadZipFile:
        raise FileReadError(
            f"{path} cannot be read, being a damaged zip archive; save it again."
        ) from None
    if any(name in _SPREADSHEETS for name in names):
        return "excel"
    raise FileReadError(
        f"{path} cannot be read, being a zip archive; unpack it, and pass the table inside."
    )


def _of_text(head: bytes) -> str:
    """Distinguish JSON from other text."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"[") and start[1:].lstrip().startswith(b"{"):
        return "json"
    if not start.startswith(b"{"):
        return "text"
    try:
        whole = isinstance(json.loads(start.split(b"\n", 1)[0]), dict)
    except ValueError:
        whole = start[1:].lstrip().startswith(b'"') and b"\n" not in start  # a long first line
    return "json lines" if whole else "text"


def refuse_to_stream(path: Path, kind: str) -> None:
    """Refuse a format that cannot be streamed.

    Raises:
        FitError: it is one.
    """
    if kind in ("excel", "stata", "json", "json lines"):
        raise StreamError(
            f"{path} is {NAMES[kind]}, which cannot be read block by block; leave out stream, or "
            "save it as CSV or Parquet."
        )

"""The category order declared by a Parquet or Arrow file."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from neglog.errors.tables import MissingLibraryError
from neglog.fitting.tables.factor_levels import of_series
from neglog.translation import gettext as _

_SCHEMA = 1_000_000


def levels(
    path: Path, notes: list[str], declared: Collection[str] = ()
) -> dict[str, tuple[Any, ...]]:
    """Return the declared categories of the columns of a Parquet file.

    polars reads the order of its own `Enum` only; that of pandas and of pyarrow is in the
    dictionaries of the file, which pyarrow reads where it is installed. Otherwise a note says so.

    Args:
        path: the file.
        notes: where the notes go.
        declared: the columns whose levels are given elsewhere, which need no note.
    """
    schema = pl.scan_parquet(path).collect_schema()
    found: dict[str, tuple[Any, ...]] = {
        name: tuple(kind.categories) for name, kind in schema.items() if isinstance(kind, pl.Enum)
    }
    metadata = pl.read_parquet_metadata(path)
    by_pandas = _of_pandas(metadata)
    for name in by_pandas:  # Parquet stores numbers plainly, without the order of their categories
        if name in schema and schema[name] not in (pl.Categorical, pl.String):
            column = pl.scan_parquet(path).select(name).unique().collect()[name]
            found[name] = tuple(column.drop_nulls().sort().to_list())
    written = base64.b64decode(metadata.get("ARROW:schema", ""))
    texts = [
        n for n, kind in schema.items() if kind == pl.Categorical and n not in {*found, *declared}
    ]
    if written and b"_PL_" not in written:  # polars' own categories have no order
        try:
            found |= _of_pyarrow(path, written, found)
        except ImportError:
            notes += _unknown(texts, path, _("only pyarrow reads it, and the alphabet's is taken"))
    numbers = [n for n, column in found.items() if column and not isinstance(column[0], str)]
    numbers = [n for n in numbers if n not in declared]
    notes += _unknown(numbers, path, _("Parquet keeps none of numbers, and they are sorted"))
    return found


def levels_of_arrow(
    path: Path, notes: list[str], declared: Collection[str] = ()
) -> dict[str, tuple[Any, ...]]:
    """Return the declared categories of the columns of an Arrow (Feather) file.

    Args:
        path: the file.
        notes: where the notes go.
        declared: the columns whose levels are given elsewhere, which need no note.

    Raises:
        FitError: pandas wrote categories, which may be numbers, and pyarrow is not installed.
    """
    schema = pl.scan_ipc(path).collect_schema()
    found: dict[str, tuple[Any, ...]] = {
        name: tuple(kind.categories) for name, kind in schema.items() if isinstance(kind, pl.Enum)
    }
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        with path.open("rb") as file:
            if b'"pandas_type": "categorical"' in file.read(_SCHEMA):
                raise MissingLibraryError(
                    f"{path} holds categories of pandas, which only pyarrow reads; install it, or "
                    "save the file with polars or as CSV."
                ) from None
        texts = [n for n, kind in schema.items() if kind == pl.Categorical and n not in declared]
        notes += _unknown(texts, path, _("only pyarrow reads it, and the alphabet's is taken"))
        return found
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_file(file)
        dictionary_fields = [
            field for field in reader.schema if isinstance(field.type, pa.DictionaryType)
        ]
        coded = [
            f.name for f in dictionary_fields if not any(b"_PL_" in key for key in f.metadata or {})
        ]
        table = reader.read_all().select(coded)  # without the columns, nothing is read
        return found | {name: of_series(table[name]) or () for name in coded}


def _unknown(names: list[str], path: Path, reason: str) -> list[str]:
    """Return a note on columns with an unknown category order."""
    if not names:
        return []
    return [
        _(
            "the order of the categories of {names} in {file} is not "
            "known: {reason}; pass --levels 'COLUMN=first,second' to state it."
        ).format(names=", ".join(map(repr, names)), file=path.name, reason=reason)
    ]


def _of_pyarrow(path: Path, schema: bytes, known: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """Return the categories of pyarrow dictionary columns."""
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    return {
        own.name: _dictionary(file, own.name)
        for own in pa.ipc.read_schema(pa.py_buffer(schema))
        if isinstance(own.type, pa.DictionaryType) and own.name not in known
    }


def _of_pandas(metadata: dict[str, str]) -> set[str]:
    """Return the columns that pandas stored as categories."""
    columns = json.loads(metadata.get("pandas", "{}")).get("columns", [])
    return {column["field_name"] for column in columns if column["pandas_type"] == "categorical"}


def _dictionary(file: Any, name: str) -> tuple[Any, ...]:
    """Return the dictionary labels of a column in file order; numbers sorted."""
    found: dict[Any, None] = {}
    for batch in file.iter_batches(columns=[name]):
        column = batch.column(0)
        coded = hasattr(column, "dictionary")
        found.update(dict.fromkeys((column.dictionary if coded else column.unique()).to_pylist()))
    if all(isinstance(label, str) for label in found):
        return tuple(found)
    return tuple(sorted(label for label in found if label is not None))

"""Stata files, whose value labels are ordered categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neglog.errors import listed
from neglog.errors.tables import FileReadError, MissingLibraryError
from neglog.translation import gettext as _


def read(path: Path, notes: list[str]) -> Any:
    """Read a Stata file as a pandas frame.

    Value labels become categories in the order of their numbers. Where they do not name all of a
    column's values, the numbers are kept, and a note says so.

    Args:
        path: the file.
        notes: where the notes go.

    Raises:
        FitError: pandas is not installed, or the file is damaged.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError:
        raise MissingLibraryError(
            f"{path} is a Stata file, which requires pandas: pip install pandas, or save it as CSV."
        ) from None
    try:
        plain = pd.read_stata(path, convert_categoricals=False)
        coded = {name: _labelled(path, name, pd) for name in plain.columns}
    except (ValueError, EOFError, OSError) as error:
        raise FileReadError(f"{path} cannot be read as a Stata file ({error}).") from None
    kept = [name for name, column in coded.items() if column is None]
    if kept:
        notes.append(
            _(
                "the value labels of {names} are left out, as they do "
                "not name every value, or two alike: the numbers are read; --as-labels COLUMN "
                "(as_labels=) makes them labels."
            ).format(names=listed([repr(name) for name in kept]))
        )
    return plain.assign(**{name: column for name, column in coded.items() if column is not None})


def _labelled(path: Path, name: str, pd: Any) -> Any:
    """Convert a labelled column to categories; None unless all numbers have labels."""
    try:
        column = pd.read_stata(path, columns=[name])[name]
    except ValueError:  # two labels are the same
        return None
    categories = getattr(column.dtype, "categories", ())
    return column if all(isinstance(label, str) for label in categories) else None

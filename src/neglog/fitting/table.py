"""Where rows come from: a CSV or Parquet file, an embedded data set, arrays, any data frame."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from neglog.errors import FitError

DEMOS = {
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "digits": "digit",
    "diabetes": "progression",
}
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]


@dataclass(frozen=True)
class Table:
    """Named columns, and a word for where they came from."""

    source: str
    frame: pl.DataFrame

    def column(self, name: str) -> pl.Series:
        """Return a column, or say which there are."""
        if name not in self.frame.columns:
            known = self.frame.columns
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {listed(known)}."
            raise FitError(f"{self.source} has no column {name!r}; {hint}")
        return self.frame[name]


def listed(names: list[Any], most: int = 8) -> str:
    """Write names one after the other, the first few of them."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def read_file(path: str | Path) -> Table:
    """Read a CSV or Parquet file; which of them it is, its first bytes tell."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        frame = pl.read_parquet(path) if head[:4] == b"PAR1" else _csv(path, head)
    except FileNotFoundError:
        raise FitError(f"there is no file {path}; check the name and the folder.") from None
    except OSError as error:
        raise FitError(f"{path} cannot be read: {error.strerror or error}.") from None
    except pl.exceptions.NoDataError:
        raise FitError(f"{path} is empty; it needs a line of column names and rows.") from None
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        wanted = "save it as CSV (UTF-8, one header line) or Parquet"
        raise FitError(f"{path} is no table that can be read ({reason}); {wanted}.") from None
    return _checked(path.name, frame)


def _csv(path: Path, head: bytes) -> pl.DataFrame:
    first = head.split(b"\n", 1)[0]
    separator = max((b",", b";", b"\t"), key=first.count).decode()
    return pl.read_csv(path, separator=separator, infer_schema_length=None, null_values=MISSING)


def read_demo(name: str) -> tuple[Table, str]:
    """Return one of scikit-learn's embedded tables and the name of its target."""
    if name not in DEMOS:
        raise FitError(f"there is no demo {name!r}; choose one of {listed(list(DEMOS))}.")
    from sklearn import datasets

    options = {"scaled": False} if name == "diabetes" else {}
    data = getattr(datasets, f"load_{name}")(**options)
    columns = {str(key): data.data[:, j] for j, key in enumerate(data.feature_names)}
    target = data.target
    if name in ("iris", "wine", "breast_cancer"):
        target = data.target_names[target].astype(str)
    frame = pl.DataFrame({**columns, DEMOS[name]: target})
    return Table(f"scikit-learn's {name}", frame), DEMOS[name]


def from_memory(data: Any, target: Any, name: str | None) -> tuple[Table, str]:
    """Take arrays, tensors or a data frame; return a table that holds the target too.

    Args:
        data: (N, P) numbers, or a data frame of any library that narwhals knows.
        target: (N,) values, or the name of the column that holds them.
        name: the name of the target.

    Raises:
        FitError: the shapes do not belong together, or the target is not said.
    """
    frame = _frame(data)
    if isinstance(target, str):
        name, target = target, None
    if target is None:
        if name is None:
            raise FitError("the target is not said; pass y, or target= with a column's name.")
        return _checked("the data frame", frame), name
    name = name or "y"
    if name in frame.columns:
        raise FitError(f"X already has a column {name!r}; pass target= with another name for y.")
    values = series(name, target)
    if len(values) != len(frame):
        raise FitError(f"X has {len(frame)} rows, but y has {len(values)}; pass as many of both.")
    return _checked("the arrays", frame.with_columns(values)), name


def series(name: str, values: Any) -> pl.Series:
    """Make a column of a one-dimensional array, tensor, list or series."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    array = np.asarray(values)
    if array.dtype.kind in "US" and isinstance(values, (list, tuple)):
        array = np.asarray(values, dtype=object)  # else a NaN among text becomes the text nan
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise FitError(f"{name} must have one dimension, but its shape is {array.shape}.")
    if array.dtype.kind in "biuM":
        return pl.Series(name, array)
    if array.dtype.kind == "f":
        return pl.Series(name, array.astype(np.float64))
    if array.dtype.kind not in "OUS":
        raise FitError(f"{name} holds {array.dtype} values, which are neither numbers nor labels.")
    return pl.Series(name, [_or_none(v) for v in array.tolist()], strict=False)


def _or_none(value: Any) -> Any:
    """Return None for NaN, which differs from itself, and for pandas' NA, which does not say."""
    same = value == value
    return value if isinstance(same, (bool, np.bool_)) and same else None


def _frame(data: Any) -> pl.DataFrame:
    native = nw.from_native(data, pass_through=True)
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    if isinstance(native, nw.DataFrame):
        if isinstance(frame := native.to_native(), pl.DataFrame):
            return frame
        return pl.DataFrame([series(str(c), native[c].to_list()) for c in native.columns])
    if hasattr(data, "detach"):
        data = data.detach().cpu()
    array = np.asarray(data)
    if array.ndim != 2:
        remedy = "use X.reshape(-1, 1) for a single feature"
        raise FitError(f"X must be (rows, features), but its shape is {array.shape}; {remedy}.")
    return pl.DataFrame([series(f"x{j + 1}", array[:, j]) for j in range(array.shape[1])])


def _checked(source: str, frame: pl.DataFrame) -> Table:
    """Refuse an empty table, and bring columns of like kinds to one type."""
    if frame.is_empty():
        raise FitError(f"{source} has no rows; it needs some below its column names.")
    kinds = pl.selectors
    if "" in frame.columns:  # as pandas writes its index
        frame = frame.rename({"": f"column {frame.columns.index('') + 1}"})
    frame = frame.with_columns(
        (kinds.decimal() | kinds.float()).cast(pl.Float64).fill_nan(None),
        (kinds.categorical() | kinds.enum()).cast(pl.String),
    )
    return Table(source, frame.with_columns(_number_where_text_is_one(c) for c in frame))


def _number_where_text_is_one(column: pl.Series) -> pl.Series:
    """Turn text such as 1e5 or inf into numbers, where all of a column's text is."""
    if column.dtype != pl.String:
        return column
    numbers = column.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == column.null_count() else column

"""Where rows come from: a CSV or Parquet file, an embedded data set, arrays, any data frame."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from neglog.errors import FitError
from neglog.fitting import levels as of_labels

ARRAYS = "the arrays"
"""The source of a table whose columns had no names."""
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
    """Named columns, and a word for where they came from.

    Attributes:
        frame: the columns.
        numbers: (N, P) columns called x1, x2, …, that are kept as the array that they came as;
            None where all are in the frame.
        notes: how the columns were read, each a sentence.
        levels: the levels of columns of labels, in the order that the table declares.
    """

    source: str
    frame: pl.DataFrame
    numbers: np.ndarray[Any, Any] | None = None
    notes: tuple[str, ...] = ()
    levels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Name the columns of `numbers`."""
        width = 0 if self.numbers is None else self.numbers.shape[1]
        return [f"x{j + 1}" for j in range(width)]

    def whole(self) -> pl.DataFrame:
        """Return every column in one frame."""
        if self.numbers is None:
            return self.frame
        own = [series(name, x) for name, x in zip(self.names, self.numbers.T, strict=True)]
        return pl.DataFrame(own).fill_nan(None).hstack(self.frame.get_columns())

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


def read_file(path: str | Path, texts: Collection[str] = ()) -> Table:
    """Read a CSV or Parquet file; its first bytes tell which of them it is.

    Args:
        path: the file.
        texts: the columns of labels, whose text stays as it is written.
    """
    from neglog.fitting import stored, text_file

    path = Path(path)
    notes: list[str] = []
    with readable(path):
        with path.open("rb") as file:
            head = file.read(4)
        if head == b"PAR1":
            levels = stored.levels(path, notes, texts)
            frame = pl.read_parquet(path)
        else:
            levels, frame = {}, text_file.read(path, notes, texts)
    return _checked(path.name, frame, notes=notes, levels=levels, texts=texts)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say in a sentence why a file cannot be read."""
    try:
        yield
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


def from_memory(
    data: Any, target: Any, name: str | None, texts: Collection[str] = ()
) -> tuple[Table, str]:
    """Take arrays, tensors or a data frame; return a table that holds the target too.

    Args:
        data: (N, P) numbers, or a data frame of any library that narwhals knows.
        target: (N,) values, or the name of the column that holds them.
        name: the name of the target.
        texts: the columns of labels, whose text stays as it is written.

    Raises:
        FitError: the shapes do not belong together, or the target is not said.
    """
    if isinstance(target, str):
        name, target = target, None
    if target is None and name is None:
        raise FitError("the target is not said; pass y, or target= with a column's name.")
    frame = _frame(data)
    if frame is None:
        table = _of_array(_array(data))
    else:
        source, levels = "the data frame" if target is None else ARRAYS, of_labels.declared(data)
        table = _checked(source, frame, levels=levels, texts=texts)
    if target is not None:
        return with_column(table, name or "y", target, texts=texts), name or "y"
    assert name is not None
    return replace(table, frame=table.whole(), numbers=None), name


def from_frame(data: Any, texts: Collection[str] = ()) -> Table | None:
    """Return a data frame as a table; None where the data are not a frame."""
    frame = _frame(data)
    if frame is None:
        return None
    return _checked("X", frame, levels=of_labels.declared(data), texts=texts)


def with_column(
    table: Table, name: str, values: Any, argument: str = "y", texts: Collection[str] = ()
) -> Table:
    """Return the table with one more column.

    Raises:
        FitError: the table has such a column, or another number of rows.
    """
    if name in (*table.frame.columns, *table.names):
        raise FitError(f"X already has a column {name!r}; pass target= with another name for y.")
    column = series(name, values)
    rows = len(table.frame) if table.numbers is None else len(table.numbers)
    if len(column) != rows:
        raise FitError(
            f"X has {rows} rows, but {argument} has {len(column)}; pass as many of both."
        )
    if table.numbers is not None and table.frame.is_empty():
        frame = pl.DataFrame([column])
    else:
        frame = table.frame.with_columns(column)
    own = of_labels.of_series(values)
    levels = table.levels if own is None else {**table.levels, name: own}
    return _checked(table.source, frame, table.numbers, table.notes, levels, texts)


def _array(values: Any) -> np.ndarray[Any, Any]:
    """Return what can be an array as one; what is masked in it is missing."""
    if hasattr(values, "detach"):
        values = _dense(values.detach())
    if isinstance(values, np.ma.MaskedArray) and values.mask.any():
        values = values.astype(object if values.dtype.kind in "OUSM" else np.float64)
        return np.asarray(values.filled(None if values.dtype.kind == "O" else np.nan))
    return np.asarray(values)


def _dense(tensor: Any) -> Any:
    """Return a tensor that numpy can read."""
    if tensor.is_meta or str(tensor.layout) != "torch.strided":
        raise FitError(
            f"tensors must hold their numbers, but one is on {tensor.device} with the layout "
            f"{tensor.layout}; pass a dense one on a CPU or a GPU."
        )
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).cpu()


def series(name: str, values: Any) -> pl.Series:
    """Make a column of a one-dimensional array, tensor, list or series."""
    array = _array(values)
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


def _frame(data: Any) -> pl.DataFrame | None:
    """Return a data frame of any library as polars'; None where the data are no frame."""
    try:
        return _as_polars(data)
    except (nw.exceptions.DuplicateError, pl.exceptions.DuplicateError):
        raise FitError("two columns of the data frame have one name; rename one.") from None


def _as_polars(data: Any) -> pl.DataFrame | None:
    native = nw.from_native(data, pass_through=True)
    if isinstance(native, nw.LazyFrame):
        native = native.collect()
    if not isinstance(native, nw.DataFrame):
        return None
    if isinstance(frame := native.to_native(), pl.DataFrame):
        return frame
    return pl.DataFrame([_column(column) for column in native.iter_columns()])


def as_frame_of(frame: pl.DataFrame, data: Any) -> Any:
    """Return a frame that speaks of a table's rows, of the library that the table came as.

    Args:
        frame: its column row holds their numbers.
        data: the table; where it is no frame, the result stays one of polars.
    """
    native = nw.from_native(data, pass_through=True)
    if not isinstance(native, nw.DataFrame) or isinstance(native.to_native(), pl.DataFrame):
        return frame
    columns = {column.name: column.to_list() for column in frame}
    made = nw.from_dict(columns, backend=native.implementation).to_native()
    index = nw.maybe_get_index(native)
    if index is not None:  # pandas and its kin
        made.index = index[frame["row"].to_numpy()]
    return made


def _column(values: Any) -> pl.Series:
    plain = values.dtype.is_numeric() and not values.null_count()
    return series(str(values.name), values.to_numpy() if plain else values.to_list())


def _of_array(array: np.ndarray[Any, Any]) -> Table:
    """Take (N, P) numbers as they are; anything else column by column."""
    if array.ndim != 2:
        remedy = "use X.reshape(-1, 1) for a single feature"
        raise FitError(f"X must be (rows, features), but its shape is {array.shape}; {remedy}.")
    if array.dtype.kind in "biuf" and len(array):
        return Table(ARRAYS, pl.DataFrame(), array)
    columns = [series(f"x{j + 1}", array[:, j]) for j in range(array.shape[1])]
    return _checked(ARRAYS, pl.DataFrame(columns))


def _checked(
    source: str,
    frame: pl.DataFrame,
    numbers: Any = None,
    notes: Sequence[str] = (),
    levels: Mapping[str, tuple[Any, ...]] | None = None,
    texts: Collection[str] = (),
) -> Table:
    """Refuse an empty table, and bring columns of like kinds to one type."""
    if frame.is_empty():
        raise FitError(f"{source} has no rows; it needs some below its column names.")
    if "" in frame.columns:  # as pandas writes its index
        frame = frame.rename({"": f"column {frame.columns.index('') + 1}"})
    frame, levels = unified(frame), levels or {}
    kept = {*levels, *texts}
    padded = [c.name for c in frame if c.name not in kept and of_labels.has_leading_zeros(c)]
    frame = frame.with_columns(
        number_where_text_is_one(column) for column in frame if column.name not in kept
    )
    padded = [name for name in padded if frame[name].dtype.is_numeric()]
    notes = (*notes, *of_labels.zeros_lost(padded))
    return Table(source, frame, numbers, notes, levels)


def unified(frame: pl.DataFrame) -> pl.DataFrame:
    """Return columns of like kinds as one type; numbers that are none are missing."""
    kinds = pl.selectors
    frame = frame.with_columns(
        (kinds.decimal() | kinds.float()).cast(pl.Float64),
        (kinds.categorical() | kinds.enum()).cast(pl.String),
    )
    return frame.with_columns(c.fill_nan(None) for c in frame.select(kinds.float()) if _odd(c))


def _odd(column: pl.Series) -> bool:
    return column.is_nan().any()


def number_where_text_is_one(column: pl.Series) -> pl.Series:
    """Turn text such as 1e5 or inf into numbers, where all of a column's text is."""
    if column.dtype != pl.String:
        return column
    numbers = column.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == column.null_count() else column

"""The columns of a formula, fitted to the training rows and applied to any rows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from neglog.errors.options import PredictionError
from neglog.errors.tables import FormulaTextError
from neglog.fitting.design import formula as formulas
from neglog.fitting.design.column import Column
from neglog.fitting.design.formula import Formula
from neglog.fitting.tables.factor_levels import text

_BRACED, _TYPE = re.compile(r"\{(.*?)\}"), re.compile(r"np\.\w+\((.*?)\)")


@dataclass(frozen=True)
class Expansion:
    """How to compute the columns of a formula from those of a table.

    Attributes:
        text: the formula.
        inputs: the columns that it reads.
        state: what its functions have learned, as JSON holds it: means, knots, levels.
    """

    text: str
    inputs: tuple[Column, ...]
    state: Mapping[str, Any]

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the columns of the formula for cleaned rows: numbers and labels.

        Raises:
            FitError: a function has no finite value for a row, or a level is new.
        """
        formula, filled = formulas.parse(self.text), _filled(self.inputs, frame)
        return _columns_by_term(self.inputs, filled, _model_matrix(formula, filled, self))[0]

    def reference_levels(self) -> list[str]:
        """Return the reference level of each C() of numbers."""
        plain = {f"C({column.name})" for column in self.inputs if column.levels}
        levels = _read(self.state["levels"])
        factor_levels = {name: values for name, values in levels.items() if name.startswith("C(")}
        return [
            f"{name}={text(factor_levels[name][0])}"
            for name in factor_levels
            if "," not in name and name not in plain
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the arguments of `from_json`."""
        return {
            "formula": self.text,
            "inputs": [column.to_json() for column in self.inputs],
            "state": self.state,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Expansion:
        """Restore a saved expansion."""
        return cls(data["formula"], tuple(map(Column.from_json, data["inputs"])), data["state"])


def learn(
    text: str, inputs: tuple[Column, ...], frame: pl.DataFrame
) -> tuple[Expansion, list[Column]]:
    """Return the expansion of a formula, and its columns.

    Args:
        text: the formula.
        inputs: the columns that it reads.
        frame: the training rows of these columns, cleaned.

    Raises:
        FitError: the formula cannot be evaluated, or not saved.
    """
    formula, filled = formulas.parse(text), _filled(inputs, frame)
    matrix = _model_matrix(formula, filled, Expansion(text, inputs, _state({}, {})))
    spec = matrix.model_spec
    expansion = Expansion(text, inputs, _state(spec.transform_state, spec.encoder_state))
    return expansion, _columns_by_term(inputs, filled, matrix)[1]


def _state(transforms: Mapping[str, Any], encoders: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of formulaic's functions, and the levels of labels, as JSON."""
    levels = {
        name: state["categories"] for name, (_, state) in encoders.items() if "categories" in state
    }
    return {"transforms": _plain(dict(transforms)), "levels": _plain(levels)}


def _filled(inputs: Sequence[Column], frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        frame[column.name].fill_null(column.fill) for column in inputs if column.fill is not None
    )


def _model_matrix(formula: Formula, frame: pl.DataFrame, expansion: Expansion) -> Any:
    """Return formulaic's model matrix of rows without missing values."""
    import pandas as pd
    from formulaic import ModelSpec
    from formulaic.errors import DataMismatchWarning
    from formulaic.parser.types import Factor

    kinds = {column.name: column.levels for column in expansion.inputs}
    data = {
        name: pd.Categorical(values.to_list(), categories=list(kinds[name]))
        if kinds[name]
        else values.to_numpy()
        for name, values in zip(frame.columns, frame.get_columns(), strict=True)
    }
    levels = _read(expansion.state["levels"])
    spec = ModelSpec(
        formula=formula.terms,
        output="sparse",  # as a factor of many levels has as many columns
        na_action="ignore",
        transform_state=_read(expansion.state["transforms"]),
        encoder_state={
            name: (Factor.Kind.CATEGORICAL, {"categories": functions})
            for name, functions in levels.items()
        },
    )
    functions = {name: getattr(np, name) for name in formulas.NUMERIC}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", DataMismatchWarning)
            context = {**functions, "C": _labels}
            return spec.get_model_matrix(pd.DataFrame(data), context=context)
    except DataMismatchWarning as error:
        new = _TYPE.sub(r"\1", ", ".join(_BRACED.findall(str(error))))
        raise PredictionError(
            f"labels of the formula {expansion.text!r} hold a level that was not there when the "
            f"model was fitted, or is not among its levels: {new}."
        ) from None
    except Exception as error:  # formulaic's, and whatever a function of the formula raises
        reason = " ".join(str(error).split())
        raise FormulaTextError(
            f"the formula {expansion.text!r} cannot be evaluated: {reason}"
        ) from None


def _labels(values: Any, *others: Any, **named: Any) -> Any:
    """Mark a column as labels, as formulaic's C does; write whole numbers as 2, not 2.0."""
    from formulaic.transforms import C

    array = np.asarray(values)
    if array.dtype.kind == "f" and bool((array == np.round(array)).all()):
        values = array.astype(np.int64)
    return C(values, *others, **named)


def _columns_by_term(
    inputs: Sequence[Column], frame: pl.DataFrame, matrix: Any
) -> tuple[pl.DataFrame, list[Column]]:
    """Return the columns term by term; a term that is a single column is unchanged."""
    plain = {column.name: column for column in inputs}
    plain |= {f"C({column.name})": column for column in inputs if column.levels}
    found, columns, first = {}, {}, 0
    for term, _, names in matrix.model_spec.structure:
        positions = range(first, first + len(names))
        first = positions.stop
        if str(term) in plain:
            column = plain[str(term)]
            found[column.name] = frame[column.name]
            columns[column.name] = replace(column, fill=None)
        elif str(term) != "1":
            for name, place in zip(names, positions, strict=True):
                values = matrix[:, [place]].toarray()[:, 0].astype(np.float64)
                _check_finite(name, values, frame)
                found[name], columns[name] = pl.Series(name, values), Column(name)
    return pl.DataFrame(list(found.values())), list(columns.values())


def _check_finite(name: str, values: np.ndarray[Any, Any], frame: pl.DataFrame) -> None:
    invalid = ~np.isfinite(values)
    if invalid.any():
        row = frame.row(int(invalid.argmax()), named=True)
        where = ", ".join(f"{column} is {value!r}" for column, value in row.items())
        raise FormulaTextError(
            f"{name} of the formula is not finite in {int(invalid.sum())} rows, the first of "
            f"them where {where}; choose another function, or fix or leave out these rows."
        )


def _plain(value: Any) -> Any:
    """Convert the state of a function to JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.ndarray):
        return {"array": value.tolist()}
    if isinstance(value, (list, tuple)):
        return {"list": [_plain(item) for item in value]}
    if isinstance(value, dict):  # as pairs, as the names of JSON's objects are text only
        return {"pairs": [[_plain(key), _plain(item)] for key, item in value.items()]}
    raise FormulaTextError(
        f"a function of the formula has learned a {type(value).__name__}, which cannot be saved; "
        "choose another function, or put its values into a column of the table."
    )


def _read(value: Any) -> Any:
    """Invert `_plain`."""
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.asarray(value["array"], dtype=np.float64)
    if "list" in value:
        return [_read(item) for item in value["list"]]
    return {key: _read(item) for key, item in value["pairs"]}

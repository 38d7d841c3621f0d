"""Frames and arrays in memory that people pass: every type is read as it is, or refused by name."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import statsmodels.api as sm
import statsmodels.formula.api as smf

import neglog
from neglog.errors import FitError
from neglog.estimators import NLLClassifier, NLLRegressor

DRAW = np.random.default_rng(3)
X = DRAW.normal(size=60)
Y = 1 + 2 * X + DRAW.normal(size=60)
LABELS = np.array(["b", "a", "c"])[np.arange(60) % 3]


def fitted(v, **options):
    return neglog.fit(pd.DataFrame({"v": v, "y": Y}), target="y", progress=False, **options)


def estimates(result):
    return np.ravel(result.coefficients.estimate)


@pytest.mark.parametrize("cut", [lambda x: pd.cut(x, 3), lambda x: pd.qcut(x, 4)])
def test_intervals_of_pandas_are_levels_in_order(cut):
    bins = cut(X)
    right = smf.ols("y ~ C(v)", pd.DataFrame({"y": Y, "v": bins.codes})).fit()
    for result in (fitted(bins), fitted(bins, formula="y ~ v")):
        np.testing.assert_allclose(estimates(result), right.params, rtol=1e-9)
        assert result.features == [f"v={own}" for own in bins.categories[1:]]
    model = NLLRegressor().fit(pd.DataFrame({"v": bins}), Y)
    np.testing.assert_allclose([model.intercept_, *model.coef_], right.params, rtol=1e-9)
    np.testing.assert_allclose(model.predict(pd.DataFrame({"v": bins})), right.fittedvalues)


def test_intervals_of_pandas_are_classes_in_order():
    y = pd.cut(Y, 3)
    codes = neglog.fit(X[:, None], y.codes, likelihood="ordinal")
    own = neglog.fit(pd.DataFrame({"x": X}), pd.Series(y), likelihood="ordinal")
    np.testing.assert_allclose(estimates(own), estimates(codes), rtol=1e-9)
    model = NLLClassifier("ordinal").fit(X[:, None], y)
    assert model.classes_.tolist() == [str(own) for own in y.categories]
    np.testing.assert_allclose(model.coef_[0, 0], estimates(codes)[0], rtol=1e-9)


def test_periods_of_pandas_are_dates():
    months = pd.period_range("2020-01", periods=60, freq="M")
    with pytest.raises(FitError, match=r"column 'v' holds dates or times.*--dates 'v=year,month"):
        fitted(months)
    with pytest.raises(FitError, match="the target 'y' holds dates or times"):
        neglog.fit(X[:, None], pd.Series(months))
    days = (months.to_timestamp() - pd.Timestamp("2020-01-01")).days
    result = fitted(months, dates={"v": ["days"]})
    np.testing.assert_allclose(estimates(result), sm.OLS(Y, sm.add_constant(days)).fit().params)


@pytest.mark.parametrize("labels", [["c", "b", "a"], [30, 20, 10]])
def test_dictionaries_of_arrow_in_pandas_keep_their_order(labels):
    index = pa.array(np.arange(60) % 3, pa.int32())
    own = pa.DictionaryArray.from_arrays(index, pa.array(labels))
    result = fitted(pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([own]))))
    assert result.features == [f"v={labels[1]}", f"v={labels[2]}"]


def test_values_of_several_types_are_labels_as_python_writes_them():
    result = fitted(pd.Series([True if i % 3 else "no" for i in range(60)], dtype=object))
    assert result.features == ["v=no"]
    assert "base levels, of weight 0: v=True." in result.notes


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1, 2]] * 60, r"List\(Int64\)"),
        ([(1, 2)] * 60, r"List\(Int64\)"),
        ([{"a": 1}] * 60, r"Struct\({'a': Int64}\)"),
        ([b"a"] * 60, "Binary"),
        ([object() for _ in range(60)], "Object"),
        (X + 1j, "Object"),
    ],
)
def test_values_that_are_neither_numbers_nor_labels_are_refused_and_can_be_left_out(values, kind):
    frame = pd.DataFrame({"y": Y, "x": X, "v": list(values)})
    with pytest.raises(FitError, match=f"column 'v' is of type {kind}: turn it into numbers, or"):
        neglog.fit(frame, target="y")
    with pytest.raises(FitError, match=rf"column 'v' is of type {kind}, whose values are not lab"):
        neglog.fit(frame, target="y", as_labels="v")
    np.testing.assert_allclose(
        estimates(neglog.fit(frame, target="y", drop="v")),
        sm.OLS(Y, sm.add_constant(X)).fit().params,
    )


GAPS = {
    "NaN": lambda y: np.where(np.arange(60) == 3, np.nan, y),
    "None": lambda y: [None if i == 3 else v for i, v in enumerate(y)],
    "masked": lambda y: np.ma.masked_array(y, np.arange(60) == 3),
    "pd.NA": lambda y: pd.array([pd.NA if i == 3 else v for i, v in enumerate(y)], "Float64"),
    "text": lambda y: ["?" if i == 3 else str(v) for i, v in enumerate(y)],
    "Decimal": lambda y: [None if i == 3 else decimal.Decimal(str(v)) for i, v in enumerate(y)],
}


@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
def test_rows_of_an_array_are_left_out_where_the_target_or_a_weight_is_missing(gap):
    kept = np.arange(60) != 3
    right = sm.OLS(Y[kept], sm.add_constant(X[kept])).fit()
    result = neglog.fit(X[:, None], gap(Y), missing="drop", na="?")
    np.testing.assert_allclose(estimates(result), right.params, rtol=1e-9)
    assert result.notes[0].startswith("1 row with missing values is left out")
    weight = gap(np.ones(60))
    result = neglog.fit(X[:, None], Y, missing="drop", sample_weight=weight, na="?")
    np.testing.assert_allclose(estimates(result), right.params, rtol=1e-9)


def test_names_of_columns_that_are_not_text():
    frame = pd.DataFrame(np.c_[Y, X])
    right = sm.OLS(Y, sm.add_constant(X)).fit().params
    np.testing.assert_allclose(estimates(neglog.fit(frame, target=0)), right)
    frame.columns = pd.MultiIndex.from_tuples([("a", "y"), ("a", "x")])
    np.testing.assert_allclose(estimates(neglog.fit(frame, target=("a", "y"))), right)
    with pytest.raises(FitError, match=r"target must be the name .* got ndarray; pass values as y"):
        neglog.fit(X[:, None], target=Y)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"x": X}, r"X is a dictionary; pass a data frame, such as pandas.DataFrame\(X\)"),
        ([{"x": 1.0}], r"X is a list of dictionaries; pass a data frame: pandas.DataFrame\(X\)"),
        (scipy.sparse.csr_matrix(X[:, None]), r"sparse matrix; pass a dense array, X.toarray\(\)"),
    ],
)
def test_rows_other_than_frames_are_refused_with_the_remedy(rows, message):
    with pytest.raises(FitError, match=message):
        neglog.fit(rows, Y)


def test_an_index_in_another_order_is_refused():
    frame, y = pd.DataFrame({"x": X}), pd.Series(Y)
    shuffled = y.sample(frac=1, random_state=0)
    with pytest.raises(FitError, match=r"X and y have the same index .* pass y.loc\[X.index\], or"):
        neglog.fit(frame, shuffled)
    with pytest.raises(FitError, match="X and sample_weight have the same index in different ord"):
        neglog.fit(frame.assign(y=Y), target="y", sample_weight=abs(shuffled))
    right = estimates(neglog.fit(frame, y))
    np.testing.assert_array_equal(estimates(neglog.fit(frame, shuffled.loc[frame.index])), right)
    for own in (y.set_axis(range(100, 160)), y.set_axis([0] * 60), pl.Series(Y)):
        np.testing.assert_array_equal(estimates(neglog.fit(frame, own)), right)


def test_missing_labels_of_a_classifier_are_refused():
    y = np.array([None if i == 5 else "ab"[i % 2] for i in range(60)], dtype=object)
    with pytest.raises(FitError, match=r"1 value of y is missing, the first in row 5 \(from 0\)"):
        NLLClassifier().fit(X[:, None], y)


@pytest.mark.parametrize(
    "dates",
    [
        pd.to_datetime(["2020-01-01", "2020-02-01", "2020-03-01"] * 20),
        [datetime.date(2020, 1 + i % 3, 1) for i in range(60)],
        ["2020-01-01", "2020-02-01", "2020-03-01"] * 20,
    ],
)
def test_dates_within_c_are_labels(dates):
    right = smf.ols("y ~ C(v)", pd.DataFrame({"y": Y, "v": np.arange(60) % 3})).fit()
    for options in ({"formula": "y ~ C(v)"}, {"as_labels": "v"}):
        np.testing.assert_allclose(estimates(fitted(dates, **options)), right.params, atol=1e-12)

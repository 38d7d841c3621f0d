"""The order of levels, numbers as labels, and the base: against statsmodels and by hand."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import statsmodels.formula.api as smf
from statsmodels.miscmodels.ordinal_model import OrderedModel

import neglog
from neglog.errors import FitError
from neglog.estimators import NLLClassifier, NLLRegressor

RANKS, REGIONS = ["unlikely", "somewhat", "very"], ["south", "north", "east"]


@pytest.fixture(scope="module")
def frame():
    draw = np.random.default_rng(0)
    x = draw.normal(size=200)
    own = np.array(RANKS)[np.digitize(x + draw.logistic(size=200), [-0.5, 1.0])]
    return pd.DataFrame(
        {
            "x": x,
            "region": pd.Categorical(draw.choice(REGIONS, 200), [*REGIONS, "west"]),
            "year": pd.Categorical(draw.choice([2001, 2002, 2003], 200)),
            "rank": pd.Categorical(own, RANKS, ordered=True),
        }
    )


def ways(frame, folder):
    """Return the table in every form that declares an order, with options where one does not."""
    regions, ranks = pl.Enum([*REGIONS, "west"]), pl.Enum(RANKS)
    own = pl.DataFrame(
        {
            "x": frame["x"].to_numpy(),
            "region": pl.Series(frame["region"].tolist(), dtype=regions),
            "year": np.asarray(frame["year"]),
            "rank": pl.Series(frame["rank"].tolist(), dtype=ranks),
        }
    )
    frame.to_parquet(folder / "pandas.parquet")
    own.write_parquet(folder / "polars.parquet")
    own.write_csv(folder / "text.csv")
    written = {"as_labels": "year", "levels": {"region": REGIONS, "rank": RANKS}}
    return [
        (frame, {}),
        (pa.Table.from_pandas(frame), {}),
        (own, {"as_labels": "year"}),
        (folder / "pandas.parquet", {}),
        (folder / "pandas.parquet", {"stream": True}),
        (folder / "polars.parquet", {"as_labels": "year", "stream": True}),
        (folder / "text.csv", written),
        (folder / "text.csv", {**written, "stream": True}),
    ]


@pytest.mark.slow
def test_every_form_of_a_table_gives_the_declared_model(frame, tmp_path):
    dummies = pd.get_dummies(frame[["x", "region", "year"]], drop_first=True).astype(float)
    dummies = dummies.drop(columns="region_west")
    right = OrderedModel(frame["rank"], dummies, distr="logit").fit(
        disp=0, method="bfgs", gtol=1e-7
    )
    expected = dict(zip(dummies, right.params, strict=False))
    for number, (table, options) in enumerate(ways(frame, tmp_path)):
        out = tmp_path / str(number)
        found = neglog.fit(table, target="rank", likelihood="ordinal", out=out, **options)
        names = [name.replace("=", "_") for name in found.features]
        np.testing.assert_allclose(found.weights[0], [expected[n] for n in names], rtol=1e-4)
        assert found.classes == RANKS
        assert any("unlikely < somewhat < very" in note for note in found.notes)
        for other in (table, tmp_path / "text.csv", tmp_path / "pandas.parquet"):
            loss = neglog.evaluate(out, other).loss_nats
            assert loss == pytest.approx(-right.llf / 200, rel=1e-9)


def test_a_level_that_no_row_holds_is_left_out_with_a_note(frame):
    found = neglog.fit(frame, target="rank", likelihood="ordinal")
    assert "region=west" not in found.features
    assert any("no row holds" in note and "west" in note for note in found.notes)


def test_a_formula_takes_declared_levels_too(frame):
    y = np.random.default_rng(1).normal(size=200)
    data = frame.drop(columns="rank").assign(y=y)
    data["region"] = data["region"].cat.remove_unused_categories()
    right = smf.ols("y ~ region + C(year) * x", data).fit()
    found = neglog.fit(data, formula="y ~ region + C(year) * x")
    np.testing.assert_allclose(found.predict(data).frame["predicted"], right.fittedvalues)
    assert any("region=south" in note for note in found.notes)


def test_a_formula_says_the_base_of_numbers_that_it_marks_as_labels():
    x = np.arange(30) % 3 + 5
    data = pd.DataFrame({"x": x, "y": np.random.default_rng(0).normal(size=30)})
    found = neglog.fit(data, formula="y ~ C(x)")
    assert any("C(x)=5" in note for note in found.notes)


def test_text_without_an_order_is_refused_as_an_ordinal_target(frame, tmp_path):
    data = frame.assign(rank=frame["rank"].astype(str), year=1)
    data.to_csv(tmp_path / "t.csv", index=False)
    wanted = r"somewhat < unlikely < very.*--levels rank=somewhat,unlikely,very"
    for table, options in ((data, {}), (tmp_path / "t.csv", {"stream": True})):
        with pytest.raises(FitError, match=wanted):
            neglog.fit(table, target="rank", likelihood="ordinal", **options)
    with pytest.raises(FitError, match=r"--levels y=somewhat,unlikely,very"):
        NLLClassifier("ordinal").fit(frame[["x"]], data["rank"])


@pytest.mark.parametrize(
    "levels, message",
    [
        ({"q": ["a"]}, "no column 'q'"),
        ({"c": ["a", "b", "z"]}, "list 'z', which the table does not hold"),
        ({"c": ["a"]}, "do not list 'b'"),
        ({"c": ["a", "b", "a"]}, "list 'a' twice"),
        ({"c": "a,b"}, "must map a column to the list"),
    ],
)
def test_levels_that_do_not_fit_the_table_are_refused(levels, message):
    data = pl.DataFrame({"c": ["a", "b"] * 10, "y": np.arange(20.0) ** 2})
    with pytest.raises(FitError, match=message):
        neglog.fit(data, target="y", levels=levels)


@pytest.mark.parametrize("written", ["size", "=a,b", "size=", "size=a,,b"])
def test_a_malformed_option_of_levels_is_refused(written):
    from neglog.fitting.tables.factor_levels import parse

    with pytest.raises(FitError, match="--levels must be"):
        parse([written])


def test_a_config_repeats_levels_that_hold_commas(tmp_path):
    from neglog.cli import main

    pl.DataFrame({"c": ["a,1", "b", "c"] * 10, "y": np.arange(30.0) ** 2 % 7}).write_csv(
        tmp_path / "t.csv"
    )
    neglog.fit(tmp_path / "t.csv", target="y", likelihood="normal", levels={"c": ["b", "a,1", "c"]},
               out=tmp_path / "a")  # fmt: skip
    with pytest.raises(SystemExit) as end:
        main(["fit", "--config", str(tmp_path / "a/config.toml"), "--out", str(tmp_path / "b")])
    assert end.value.code in (0, None)
    names = ("a", "b")
    first, second = (pl.read_csv(tmp_path / name / "coefficients.csv") for name in names)
    assert first.equals(second) and "c=a,1" in first.to_series(1).to_list()


def test_numbers_of_a_category_are_classes_as_a_target():
    draw = np.random.default_rng(0)
    data = pd.DataFrame({"x": draw.normal(size=60), "y": pd.Categorical([4, 6, 8] * 20, [8, 4, 6])})
    found = neglog.fit(data, target="y")
    assert (found.kind, found.classes) == ("categorical", [8, 4, 6])
    plain = neglog.fit(data.assign(y=[4, 6, 8] * 20), target="y", as_labels="y")
    assert plain.loss == pytest.approx(found.loss, rel=1e-12)


def test_leading_zeros_are_kept_as_labels_and_noted_otherwise(tmp_path):
    path = tmp_path / "t.csv"
    codes = [f"0{1000 + k % 3}" for k in range(30)]
    y = np.random.default_rng(0).normal(size=30)
    pl.DataFrame({"zip": codes, "y": y}).write_csv(path)
    for stream in (False, True):
        plain = neglog.fit(path, target="y", stream=stream)
        assert any("--as-labels zip" in n or "--as-labels 'zip'" in n for n in plain.notes)
        labels = neglog.fit(path, target="y", as_labels="zip", stream=stream)
        assert labels.features == ["zip=01001", "zip=01002"]


def test_the_base_of_two_classes_changes_the_signs(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(size=80)
    data = pl.DataFrame({"x": x, "y": np.where(x + draw.logistic(size=80) > 0, "yes", "no")})
    data.write_csv(tmp_path / "t.csv")
    plain = neglog.fit(data, target="y")
    for table, stream in ((data, False), (tmp_path / "t.csv", True)):
        turned = neglog.fit(table, target="y", base="yes", stream=stream)
        assert turned.outputs == ["no"]
        np.testing.assert_allclose(turned.weights, -plain.weights, rtol=1e-9)
    with pytest.raises(FitError, match="unknown reference class 'maybe'; the classes are no, yes"):
        neglog.fit(data, target="y", base="maybe")
    with pytest.raises(FitError, match="not for ordinal"):
        neglog.fit(data.with_columns(y=pl.Series([1, 2, 3, 4] * 20)), target="y",
                   likelihood="ordinal", base=1)  # fmt: skip


@pytest.mark.parametrize("formula", [None, "y ~ x + C(country)"])
def test_fixed_effects_of_a_panel_are_those_of_statsmodels(formula):
    draw = np.random.default_rng(0)
    country = [f"c{k:02}" for k in range(60) for _ in range(10)]
    data = pd.DataFrame({"country": country, "x": draw.normal(size=600)})
    data["y"] = 0.5 * data["x"] + np.repeat(draw.normal(size=60), 10) + draw.normal(size=600)
    right = smf.ols("y ~ x + C(country)", data).fit()
    found = neglog.fit(data, target=None if formula else "y", formula=formula)
    x = found.features.index("x")
    np.testing.assert_allclose(found.weights[0][x], right.params["x"], rtol=1e-10)
    np.testing.assert_allclose(found.coefficients.error[x + 1], right.bse["x"], rtol=1e-8)


def test_names_of_rows_are_refused_with_the_remedy():
    data = pl.DataFrame({"id": [f"k{k}" for k in range(200)], "y": np.arange(200.0) ** 2 % 7})
    with pytest.raises(FitError, match=r"200 different texts in 200 rows.*--as-labels"):
        neglog.fit(data, target="y", likelihood="normal")


def test_a_column_called_as_the_intercept_is_refused():
    data = pl.DataFrame({"(intercept)": [1.0, 2.0, 4.0], "y": [1.0, 2.5, 3.0]})
    with pytest.raises(FitError, match="rename it"):
        neglog.fit(data, target="y", likelihood="normal")


def test_levels_with_blanks_and_line_ends_are_shown_in_quotes():
    data = pl.DataFrame({"s": ["a", "a ", "b\nc"] * 9, "y": np.arange(27.0) ** 2 % 7})
    found = neglog.fit(data, target="y", likelihood="normal")
    assert found.features == ["s='a '", r"s='b\nc'"]
    lines = data.with_columns(pl.Series("x\ny", np.arange(27.0) % 5))
    found = neglog.fit(lines, target="y", likelihood="normal")
    assert r"'x\ny'" in found.features
    assert len(found.predict(lines).frame) == 27


def test_estimators_encode_labels_of_a_frame_as_statsmodels_does(frame):
    y = np.random.default_rng(1).normal(size=200)
    X = frame[["x", "region", "year"]].copy()
    X["region"] = X["region"].cat.remove_unused_categories()
    right = smf.ols("y ~ x + region + year", X.assign(y=y)).fit()
    model = NLLRegressor().fit(X, y)
    np.testing.assert_allclose(model.predict(X), right.fittedvalues, rtol=1e-9)
    assert list(model.feature_names_in_) == ["x", "region", "year"]
    coded = X.assign(year=X["year"].astype(int))
    same = NLLRegressor(as_labels="year", levels={"region": REGIONS}).fit(coded, y)
    np.testing.assert_allclose(same.coef_, model.coef_, rtol=1e-9)


@pytest.mark.parametrize(
    "make, options",
    [
        (lambda y: y, {}),
        (lambda y: y.array, {}),
        (lambda y: pl.Series(y.tolist(), dtype=pl.Enum(RANKS)), {}),
        (lambda y: np.array(y.tolist()), {"levels": RANKS}),
        (lambda y: np.array(y.tolist()), {"levels": {"y": RANKS}}),
    ],
)
def test_an_ordinal_estimator_takes_the_declared_order(frame, make, options):
    right = OrderedModel(frame["rank"], frame[["x"]], distr="logit").fit(disp=0, method="newton")
    model = NLLClassifier("ordinal", **options).fit(frame[["x"]], make(frame["rank"]))
    assert model.classes_.tolist() == RANKS
    assert model.coef_[0, 0] == pytest.approx(right.params["x"], rel=1e-5)


def test_a_pandas_frame_needs_no_pyarrow():
    code = """
import sys
class Block:
    def find_spec(self, name, *rest):
        if name.split(".")[0] == "pyarrow":
            raise ModuleNotFoundError("No module named 'pyarrow'")
sys.meta_path.insert(0, Block())
import numpy as np, pandas as pd, neglog
from neglog.estimators import NLLRegressor
d = pd.DataFrame({"s": list("abab") * 10, "i": pd.array([1, 2, None, 4] * 10, dtype="Int64"),
                  "b": pd.array([True, False, False, True] * 10, dtype="boolean"),
                  "c": pd.Categorical(["v", "u", "u", "v", "u"] * 8, ["v", "u"]),
                  "t": pd.array(["p", "q", "r", "p", "q"] * 8, dtype="string"),
                  "y": np.random.default_rng(0).normal(size=40)})
found = neglog.fit(d, target="y", missing="drop")
assert "c=u" in found.features, found.features
assert len(found.predict(d).frame) == 30
neglog.evaluate(found, d)
X = d.drop(columns=["y", "i"])
NLLRegressor().fit(X, d["y"]).predict(X)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_labels_do_not_give_text_an_order():
    data = pl.DataFrame({"x": np.arange(30.0) % 7, "y": ["low", "mid", "high"] * 10})
    with pytest.raises(FitError, match="holds text, whose order nothing declares"):
        neglog.fit(data, target="y", likelihood="ordinal", as_labels="y")


def test_levels_of_a_column_that_the_formula_leaves_out_are_refused():
    data = pl.DataFrame({"x": np.arange(30.0) % 7, "z": [1, 2, 3] * 10, "y": np.arange(30.0)})
    with pytest.raises(FitError, match="name 'z', which the formula does not read"):
        neglog.fit(data, formula="y ~ x", as_labels="z")


def test_wide_characters_are_counted_twice_in_tables():
    draw = np.random.default_rng(3)
    data = pl.DataFrame({"身高": draw.normal(size=30), "y": draw.normal(size=30)})
    lines = str(neglog.fit(data, target="y").summary()).splitlines()
    name = next(line for line in lines if line.startswith("身高"))
    head = next(line for line in lines if "std error" in line)
    assert len(name) + 2 == len(head)


def test_names_for_which_the_lines_have_room_are_whole():
    name = "the share of households with a second car"
    draw = np.random.default_rng(3)
    data = pl.DataFrame({name: draw.normal(size=30), "y": draw.normal(size=30)})
    assert f"\n{name} " in str(neglog.fit(data, target="y").summary())


def test_long_names_stay_distinct_in_the_summary():
    start, end = "a" * 40, "z" * 40
    names = [f"{start}_{k}_{end}" for k in range(3)]
    draw = np.random.default_rng(0)
    data = pl.DataFrame({name: draw.normal(size=30) for name in names})
    found = neglog.fit(data.with_columns(y=pl.Series(draw.normal(size=30))), target="y")
    lines = [
        line.split()[0] for line in str(found.summary()).splitlines() if line.startswith("aaa")
    ]
    assert len(lines) == len(set(lines)) == 3


def test_classes_with_blanks_and_line_ends_do_not_break_the_tables():
    draw = np.random.default_rng(0)
    data = pl.DataFrame({"x": draw.normal(size=60), "y": ["a", "a ", "b\nc"] * 20})
    found = neglog.fit(data, target="y")
    assert found.outputs == ["a", "'a '", r"'b\nc'"]
    for fit in (found, found.centred()):
        assert "b\nc" not in str(fit.summary())


def test_numbers_of_a_category_are_labels_from_parquet_of_pyarrow(tmp_path):
    from pyarrow import parquet

    codes = pa.array([3, 1, 2] * 10).dictionary_encode()
    y = pa.array(np.random.default_rng(0).normal(size=30))
    parquet.write_table(pa.table({"d": codes, "y": y}), tmp_path / "t.parquet")
    for stream in (False, True):
        found = neglog.fit(tmp_path / "t.parquet", target="y", stream=stream)
        assert found.features == ["d=2", "d=3"]


def test_a_parquet_file_whose_order_is_lost_is_noted(tmp_path):
    draw = np.random.default_rng(0)
    data = pd.DataFrame({"y": draw.normal(size=30), "i": pd.Categorical([1, 2, 3] * 10, [3, 1, 2])})
    data.to_parquet(tmp_path / "t.parquet")
    found = neglog.fit(tmp_path / "t.parquet", target="y")
    assert found.features == ["i=2", "i=3"]
    assert any("'i'" in note and "keeps none of numbers" in note for note in found.notes)
    for stream in (False, True):
        stated = neglog.fit(
            tmp_path / "t.parquet", target="y", levels={"i": [3, 1, 2]}, stream=stream
        )
        assert stated.features == ["i=1", "i=2"]
        assert not any("not known" in note for note in stated.notes)
    assert not stated.predict(tmp_path / "t.parquet").notes


def test_without_pyarrow_the_order_in_a_parquet_file_is_not_guessed_silently(frame, tmp_path):
    code = f"""
import sys
sys.modules["pyarrow"] = None
import neglog
found = neglog.fit({str(tmp_path / "t.parquet")!r}, target="x")
print(found.notes)
try:
    neglog.fit({str(tmp_path / "t.parquet")!r}, target="rank", likelihood="ordinal")
except neglog.errors.FitError as error:
    print(error)
"""
    frame.to_parquet(tmp_path / "t.parquet")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "'region', 'rank'" in done.stdout and "only pyarrow reads it" in done.stdout
    assert "holds text, whose order nothing declares" in done.stdout, done.stderr


@pytest.mark.parametrize("stream", [False, True])
def test_a_column_of_one_label_adds_nothing(tmp_path, stream):
    x, y = np.arange(30.0), np.sin(np.arange(30.0))
    pl.DataFrame({"x": x, "only": ["a"] * 30, "y": y}).write_csv(tmp_path / "table.csv")
    found = neglog.fit(tmp_path / "table.csv", target="y", stream=stream)
    plain = neglog.fit(x[:, None], y)
    assert found.features == ["x"]
    np.testing.assert_allclose(found.coefficients.estimate, plain.coefficients.estimate)

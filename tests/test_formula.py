"""Formulas: compared with statsmodels and patsy, on new tables, and refused expressions.

Both fits end where rounding does; the decrement of 1e-18 nats leaves 1e-9 of a standard error.
"""

import json
import sys
from pathlib import Path

import numpy as np
import patsy
import polars as pl
import pytest
import statsmodels.api as sm

import neglog
from neglog.cli import main
from neglog.errors import FitError
from neglog.fitting.design import formula

SAME = 1e-8
ROWS = 120
WHOLE = (
    "y ~ x*g + C(year) + log(x) + center(z) + poly(`my x`, 3) + bs(z, df=5) + cr(x, df=4) "
    "+ C(g, Sum):z + {x**2} + I(z > 0) + scale(log(x))"
)


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("neglog.report.page.html_page", repr)


def frame(**columns):
    random = np.random.default_rng(2)
    x, z = random.uniform(1, 5, ROWS), random.normal(size=ROWS)
    g = np.array(["a", "b", "c"])[np.arange(ROWS) % 3]
    y = x * (g == "b") + z + random.normal(size=ROWS)
    year = 1999 + np.arange(ROWS) % 4 * 3
    table = pl.DataFrame({"x": x, "z": z, "g": g, "year": year, "my x": x + z, "y": y})
    return table.with_columns(**columns)


def fit(table, text, **options):
    return neglog.fit(table, formula=text, progress=False, **options)


def assert_as_statsmodels(found, theirs):
    """Compare by name: a column of labels is g=b here, and C(g)[T.b] there."""
    names = {"(intercept)": "Intercept"}
    for column in found.design.labels:
        names |= {f"{column.name}={k}": f"C({column.name})[T.{k}]" for k in column.levels}
    ours = [names.get(name, name) for _, name in found.coefficients.names]
    assert sorted(ours) == sorted(theirs.params.index)
    estimate, error = theirs.params[ours].to_numpy(), theirs.bse[ours].to_numpy()
    assert np.abs((found.coefficients.estimate - estimate) / error).max() < SAME
    np.testing.assert_allclose(found.coefficients.error, error, rtol=SAME)
    assert found.statistics.log_likelihood == pytest.approx(theirs.llf, rel=SAME)


def test_least_squares_agree_with_statsmodels():
    data = sm.datasets.grunfeld.load_pandas().data
    text = "invest ~ value*C(firm) + {} + center(capital) + capital:value"
    y, x = patsy.dmatrices(text.format("np.log(capital)"), data, return_type="dataframe")
    theirs = sm.OLS(y, x.rename(columns={"np.log(capital)": "log(capital)"})).fit()
    assert_as_statsmodels(fit(data, text.format("log(capital)")), theirs)


def test_a_logit_agrees_with_statsmodels():
    data = sm.datasets.fair.load_pandas().data.iloc[::4]
    data["affair"] = (data.affairs > 0).astype(int)
    data["faith"] = data.religious.map("r{:.0f}".format)
    text = "affair ~ C(faith)*standardize(age) + yrs_married + {yrs_married**2} + children:educ"
    spelled = text.replace("{", "I(").replace("}", ")")
    y, x = patsy.dmatrices(spelled, data, return_type="dataframe")
    x = x.rename(columns={"I(yrs_married ** 2)": "yrs_married ** 2"})
    theirs = sm.Logit(y, x).fit(method="newton", tol=1e-12, maxiter=50, disp=0)
    assert_as_statsmodels(fit(data, text), theirs)


def test_a_saved_formula_predicts_as_the_fit_did_row_by_row():
    found = fit(frame(), WHOLE, out="run")
    truth = found.training.predicted
    together = neglog.predict("run", frame()).frame["predicted"]
    np.testing.assert_array_equal(together, truth)
    for row in (0, 1, 57):
        alone = neglog.predict("run", frame()[row : row + 1].drop("y")).frame["predicted"]
        assert alone[0] == pytest.approx(truth[row], rel=1e-12)  # sums in another order


def test_functions_learn_from_the_rows_that_are_fitted():
    options = {"validation": 0.4, "seed": 3}
    found = fit(frame(), "y ~ scale(z) + x", **options)
    strange = frame()["z"].to_numpy().copy()
    strange[found.validation.index] += 1e3
    again = fit(frame(z=strange), "y ~ scale(z) + x", **options)
    np.testing.assert_array_equal(again.coefficients.estimate, found.coefficients.estimate)


@pytest.mark.parametrize("text", ["y ~ x + log(x) + g:x + g", WHOLE])
def test_missing_values_are_those_of_the_columns_that_are_read(text):
    holes = pl.when(pl.int_range(pl.len()) % 10 == 4).then(None)
    table = frame(x=holes.otherwise(pl.col("x")), g=holes.otherwise(pl.col("g")), idle=None)
    with pytest.raises(FitError, match=r"missing, in column 'x' \(12, first in row 4\)"):
        fit(table, text)
    dropped = fit(table, text, missing="drop", out="run")
    assert dropped.notes[0] == "12 rows with missing values are left out."
    without = fit(table.drop_nulls("x"), text)
    np.testing.assert_array_equal(dropped.coefficients.estimate, without.coefficients.estimate)
    assert neglog.predict("run", table).left_out == 12
    assert len(neglog.predict("run", table[4:5]).frame) == 0
    table = table.with_columns(frame()["g"])
    filled = fit(table, text, missing="mean", out="run")
    full = table.with_columns(pl.col("x").fill_null(table["x"].mean()))
    by_hand = fit(full, text)
    np.testing.assert_allclose(filled.training.predicted, by_hand.training.predicted, rtol=1e-9)
    np.testing.assert_array_equal(
        neglog.predict("run", table).frame["predicted"], filled.training.predicted
    )


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"g": pl.lit("d")}, "column 'g' holds the level 'd' in row 0"),
        ({"year": pl.lit(1998)}, "a level that was not there when the model was fitted.*: 1998"),
        ({"x": pl.lit(-1.0)}, r"log\(x\) of the formula is not finite in 120 rows"),
        ({"x": pl.lit("one")}, "column 'x' must hold numbers"),
        ({"z": pl.lit(1e3)}, "cannot be evaluated.*upper and/or lower bounds"),
    ],
)
def test_what_a_new_table_may_not_hold(columns, words):
    fit(frame(), WHOLE, out="run")
    with pytest.raises(FitError, match=words):
        neglog.predict("run", frame(**columns))
    with pytest.raises(FitError, match="the table lacks 'z'"):
        neglog.predict("run", frame().drop("z"))


@pytest.mark.parametrize(
    "right",
    [
        "I(__import__('os').remove('kept'))", "{x.__class__.__mro__}", "np.log(x)", "x.sum()",
        "I((lambda: x)())", "I([a for a in x])", "I(x if z else x)", "{(q := x)}", "I(x[0])",
        "eval('x')", "open('kept')", "Q('x')", "lag(x)", "contr.sum(x)", "C(x)(z)", "`eval`('x')",
        "I(getattr(x, 'sum')())", "hashed(g)", "I(f'{x}')",
    ],
)  # fmt: skip
def test_a_formula_that_says_more_than_it_may_is_refused_before_it_is_evaluated(right, tmp_path):
    (tmp_path / "kept").touch()
    with pytest.raises(FitError, match=r"is not allowed; a formula may hold|cannot be read"):
        formula.parse(f"y ~ z + {right}")
    with pytest.raises(FitError):
        fit(frame(), f"y ~ z + {right}")
    assert (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "requires the target, ~ and the features"),
        ("y ~ ", "requires the target, ~ and the features"),
        ("log(y) ~ x", "the left side of a formula must be a column"),
        ("y ~ x - 1", "leaves out the intercept"),
        ("y ~ 0 + x", "leaves out the intercept"),
        ("y ~ x | g", "several right sides"),
        ("y ~ .", "'.' names no column"),
        ("y ~ 1", "reads no column"),
        ("y ~ x +", "cannot be read"),
        ("y ~ x + nowhere", "has no column 'nowhere'"),
        ("y ~ x + log(y)", "the target 'y' on its right side"),
        ("y ~ log(g)", "cannot be evaluated"),
        ("y ~ log(x - 5)", "is not finite"),
        ("y ~ C(g, levels=['a', 'b'])", "is not among its levels: 'c'"),
    ],
)
def test_formulas_that_make_no_sense_are_refused_with_the_cause(text, words):
    with pytest.raises(FitError, match=words):
        fit(frame(), text)


def test_a_formula_and_other_options():
    frame().write_csv("table.csv")
    with pytest.raises(FitError, match="the formula's target is 'y', but target is 'z'"):
        fit(frame(), "y ~ x", target="z")
    with pytest.raises(FitError, match="leave out formula or drop"):
        fit(frame(), "y ~ x", drop="z")
    with pytest.raises(FitError, match="leave out stream or formula"):
        fit("table.csv", "y ~ x", stream=True)
    assert fit(frame(), "y ~ x", target="y").features == ["x"]
    odd = frame().rename({"y": "the y"})
    assert fit(odd, "`the y` ~ x", offset="z").target == "the y"
    rows = frame().select("x", "z").to_numpy()
    arrays = fit(rows, "out ~ x1 + x1:x2", y=frame()["y"].to_numpy())
    assert (arrays.target, arrays.features) == ("out", ["x1", "x1:x2"])
    network = fit(frame(), "y ~ center(x) + g", hidden=(4,), epochs=2, out="run")
    assert network.features == ["center(x)", "g=b", "g=c"]
    predicted = neglog.predict("run", frame()).frame["predicted"].to_numpy()
    np.testing.assert_array_equal(predicted[network.training.index], network.training.predicted)


def test_without_formulaic_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "formulaic", None)
    with pytest.raises(FitError, match=r"pip install 'neglog\[formula\]'"):
        fit(frame(), "y ~ x")


def test_the_command_takes_a_formula_and_repeats_it_from_its_config(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([*arguments])
        assert left.value.code == 0, capsys.readouterr().err
        return capsys.readouterr().out

    frame().write_csv("table.csv")
    run("fit", "table.csv", "--formula", "y ~ x:g + C(year)", "--out", "one")
    again = json.loads(run("fit", "--config", "one/config.toml", "--out", "two", "--json"))
    assert again["target"] == "y"
    years = [f"C(year)[T.{year}]" for year in (2002, 2005, 2008)]
    assert again["features"] == [*years, "x:g[a]", "x:g[b]", "x:g[c]"]
    assert [row["feature"] for row in again["coefficients"]] == ["(intercept)", *again["features"]]
    one, two = (Path(folder, "coefficients.csv").read_text() for folder in ("one", "two"))
    assert one == two
    made = json.loads(run("predict", "two", "table.csv", "--json"))["rows"]
    assert run("predict", "two", "table.csv", "--stream") == run("predict", "two", "table.csv")
    kept = pl.read_csv("one/predictions.csv")
    np.testing.assert_allclose([row["predicted"] for row in made], kept["predicted"], rtol=1e-12)

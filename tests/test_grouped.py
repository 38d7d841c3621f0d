"""Grouped counts, against statsmodels: successes of trials, and proportions with weights."""

import math

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

import neglog
from neglog.cli import main
from neglog.errors import FitError

SAME = 1e-8


def star():
    table = sm.datasets.star98.load_pandas()
    x = table.exog.iloc[:, :6].to_numpy()
    yes, no = table.endog.to_numpy().T
    return x, yes, yes + no


def theirs(**options):
    x, yes, trials = star()
    both = np.c_[yes, trials - yes]
    model = sm.GLM(both, sm.add_constant(x), sm.families.Binomial())
    return model.fit(tol=1e-14, **options)


def ours(form="trials", **options):
    x, yes, trials = star()
    if form == "trials":
        return neglog.fit(x, yes, likelihood="binomial", trials=trials, **options)
    return neglog.fit(x, yes / trials, likelihood="binomial", sample_weight=trials, **options)


@pytest.mark.parametrize("form", ["trials", "proportions"])
def test_both_forms_agree_with_statsmodels(form):
    found, expected = ours(form), theirs()
    np.testing.assert_allclose(found.coefficients.estimate, expected.params, rtol=SAME)
    np.testing.assert_allclose(found.coefficients.error, expected.bse, rtol=SAME)
    figures = found.statistics
    for name, value in (
        ("log_likelihood", expected.llf),
        ("null_log_likelihood", expected.llnull),
        ("deviance", expected.deviance),
        ("null_deviance", expected.null_deviance),
        ("pearson", expected.pearson_chi2),
        ("dispersion", expected.pearson_chi2 / expected.df_resid),
        ("aic", expected.aic),
        ("bic", expected.bic_llf),
        ("freedom", expected.df_resid),
    ):
        assert getattr(figures, name) == pytest.approx(value, rel=1e-10), name
    np.testing.assert_allclose(found.training.predicted, expected.fittedvalues, rtol=SAME)
    assert any("pass --covariance quasi" in note for note in found.notes)


@pytest.mark.parametrize("covariance", ["observed", "quasi", "hc0", "hc1", "cluster"])
def test_standard_errors_agree_with_statsmodels(covariance):
    x, _, _ = star()
    groups = np.random.default_rng(0).integers(0, 20, len(x))
    options, keywords = {"covariance": covariance}, {}
    if covariance == "cluster":
        options = {"cluster": groups}
        keywords = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    elif covariance in ("hc0", "hc1"):
        keywords = {"cov_type": covariance.upper()}
    expected = theirs(**keywords)
    more = {
        "hc1": len(x) / (len(x) - 7),  # statsmodels leaves it out
        "quasi": expected.pearson_chi2 / expected.df_resid,  # its scale="X2" forgets the trials
    }.get(covariance, 1.0)
    np.testing.assert_allclose(
        ours(**options).coefficients.error, expected.bse * more**0.5, rtol=SAME
    )


def test_grouped_rows_are_the_same_as_their_trials_one_by_one():
    random = np.random.default_rng(0)
    x, trials = random.normal(size=(40, 2)), random.integers(0, 6, 40)
    yes = random.binomial(trials, 1 / (1 + np.exp(-x[:, 0])))
    rows = np.repeat(np.arange(40), trials)
    each = np.concatenate([np.arange(n) < k for k, n in zip(yes, trials, strict=True)]).astype(int)
    for options in ({}, {"firth": True}):
        found = neglog.fit(x, yes, likelihood="binomial", trials=trials, **options)
        alone = neglog.fit(x[rows], each, likelihood="bernoulli", **options)
        np.testing.assert_allclose(found.weights, alone.weights, rtol=1e-7)
        np.testing.assert_allclose(found.coefficients.error, alone.coefficients.error, rtol=1e-7)
        ways = sum(math.log(math.comb(n, k)) for k, n in zip(yes, trials, strict=True))
        assert found.statistics.log_likelihood == pytest.approx(
            alone.statistics.log_likelihood + ways, rel=1e-9
        )


def table():
    x, yes, trials = star()
    columns = {f"x{j}": x[:, j] for j in range(6)}
    return pl.DataFrame({**columns, "yes": yes.astype(int), "n": trials.astype(int)})


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_streamed_file_gives_the_same(tmp_path, form):
    path = tmp_path / f"t.{form}"
    table().write_csv(path) if form == "csv" else table().write_parquet(path)
    options = {"target": "yes", "trials": "n", "likelihood": "binomial"}
    whole, streamed = (neglog.fit(path, stream=stream, **options) for stream in (False, True))
    np.testing.assert_allclose(streamed.weights, whole.weights, rtol=1e-9)
    np.testing.assert_allclose(streamed.coefficients.error, whole.coefficients.error, rtol=1e-9)
    for name in ("log_likelihood", "deviance", "pearson", "rows"):
        assert getattr(streamed.statistics, name) == pytest.approx(
            getattr(whole.statistics, name), rel=1e-9
        )


def test_a_run_predicts_evaluates_and_opens_again(tmp_path, capsys):
    path, out = tmp_path / "t.parquet", tmp_path / "run"
    table().write_parquet(path)
    arguments = ["--target", "yes", "--trials", "n", "--likelihood", "binomial"]
    with pytest.raises(SystemExit) as left:
        main(["fit", str(path), *arguments, "--out", str(out)])
    assert left.value.code == 0
    assert "mean loss, nats per trial" in capsys.readouterr().out
    found = neglog.predict(out, path).frame
    proportion = theirs().fittedvalues
    np.testing.assert_allclose(found["predicted"], proportion, rtol=SAME)
    np.testing.assert_allclose(found["expected_count"], proportion * table()["n"], rtol=SAME)
    np.testing.assert_allclose(found["truth"], table()["yes"] / table()["n"], rtol=1e-12)
    blind = neglog.predict(out, table().drop("yes", "n")).frame
    assert blind.columns == ["row", "predicted"]
    figures = neglog.evaluate(out, path)
    assert figures.rmse == pytest.approx(
        np.mean((proportion - (table()["yes"] / table()["n"]).to_numpy()) ** 2) ** 0.5, rel=1e-7
    )
    with pytest.raises(SystemExit) as left:
        main(["report", str(out)])
    assert left.value.code == 0


def test_separated_trials_are_found():
    x = np.arange(20.0)[:, None]
    yes = np.where(x[:, 0] < 10, 0, 7)
    found = neglog.fit(x, yes, likelihood="binomial", trials=np.full(20, 7))
    assert not found.converged
    assert "at infinity" in found.outcome


def test_quantile_residuals_are_standard_normal():
    from neglog.report.quantiles import quantile_residuals

    random = np.random.default_rng(0)
    x, trials = random.normal(size=(2000, 2)), random.integers(1, 30, 2000)
    yes = random.binomial(trials, 1 / (1 + np.exp(-x[:, 0])))
    found = neglog.fit(x, yes, likelihood="binomial", trials=trials)
    own = quantile_residuals(found, found.training)
    assert abs(own.mean()) < 0.1
    assert 0.9 < own.std() < 1.1
    assert not found.notes


X = np.random.default_rng(0).normal(size=(30, 1))
YES, N = np.arange(30) % 4, np.full(30, 5)
REFUSED = {
    "neither": (YES, {}, r"requires the number of trials of each row.*got neither"),
    "both": (YES, {"trials": N, "sample_weight": N}, r"got both"),
    "more successes": (YES + 3, {"trials": N}, r"more successes than trials: 7 rows.*6 in row 3"),
    "fractional": (YES / 5, {"trials": N}, r"successes 'y' must be whole.*pass the trials as --sa"),
    "broken trials": (
        YES,
        {"trials": N + 0.5},
        r"trials 'trials \(trials\)' must be whole numbers",
    ),
    "negative trials": (YES, {"trials": -N}, r"finite numbers of 0 or more"),
    "outside": (YES, {"sample_weight": N}, r"a number from 0 to 1 for the binomial likelihood"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_grouped_gets_a_sentence(case):
    y, options, words = REFUSED[case]
    with pytest.raises(FitError, match=words):
        neglog.fit(X, y, likelihood="binomial", **options)


def test_trials_of_other_likelihoods_and_missing_columns_are_refused():
    with pytest.raises(FitError, match="trials is for the binomial likelihood"):
        neglog.fit(X, YES, likelihood="poisson", trials=N)
    with pytest.raises(FitError, match=r"bernoulli requires two classes.*pass binomial"):
        neglog.fit(X, np.linspace(0, 1, 30), likelihood="bernoulli")
    frame = pl.DataFrame({"x": X[:, 0], "y": YES, "n": [None, *N[1:]]})
    with pytest.raises(FitError, match="1 value is missing"):
        neglog.fit(frame, "y", trials="n", likelihood="binomial")


def test_non_integer_trials_are_named():
    y = np.random.default_rng(0).uniform(size=30)
    found = neglog.fit(X, y, likelihood="binomial", sample_weight=np.full(30, 1.5))
    assert any("not whole numbers of successes" in note for note in found.notes)


def test_the_estimator_takes_proportions_and_the_trials_as_weights():
    x, yes, trials = star()
    found = neglog.NLLRegressor("binomial").fit(x, yes / trials, sample_weight=trials)
    np.testing.assert_allclose(found.coef_, theirs().params[1:], rtol=SAME)
    np.testing.assert_allclose(found.predict(x), theirs().fittedvalues, rtol=SAME)


def test_proportions_without_a_likelihood_name_the_binomial():
    y = np.random.default_rng(0).beta(8, 8, 60)
    found = neglog.fit(np.arange(60.0)[:, None] % 7, y)
    assert found.kind == "normal"
    assert any("--likelihood binomial" in note for note in found.notes)


def test_a_streamed_file_tells_whole_trials_from_weights_and_refuses_too_many(tmp_path):
    path, options = tmp_path / "t.csv", {"likelihood": "binomial", "stream": True}
    shares = pl.DataFrame({"x": X[:, 0], "y": (1 + YES) / 5, "n": N})
    shares.write_csv(path)
    found = neglog.fit(path, "y", sample_weight="n", **options)
    assert not any("not whole" in note for note in found.notes)
    shares.with_columns(y=pl.Series(YES + 3)).write_csv(path)
    with pytest.raises(FitError, match="more successes than trials"):
        neglog.fit(path, "y", trials="n", **options)


def test_a_run_is_repeated_by_its_choices_and_predicts_block_by_block(tmp_path, capsys):
    path, out = tmp_path / "t.csv", tmp_path / "run"
    table().write_csv(path)
    first = neglog.fit(path, "yes", trials="n", likelihood="binomial", out=out)
    with pytest.raises(SystemExit) as left:
        main(["fit", "--config", str(out / "config.toml"), "--out", str(tmp_path / "again")])
    assert left.value.code == 0
    again = pl.read_csv(tmp_path / "again" / "coefficients.csv")
    np.testing.assert_array_equal(again["estimate"], first.coefficients.estimate)
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(["predict", str(out), str(path), "--stream"])
    assert left.value.code == 0
    assert "expected_count" in capsys.readouterr().out.splitlines()[0]

"""Centred weights of all classes: compared with scikit-learn's, and independent of the base."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

import neglog
from neglog.cli import main
from neglog.errors import FitError
from neglog.fitting.results.reopen import reopen
from neglog.report.fit_summary import Summary

SAME = 1e-9  # of a standard error; the decrement where Newton's method stops is 1e-18 nats


def frame():
    random = np.random.default_rng(4)
    x = random.normal(size=(300, 2))
    chance = np.exp(x @ random.normal(size=(2, 4)) * 0.7)
    y = (chance.cumsum(1) < random.uniform(size=(300, 1)) * chance.sum(1)[:, None]).sum(1)
    level = np.array(["low", "mid", "top"])[np.arange(300) % 3]
    names = np.array(["a", "b", "c", "d"])[y]
    table = pl.DataFrame({"x": x[:, 0], "z": x[:, 1] * 1e3, "level": level, "y": names})
    return table.with_columns(twice=2 * pl.col("x"))


def fit(**options):
    return neglog.fit(frame(), target="y", progress=False, **options)


@pytest.mark.parametrize("covariance", ["fisher", "hc1"])
def test_the_base_does_not_matter(covariance):
    found = [fit(base=base, covariance=covariance).centred().coefficients for base in "abcd"]
    ours = found[0]
    assert [output for output, _ in ours.names[::6]] == ["a", "b", "c", "d"]
    left_out = np.array([feature == "twice" for _, feature in ours.names])
    assert (np.isnan(ours.error) == left_out).all()
    for other in found[1:]:
        assert other.names == ours.names
        assert np.nanmax(np.abs(other.estimate - ours.estimate) / ours.error) < SAME
        np.testing.assert_allclose(other.error, ours.error, rtol=SAME)
        np.testing.assert_allclose(other.correlation, ours.correlation, atol=SAME)
        np.testing.assert_allclose(other.p, ours.p, rtol=1e-6)  # p falls as z² does
    by_class = np.nan_to_num(ours.estimate).reshape(4, -1)
    np.testing.assert_allclose(by_class.sum(0), 0, atol=1e-12)


def test_differences_from_the_base_are_the_coefficients_and_have_their_errors():
    found = fit(base="b")
    table, covariance = found.coefficients, found.centred().coefficients.covariance
    of = {name: j for j, name in enumerate(found.centred().coefficients.names)}
    for j, (output, feature) in enumerate(table.names):
        if feature == "twice":
            continue
        contrast = np.zeros(len(of))
        contrast[of[output, feature]], contrast[of["b", feature]] = 1, -1
        difference = contrast @ np.nan_to_num(found.centred().coefficients.estimate)
        assert difference == pytest.approx(table.estimate[j], rel=SAME)
        assert contrast @ covariance @ contrast == pytest.approx(table.error[j] ** 2, rel=SAME)


def test_they_are_those_of_scikit_learn():
    x = frame().select("x", pl.col("z") / 1e3).to_numpy()
    y = frame()["y"].to_numpy()
    theirs = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cg").fit(x, y)
    found = neglog.fit(x, y, progress=False)
    ours = found.centred().coefficients.estimate.reshape(4, -1)
    coefficients = np.column_stack([theirs.intercept_, theirs.coef_])
    coefficients -= coefficients.mean(0)
    np.testing.assert_allclose(ours, coefficients, atol=1e-6)  # of scikit-learn's search
    np.testing.assert_allclose(ours[:, 1:], found.weights, rtol=SAME)


def test_what_has_no_errors_is_centred_without_them():
    found = fit(l2=0.1).centred().coefficients
    assert np.isnan(found.error).all()
    estimate = np.nan_to_num(found.estimate).reshape(4, -1)
    np.testing.assert_allclose(estimate.sum(0), 0, atol=1e-12)


def test_only_several_classes_can_be_centred():
    two = neglog.fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])
    with pytest.raises(FitError, match="only a linear model of several classes"):
        two.centred()


def test_the_summary_and_the_page_show_it(tmp_path, capsys):
    found = fit(out=tmp_path / "run")
    centred = reopen(tmp_path / "run").centred()
    assert str(Summary(centred)) == str(found.centred().summary())
    figures = [str(Summary(one)).split("\n\n")[1] for one in (found, centred)]
    assert figures[0] == figures[1]
    with pytest.raises(SystemExit) as left:
        main(["report", str(tmp_path / "run"), "--centred", "--out", str(tmp_path / "page.html")])
    assert left.value.code == 0, capsys.readouterr().err
    page, plain = (Path(tmp_path, n).read_text() for n in ("page.html", "run/report.html"))
    assert "sum to 0 over the classes" in page
    assert "is compared with" not in page
    assert "is compared with" in plain

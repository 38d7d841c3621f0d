"""What a target is taken for, and what a fit says of a likelihood that does not suit it."""

import re

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from sklearn import datasets

import neglog
from neglog.errors import FitError
from neglog.fitting.design.target_choice import decide


def draw(seed=0):
    return np.random.default_rng(seed)


def doctor_visits():
    """The histogram of the visits in Cameron and Trivedi's table (R: AER, DoctorVisits)."""
    y = np.repeat(np.arange(10), [4141, 782, 174, 30, 24, 9, 12, 12, 5, 1])
    draw().shuffle(y)
    return y


COUNTS = {
    "doctor visits": doctor_visits,
    "randhie": lambda: sm.datasets.randhie.load_pandas().data["mdvis"],
    "cancer": lambda: sm.datasets.cancer.load_pandas().data["cancer"],
    "poisson 1": lambda: draw().poisson(1.0, 500),
    "poisson 5": lambda: draw().poisson(5.0, 500),
    "overdispersed": lambda: draw().poisson(100 * draw(1).gamma(1, 1, 300)),
    "many zeros": lambda: draw().poisson(4.0, 400) * (draw(1).random(400) < 0.4),
    "from one": lambda: 1 + draw().poisson(5 * draw(1).gamma(1, 1, 1000)),
}
CLASSES = {
    "iris": lambda: datasets.load_iris().target,
    "digits": lambda: datasets.load_digits().target,
    "PID": lambda: sm.datasets.anes96.load_pandas().data["PID"],
    "marriage": lambda: sm.datasets.fair.load_pandas().data["rate_marriage"],
    "ratings": lambda: draw().choice([1, 2, 3, 4, 5], 800, p=[0.5, 0.25, 0.13, 0.08, 0.04]),
    "codes": lambda: draw().choice(7, 1000, p=[0.3, 0.05, 0.2, 0.1, 0.15, 0.02, 0.18]),
    "quality": lambda: draw().choice(np.arange(3, 9), 1599, p=[0.01, 0.03, 0.43, 0.4, 0.12, 0.01]),
}
MEASURED = {
    "diabetes": lambda: datasets.load_diabetes().target,
    "nile": lambda: sm.datasets.nile.load_pandas().data["volume"],
    "ages": lambda: draw().integers(0, 90, 900),
    "prices": lambda: np.exp(draw().normal(6, 1, 1000)).round(),
    "income": lambda: np.exp(draw().normal(8, 1, 1000)).round() * (draw(1).random(1000) < 0.7),
    "ids": lambda: np.arange(1000),
    "years": lambda: np.arange(1950, 2011),
}
EXPECTED = [
    (name, make, kind)
    for kind, group in (("poisson", COUNTS), ("categorical", CLASSES), ("normal", MEASURED))
    for name, make in group.items()
]


@pytest.mark.parametrize(("name", "make", "kind"), EXPECTED, ids=[case[0] for case in EXPECTED])
def test_counts_classes_and_measurements_are_distinguished(name, make, kind):
    y = np.asarray(make(), dtype=np.float64)
    found = decide(pl.Series("y", y), None, len(y))
    assert found.kind == kind
    assert kind == "normal" or "--likelihood" in found.reason
    balanced = name in ("iris", "digits")
    assert ("pass --likelihood" in found.doubt or "ratings" in found.doubt) == (
        kind != "poisson" and not balanced
    )


def test_numbers_below_0_are_no_counts():
    y = draw().poisson(5 * draw(1).gamma(1, 1, 1000)) - 1
    found = decide(pl.Series("y", y.astype(np.float64)), None, len(y))
    assert (found.kind, found.doubt) == ("normal", "")


@pytest.mark.parametrize("stream", [False, True])
def test_counts_are_fitted_as_counts_and_the_exposure_is_named(tmp_path, stream):
    y = doctor_visits()
    frame = pl.DataFrame({"x": draw().normal(size=len(y)), "policies": 1.0 + y % 3, "visits": y})
    frame.write_csv(tmp_path / "visits.csv")
    found = neglog.fit(tmp_path / "visits.csv", target="visits", stream=stream)
    assert found.kind == "poisson"
    assert "taken as counts" in found.reason
    assert any(
        "varies more than Poisson's" in note and "--likelihood negative_binomial" in note
        for note in found.notes
    )
    assert any("'policies' looks like" in note and "--exposure" in note for note in found.notes)


def with_gaps():
    x = draw().normal(10, 2, 200)
    y = 2 * x + draw(1).normal(size=200)
    gone = np.arange(200) % 5 == 0
    return pl.DataFrame({"a": x, "b": x**2, "y": y}).with_columns(
        a=pl.when(~pl.Series(gone)).then("a")
    )


@pytest.mark.parametrize("stream", [False, True])
def test_filling_in_means_says_what_it_filled(tmp_path, stream):
    frame, out = with_gaps(), tmp_path / "run"
    frame.write_csv(tmp_path / "gaps.csv")
    found = neglog.fit(tmp_path / "gaps.csv", "y", missing="mean", stream=stream, out=out)
    said = f"'a' (40 of 200, with {frame['a'].mean():.6g})"
    assert [note for note in found.notes if said in note and "'b'" not in note]
    for name in ("summary.txt", "report.html"):
        text = (out / name).read_text(encoding="utf-8")
        assert "filled in with the mean" in text
    predicted = neglog.predict(out, frame)
    assert any("means that the fit has stored: 'a' with" in note for note in predicted.notes)
    assert not neglog.predict(out, frame.drop_nulls()).notes


@pytest.mark.parametrize("stream", [False, True])
def test_text_is_never_filled_in(tmp_path, stream):
    level = ["u" if row % 2 else "v" for row in range(200)]
    frame = with_gaps().with_columns(c=pl.Series([None, None, *level[2:]]))
    frame.write_csv(tmp_path / "gaps.csv")
    where = r"2 values are missing, in column 'c' \(2, first in row 0\).*text has no mean.*drop"
    with pytest.raises(FitError, match=where):
        neglog.fit(tmp_path / "gaps.csv", "y", missing="mean", stream=stream)
    whole = with_gaps().with_columns(c=pl.Series(level))
    fitted = neglog.fit(whole, "y", missing="mean")
    with pytest.raises(FitError, match="text has no mean"):
        fitted.predict(frame)


def table_of(make, rows=2000):
    x = draw().normal(size=(rows, 2))
    eta = 1 + x[:, 0] - 0.5 * x[:, 1]
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": make(eta, draw(1))})


RIGHT = {
    "normal": ("normal", lambda eta, r: eta + r.normal(size=len(eta))),
    "heavy tails": ("normal", lambda eta, r: 30 + eta + r.standard_t(5, len(eta))),
    "mild skew": ("normal", lambda eta, r: 30 + eta + r.gamma(10, 1, len(eta))),
    "poisson": ("poisson", lambda eta, r: r.poisson(np.exp(eta / 2))),
    "gamma": ("gamma", lambda eta, r: np.exp(eta) * r.gamma(4, 0.25, len(eta))),
}
WRONG = {
    "positive": (
        "normal",
        lambda eta, r: np.exp(eta) * r.gamma(4, 0.25, len(eta)),
        r"predictions are negative, but no target is.*try --likelihood gamma",
    ),
    "spread": (
        "normal",
        lambda eta, r: (20 + eta) * np.exp((0.05 + 0.1 * eta.clip(0)) * r.normal(size=len(eta))),
        r"errors grow with the prediction",
    ),
    "cauchy": ("normal", lambda eta, r: eta + r.standard_cauchy(len(eta)), "--likelihood huber"),
    "skewed": ("normal", lambda eta, r: eta + r.exponential(size=len(eta)), "skewed to the right"),
    "bounded": (
        "normal",
        lambda eta, r: 1 / (1 + np.exp(-3 * eta - r.normal(size=len(eta)))),
        r"above 1, but no target is.*try --likelihood binomial",
    ),
    "overdispersed": (
        "poisson",
        lambda eta, r: r.poisson(np.exp(eta / 2) * r.gamma(2, 0.5, len(eta))),
        r"Pearson χ² / df is .*pass --likelihood negative_binomial",
    ),
}


def about_likelihoods(found):
    return [note for note in found.notes if "likelihood" in note or "varies more" in note]


@pytest.mark.parametrize("rows", [20, 100, 2000])
@pytest.mark.parametrize("case", RIGHT)
def test_a_likelihood_that_is_right_is_not_called_wrong(case, rows):
    kind, make = RIGHT[case]
    assert not about_likelihoods(neglog.fit(table_of(make, rows), "y", likelihood=kind))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", WRONG)
def test_a_likelihood_that_is_plainly_wrong_is_called_wrong(tmp_path, case, stream):
    kind, make, words = WRONG[case]
    table_of(make).write_csv(tmp_path / "t.csv")
    found = neglog.fit(tmp_path / "t.csv", "y", likelihood=kind, stream=stream)
    assert any(re.search(words, note) for note in found.notes), found.notes

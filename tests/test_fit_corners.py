"""Fits at the edges: sizes far from 1, rows that do not count, exact fits, odd arrays."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
import torch
from scipy.special import ndtri
from statsmodels.regression.quantile_regression import QuantReg

import neglog
from neglog.errors import FitError
from neglog.fitting.batches.in_memory_rows import InMemoryRows
from neglog.fitting.inference.covariance import Counts, covariance
from neglog.fitting.likelihoods.scaled import Location
from neglog.fitting.linear.nonsmooth import quantile
from neglog.fitting.linear.objective import Objective
from neglog.fitting.results.reopen import reopen
from neglog.fitting.running.progress import Listener
from neglog.likelihoods import Quantile
from neglog.report.page import html_page

SAME = 1e-8
"""What the weights of two ways to the same fit differ by, at most; most differ by 1e-12."""


def rows(count=80, features=2, seed=0):
    random = np.random.default_rng(seed)
    x = random.standard_normal((count, features))
    return x, x[:, 0] + random.standard_normal(count), random


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "neglog", *arguments],
        capture_output=True, text=True, env=os.environ | environment, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("size", [1e200, 1e-200])
@pytest.mark.parametrize("kind", ["normal", "laplace", "huber"])
def test_standard_errors_are_in_the_targets_unit_however_large(kind, size):
    x, y, _ = rows()
    usual = neglog.fit(x, y, likelihood=kind).coefficients
    found = neglog.fit(x, y * size, likelihood=kind).coefficients
    assert found.error[:3] / size == pytest.approx(usual.error[:3], rel=SAME)
    assert found.p[:3] == pytest.approx(usual.p[:3], rel=SAME)
    assert found.correlation == pytest.approx(usual.correlation, abs=SAME)


def test_errors_and_report_of_columns_far_from_1(tmp_path):
    x, y, _ = rows()
    usual = neglog.fit(x, y).coefficients
    found = neglog.fit(x * [1e200, 1e-200], y, out=tmp_path)
    assert found.coefficients.error * [1, 1e200, 1e-200] == pytest.approx(usual.error, rel=SAME)
    assert np.isfinite(found.deviations).all()
    again = reopen(tmp_path)
    assert (again.coefficients.error == found.coefficients.error).all()
    assert "forest" in html_page(again)


def test_covariance_is_that_of_the_correlation_and_the_errors():
    x, y, _ = rows()
    with_copy = neglog.fit(np.column_stack([x, x[:, 0]]), y).coefficients
    of = sm.OLS(y, sm.add_constant(x)).fit()
    assert with_copy.covariance[:3, :3] == pytest.approx(of.cov_params(), rel=SAME)
    assert (with_copy.covariance[3] == 0).all()
    assert np.isnan(with_copy.error[3])


def test_columns_whose_weights_could_overflow_are_refused():
    x, y, random = rows()
    x[:, 1] = 5e-324 * random.integers(0, 5, len(y))
    with pytest.raises(FitError, match=r"column 'x2' holds nothing larger than 1\.98e-323"):
        neglog.fit(x, y)
    neglog.fit(x[:, :1] * 1e307, y)  # a sum of these is infinite, which warned


def fitted_quantile(x, y, level):
    return QuantReg(y, x).fit(q=level, p_tol=1e-12, max_iter=20_000).params


def nid(x, y, level, weight=1.0):
    """R's summary.rq(se = "nid"), with its bandwidth.rq(hs = TRUE)."""
    z = ndtri(level)
    normal = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    h = (ndtri(0.975) ** 2 * 1.5 * normal**2 / (2 * z**2 + 1) / len(y)) ** (1 / 3)
    while level - h < 0 or level + h > 1:
        h /= 2
    apart = x @ (fitted_quantile(x, y, level + h) - fitted_quantile(x, y, level - h))
    density = np.maximum(0, 2 * h / (apart - np.finfo(float).eps ** (2 / 3)))
    bread = np.linalg.inv((x.T * density) @ x)
    return np.sqrt((level * (1 - level) * bread @ x.T @ x @ bread).diagonal())


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9])
def test_errors_of_quantiles_are_those_of_hendricks_and_koenker(level):
    x, y, random = rows(2000)
    y = y + random.gamma(1.0, 2.0, len(y)) * (1 + x[:, 1] ** 2)
    expected = nid(sm.add_constant(x), y, level)
    found = neglog.fit(x, y, likelihood="quantile", quantile=level).coefficients
    assert found.kind == "hc0"
    assert found.error == pytest.approx(expected, rel=2e-3)  # statsmodels' fits are iterative
    wide = neglog.fit(x, y, likelihood="quantile", quantile=level, covariance="hc1").coefficients
    assert wide.error == pytest.approx(found.error * (2000 / 1997) ** 0.5, rel=SAME)
    if level == 0.5:
        halves = neglog.fit(x, y, likelihood="laplace").coefficients
        assert halves.error == pytest.approx(found.error, rel=SAME)


@pytest.mark.parametrize(("level", "published"), [(0.5, 0.0283), (0.9, 0.0285)])
def test_errors_of_quantiles_of_engels_table_are_those_r_publishes(level, published):
    table = sm.datasets.engel.load_pandas().data
    fit = neglog.fit(table[["income"]].values, table.foodexp.values, likelihood="quantile",
                     quantile=level)  # fmt: skip
    assert fit.coefficients.error[1] == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize("spread", [(1.0, 0.0), (0.2, 1.0)], ids=["equal", "growing"])
@pytest.mark.slow
def test_intervals_of_quantiles_cover_what_they_say(spread):
    """Slopes of 100 tables at five levels, a nominal 95 %: chance moves the share by a point."""
    random, inside = np.random.default_rng(0), 0
    free, counts = torch.arange(2), Counts(400.0, 2)
    for _ in range(100):
        x = torch.from_numpy(random.uniform(size=(400, 1)))
        errors = torch.from_numpy(random.standard_normal(400))
        y = 1 + 2 * x[:, 0] + (spread[0] + spread[1] * x[:, 0]) * errors
        for level in (0.1, 0.25, 0.5, 0.75, 0.9):
            response = Location(declaration=Quantile, settings=(level,), degree=1.0, smooth=False)
            problem = Objective.of(response, InMemoryRows(x, y))
            found = quantile(problem)
            hessian = torch.eye(2, dtype=torch.float64)
            made = covariance(problem, found, free, hessian, "hc0", counts, 1.0)
            away = float(found[0]) - (2 + spread[1] * ndtri(level))
            inside += abs(away) < ndtri(0.975) * float(made.matrix[0, 0]) ** 0.5
    assert 0.93 < inside / 500 < 0.97


def test_a_quantile_of_many_rows_is_the_optimum_of_all():
    x, y, random = rows(12_000)
    x = np.column_stack([x, np.arange(12_000) < 3])  # a level that a sample hardly meets
    weight = random.uniform(0.1, 3, len(y))
    y = y + random.standard_t(2, len(y)) * (1 + x[:, 1] ** 2)
    fit = neglog.fit(x, y, likelihood="quantile", quantile=0.9, sample_weight=weight,
                     weight_kind="precision")  # fmt: skip
    made = sm.add_constant(x)
    left = y - made @ fit.coefficients.estimate
    met = np.abs(left) < 1e-9
    assert met.sum() == 4
    # The derivative is 0 for slopes in [−0.9, 0.1] of the rows that are met exactly.
    pull = made[~met].T @ (weight * np.where(left > 0, -0.9, 0.1))[~met]
    slopes = np.linalg.solve(made[met].T, -pull) / weight[met]
    assert ((slopes > -0.9 - 1e-9) & (slopes < 0.1 + 1e-9)).all()


def test_the_density_at_a_kink_counts_frequencies_and_few_rows():
    x, y, random = rows(60)
    count = random.integers(1, 4, len(y))
    options = {"likelihood": "quantile", "quantile": 0.9}
    weighted = neglog.fit(x, y, sample_weight=count, **options)
    repeated = neglog.fit(np.repeat(x, count, 0), np.repeat(y, count), **options)
    assert weighted.coefficients.error == pytest.approx(repeated.coefficients.error, rel=SAME)
    of_five = neglog.fit(x[:5, :1], y[:5], **options | {"quantile": 0.99})
    assert np.isnan(of_five.coefficients.error).all()
    assert any("no standard errors: the quantiles" in note for note in of_five.notes)


@pytest.mark.parametrize("kind", ["normal", "categorical", "ordinal", "bernoulli", "poisson"])
def test_rows_of_weight_0_have_no_effect(kind):
    x, y, random = rows(200)
    if kind != "normal":
        y = random.integers(0, 2 if kind == "bernoulli" else 3, len(y))
    weight = np.where(np.arange(200) < 120, random.uniform(0.5, 2, 200), 0.0)
    options = {"likelihood": kind, "weight_kind": "precision"}
    found = neglog.fit(x, y, sample_weight=weight, **options)
    alone = neglog.fit(x[:120], y[:120], sample_weight=weight[:120], **options)
    assert found.coefficients.error == pytest.approx(alone.coefficients.error, rel=SAME)
    for name in ("rows", "freedom", "log_likelihood", "bic"):
        assert getattr(found.statistics, name) == pytest.approx(getattr(alone.statistics, name))


def test_targets_that_are_constant_where_rows_count_are_refused():
    x, _, _ = rows(60)
    y = np.arange(60) % 3
    for kind in ("normal", "poisson", "laplace", "huber", "categorical"):
        with pytest.raises(FitError, match=r"is 1.* in every training row that counts"):
            neglog.fit(x, y, likelihood=kind, sample_weight=(y == 1) * 1.0)
    for kind in ("categorical", "ordinal"):
        with pytest.raises(FitError, match="no training row that counts is of class 2"):
            neglog.fit(x, y, likelihood=kind, sample_weight=(y != 2) * 1.0)


def test_frequencies_that_are_fewer_than_the_weights_are_noted():
    x, y, _ = rows()
    found = neglog.fit(x, y, sample_weight=np.full(len(y), 0.01))
    assert any("sum to 0.8; taken as frequencies, those are too few" in n for n in found.notes)
    assert not any("too few" in n for n in neglog.fit(x, y, sample_weight=y * 0 + 1).notes)


@pytest.mark.parametrize("size", [1e-9, 1e3, 1e9])
def test_exposures_of_any_size_change_the_intercept_alone(size):
    x, _, random = rows(300)
    part = random.uniform(0.5, 2.0, 300)
    y = random.poisson(part * np.exp(0.3 * x[:, 0] + 1))
    usual = neglog.fit(x, y, likelihood="poisson", exposure=part)
    found = neglog.fit(x, y, likelihood="poisson", exposure=part * size)
    assert found.coefficients.estimate[1:] == pytest.approx(usual.coefficients.estimate[1:])
    assert found.count == usual.count


@pytest.mark.parametrize("kind", ["bernoulli", "ordinal", "normal", "gamma"])
def test_initial_intercepts_correct_for_large_offsets(kind):
    x, y, _ = rows(100)
    y = {"normal": y, "gamma": np.exp(y), "bernoulli": y > 0}.get(kind, np.digitize(y, [-1, 1]))
    usual = neglog.fit(x, y, likelihood=kind, offset=np.zeros(100))
    found = neglog.fit(x, y, likelihood=kind, offset=np.full(100, 300.0))
    assert found.converged
    assert found.coefficients.error == pytest.approx(usual.coefficients.error, rel=1e-6)
    assert found.null_loss == pytest.approx(usual.null_loss)


def test_an_offset_that_rounds_the_loss_ends():
    """Its steps were without end: rounding kept the decrement above what it stops at."""
    x, y, _ = rows()
    found = neglog.fit(x, 1e8 + y, offset=np.full(len(y), 1e8))
    assert found.converged
    assert found.count < 10
    assert np.isfinite(found.null_loss)


@pytest.mark.parametrize("kind", ["gamma", "huber", "normal", "laplace"])
def test_exact_fits_are_said_to_be_exact(kind):
    x, _, _ = rows(20)
    y = np.exp(x @ [1.0, 2.0]) if kind == "gamma" else x @ [1.0, 2.0] + 3
    found = neglog.fit(x, y, likelihood=kind)
    assert not found.converged
    assert "reproduce the target exactly" in found.outcome
    assert np.isfinite(found.loss)
    few = neglog.fit(rows(5, 8)[0], np.arange(1.0, 6.0), likelihood=kind)
    assert "reproduce the target exactly" in few.outcome


def test_huber_counts_rows_with_zero_residuals():
    """The derivative of |e| has none at 0, so that rows met exactly were taken for flat."""
    x, _, random = rows(60)
    found = neglog.fit(x, random.integers(1, 3, 60).astype(float), likelihood="huber")
    assert found.converged
    assert (found.coefficients.error > 0).all()


def test_counts_too_large_are_refused_in_a_sentence():
    x, y, _ = rows()
    with pytest.raises(FitError, match="derivatives are not finite"):
        neglog.fit(x, np.abs(y) * 1e200, likelihood="negative_binomial")


def test_a_target_that_is_something_else_too_is_refused():
    frame = pl.DataFrame({"a": [1.0, 2, 3, 4], "y": [1.0, 3, 2, 5]})
    for role in ("offset", "exposure", "sample_weight", "cluster"):
        with pytest.raises(FitError, match=f"the target 'y' is the {role.replace('_', ' ')} too"):
            neglog.fit(frame, "y", **{role: "y"})
    with pytest.raises(FitError, match="the target 'y' is to be left out too"):
        neglog.fit(frame, "y", drop="y")


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[::-1][::-1],
        lambda x: np.array(x, dtype=">f8"),
        lambda x: x.astype(np.longdouble),
        lambda x: torch.tensor(x, requires_grad=True),
        pd.DataFrame,
        lambda x: np.ma.masked_array(x, np.zeros(x.shape, bool)),
    ],
    ids=["strides", "byte order", "long double", "tensor", "numbered columns", "masked"],
)
def test_arrays_of_every_sort_are_read_as_their_numbers(change):
    x, y, _ = rows()
    found = neglog.fit(change(x), change(y[:, None])).coefficients
    assert found.estimate == pytest.approx(neglog.fit(x, y).coefficients.estimate, rel=SAME)


def test_bfloat16_is_read_and_what_holds_no_numbers_is_refused():
    x, y, _ = rows()
    half = torch.tensor(x).bfloat16()
    found = neglog.fit(half, y).coefficients.estimate
    assert found == pytest.approx(neglog.fit(half.double(), y).coefficients.estimate, rel=SAME)
    for wrong in (half.to("meta"), torch.tensor(x).to_sparse()):
        with pytest.raises(FitError, match="tensors must hold their numbers"):
            neglog.fit(wrong, y)


def test_masked_values_are_missing():
    x, y, _ = rows()
    masked = np.ma.masked_greater(x, 1.0)
    with pytest.raises(FitError, match="values are missing"):
        neglog.fit(masked, y)
    whole = ~masked.mask.any(1)
    found = neglog.fit(masked, y, missing="drop").coefficients.estimate
    assert found == pytest.approx(neglog.fit(x[whole], y[whole]).coefficients.estimate, rel=SAME)


def test_columns_of_one_name_are_refused():
    x, y, _ = rows()
    for names in (["a", "a"], [1, "1"]):
        with pytest.raises(FitError, match="two columns of the data frame have one name"):
            neglog.fit(pd.DataFrame(x, columns=names), y)


def test_estimators_take_offsets_with_weights_of_0_and_refuse_others():
    x, y, random = rows()
    offset, weight = random.standard_normal(80), np.r_[np.zeros(10), np.ones(70)]
    found = neglog.NLLRegressor().fit(x, y, sample_weight=weight, offset=offset)
    alone = neglog.NLLRegressor().fit(x[10:], y[10:], offset=offset[10:])
    assert found.coef_ == pytest.approx(alone.coef_, rel=SAME)
    for wrong in (offset[:3], 1.0, offset * np.nan):
        with pytest.raises(FitError, match="offset must hold 80 finite numbers"):
            found.predict(x, offset=wrong)
    assert (pickle.loads(pickle.dumps(found)).predict(x) == found.predict(x)).all()


def test_weights_of_any_size_leave_a_report():
    x, y, _ = rows()
    for size in (1e-200, 1e200):
        found = neglog.fit(x, y > 0, sample_weight=np.full(80, size))
        assert "calibration" in html_page(found)


class StopsAfter(Listener):
    """Presses Ctrl-C after an epoch."""

    def __init__(self, epoch):
        self.left = epoch

    def step(self, epoch):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_stopped_run_resumes_with_its_config(tmp_path):
    """The file writes out the defaults, which the checkpoint took for other choices."""
    table, folder = tmp_path / "a.csv", tmp_path / "run"
    x, y, _ = rows(60)
    pl.DataFrame({"a": x[:, 0], "y": y}).write_csv(table)
    given = {"target": "y", "hidden": (3,), "epochs": 6}
    whole = neglog.fit(table, **given)
    stopped = neglog.fit(table, **given, out=folder, progress=StopsAfter(3))
    assert stopped.interrupted
    assert run("fit", "--config", str(folder / "config.toml"), "--resume").returncode == 0
    assert (reopen(folder).training.loss == whole.training.loss).all()


@pytest.mark.slow
def test_commands_on_lines_of_no_width_and_fewer_rows_than_none(tmp_path):
    x, y, _ = rows(30)
    path = tmp_path / "a.csv"
    pl.DataFrame({"a": x[:, 0], "y": y}).write_csv(path)
    wide = run("fit", str(path), "--target", "y", COLUMNS="0")
    assert "intercept" in wide.stdout
    wrong = run("fit", str(path), "--target", "y", "--worst", "-1")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "worst must be 0 or more" in wrong.stderr
    exact = tmp_path / "exact.csv"
    pl.DataFrame({"a": x[:, 0], "y": 2 * x[:, 0]}).write_csv(exact)
    found = run("fit", str(exact), "--target", "y", "--json")
    assert found.returncode == 1
    assert json.loads(found.stdout)["converged"] is False


WRONG_TYPES = {
    "hidden": (3, r"hidden must be whole numbers, such as \[64, 32\], but got 3"),
    "epochs": ("3", "epochs must be a whole number, but got '3'"),
    "batch_size": (1.5, "batch_size must be a whole number, but got 1.5"),
    "seed": (None, "seed must be a whole number, but got None"),
    "patience": (True, "patience must be a whole number, but got True"),
    "l2": ("1", "l2 must be a number, but got '1'"),
    "firth": (1, "firth must be True or False, but got 1"),
    "likelihood": (torch.nn.L1Loss, "likelihood must be a name, or a class that declares"),
    "drop": (3, "drop must be a column's name, or several in a list, but got 3"),
    "optimizer_options": ([1], r"optimizer_options must be a dictionary, but got \[1\]"),
    "out": (3, "out must be a path, but got 3"),
    "checkpoint": (3, "checkpoint must be a path, but got 3"),
    "progress": (3, "progress must be True or False, but got 3"),
}


@pytest.mark.parametrize("stream", [False, True])
def test_the_order_of_named_classes_is_noted(stream, tmp_path):
    ranks = ["low", "mid", "high"]
    frame = pl.DataFrame({"y": [ranks[i // 3 % 3] for i in range(60)], "x": range(60)})
    for file, options, words in (
        (frame, {"levels": {"y": ranks}}, ["low < mid < high"]),
        (frame.with_columns(y=pl.col("y").rank()), {}, []),
    ):
        file.write_csv(tmp_path / "t.csv")
        found = neglog.fit(tmp_path / "t.csv", "y", likelihood="ordinal", stream=stream, **options)
        assert [word for word in words if word in " ".join(found.notes)] == words
        assert len([note for note in found.notes if "declared order" in note]) == len(words)


@pytest.mark.parametrize("options", [{}, {"drop": ["x3"]}, {"hidden": [2], "epochs": 1}])
def test_an_array_of_other_columns_is_refused(options):
    x = np.random.default_rng(0).standard_normal((40, 3))
    fit = neglog.fit(x, x.sum(1) + x[:, 0] ** 2, **options)
    assert len(fit.predict(x).frame) == 40
    with pytest.raises(FitError, match="X has 4 columns, but the model was fitted to 3; pass"):
        fit.predict(np.hstack([x, x[:, :1]]))


def test_the_summary_says_which_penalty_there_is():
    x, y, _ = rows()
    for options in ({"l1": 0.25}, {"l2": 0.25}, {"l1": 0.5, "l2": 0.25}):
        lines = str(neglog.fit(x, y, likelihood="normal", **options).summary()).split("\n")
        for name, amount in options.items():
            assert any(f"{name} penalty" in line and f"{amount:g}" in line for line in lines)


def test_levels_of_a_long_name_stay_apart():
    long = "the region in which they live"
    frame = pl.DataFrame({long: ["north", "east", "west", "south"] * 9, "y": np.arange(36.0) ** 2})
    blocks = neglog.fit(frame, "y").summary().blocks(60)
    names = [line[:20].rstrip() for line in blocks[1].split("\n")[3:]]
    for name, level in zip(names, ("north", "south", "west"), strict=True):
        assert name.endswith(f"={level}")


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_choices_of_another_type_are_refused(name):
    value, message = WRONG_TYPES[name]
    with pytest.raises(FitError, match=message):
        neglog.fit(*rows()[:2], **{name: value})


def test_numbers_of_numpy_are_written_as_plain_ones(tmp_path):
    choices = {"seed": np.int64(3), "level": np.float32(0.5), "firth": np.bool_(False)}
    x, y, _ = rows()
    fit = neglog.fit(x, y, out=tmp_path, drop=["x1"], hidden=np.array([]), **choices)
    assert (fit.options.seed, fit.options.level, fit.options.hidden) == (3, 0.5, ())
    assert {type(getattr(fit.options, name)) for name in choices} == {int, float, bool}
    text = (tmp_path / "config.toml").read_text()
    assert "seed = 3\n" in text and "level = 0.5\n" in text and 'drop = ["x1"]\n' in text


@pytest.mark.parametrize("kind", ["poisson", "negative_binomial"])
def test_non_integer_counts_are_noted(kind):
    x, _, random = rows(200)
    y = random.poisson(np.exp(x[:, 0]) * random.gamma(1.0, 1.0, 200)) + 0.0
    found = neglog.fit(x, y, likelihood=kind)
    assert not any("counts, such as" in note for note in found.notes)
    y[7] += 0.25
    note = neglog.fit(x, y, likelihood=kind).notes[0]
    assert f"holds numbers that are not counts, such as {float(y[7])}: " in note

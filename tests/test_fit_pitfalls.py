"""Known pitfalls of fitting: messages, exit statuses, and files that are not written."""

import csv
import itertools
import json
import math
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
import torch
from scipy import stats
from sklearn import linear_model

import neglog
from neglog import functional
from neglog.cli import main
from neglog.errors import FitError

SAME = 1e-8
"""What the weights of two ways to the same fit differ by, at most; most differ by 1e-12."""
COUNT = 240


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Work in a folder of the test's own, and draw no figures, which take most of a run's time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("neglog.report.page.html_page", repr)


@pytest.fixture
def run(capsys):
    """Return what fits a frame by the command, into the folder o: its code and what it prints."""

    def call(frame, *arguments):
        frame.write_parquet("table.parquet")
        words = ["fit", "table.parquet", "--target", "y", "--out", "o", *map(str, arguments)]
        with pytest.raises(SystemExit) as left:
            main(words)
        return left.value.code, *capsys.readouterr()

    return call


def errors():
    """Return the standard errors that were written."""
    with Path("o/coefficients.csv").open() as file:
        return [row["std_error"] for row in csv.DictReader(file)]


def drawn(seed=0):
    """Return three columns and a target of two classes that overlap."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((COUNT, 3))
    y = x[:, 0] - 0.5 * x[:, 1] + random.logistic(size=COUNT) > 0
    return pl.DataFrame(x, schema=["a", "b", "c"]).with_columns(y=y.astype(int))


def dummy():
    return pl.Series(np.random.default_rng(1).random(COUNT) < 0.15)


SEPARATED = {
    "completely separated by 'a' alone": lambda f: f.with_columns(y=(pl.col("a") > 0).cast(int)),
    "separated in part by 'd' alone": lambda f: f.with_columns(
        d=dummy(), y=pl.col("y") | dummy().cast(int)
    ),
}


@pytest.mark.parametrize("words", SEPARATED)
def test_separation_names_the_column_and_the_ways_out_and_has_no_errors(run, words):
    frame = SEPARATED[words](drawn())
    code, out, err = run(frame)
    assert code == 1
    assert f"at infinity: the rows are {words}" in " ".join(err.split())
    for remedy in ("(--drop)", "(--l2)", "--firth"):
        assert remedy in out
    assert "converged   yes" not in out
    assert set(errors()) == {""}
    for remedy in (("--firth",), ("--l2", 0.01), ("--drop", words.split("'")[1])):
        assert run(frame, *remedy)[0] == 0


def test_an_aliased_column_is_named_and_dropped(run):
    code, out, _ = run(drawn().with_columns(d=pl.col("a") + pl.col("b")))
    assert code == 0
    assert "left out, being combinations of the columns before them: d = a + b." in " ".join(
        out.split()
    )
    assert [error == "" for error in errors()] == [False] * 4 + [True]
    own, plain = errors()[:4], run(drawn()) and errors()
    assert [float(e) for e in own] == pytest.approx([float(e) for e in plain], rel=SAME)


@pytest.mark.parametrize("kind", ["bernoulli", "normal"])
def test_ridge_splits_a_weight_among_collinear_columns(kind):
    frame = drawn().with_columns(d=pl.col("a") + pl.col("b"), e=pl.col("c"), one=pl.lit(1.0))
    z, y = frame["a", "b", "c", "d", "e"].to_numpy(), frame["y"].to_numpy()
    z = (z - z.mean(0)) / z.std(0)
    found = neglog.fit(frame, "y", likelihood=kind, l2=0.1)
    if kind == "normal":
        theirs = linear_model.Ridge(alpha=0.1 * COUNT).fit(z, y)
    else:
        theirs = linear_model.LogisticRegression(
            C=1 / (0.1 * COUNT), solver="newton-cholesky", tol=1e-12
        ).fit(z, y)
    own = found.weights[0, :5] * frame["a", "b", "c", "d", "e"].to_numpy().std(0)
    assert found.converged
    assert own == pytest.approx(theirs.coef_.ravel(), rel=1e-7)  # scikit-learn stops earlier
    assert found.weights[0, 5] == 0
    assert "left out, being combinations of the columns before them: one = 1." in found.notes


@pytest.mark.parametrize(
    ("unit", "far"), [((1.0, 1e6, 1e-6), 0.0), ((1.0, 1.0, 1.0), 1e5), ((1e8, 1e-8, 1.0), 1e3)]
)
def test_units_and_distances_from_0_change_no_digit_that_counts(unit, far):
    frame = drawn()
    moved = frame.with_columns((pl.col(n) + far) * u for n, u in zip("abc", unit, strict=True))
    usual, found = neglog.fit(frame, "y"), neglog.fit(moved, "y")
    assert found.converged
    # 1e5 deviations away from 0 leave 11 digits of each number, and 1e-10 of the weights
    assert found.weights * unit == pytest.approx(usual.weights, rel=1e-7)
    assert found.coefficients.error[1:] * unit == pytest.approx(usual.coefficients.error[1:], 1e-7)
    start = usual.intercepts - far * usual.weights.sum()
    assert found.intercepts == pytest.approx(start, rel=1e-7)


def test_a_target_of_one_class_is_refused_with_the_count_and_nothing_is_written(run):
    code, out, err = run(drawn().with_columns(y=pl.lit(1)))
    assert (code, out) == (2, "")
    assert "the target 'y' is 1 in all 240 rows" in err
    assert not Path("o").exists()


def several():
    y = np.random.default_rng(2).integers(0, 3, COUNT) + (drawn()["a"].to_numpy() > 1)
    return drawn().with_columns(y=y.clip(max=2))


def test_of_k_classes_k_less_1_are_fitted_and_the_base_is_free():
    frame = several()
    found = neglog.fit(frame, "y", base=0)
    assert {name for name, _ in found.coefficients.names} == {"1", "2"}
    theirs = sm.MNLogit(frame["y"].to_numpy(), sm.add_constant(frame["a", "b", "c"].to_numpy()))
    theirs = theirs.fit(disp=0, method="newton", tol=1e-14)
    assert found.coefficients.estimate == pytest.approx(theirs.params.T.ravel(), rel=SAME)
    assert found.coefficients.error == pytest.approx(theirs.bse.T.ravel(), rel=SAME)
    assert found.weights.sum(0) == pytest.approx(0, abs=1e-12)
    other = neglog.fit(frame, "y")
    commonest = str(frame["y"].mode()[0])
    assert commonest not in {name for name, _ in other.coefficients.names}
    assert other.weights == pytest.approx(found.weights, rel=SAME)


def test_centred_weights_have_the_errors_of_the_differences_that_they_are():
    frame = several()
    theirs = sm.MNLogit(frame["y"].to_numpy(), sm.add_constant(frame["a", "b", "c"].to_numpy()))
    theirs = theirs.fit(disp=0, method="newton", tol=1e-14)
    way = np.kron(np.eye(3)[:, 1:] - 1 / 3, np.eye(4))
    covariance = way @ np.asarray(theirs.cov_params()) @ way.T
    for base in range(3):
        found = neglog.fit(frame, "y", base=base)
        own = found.centred().coefficients
        assert own.names[4:6] == [("1", "(intercept)"), ("1", "a")]
        assert own.estimate.reshape(3, 4)[:, 1:] == pytest.approx(found.weights, rel=SAME)
        assert own.covariance == pytest.approx(covariance, abs=SAME)
    large = frame.with_columns(pl.col("a") * 1e200, one=pl.lit(1.0))
    own = neglog.fit(large, "y").centred().coefficients.error.reshape(3, 5)
    size = np.sqrt(covariance.diagonal()).reshape(3, 4)
    assert own[:, :4] * [1, 1e200, 1, 1] == pytest.approx(size, rel=SAME)
    assert np.isnan(own[:, 4]).all()
    with pytest.raises(FitError, match="only a linear model of several classes"):
        neglog.fit(drawn(), "y").centred()
    frame = drawn().with_columns(y=(pl.col("a") > 0).cast(int) + (pl.col("a") > 1))
    assert np.isnan(neglog.fit(frame, "y").centred().coefficients.error).all()  # separated


def test_two_classes_asked_for_as_several_have_the_whole_difference():
    frame = drawn()
    two, several = neglog.fit(frame, "y"), neglog.fit(frame, "y", likelihood="categorical")
    estimate, error = several.coefficients.estimate, several.coefficients.error
    assert estimate == pytest.approx(two.coefficients.estimate, rel=SAME)
    assert error == pytest.approx(two.coefficients.error, rel=SAME)


@pytest.mark.parametrize("kind", ["bernoulli", "poisson"])
def test_the_dispersion_is_1_by_default_and_the_header_says_how_errors_are_found(run, kind):
    frame = drawn().with_columns(y=pl.Series(np.random.default_rng(3).poisson(2, COUNT)))
    frame = frame.with_columns(pl.col("y").clip(upper_bound=1)) if kind == "bernoulli" else frame
    family = {"bernoulli": sm.families.Binomial(), "poisson": sm.families.Poisson()}[kind]
    x = sm.add_constant(frame["a", "b", "c"].to_numpy())
    theirs = sm.GLM(frame["y"].to_numpy(), x, family).fit(tol=1e-14)
    _, out, _ = run(frame, "--likelihood", kind)
    assert "standard errors" in out
    assert "Fisher" in Path("o/summary.txt").read_text()
    assert [float(e) for e in errors()] == pytest.approx(theirs.bse, rel=SAME)
    run(frame, "--likelihood", kind, "--covariance", "hc1")
    assert "sandwich HC1" in Path("o/summary.txt").read_text()


FIT, BENCH = ["fit", "--demo", "iris"], ["bench", "--only", "mse", "--seconds", "0.1"]


@pytest.mark.parametrize(
    ("arguments", "given", "count"),
    [
        (FIT, {}, "10000"),
        (FIT, {"GOMP_SPINCOUNT": "7"}, "7"),
        (FIT, {"OMP_WAIT_POLICY": "ACTIVE"}, "None"),
        (BENCH, {}, "None"),  # which times losses as a training script runs them
    ],
)
def test_threads_of_a_fit_sleep_soon_unless_the_user_says_otherwise(arguments, given, count):
    program = (
        "import os, sys\n"
        "class Hears:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch': print(os.environ.get('GOMP_SPINCOUNT')); os._exit(0)\n"
        "sys.meta_path.insert(0, Hears())\n"
        "from neglog.cli import main\n"
        f"main({arguments})\n"
    )
    ours = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    heard = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=clean | given,
        timeout=60, check=True,
    )  # fmt: skip
    assert heard.stdout.strip() == count


def test_losses_are_whole_likelihoods_in_nats():
    y = np.arange(12)
    z = torch.linspace(-1, 2, 12).double()
    exact = -stats.poisson.logpmf(y, z.exp().numpy())
    ours = functional.poisson_nll_loss(
        z, torch.from_numpy(y).double(), full="exact", reduction="none"
    )
    assert ours.numpy() == pytest.approx(exact, rel=1e-13)  # scipy's own digits
    far = torch.tensor([20.0, -200.0])
    ours = functional.binary_cross_entropy_with_logits(far, 1 - far.gt(0).float(), reduction="none")
    assert ours.tolist() == pytest.approx([20.0, 200.0], rel=1e-6)  # float32
    found = neglog.fit(drawn().with_columns(y=pl.Series(y).sample(COUNT, with_replacement=True,
                       seed=0)), "y", likelihood="poisson")  # fmt: skip
    rows = found.training
    own = -stats.poisson.logpmf(rows.truth.astype(int), rows.predicted)
    assert found.loss == pytest.approx(own.mean(), rel=1e-12)


def test_a_network_has_no_standard_errors_but_intervals_of_its_predictions(run):
    more = ("--hidden", 3, "--epochs", 2, "--ensemble", 39)
    code, out, _ = run(drawn(), *more)
    assert code == 0
    assert not Path("o/coefficients.csv").exists()
    assert "std" not in out.lower()
    assert {"low[0]", "high[1]"} <= set(pl.read_csv("o/predictions.csv").columns)
    with pytest.raises(FitError, match="covariance is for linear models that newton solves"):
        neglog.fit(drawn(), "y", hidden=(3,), covariance="hc1")


@pytest.mark.parametrize("options", [{}, {"hidden": (2,), "epochs": 1}])
def test_missing_values_are_filled_with_means_of_the_training_rows(options):
    frame = drawn().with_columns(a=pl.when(pl.int_range(COUNT) % 5 > 0).then(pl.col("a")))
    options = {"missing": "mean", "validation": 0.5, **options}
    usual = neglog.fit(frame, "y", **options)
    fitted = pl.Series(usual.training.index)
    held = pl.int_range(COUNT).is_in(fitted.to_list()).not_()
    moved = frame.with_columns(pl.when(held).then(pl.col("a") + 100).otherwise(pl.col("a")))
    again = neglog.fit(moved, "y", **options)
    assert again.loss == usual.loss
    assert again.design.columns[0].fill == pytest.approx(frame["a"].gather(fitted).mean())


def test_an_unseen_level_is_refused_with_its_row(run, capsys):
    frame = drawn().with_columns(level=pl.Series(["u", "v"] * (COUNT // 2)))
    assert run(frame)[0] == 0
    frame.with_columns(level=pl.lit("w")).write_parquet("other.parquet")
    for command in ("predict", "evaluate"):
        with pytest.raises(SystemExit) as left:
            main([command, "o", "other.parquet"])
        out, err = capsys.readouterr()
        assert (left.value.code, out) == (2, "")
        assert "'level' holds the level 'w' in row 0 (from 0)" in err
        assert "it knows u, v" in err


@pytest.mark.parametrize("stream", [False, True])
def test_an_unseen_level_is_the_reference_or_missing_on_request(run, capsys, stream):
    frame = drawn().with_columns(level=pl.Series(["u", "v"] * (COUNT // 2)))
    run(frame, "--missing", "drop")
    strange = frame.with_columns(level=pl.Series(["w", "v"] * (COUNT // 2)))
    for unseen, known in (("base", "u"), ("missing", None)):
        level = pl.when(pl.col("level") == "w").then(pl.lit(known)).otherwise("level")
        expected = neglog.predict("o", strange.with_columns(level.alias("level"))).frame
        strange.write_parquet("other.parquet")
        with pytest.raises(SystemExit) as left:
            main(["predict", "o", "other.parquet", "--unseen", unseen, *["--stream"] * stream])
        out, err = capsys.readouterr()
        assert left.value.code == 0
        assert "column 'level' holds levels that were not there when the model was fitted" in err
        assert pl.read_csv(StringIO(out)).drop("truth").equals(expected.drop("truth"))
    with pytest.raises(FitError, match="unseen must be refuse or base or missing, but got 'x'"):
        neglog.predict("o", strange, unseen="x")


def test_a_fit_that_missed_its_maximum_is_not_converged(run):
    code, out, err = run(drawn(), "--epochs", 1, "--json")
    found = json.loads(out)
    assert code == 1
    assert found["converged"] is False
    assert "is not zero after 1 step" in err
    assert set(errors()) == {""}
    code, out, _ = run(drawn())
    assert code == 0
    assert "Newton decrement, nats" in Path("o/summary.txt").read_text()
    assert neglog.fit(drawn(), "y").decrement < 1e-10


@pytest.mark.parametrize("kind", ["normal", "poisson"])
def test_weights_are_rows_or_precisions_as_is_said(kind):
    frame = drawn().with_columns(y=pl.Series(np.random.default_rng(4).poisson(3, COUNT)), w=2.0)
    options = {"target": "y", "likelihood": kind, "sample_weight": "w"}
    plain = neglog.fit(frame.drop("w"), "y", likelihood=kind)
    rows = neglog.fit(frame, **options)
    precisions = neglog.fit(frame, **options, weight_kind="precision")
    half = math.sqrt(0.5)
    shrunk = (COUNT - 4) / (COUNT - 2) if kind == "normal" else 1.0  # σ² divides by n − 4
    ours, theirs = rows.coefficients.error, plain.coefficients.error
    assert ours == pytest.approx(theirs * half * math.sqrt(shrunk), rel=SAME)
    as_r = theirs if kind == "normal" else theirs * half
    assert precisions.coefficients.error == pytest.approx(as_r, rel=SAME)
    assert (rows.statistics.rows, precisions.statistics.rows) == (2 * COUNT, COUNT)
    parameters = rows.statistics.parameters
    assert rows.statistics.bic == pytest.approx(
        parameters * math.log(2 * COUNT) - 2 * rows.statistics.log_likelihood
    )
    said = " ".join(rows.notes + precisions.notes)
    assert "are frequency weights" in said
    assert "are precision weights" in said


@pytest.mark.parametrize("steep", [2.0, 12.0])
def test_counts_of_all_sizes_overflow_nothing_and_every_step_goes_down(steep):
    frame = drawn()
    mean = np.exp(steep * frame["a"].to_numpy())
    frame = frame.with_columns(y=np.random.default_rng(5).poisson(mean))
    found = neglog.fit(frame, "y", likelihood="poisson")
    assert found.converged
    assert np.isfinite(found.coefficients.error).all()
    assert found.history[0].training == pytest.approx(found.null_loss)  # begins at the mean
    losses = [step.training for step in found.history]
    slack = 1e-12 * mean.mean() * np.log(mean.max())  # the parts of a loss, ln y! among them, round
    assert all(b <= a + slack for a, b in itertools.pairwise(losses))

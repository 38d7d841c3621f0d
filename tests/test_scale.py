"""Streamed and distributed fits, compared with the same rows in memory.

What is summed block by block is the same but for rounding. The second derivatives, and with them
the standard errors, are those one last step before the end, of a decrement of at most 1e-18 nats:
that step moves the weights by √(2e-18), 1.4e-9 of a row's own standard error, and a curvature that
changes with them by a small multiple of it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import neglog
from neglog.errors import FitError
from neglog.fitting.likelihoods.registry import KINDS
from neglog.fitting.options.fit_options import Options
from neglog.fitting.results.predict_blocks import write_predictions
from neglog.fitting.streaming import block_file

ROWS, SAME, SAME_CURVATURE = 700, 1e-9, 5e-9
SMOOTH = [k for k in KINDS if k not in ("laplace", "quantile")]


@pytest.fixture(autouse=True)
def _small(monkeypatch, tmp_path):
    """Let seven hundred rows be many blocks."""
    monkeypatch.setattr(block_file, "_MIN_BYTES", 64)
    monkeypatch.setattr(block_file, "_MAX_BYTES", 64)
    monkeypatch.setattr(block_file, "_BYTES", 2500)
    monkeypatch.chdir(tmp_path)


def frame(kind="bernoulli", **columns):
    random = np.random.default_rng(5)
    a, b = random.standard_normal(ROWS), random.integers(0, 9, ROWS)
    level = np.array(["low", "mid, quoted", 'high "one"\nmore'])[random.integers(0, 3, ROWS)]
    eta = 0.6 * a - 0.1 * b + (level == "low")
    y = {
        "bernoulli": lambda: np.where(eta + random.logistic(size=ROWS) > 0, "yes", "no"),
        "categorical": lambda: np.array(["u", "v", "w"])[random.integers(0, 2, ROWS) + (eta > 1)],
        "ordinal": lambda: np.digitize(eta + random.logistic(size=ROWS), [-1, 0, 1.5]),
        "poisson": lambda: random.poisson(np.exp(eta)),
        "negative_binomial": lambda: random.poisson(np.exp(eta) * random.gamma(1, 1, ROWS)),
        "gamma": lambda: np.exp(eta) * random.gamma(2, 0.5, ROWS),
    }.get(kind, lambda: eta + random.standard_t(5, ROWS))()
    table = pl.DataFrame({"a": a, "b": b, "level": level, "y": y})
    weight = random.integers(1, 4, ROWS)
    if kind == "binomial":
        yes = random.binomial(weight, 1 / (1 + np.exp(-eta)))
        table = table.with_columns(y=pl.Series(yes / weight))
    return table.with_columns(weight=pl.Series(weight), **columns)


def write(table, kind="csv"):
    path = f"table.{kind}"
    table.write_csv(path) if kind == "csv" else table.write_parquet(path)
    return path


def both(path, **options):
    whole = neglog.fit(path, target="y", progress=False, **options)
    return whole, neglog.fit(path, target="y", progress=False, stream=True, **options)


def assert_same(whole, streamed):
    ours, theirs = streamed.coefficients, whole.coefficients
    assert ours.names == theirs.names
    assert ours.kind == theirs.kind
    assert streamed.converged == whole.converged
    far = np.abs(ours.estimate - theirs.estimate) / theirs.error
    assert np.nanmax(far) < SAME
    np.testing.assert_allclose(ours.error, theirs.error, rtol=SAME_CURVATURE)
    figures = vars(whole.statistics) | {"loss": whole.loss, "null_loss": whole.null_loss}
    found = vars(streamed.statistics) | {"loss": streamed.loss, "null_loss": streamed.null_loss}
    for name, value in figures.items():
        assert (found[name] is None) == (value is None)
        assert value is None or found[name] == pytest.approx(value, rel=SAME), name
    assert sorted(streamed.notes) == sorted(whole.notes)


# The fast tests read each likelihood in one form and each form in half of the likelihoods.
FORMS = [
    pytest.param(kind, form, marks=[pytest.mark.slow] * ((i + j) % 2))
    for i, kind in enumerate(SMOOTH)
    for j, form in enumerate(["csv", "parquet"])
]


@pytest.mark.parametrize(("kind", "form"), FORMS)
def test_what_is_streamed_is_what_is_in_memory(kind, form):
    path = write(frame(kind), form)
    assert len(block_file.open_file(path).blocks) > 8
    whole, streamed = both(path, likelihood=kind, sample_weight="weight", covariance="observed")
    assert_same(whole, streamed)
    worst = np.argsort(-whole.training.loss, kind="stable")[:9]
    assert streamed.training.index[:9].tolist() == whole.training.index[worst].tolist()
    np.testing.assert_allclose(streamed.training.loss[:9], whole.training.loss[worst], rtol=SAME)


GAPS = {"a": pl.when(pl.int_range(pl.len()) % 50 == 7).then(None).otherwise("a").alias("a")}
OPTIONS = [
    {"covariance": "hc0", "drop": ["level"]},
    {"covariance": "hc1", "sample_weight": "weight", "weight_kind": "precision"},
    {"offset": "a"},
    {"exposure": "weight", "likelihood": "poisson"},
    {"l2": 0.1},
    {"firth": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options)))
def test_options_mean_the_same(options):
    kind = options.setdefault("likelihood", "bernoulli")
    whole, streamed = both(write(frame(kind)), **options)
    if "l2" in options:  # which has no standard errors
        np.testing.assert_allclose(streamed.weights, whole.weights, rtol=1e-7)
    else:
        assert_same(whole, streamed)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("missing", ["drop", "mean"])
def test_missing_values(missing, form):
    gaps = pl.int_range(pl.len()) % 50
    table = frame().with_columns(
        pl.when(gaps == 7).then(None).otherwise("a").alias("a"),
        pl.when(gaps == 9).then(None).otherwise("level").alias("level"),
        pl.when(gaps == 11).then(None).otherwise("y").alias("y"),
    )
    path = write(table, form)
    if missing == "drop":
        assert_same(*both(path, missing=missing))
    else:
        of_numbers = write(table.with_columns(frame()["level"]), form)
        assert_same(*both(of_numbers, missing=missing))
        path = write(table, form)
    with pytest.raises(FitError, match=r"'a' \(14, first in row 7\).*'level' \(14, first in row 9"):
        neglog.fit(path, target="y", stream=True)


def test_rows_held_out_are_the_same_for_every_reader():
    table = frame("normal")
    path = write(table)
    streamed = neglog.fit(path, target="y", stream=True, validation=0.25, seed=3)
    assert streamed.data.validation_rows == len(streamed.validation.index)
    assert 0.15 < streamed.data.validation_rows / ROWS < 0.35
    held = np.zeros(ROWS, dtype=bool)
    held[streamed.validation.index] = True
    rest = neglog.fit(table.filter(~pl.Series(held)), target="y")
    assert streamed.loss == pytest.approx(rest.loss, rel=SAME)
    np.testing.assert_allclose(streamed.coefficients.error, rest.coefficients.error, rtol=SAME)
    again = neglog.fit(path, target="y", stream=True, validation=0.25, seed=4)
    assert set(again.validation.index) != set(streamed.validation.index)


DOUBTFUL = {
    "separated": frame().with_columns(
        pl.when(pl.col("y") == "yes").then(1.0).otherwise(-1).alias("a")
    ),
    "in part": frame(
        kind="bernoulli", vip=(pl.col("y") == "yes") & (pl.int_range(pl.len()) % 5 < 1)
    ),
    "aliases": frame("normal", c=2 * pl.col("a") - pl.col("b")),
    "constant column": frame("normal", c=pl.lit(2)),
    "exact": frame("normal").with_columns(y=pl.col("a") * 2 + pl.col("b")),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_where_there_is_no_answer_it_says_the_same(case):
    whole, streamed = both(write(DOUBTFUL[case]))
    assert streamed.converged == whole.converged
    assert streamed.outcome.split(";")[0] == whole.outcome.split(";")[0] or whole.converged
    assert sorted(streamed.notes) == sorted(whole.notes)


def changed(name, row, value):
    """Return a table with another value in one row."""
    here = pl.int_range(pl.len()) == row
    text = frame().with_columns(pl.col(name).cast(pl.String))
    return text.with_columns(pl.when(here).then(pl.lit(value)).otherwise(name).alias(name))


REFUSED = {
    "mixed": (changed("a", 501, "n/k"), {}, r"first 'n/k' in row 501 \(from 0\)"),
    "infinite": (changed("a", 333, "inf"), {}, r"infinite values, the first in row 333"),
    "negative weight": (changed("weight", 90, "-1"), {"sample_weight": "weight"}, "in row 90"),
    "negative count": (
        frame("normal").with_columns(y=pl.int_range(pl.len()) - 1), {"likelihood": "poisson"},
        r"the first -1 in row 0 \(from 0\)",
    ),
    "one value": (frame().with_columns(y=pl.lit("yes")), {}, "'yes' in all 700 rows"),
    "a name that is not there": (frame(), {"drop": ["c"]}, "no column 'c'"),
    "levels": (frame(a="x" + pl.int_range(pl.len()).cast(pl.String)), {}, "700 different texts"),
    "kinks": (frame("normal"), {"likelihood": "laplace"}, "requires all rows at once"),
    "clusters": (frame(), {"cluster": "b"}, "leave out stream"),
    "network": (frame(), {"hidden": (3,)}, "stream is for linear models"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_streamed_gets_a_sentence(case):
    table, options, words = REFUSED[case]
    with pytest.raises(FitError, match=words):
        neglog.fit(write(table), target="y", stream=True, **options)


TEXTS = {
    "crlf": lambda text: text.replace("\n", "\r\n").replace('one"\r\nmore', 'one"\nmore'),
    "no last line's end": lambda text: text.rstrip("\n"),
    "a mark": lambda text: "\ufeff" + text,
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts_of_every_form_are_read_as_in_memory(case):
    text = TEXTS[case](frame().write_csv())
    Path("table.csv").write_bytes(text.encode())
    assert_same(*both("table.csv"))


FILES = {
    "utf-16": ("a,y\n1,2\n".encode("utf-16"), "cannot be read block by block"),
    "carriage returns": (b"a,y\r1,2\r", "cannot be read block by block"),
    "zip": (b"PK\x03\x04....", "a damaged zip archive"),
    "empty": (b"", "is empty"),
    "names only": (b"a,y\n", "has no rows"),
    "names twice": (b"a,a,y\n1,2,3\n", "more than once"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_cannot_be_streamed(case):
    content, words = FILES[case]
    Path("t.csv").write_bytes(content)
    with pytest.raises(FitError, match=words):
        neglog.fit("t.csv", target="y", stream=True)


def test_columns_look_like_another_type_in_some_blocks():
    here = pl.int_range(pl.len())
    table = frame("normal").with_columns(
        b=pl.when(here < 300).then(pl.lit(None)).otherwise("b").fill_null(0).cast(pl.String),
        count=pl.when(here < 200).then(pl.lit("1")).otherwise(pl.lit("1.5")),
        code=pl.when(here % 2 == 0).then(pl.lit("01")).otherwise(pl.lit("x")),
    )
    assert_same(*both(write(table)))


def test_a_run_that_was_streamed_is_written_whole():
    table = frame()
    path = write(table)
    whole, streamed = (
        neglog.fit(path, target="y", out=name, stream=name == "s", progress=False)
        for name in ("w", "s")
    )
    assert {f.name for f in Path("s").iterdir()} == {f.name for f in Path("w").iterdir()}
    ours, theirs = (pl.read_csv(f"{name}/predictions.csv") for name in ("s", "w"))
    assert ours.drop("p[no]", "p[yes]", "loss_nats").equals(
        theirs.drop("p[no]", "p[yes]", "loss_nats")
    )
    np.testing.assert_allclose(ours["loss_nats"], theirs["loss_nats"], rtol=1e-7)
    assert "sampled training rows" in Path("s/report.html").read_text()
    done = write_predictions("s", path, "found.csv")
    assert done.rows == ROWS
    assert done.loss == pytest.approx(streamed.loss, rel=1e-12)
    neglog.predict("s", path).frame.write_csv("known.csv")
    assert_frame_equal(pl.read_csv("found.csv"), pl.read_csv("known.csv"), rel_tol=1e-12)
    assert whole.options == Options(**{**vars(streamed.options), "stream": False})


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.slow
def test_processes_find_together_what_one_finds(count, tmp_path):
    frames = [frame(kind)["y"].alias(kind) for kind in ("bernoulli", "categorical", "gamma")]
    gap = pl.Series("gap", [None if row == 699 else 1.0 * (row % 7) for row in range(ROWS)])
    table = frame("normal").rename({"y": "normal"}).with_columns(*frames, gap)
    path = write(table, "parquet")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node",
               str(count), Path(__file__).with_name("ranks.py"), path, tmp_path]  # fmt: skip
    subprocess.run(command, check=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"})
    found = [json.loads(Path(str(rank)).read_text()) for rank in range(count)]
    assert all(one == found[0] for one in found[1:])
    assert "gap" in found[0]["refused"]
    assert "first in row 699" in found[0]["refused"]
    for kind in ("bernoulli", "categorical", "gamma", "normal"):
        drop = [k for k in ("bernoulli", "categorical", "gamma", "normal", "gap") if k != kind]
        alone = neglog.fit(path, target=kind, likelihood=kind, drop=drop, validation=0.1,
                           stream=True, covariance="hc1")  # fmt: skip
        figures = [*alone.coefficients.estimate, *alone.coefficients.error, alone.loss,
                   alone.validation_loss, alone.null_loss, alone.statistics.aic]  # fmt: skip
        np.testing.assert_allclose(found[0][kind][0], figures, rtol=1e-12)
        assert len(pl.read_csv(f"{kind}/predictions.csv")) == ROWS

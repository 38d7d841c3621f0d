"""Columns that give the target away, and those that number the rows, are named in a note."""

import io
import json
from html import unescape

import numpy as np
import polars as pl
import pytest
from rich.console import Console

import neglog
from neglog.cli import main
from neglog.fitting.design import leakage
from neglog.fitting.design.preparation import prepare
from neglog.fitting.options.fit_options import Options
from neglog.fitting.tables.in_memory import from_memory
from neglog.fitting.tables.table import DEMOS, read_demo
from neglog.report.console import ConsoleListener, show
from neglog.report.page import html_page

KINDS = ("bernoulli", "categorical", "ordinal", "normal", "poisson")
ROWS = 200


def drawn(kind="bernoulli", rows=ROWS, seed=0):
    """Return two columns, and a target that they tell something of, but not much."""
    random = np.random.default_rng(seed)
    a, b = random.standard_normal((2, rows))
    y = {
        "bernoulli": lambda: np.where(a + random.logistic(size=rows) > 0, "yes", "no"),
        "categorical": lambda: (random.integers(0, 2, rows) + (a > 0)).astype(str),
        "ordinal": lambda: random.integers(0, 2, rows) + (a > 0),
        "normal": lambda: a + random.standard_normal(rows),
        "poisson": lambda: random.poisson(np.exp(a / 2)),
    }[kind]()
    return pl.DataFrame({"a": a, "b": b, "y": y})


def told(frame, **options):
    """Return the warnings about the columns, before any fit."""
    choices = Options(**options)
    return leakage.leakage_warnings(prepare(*from_memory(frame, "y", None), choices), choices)


def renamed(y):
    """Return the target by other names, in another order."""
    order = np.random.default_rng(1).permutation(y.n_unique())
    return [f"level {order[place]}" for place in (y.rank("dense") - 1).to_list()]


@pytest.mark.parametrize("kind", KINDS)
def test_ordinary_columns_raise_no_warning(kind):
    frame = drawn(kind).with_columns(
        one=pl.lit(1.0), flag=pl.int_range(ROWS) % 2, text=pl.Series(["u", "v"] * (ROWS // 2))
    )
    assert told(frame, likelihood=kind) == []


@pytest.mark.parametrize("demo", DEMOS)
def test_nothing_is_said_of_the_demos(demo):
    table, name = read_demo(demo)
    assert leakage.leakage_warnings(prepare(table, name, Options()), Options(hidden=(2,))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_of_the_target_is_named_with_the_remedy(kind):
    frame = drawn(kind).with_columns(copy=pl.col("y"))
    (note,) = told(frame, likelihood=kind)
    assert note.startswith("column 'copy' ")
    assert "equals the target" in note or "is the target, by the same or other" in note
    remedy = "leave it out with --drop 'copy' (drop=['copy'])."
    assert f"in all 200 rows; if it is known no sooner than the target, {remedy}" in note
    assert told(frame, likelihood=kind, drop=("copy",)) == []


@pytest.mark.parametrize("kind", ["bernoulli", "categorical", "ordinal", "poisson"])
def test_other_names_of_the_target_are_the_target_but_for_a_single_row(kind):
    frame = drawn(kind)
    names = renamed(frame["y"])
    (note,) = told(frame.with_columns(other=pl.Series(names)), likelihood=kind)
    assert "'other' is the target, by the same or other names" in note
    names[7] = next(name for name in names if name != names[7])
    assert told(frame.with_columns(other=pl.Series(names)), likelihood=kind) == []


@pytest.mark.parametrize(
    ("kind", "change"),
    [("normal", np.exp), ("normal", lambda y: y**3), ("poisson", lambda y: -2 * y + 5)],
)
def test_a_number_that_orders_or_scales_the_target_is_named(kind, change):
    frame = drawn(kind)
    stray = 1e-9 * frame["b"].to_numpy()  # so that no value is that of the target by another name
    score = change(frame["y"].to_numpy().astype(float)) + stray
    (note,) = told(frame.with_columns(score=score), likelihood=kind)
    assert "'score' has a " in note
    assert "correlation of 1.000000 with the target" in note
    plain = frame["y"].to_numpy() + 0.1 * frame["b"].to_numpy()  # a correlation of 0.995 or so
    assert told(frame.with_columns(score=plain), likelihood=kind) == []


def ordered(rows, amiss):
    """Return scores that separate the classes except for some neighbouring pairs."""
    frame = drawn(rows=rows)
    own = (frame["y"] == "yes").to_numpy()
    score = np.empty(rows)
    score[np.argsort(own, kind="stable")] = np.arange(rows) * 1.5
    zero, one = np.flatnonzero(~own), np.flatnonzero(own)
    last, first = zero[np.argsort(score[zero])[-amiss:]], one[np.argsort(score[one])[:amiss]]
    score[last], score[first] = score[first], score[last].copy()
    return frame.with_columns(score=score), 1 - amiss**2 / (len(zero) * len(one))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_all_but_separates_two_classes_is_named_with_its_area(sign):
    frame, area = ordered(600, 2)
    assert 0.9999 < area < 1
    (note,) = told(frame.with_columns(pl.col("score") * sign))
    assert f"'score' alone tells the two classes apart, with an area under the curve of {area:.6f}"\
        in note  # fmt: skip
    assert told(ordered(600, 5)[0]) == []  # 0.9997


def test_separation_is_said_once():
    frame, _ = ordered(400, 2)
    whole = frame.with_columns(
        score=frame["b"].abs() * pl.when(pl.col("y") == "no").then(-1).otherwise(1)
    )
    assert told(whole) == []
    assert "completely separated by 'score' alone" in neglog.fit(whole, "y").outcome
    for options in ({"l2": 0.1}, {"firth": True}, {"hidden": (3,)}):
        (note,) = told(whole, **options)
        assert "an area under the curve of 1.000000 in all 400 rows" in note


@pytest.mark.parametrize("kind", KINDS)
def test_identifiers_are_named(kind):
    frame = drawn(kind, rows=48)
    for column in (
        pl.int_range(48), pl.int_range(48) + 1000, pl.Series(np.arange(48) * 25 % 48),
        pl.Series([f"client {j}" for j in range(48)]), pl.int_range(48) + (pl.int_range(48) > 9),
    ):  # fmt: skip
        (note,) = told(frame.with_columns(number=column), likelihood=kind)
        assert "'number' looks like an identifier" in note
    for column in (pl.int_range(48) // 2, pl.int_range(48) ** 2, pl.int_range(48) + 0.5):
        assert told(frame.with_columns(number=column), likelihood=kind) == []


def test_a_few_rows_cast_suspicion_and_all_of_them_decide():
    """Rows that differ from the target lie where the first look does not."""
    frame = drawn("normal", rows=3000)
    copy = frame["y"].to_numpy().copy()
    assert len(told(frame.with_columns(copy=copy))) == 1
    copy[1:3000:6] = 0.0
    assert told(frame.with_columns(copy=copy)) == []
    assert len(told(frame.with_columns(number=pl.int_range(3000)))) == 1


def test_rows_that_do_not_count_and_few_rows_say_nothing():
    frame = drawn("normal")
    copy = frame["y"].to_numpy() + np.r_[np.zeros(100), np.full(100, 9.0)]
    frame = frame.with_columns(copy=copy, w=np.r_[np.ones(100), np.zeros(100)])
    assert told(frame.drop("w")) == []
    assert "in all 100 rows" in told(frame, sample_weight="w")[0]
    assert told(frame[:19], sample_weight="w") == []


@pytest.mark.parametrize("size", [1e-300, 1e150, 1e307])
def test_sizes_far_from_1(size):
    frame = drawn("normal").with_columns(score=pl.col("y") * size / 10)
    assert "correlation of 1.000000" in told(frame)[0]


@pytest.mark.parametrize("sampled", [False, True])
def test_a_streamed_table_is_judged_by_its_sample_which_shows_no_identifiers(
    sampled, monkeypatch, tmp_path
):
    frame = drawn("normal").with_columns(copy=pl.col("y"), number=pl.int_range(ROWS))
    frame.write_parquet(tmp_path / "table.parquet")
    if sampled:
        monkeypatch.setattr(leakage, "_SAMPLE_ROWS", 150)
    found = neglog.fit(tmp_path / "table.parquet", "y", stream=True, l2=0.1)
    notes = [note for note in found.notes if "--drop" in note]
    where = "the 150 rows looked at" if sampled else "all 200 rows"
    assert f"'copy' equals the target in {where}" in notes[0]
    assert ["identifier" in note for note in notes] == [False] + [True] * (not sampled)


def test_the_notes_are_shown_wherever_notes_are(tmp_path, capsys):
    frame = drawn().with_columns(score=pl.when(pl.col("y") == "no").then(-1.0).otherwise(1.0))
    words = "olumn 'score' is the target, by the same or other names"
    frame.write_csv(tmp_path / "table.csv")
    written = io.StringIO()
    console = Console(file=written, width=400)
    found = neglog.fit(frame, "y", l2=0.1, progress=ConsoleListener(console))
    assert words in written.getvalue()  # before the fit
    show(found, console, 3)
    for text in (str(found.summary()), " ".join(unescape(html_page(found)).split())):
        assert words in text
    assert written.getvalue().count(words) == 1
    with pytest.raises(SystemExit) as left:
        main(["fit", str(tmp_path / "table.csv"), "--target", "y", "--l2", "0.1", "--json"])
    assert left.value.code == 0  # never a stop
    assert any(words in note for note in json.loads(capsys.readouterr().out)["notes"])


KNOWS = "the model knows the answer; look for a column that was recorded after the target"


def test_a_loss_near_zero_is_reported():
    frame = drawn().with_columns(
        p=pl.col("a"), q=pl.col("b") + pl.when(pl.col("y") == "no").then(-9).otherwise(9)
    )
    found = neglog.fit(frame, "y", l2=1e-7)
    assert found.converged
    assert found.loss < 1e-3 * found.null_loss
    assert KNOWS in found.notes[-1]
    for other in (neglog.fit(frame, "y", l2=0.1), neglog.fit(frame.drop("q"), "y")):
        assert not any(KNOWS in note for note in other.notes)
    separated = neglog.fit(frame, "y", optimizer="lbfgs")  # which is said, once
    assert "at infinity" in separated.outcome
    assert separated.loss < 1e-3 * separated.null_loss
    assert not any(KNOWS in note for note in separated.notes)


def test_a_network_leaks_if_its_validation_loss_is_near_zero():
    frame = drawn().with_columns(q=pl.when(pl.col("y") == "no").then(-9).otherwise(9))
    options = {"hidden": (4,), "optimizer": "lbfgs", "epochs": 20}
    assert KNOWS in neglog.fit(frame, "y", **options).notes[-1]
    by_heart = neglog.fit(frame, "y", validation=0, **options)
    assert by_heart.loss < 1e-3 * by_heart.null_loss
    assert not any(KNOWS in note for note in by_heart.notes)

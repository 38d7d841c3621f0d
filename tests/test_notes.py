"""What would be a silent guess is refused, or said before the numbers with the option."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

import neglog
from neglog.errors import FitError
from neglog.estimators import NLLClassifier
from neglog.fitting.results.predict_blocks import write_predictions

DRAW = np.random.default_rng(5)
X = DRAW.normal(size=90)
Y = 1 + 2 * X + DRAW.normal(size=90)
SIGNS = ["?", "-", ".", "--", "#N/A!", "n.d.", "n/a."]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def fitted(frame, stream=False, **options):
    if not stream:
        return neglog.fit(frame, target="y", **options)
    frame.write_csv("table.csv")
    return neglog.fit("table.csv", target="y", stream=True, **options)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("labels", [("yes", "no"), ("True", "False"), ("a", "b")])
@pytest.mark.parametrize("sign", SIGNS)
def test_a_marker_of_missing_values_is_not_a_class(sign, labels, stream):
    y = np.array([*labels, sign])[np.where(np.arange(90) % 9 == 4, 2, np.arange(90) % 2)]
    frame = pl.DataFrame({"x": X, "y": y})
    with pytest.raises(FitError) as refused:
        fitted(frame, stream)
    assert f"target 'y' holds {sign!r} among labels such as " in str(refused.value)
    assert f"pass --na {sign!r} (na=[{sign!r}]) if it stands" in str(refused.value)
    kept = fitted(frame, stream, na=sign, missing="drop")
    assert kept.kind == "bernoulli"
    assert kept.data.training_rows == 80
    assert fitted(frame, stream, as_labels="y").kind == "categorical"
    with pytest.raises(FitError, match=r"target 'y' holds .* among labels"):
        NLLClassifier().fit(X[:, None], y)
    assert len(NLLClassifier(as_labels="y").fit(X[:, None], y).classes_) == 3


@pytest.mark.parametrize("labels", [("+", "-"), ("A+", "A-", "B-"), ("none", "some", "many")])
def test_signs_and_texts_that_are_classes(labels):
    y = np.array(labels)[np.arange(90) % len(labels)]
    assert set(fitted(pl.DataFrame({"x": X, "y": y})).classes) == set(labels)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mark", ["?", "-", "unknown", "Missing", "n.d."])
def test_levels_that_may_be_missing_values_are_noted(mark, stream):
    frame = pl.DataFrame({"y": Y, "g": np.array(["a", "b", mark])[np.arange(90) % 3]})
    words = f"kept: {mark!r} of 'g'; pass --na {mark!r} (na=[{mark!r}]) if they do."
    assert any(words in note for note in fitted(frame, stream).notes)
    asked = fitted(frame, stream, as_labels="g")
    assert not any("may stand for missing" in note for note in asked.notes)


def test_notes_come_before_the_numbers(tmp_path):
    """A guess and a warning that the model does not suit are above the table everywhere."""
    y = DRAW.negative_binomial(1.0, 1 / (1 + np.exp(X + 2)))
    fit = neglog.fit(X[:, None], y, likelihood="poisson", out=tmp_path / "run")
    summary = str(fit.summary())
    assert "note: 'y' varies more" in summary
    assert summary.index("note: 'y' varies more") < summary.index("estimate")
    page = fit.summary()._repr_html_()
    assert page.index("varies more") < page.index("<table>")
    assert (tmp_path / "run/summary.txt").read_text().startswith(summary[:200])
    page = (tmp_path / "run/report.html").read_text()
    assert page.index("varies more") < page.index("<table")
    guessed = str(neglog.fit(X[:, None], y).summary())
    assert guessed.index("note: 'y' is taken as ") < guessed.index("estimate")
    assert "note: 'y' is taken as" not in summary


UNUSED = {
    "sheet": ("one", ["csv", "parquet", "json", "frame"]),
    "encoding": ("utf-8", ["parquet", "json", "frame", "xlsx"]),
    "separator": (";", ["parquet", "json", "frame", "xlsx"]),
    "skip_rows": (1, ["parquet", "json", "frame"]),
}


@pytest.mark.parametrize(
    ("option", "kind"), [(own, kind) for own, (_, kinds) in UNUSED.items() for kind in kinds]
)
def test_options_that_a_table_does_not_have_are_refused(option, kind):
    frame = pl.DataFrame({"x": X, "y": Y})
    table = frame
    if kind != "frame":
        table = f"table.{kind}"
        write = {"xlsx": lambda f: pd.DataFrame({"x": X, "y": Y}).to_excel(f, index=False)}
        write.get(kind, getattr(frame, f"write_{kind}", None))(table)
    words = f"--{option.replace('_', '-')} \\({option}=\\) does not apply to .*; leave it out"
    value = {option: UNUSED[option][0]}
    with pytest.raises(FitError, match=words):
        neglog.fit(table, target="y", **value)
    fit = neglog.fit(frame, target="y", out="run")
    with pytest.raises(FitError, match=words):
        fit.predict(table, reading=value)
    if kind in ("csv", "parquet"):
        with pytest.raises(FitError, match=words):
            neglog.fit(table, target="y", stream=True, **value)
        with pytest.raises(FitError, match=words):
            write_predictions("run", table, "out.csv", reading=value)


def test_a_model_of_a_text_file_reads_a_frame():
    pl.DataFrame({"x": X, "y": Y}).write_csv("table.csv", separator=";")
    fit = neglog.fit("table.csv", target="y", separator=";", encoding="utf-8")
    assert len(fit.predict(pl.DataFrame({"x": X})).frame) == 90


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_among_the_numbers_of_a_new_table_is_named(stream):
    fit = neglog.fit(pl.DataFrame({"x": X, "y": Y}), target="y", out="run")
    pl.DataFrame({"x": ["1", "abc", "2"]}).write_csv("new.csv")
    words = (
        r"'x' must hold numbers, .* row 1 \(from 0\) holds 'abc'; correct it, or pass --na 'abc'"
    )
    with pytest.raises(FitError, match=words):
        write_predictions("run", "new.csv", "out.csv") if stream else fit.predict("new.csv")
    pl.DataFrame({"x": ["1", "2", "3"], "y": ["1", "abc", "2"]}).write_csv("new.csv")
    with pytest.raises(FitError, match=r"target 'y' must hold numbers, .* text such as 'abc'"):
        fit.evaluate("new.csv")


def test_dates_are_not_the_numbers_of_a_model():
    fit = neglog.fit(pl.DataFrame({"x": X, "y": Y}), target="y")
    for value in (datetime.date(2020, 1, 1), datetime.timedelta(days=1), [1.0]):
        with pytest.raises(FitError, match="'x' must hold numbers, as when the model was fi"):
            fit.predict(pl.DataFrame({"x": [value]}))


def test_an_evaluation_says_which_rows_it_leaves_out():
    fit = neglog.fit(pl.DataFrame({"x": X, "y": Y}), target="y", missing="drop")
    new = pl.DataFrame({"x": [1.0, None, 2.0, 3.0], "y": [1.0, 2.0, None, 4.0]})
    found = fit.evaluate(new)
    assert found.rows == 2
    assert "1 row with missing values is left out." in found.notes
    assert "1 row is left out, whose 'y' is missing." in found.notes


@pytest.mark.parametrize("stream", [False, True])
def test_a_target_that_looks_like_dates_is_noted(stream):
    days = [int(f"2020{1 + k // 28:02}{1 + k % 28:02}") for k in range(90)]
    fit = fitted(pl.DataFrame({"x": X, "y": days}), stream)
    assert any("such as 20200101, look like dates, but are taken as" in n for n in fit.notes)
    assert not any("counts, pass" in note for note in fit.notes if "look like" in note)


@pytest.mark.parametrize("text", ['5" pipe', '"5 pipe'])
def test_a_quote_without_its_pair_is_named_with_its_line(text, tmp_path):
    rows = [f"{k},{text if k == 4 else 'abc'[k % 3]}" for k in range(40)]
    (tmp_path / "table.csv").write_text("\n".join(["y,g", *rows]))
    with pytest.raises(FitError, match="double quote without its pair, in line 6 or after it; rem"):
        neglog.fit(tmp_path / "table.csv", target="y")


def test_a_table_without_names_is_refused_with_the_remedy(tmp_path):
    pl.DataFrame({"x": X, "y": Y}).write_csv(tmp_path / "table.csv", include_header=False)
    with pytest.raises(FitError, match=r"no column 'y'; .* begin the table with a line of"):
        neglog.fit(tmp_path / "table.csv", target="y")

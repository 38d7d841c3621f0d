"""The options that say how a table is read: checked, repeated by config.toml, kept by a model."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import neglog
from neglog.cli import main
from neglog.errors import FitError
from neglog.fitting.options.fit_options import Options
from neglog.fitting.tables.reading import MISSING

COUNT = 40


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("neglog.report.page.html_page", repr)


def frame(x=lambda i, value: value, g=lambda i, value: value):
    """Return a table, some of whose values are changed by row."""
    draw = np.random.default_rng(7)
    numbers = draw.normal(size=COUNT).round(3).tolist()
    y = (2 * np.array(numbers) + draw.normal(size=COUNT)).round(3)
    labels = [x(i, value) for i, value in enumerate(numbers)]
    groups = [g(i, "ab"[i % 2]) for i in range(COUNT)]
    return pd.DataFrame({"x": labels, "g": groups, "y": y})


def estimates(found):
    return found.coefficients.estimate


def expected():
    """Return the coefficients without the rows whose x is a gap."""
    return estimates(neglog.fit(frame().drop(index=[3, 5]), target="y"))


GAPS = frame(lambda i, value: {3: "?", 5: "-9.0"}.get(i, value))


@pytest.mark.parametrize("stream", [False, True])
def test_markers_of_missing_values_in_a_file(stream):
    GAPS.to_csv("t.csv", index=False)
    choices = {"target": "y", "na": ["?", -9], "stream": stream}
    with pytest.raises(FitError, match=r"'x'.*missing"):
        neglog.fit("t.csv", **choices)
    found = neglog.fit("t.csv", **choices, missing="drop")
    np.testing.assert_allclose(estimates(found), expected(), rtol=1e-10)


@pytest.mark.parametrize("make", [lambda f: f, pl.from_pandas])
def test_markers_of_missing_values_in_a_frame(make):
    data = make(GAPS.astype({"x": str}))
    found = neglog.fit(data, target="y", na=("?", "-9"), missing="drop")
    np.testing.assert_allclose(estimates(found), expected())
    again = found.predict(make(GAPS.head(6).astype({"x": str})))
    assert (again.left_out, len(again.frame)) == (2, 4)


def test_a_code_of_missing_values_in_arrays_which_stay_as_they_are():
    x = np.arange(20)[:, None]
    y = np.sqrt(x[:, 0])
    found, others = neglog.fit(x, y, na=7, missing="drop"), x[:, 0] != 7
    np.testing.assert_allclose(estimates(found), estimates(neglog.fit(x[others], y[others])))
    assert x[7, 0] == 7


@pytest.mark.parametrize("marker", MISSING)
def test_what_pandas_takes_for_missing_is_missing(marker):
    frame(g=lambda i, value: f'"{marker}"' if i == 4 else value).to_csv(
        "t.csv", index=False, quoting=3
    )
    with pytest.raises(FitError, match=r"'g'.*row 4"):
        neglog.fit("t.csv", target="y")


def test_the_command_line_config_and_predict_read_alike(capsys):
    GAPS.to_csv("t.csv", index=False)
    call = ["fit", "t.csv", "--target", "y", "--na", "?", "--na=-9", "--missing", "drop"]
    for words in ([*call, "--out", "o"], ["fit", "--config", "o/config.toml"]):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 0
    for words in (["predict", "o", "t.csv"], ["predict", "o", "t.csv", "--stream"]):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 0
        assert "2 rows with missing values" in capsys.readouterr().err
    assert neglog.evaluate("o", "t.csv").rows == COUNT - 2
    gaps = GAPS.replace({"?": "no"})
    gaps.to_csv("other.csv", index=False)
    assert neglog.predict("o", "other.csv", reading={"na": ["no", -9]}).left_out == 2
    assert neglog.evaluate("o", "other.csv", reading={"na": ["no", -9]}).left_out == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"separator": ";;"}, "separator must be one character, such as ';' or tab, but got ';;'"),
        ({"separator": '"'}, "separator must be one character"),
        ({"thousands": "1"}, "thousands must be one character, such as ',', but got '1'"),
        ({"decimal": "·"}, "decimal must be '.' or ',', but got '·'"),
        ({"decimal": ",", "thousands": ","}, "thousands and decimal are both ','"),
        ({"skip_rows": -1}, "skip_rows must be 0 or more, but got -1"),
        ({"encoding": "latin-99"}, "there is no encoding 'latin-99'"),
        ({"encoding": "rot13"}, "there is no encoding 'rot13'"),
        ({"na": True}, "na must be a text or a number, or several in a list, but got True"),
        ({"na": [None]}, "na must be a text or a number"),
    ],
)
def test_choices_that_no_table_could_meet(options, words):
    with pytest.raises(FitError, match=words):
        Options(**options)


def test_predict_takes_no_other_options():
    found = neglog.fit(frame(), target="y")
    with pytest.raises(FitError, match="reading has no option 'missing'; choose among encoding"):
        found.predict(frame(), reading={"missing": "drop"})


@pytest.mark.parametrize("word", ["\t", "\\t", "tab"])
def test_a_separator_may_be_spelled(word):
    assert Options(separator=word).separator == "\t"

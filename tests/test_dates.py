"""Columns of dates and times as features: --dates, against the calendar of Python."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

import neglog
from neglog.cli import main
from neglog.errors import FitError
from neglog.estimators import NLLRegressor
from neglog.fitting.results.predict_blocks import write_predictions

COUNT = 120
START = datetime.datetime(2019, 11, 3, 0, 30)
WHEN = [START + datetime.timedelta(days=5 * k, hours=7 * k % 24) for k in range(COUNT)]
TARGET = np.sin(np.arange(COUNT)) + np.arange(COUNT) / 30
PARTS = {"when": ["year", "month", "weekday", "hour", "days"]}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def plain():
    """The fit of the same features, made by Python."""
    months = [when.strftime("%b") for when in WHEN]
    days = [when.strftime("%a") for when in WHEN]
    frame = pl.DataFrame(
        {
            "when (year)": [float(when.year) for when in WHEN],
            "when (month)": months,
            "when (weekday)": days,
            "when (hour)": [when.hour + when.minute / 60 for when in WHEN],
            "when (days)": [(when - START) / datetime.timedelta(days=1) for when in WHEN],
            "y": TARGET,
        }
    )
    levels = {
        "when (month)": [datetime.date(2000, k, 1).strftime("%b") for k in range(1, 13)],
        "when (weekday)": [datetime.date(2001, 1, k).strftime("%a") for k in range(1, 8)],
    }
    return neglog.fit(frame, target="y", levels=levels)


def in_pandas(frame):
    return neglog.fit(frame.to_pandas(), target="y", dates=PARTS)


def in_polars(frame):
    return neglog.fit(frame, target="y", dates=PARTS)


def in_formula(frame):
    right = " + ".join(f"`when ({part})`" for part in ("year", "hour", "days", "month", "weekday"))
    return neglog.fit(frame, formula=f"y ~ {right}", dates=PARTS)


def in_csv(frame, **options):
    frame.write_csv("table.csv")
    return neglog.fit("table.csv", target="y", dates=PARTS, **options)


def in_stream(frame):
    return in_csv(frame, stream=True)


def in_estimator(frame):
    x = frame.select("when").to_pandas()
    return NLLRegressor(dates=PARTS).fit(x, frame["y"].to_numpy()).result_


PATHS = [in_pandas, in_polars, in_formula, in_csv, in_stream, in_estimator]
FORMS = [
    None, "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p",
    "%d %B %Y %H:%M:%S", "%a, %d %b %Y %H:%M", "%B %d, %Y, %H:%M", "%Y年%m月%d日 %H:%M",
]  # fmt: skip


def spelled(form):
    """Return the moments as one form writes them, or typed."""
    return WHEN if form is None else [when.strftime(form) for when in WHEN]


@pytest.mark.parametrize(
    ("form", "path"),
    [
        *((form, path) for form in FORMS[1:] for path in (in_csv, in_stream)),
        *((form, path) for form in FORMS[:2] for path in PATHS if path not in (in_csv, in_stream)),
    ],
)
def test_parts_are_those_of_the_calendar(plain, form, path):
    found = path(pl.DataFrame({"when": spelled(form), "y": TARGET}))
    assert found.features == plain.features
    expected = plain.coefficients.estimate
    np.testing.assert_allclose(found.coefficients.estimate, expected, 1e-7, 1e-7)
    note = next(note for note in found.notes if "holds dates or times" in note)
    assert "days are counted from 2019-11-03 00:30:00" in note


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M", "%d/%m/%Y %H:%M"])
def test_a_saved_model_reads_other_files_as_the_fit_did(form):
    frame = pl.DataFrame({"when": spelled(form), "y": TARGET})
    fitted = in_csv(frame, out="run")
    some = frame[70:75]
    some.write_csv("new.csv")
    expected = fitted.predict(frame).frame["predicted"][70:75]
    np.testing.assert_allclose(neglog.predict("run", "new.csv").frame["predicted"], expected, 1e-12)
    write_predictions("run", "new.csv", "predicted.csv")
    np.testing.assert_allclose(pl.read_csv("predicted.csv")["predicted"], expected, 1e-9)
    assert neglog.evaluate("run", "new.csv").rows == 5
    with pytest.raises(FitError, match=r"written as %.*row 0 \(from 0\) holds 'soon'"):
        neglog.predict("run", pl.DataFrame({"when": ["soon"]}))
    with pytest.raises(FitError, match="the table lacks 'when'"):
        neglog.predict("run", pl.DataFrame({"x": ["soon"]}))


def test_an_estimator_reads_other_rows_as_the_fit_did():
    x = pd.DataFrame({"when": WHEN})
    model = NLLRegressor(dates=PARTS).fit(x, TARGET)
    np.testing.assert_allclose(model.predict(x[60:70]), model.predict(x)[60:70])


def test_whole_numbers_may_be_dates():
    numbers = [int(when.strftime("%Y%m%d")) for when in WHEN]
    found = neglog.fit(
        pl.DataFrame({"when": numbers, "y": TARGET}), target="y", dates={"when": ["days"]}
    )
    days = [(when.date() - START.date()).days for when in WHEN]
    expected = neglog.fit(pl.DataFrame({"x": days, "y": TARGET}), target="y")
    np.testing.assert_allclose(found.coefficients.estimate, expected.coefficients.estimate, 1e-9)


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame])
def test_times_of_day_and_durations(make):
    times, lengths = [when.time() for when in WHEN], [when - START for when in WHEN]
    hours = [when.hour + when.minute / 60 for when in WHEN]
    days = [length / datetime.timedelta(days=1) for length in lengths]
    expected = neglog.fit(pl.DataFrame({"t": hours, "l": days, "y": TARGET}), target="y")
    for frame in (
        make({"t": times, "l": lengths, "y": TARGET}),
        make({"t": [time.strftime("%H:%M") for time in times], "l": lengths, "y": TARGET}),
    ):
        found = neglog.fit(frame, target="y", dates={"t": ["hour"], "l": ["days"]})
        np.testing.assert_allclose(
            found.coefficients.estimate, expected.coefficients.estimate, 1e-9
        )
        with pytest.raises(FitError, match=r"'t' holds times of day.*no year.*--dates 't=hour'"):
            neglog.fit(frame, target="y", dates={"t": "year"})
        with pytest.raises(FitError, match=r"'l' holds durations.*no month.*--dates 'l=days'"):
            neglog.fit(frame, target="y", dates={"l": ["month"]})


AMBIGUOUS = [f"{1 + k % 12}/{1 + k % 11}/2020" for k in range(COUNT)]


@pytest.mark.parametrize("path", [in_polars, in_csv, in_stream, in_estimator])
def test_an_ambiguous_order_of_day_and_month_is_refused(path, monkeypatch):
    frame = pl.DataFrame({"when": AMBIGUOUS, "y": TARGET})
    with pytest.raises(FitError, match=r"'when=dmy,year.*' or --dates 'when=mdy,year"):
        path(frame)
    for order, place in (("dmy", 1), ("mdy", 0)):
        monkeypatch.setitem(PARTS, "when", [order, "month"])
        found = path(frame)
        months = [int(text.split("/")[place]) for text in AMBIGUOUS]
        names = [datetime.date(2020, month, 1).strftime("%b") for month in sorted(set(months))]
        assert found.features == [f"when (month)={name}" for name in names[1:]]


def test_missing_dates_are_missing():
    frame = pl.DataFrame({"when": [None, *WHEN[1:]], "y": TARGET})
    with pytest.raises(FitError, match=r"missing.*when \(year\)"):
        neglog.fit(frame, target="y", dates={"when": ["year"]})
    found = neglog.fit(frame, target="y", dates={"when": ["year"]}, missing="drop")
    assert any("1 row with missing values" in note for note in found.notes)


REFUSED = {
    "no part": ({"when": ["century"]}, "no part 'century'; choose among year"),
    "none": ({"when": ["dmy"]}, "must list one part or more"),
    "twice": ({"when": ["year", "year"]}, "each once"),
    "target": ({"y": ["year"]}, "names the target 'y'"),
    "absent": ({"then": ["year"]}, "has no column 'then'"),
    "numbers": ({"x": ["year"]}, "'x', but '0.5' is not a date or time in a form"),
    "other order": ({"when": ["mdy", "year"]}, "is not a date or time in the order mdy"),
    "name": ({"other": ["year"]}, r"has a column 'other \(year\)'"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_dates_that_cannot_be_read_are_refused(case, stream):
    dates, words = REFUSED[case]
    frame = pl.DataFrame(
        {
            "when": spelled("%d/%m/%Y"), "other": spelled("%Y-%m-%d"), "other (year)": TARGET,
            "x": TARGET * 0 + 0.5, "y": TARGET,
        }
    )  # fmt: skip
    frame.write_csv("table.csv")
    with pytest.raises(FitError, match=words):
        neglog.fit("table.csv", target="y", dates=dates, drop="other (year)", stream=stream)


def run(*words):
    """Call the command line; return its exit code."""
    with pytest.raises(SystemExit) as left:
        main([*words])
    return left.value.code


def test_the_command_line_and_the_config_read_alike(capsys):
    pl.DataFrame({"when": spelled("%d/%m/%Y"), "y": TARGET}).write_csv("table.csv")
    call = ("fit", "table.csv", "--target", "y", "--dates")
    assert run(*call, "when=year,days", "--out", "run") == 0
    first = capsys.readouterr().out
    assert first.index("days are counted from") < first.index("estimate")  # before the results
    assert run("fit", "--config", "run/config.toml") == 0
    assert "when (days)" in capsys.readouterr().out
    assert run(*call, "when") == 2
    assert '--dates must be "COLUMN=year,month", but got' in capsys.readouterr().err


@pytest.mark.parametrize("stream", [False, True])
def test_whole_numbers_that_look_like_dates_get_a_note(stream):
    numbers = [int(when.strftime("%Y%m%d")) for when in WHEN]
    frame = pl.DataFrame({"when": numbers, "year": [when.year for when in WHEN], "y": TARGET})
    for column, noted in (("when", True), ("year", False)):
        frame.select(column, "y").write_csv("table.csv")
        notes = neglog.fit("table.csv", target="y", stream=stream).notes
        words = "such as 20191103, look like dates"
        assert any(words in note and "--dates 'when=year" in note for note in notes) == noted


MONTHS = {
    "{0.year}-{0.month:02}": "month", "{0.month:02}/{0.year}": "month", "{0:%b} {0.year}": "month",
    "{0.year}年{0.month}月": "month", "{0.year}Q{1}": "quarter", "Q{1} {0.year}": "quarter",
}  # fmt: skip


@pytest.mark.parametrize("form", MONTHS)
def test_months_and_quarters_are_their_first_days(form):
    texts = [form.format(when, (when.month + 2) // 3) for when in WHEN]
    frame = pl.DataFrame({"when": texts, "y": TARGET})
    with pytest.raises(FitError, match="--dates 'when=year,month,days'"):
        neglog.fit(frame, target="y")
    found = neglog.fit(frame, target="y", dates={"when": ["year", MONTHS[form]]})
    of = {"month": [when.strftime("%b") for when in WHEN],
          "quarter": [f"Q{(when.month + 2) // 3}" for when in WHEN]}[MONTHS[form]]  # fmt: skip
    first = {"month": "Jan", "quarter": "Q1"}[MONTHS[form]]
    plain = pl.DataFrame({"year": [when.year for when in WHEN], "of": of, "y": TARGET})
    levels = [first, *sorted(set(of) - {first})]
    expected = neglog.fit(plain, target="y", levels={"of": levels})
    np.testing.assert_allclose(
        sorted(found.coefficients.estimate), sorted(expected.coefficients.estimate), 1e-6
    )


def test_the_remedy_is_one_that_works():
    for text, words in {"10:30": "--dates 'x=hour'", "Jan-20": "write it as a number"}.items():
        with pytest.raises(FitError, match=words):
            neglog.fit(pl.DataFrame({"x": [text, text] * 5, "y": range(10)}), target="y")


LENGTHS = {
    "clock": lambda h: f"{int(h)}:{round(h % 1 * 60):02}:00",
    "days": lambda h: f"{int(h // 24)} days {int(h % 24):02}:{round(h % 1 * 60):02}:00",
    "Python": lambda h: str(datetime.timedelta(hours=h)),
    "units": lambda h: f"{int(h)} h {round(h % 1 * 60)} min",
    "minutes": lambda h: f"{round(h * 60)} min",
    "ISO 8601": lambda h: f"PT{int(h)}H{round(h % 1 * 60)}M",
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("form", LENGTHS)
def test_durations_of_text_become_days(form, stream, tmp_path):
    hours = np.arange(40) * 1.25 + 0.25
    y = np.sin(hours) + hours
    texts = [LENGTHS[form](hour) for hour in hours.tolist()]
    path = tmp_path / "table.csv"
    pl.DataFrame({"x": texts, "y": y}).write_csv(path)
    found = neglog.fit(path, target="y", dates={"x": ["days"]}, stream=stream)
    expected = neglog.fit((hours / 24)[:, None], y)
    np.testing.assert_allclose(
        found.coefficients.estimate, expected.coefficients.estimate, rtol=1e-9
    )
    if form == "minutes":
        return
    with pytest.raises(FitError, match=r"'x' holds dates or times.*--dates 'x=days'"):
        neglog.fit(path, target="y", stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_among_dates_is_named(stream, tmp_path):
    texts = [f"2020-01-{1 + k % 28:02}" for k in range(40)]
    texts[7] = "unknown"
    pl.DataFrame({"x": texts, "y": range(40)}).write_csv(tmp_path / "table.csv")
    with pytest.raises(FitError, match=r"'unknown' is not a date .*pass --na 'unknown'"):
        neglog.fit(tmp_path / "table.csv", target="y", dates={"x": ["days"]}, stream=stream)


def test_times_are_in_the_zone_of_the_fit(tmp_path):
    berlin = pd.Series(pd.date_range("2020-03-27", periods=40, freq="7h", tz="Europe/Berlin"))
    y = np.sin(np.arange(40.0))
    fit = neglog.fit(
        pd.DataFrame({"x": berlin, "y": y}), target="y", dates={"x": ["hour", "weekday"]},
        out=tmp_path / "run",
    )  # fmt: skip
    assert any("in the time zone Europe/Berlin" in note for note in fit.notes)
    right = fit.predict(pd.DataFrame({"x": berlin})).frame["predicted"]
    for zone in ("UTC", "Asia/Tokyo"):
        other = pd.DataFrame({"x": berlin.dt.tz_convert(zone)})
        np.testing.assert_array_equal(fit.predict(other).frame["predicted"], right)
        saved = neglog.predict(tmp_path / "run", other).frame["predicted"]
        np.testing.assert_allclose(saved, right, rtol=1e-12)
    with pytest.raises(FitError, match="must hold times in a time zone such as Europe/Berlin, as"):
        fit.predict(pd.DataFrame({"x": berlin.dt.tz_localize(None)}))


def test_months_of_statistical_offices_are_dates():
    texts = [f"{2018 + k // 12}M{1 + k % 12:02}" for k in range(40)]
    frame = pl.DataFrame({"x": texts, "y": np.sin(np.arange(40.0))})
    with pytest.raises(FitError, match="'x' holds dates or times, such as '2018M01'"):
        neglog.fit(frame, target="y")
    found = neglog.fit(frame, target="y", dates={"x": ["year"]})
    expected = neglog.fit(np.array([[int(t[:4])] for t in texts]), frame["y"].to_numpy())
    np.testing.assert_allclose(found.coefficients.estimate, expected.coefficients.estimate, 1e-6)


def test_lengths_of_time_in_different_units_are_refused_with_the_remedy():
    frame = pl.DataFrame({"x": ["90 min", "2 h", "30 min", "1 h"] * 5, "y": range(20)})
    with pytest.raises(FitError, match=r"different units \(h, min\).*--dates 'x=days'"):
        neglog.fit(frame, target="y")
    found = neglog.fit(frame, target="y", dates={"x": ["days"]})
    expected = neglog.fit(np.array([[1.5], [2.0], [0.5], [1.0]] * 5) / 24, np.arange(20.0))
    np.testing.assert_allclose(found.coefficients.estimate, expected.coefficients.estimate, 1e-9)

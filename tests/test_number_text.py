"""Numbers that are written as text, texts among numbers, and dates: read alike on every path."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

import neglog
from neglog.errors import FitError
from neglog.estimators import NLLClassifier, NLLRegressor
from neglog.fitting.results.predict_blocks import write_predictions
from neglog.fitting.tables.numerals import read

COUNT = 40
NUMBERS = np.round(np.linspace(-4000.0, 9000.0, COUNT) ** 3 / 1e7, 2)
TARGET = NUMBERS / 500 + np.sin(np.arange(COUNT))


def swapped(text):
    """Exchange points and commas."""
    return text.translate(str.maketrans(".,", ",."))


SPELLINGS = {
    "thousands": "{:,.2f}".format,
    "currency": lambda v: f"{'-' * (v < 0)}${abs(v):,.2f}",
    "currency behind": lambda v: swapped(f"{v:,.2f} €"),
    "code": lambda v: f"USD {v:,.2f}",
    "brackets": lambda v: f"({-v:,.2f})" if v < 0 else f"{v:,.2f}",
    "currency in brackets": lambda v: f"(${-v:,.2f})" if v < 0 else f"${v:,.2f}",
    "minus": lambda v: f"{v:.2f}".replace("-", "\N{MINUS SIGN}"),
    "dash": lambda v: f"{v:.2f}".replace("-", "\N{EN DASH}"),
    "behind": lambda v: f"{abs(v):.2f}{'-' * (v < 0)}",
    "percent": "{:.2f}%".format,
    "apostrophes": lambda v: f"{v:,.2f}".replace(",", "'"),
    "blanks": lambda v: f"{v:,.2f}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
    "decimal commas": lambda v: swapped(f"{v:.2f}"),
    "points between thousands": lambda v: swapped(f"{v:,.2f}"),
    "unit": "{:,.2f} kg".format,
    "unit without a blank": "{:.2f}km/h".format,
    "magnitude": lambda v: f"{'-' * (v < 0)}${abs(v):,.2f}M",
    "unit and decimal commas": lambda v: swapped(f"{v:,.2f}") + " Mio. €",
    "singular and plural": lambda v: f"{v:.2f} year{'s' * (int(v) % 2)}",
    "scientific with decimal commas": lambda v: f"{v:.9e}".replace(".", ","),
    "Arabic digits": lambda v: f"{v:.2f}".translate({0x30 + j: 0x660 + j for j in range(10)}),
    "full width": lambda v: f"{v:,.2f}".translate({c: c + 0xFEE0 for c in range(0x21, 0x7F)}),
}


UNITS = {
    "percent": "%", "currency": "$", "currency behind": "€", "code": "USD", "unit": "kg",
    "currency in brackets": "$", "unit without a blank": "km/h", "magnitude": "$M",
    "unit and decimal commas": "€Mio", "singular and plural": "year",
}  # fmt: skip


def in_pandas(frame):
    return neglog.fit(frame.to_pandas(), target="y")


def in_objects(frame):
    return neglog.fit(pd.DataFrame(frame.to_dict(as_series=False), dtype=object), target="y")


def in_polars(frame):
    return neglog.fit(frame, target="y")


def in_arrow(frame):
    return neglog.fit(frame.to_arrow(), target="y")


def in_formula(frame):
    return neglog.fit(frame, formula="y ~ x")


def in_csv(frame, **options):
    frame.write_csv("table.csv")
    return neglog.fit("table.csv", target="y", **options)


def in_stream(frame):
    return in_csv(frame, stream=True)


def in_parquet(frame):
    frame.write_parquet("table.parquet")
    return neglog.fit("table.parquet", target="y", stream=True)


def in_estimator(frame):
    return NLLRegressor().fit(frame.select("x").to_pandas(), frame["y"].to_list()).result_


PATHS = [
    in_pandas, in_objects, in_polars, in_arrow, in_formula, in_csv, in_stream, in_parquet,
    in_estimator,
]  # fmt: skip


def crossed(cases, usual, every):
    """Return each case on some usual paths, and one case on every path."""
    pairs = [(case, path) for case in cases for path in usual]
    return list(dict.fromkeys([*pairs, *((next(iter(cases)), path) for path in every)]))


FEW = [in_objects, in_polars, in_formula, in_csv, in_stream, in_estimator]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def plain():
    return neglog.fit(pl.DataFrame({"x": NUMBERS, "y": TARGET}), target="y")


@pytest.mark.parametrize(("spelling", "path"), crossed(SPELLINGS, [in_csv, in_stream], PATHS))
def test_a_feature_is_the_numbers_that_its_text_spells(plain, spelling, path):
    texts = [SPELLINGS[spelling](value) for value in NUMBERS.tolist()]
    found = path(pl.DataFrame({"x": texts, "y": TARGET}))
    np.testing.assert_allclose(found.coefficients.estimate, plain.coefficients.estimate, 1e-12)
    notes = [note for note in found.notes if "is read as numbers" in note]
    assert len(notes) == 1
    assert "'x'" in notes[0]
    assert "--thousands" in notes[0]
    unit = UNITS.get(spelling)
    assert (f"(in {unit}, " in notes[0]) if unit else ("(in " not in notes[0])


@pytest.mark.parametrize(("spelling", "path"), crossed(SPELLINGS, [in_polars], FEW))
def test_a_target_is_the_numbers_that_its_text_spells(spelling, path):
    expected = neglog.fit(pl.DataFrame({"x": TARGET, "y": NUMBERS}), target="y")
    texts = [SPELLINGS[spelling](value) for value in NUMBERS.tolist()]
    found = path(pl.DataFrame({"x": TARGET, "y": texts}))
    assert found.fitted.target.kind == "normal"
    np.testing.assert_allclose(found.coefficients.estimate, expected.coefficients.estimate, 1e-12)
    assert any("'y' is read as numbers" in note for note in found.notes)


@pytest.mark.parametrize("path", [in_polars, in_csv])
def test_predict_reads_new_rows_as_the_fit_did(plain, path):
    texts = [swapped(f"{value:,.2f}") for value in NUMBERS]
    found = path(pl.DataFrame({"x": texts, "y": TARGET}))
    new, expected = pl.DataFrame({"x": ["1.000", "2.500"]}), pl.DataFrame({"x": [1000.0, 2500.0]})
    expected = plain.predict(expected).frame["predicted"]
    np.testing.assert_allclose(found.predict(new).frame["predicted"], expected, 1e-12)
    new.write_csv("new.csv")
    np.testing.assert_allclose(found.predict("new.csv").frame["predicted"], expected, 1e-12)
    other = found.predict(pl.DataFrame({"x": ["1,000", "2,500"]}), reading={"thousands": ","})
    np.testing.assert_allclose(other.frame["predicted"], expected, 1e-12)
    with pytest.raises(FitError, match=r"row 1 \(from 0\) holds 'a lot'.*--na 'a lot'"):
        found.predict(pl.DataFrame({"x": ["1,5", "a lot"]}))


def test_a_saved_model_reads_a_streamed_file_as_the_fit_did(plain):
    texts = [swapped(f"{value:,.2f}") for value in NUMBERS]
    frame = pl.DataFrame({"x": texts, "y": TARGET})
    frame.write_csv("table.csv")
    neglog.fit("table.csv", target="y", stream=True, out="run")
    pl.DataFrame({"x": ["1.000", "2.500"]}).write_csv("new.csv")
    write_predictions("run", "new.csv", "predicted.csv")
    expected = plain.predict(pl.DataFrame({"x": [1000.0, 2500.0]})).frame["predicted"]
    found = pl.read_csv("predicted.csv")["predicted"]
    np.testing.assert_allclose(found, expected, 1e-12)


def test_an_estimator_reads_new_rows_as_the_fit_did():
    texts = [f"{value:,.2f}" for value in NUMBERS]
    model = NLLRegressor().fit(pl.DataFrame({"x": texts}), TARGET)
    other = NLLRegressor().fit(pl.DataFrame({"x": NUMBERS}), TARGET)
    new = pd.DataFrame({"x": ["1,000", "2,500"]})
    numbers = pd.DataFrame({"x": [1000.0, 2500.0]})
    np.testing.assert_allclose(model.predict(new), other.predict(numbers))


NO_ONE_READING = {
    "percent and none": (["5%", "7"], r"different units \(none, %\)"),
    "currencies": (["$5", "€7"], r"different units \(\$, €\)"),
    "marks": (["1,234.5", "1.234,5"], "'1,234.5' and '1.234,5'"),
    "decimals": (["1.5", "2,5"], "'2,5' and '1.5'"),
}


@pytest.mark.parametrize(("case", "path"), crossed(NO_ONE_READING, [in_stream, in_polars], FEW))
def test_numbers_that_no_one_reading_fits_are_refused(case, path):
    texts, words = NO_ONE_READING[case]
    frame = pl.DataFrame({"x": texts * (COUNT // 2), "y": TARGET})
    with pytest.raises(FitError, match=words + ".*--drop 'x'.*--as-labels 'x'"):
        path(frame)
    swap = pl.DataFrame({"x": TARGET, "y": texts * (COUNT // 2)})
    with pytest.raises(FitError, match=words):
        path(swap)


MIXED = {
    "0 and 1": ["0", "1", "1", "?"],
    "counts": ["0", "2", "5", "unknown"],
    "numbers": ["1.5", "2.25", "1e3", "n.a."],
    "spelled": ["1,000", "2,000", "3,500.5", "-"],
    "mostly markers": ["?", "?", "?", "7"],
}


@pytest.mark.parametrize(("case", "path"), crossed(MIXED, [in_stream, in_polars], FEW))
def test_a_few_texts_among_numbers_are_refused(case, path):
    texts = MIXED[case] * (COUNT // 4)
    strange = next(text for text in MIXED[case] if not text[0].isdigit())
    row = texts.index(strange)
    words = rf"'.' holds numbers, but \d+ values are text, the first '{re.escape(strange)}' in row "
    words += rf"{row} \(from 0\).*--na '{re.escape(strange)}'.*--as-labels"
    with pytest.raises(FitError, match=words):
        path(pl.DataFrame({"x": texts, "y": TARGET}))
    with pytest.raises(FitError, match=words):
        path(pl.DataFrame({"x": TARGET, "y": texts}))


DATES = {
    "iso": "2020-01-{:02}",
    "iso with time": "2020-01-{:02}T10:30:00Z",
    "named": "{} Jan 2020",
    "named first": "January {}, 2020",
    "slashes": "3/{}/2021",
    "points": "{}.12.2020",
    "times": "10:{:02}",
    "japanese": "2020年1月{}日",
    "lengths": "{} days 00:00:00",
}


@pytest.mark.parametrize(("case", "path"), crossed(DATES, [in_stream, in_polars], FEW))
def test_dates_are_refused(case, path):
    texts = [DATES[case].format(1 + k % 9) for k in range(COUNT)]
    with pytest.raises(FitError, match=f"column 'x' holds dates or times, such as '{texts[0]}'"):
        path(pl.DataFrame({"x": texts, "y": TARGET}))
    with pytest.raises(FitError, match=f"target 'y' holds dates or times, such as '{texts[0]}'"):
        path(pl.DataFrame({"x": TARGET, "y": texts}))


TYPED = {
    "date": [datetime.date(2020, 1, 1 + k % 9) for k in range(COUNT)],
    "datetime": [datetime.datetime(2020, 1, 1 + k % 9, k % 24) for k in range(COUNT)],
    "zone": [
        datetime.datetime(2020, 1, 1 + k % 9, tzinfo=datetime.timezone.utc) for k in range(COUNT)
    ],
    "time": [datetime.time(k % 24, 30) for k in range(COUNT)],
    "length": [datetime.timedelta(days=k % 9) for k in range(COUNT)],
}


@pytest.mark.parametrize(
    ("case", "path"),
    crossed(TYPED, [in_pandas, in_parquet], [in_objects, in_polars, in_arrow, in_estimator]),
)
def test_types_of_dates_are_refused(case, path):
    with pytest.raises(FitError, match="column 'x' holds dates or times, of type"):
        path(pl.DataFrame({"x": TYPED[case], "y": TARGET}))
    with pytest.raises(FitError, match="target 'y' holds dates or times, of type"):
        path(pl.DataFrame({"x": TARGET, "y": TYPED[case]}))


LABELS = {
    "versions": ["1.2.3", "1.10.12", "2.0.1", "2.0.11"],
    "telephones": ["555-0100", "+49 30 123456", "030 1234567", "(030) 12345"],
    "intervals": ["(0,10)", "(10,20)", "(20,30)", "(30,40)"],
    "ranges": ["18-24", "25-34", "35-44", "45+"],
    "signs": ["+", "-", "0", "+"],
    "quantities and words": ["5 mg", "10 mg", "placebo", "40 mg"],
    "codes": ["A1", "A2", "12B", "7"],
    "codes of one letter": ["1A", "1B", "2A", "2B"],
    "ordinals": ["1st", "2nd", "3rd", "1st"],
    "times of day": ["5 am", "7 am", "11 am", "5 am"],
    "years of service": ["< 1 year", "1 year", "5 years", "10+ years"],
    "ratios": ["1:2", "2:1", "1:1", "3:1"],
}


@pytest.mark.parametrize(("case", "path"), crossed(LABELS, [in_stream, in_polars], FEW))
def test_labels_stay_labels(case, path):
    found = path(pl.DataFrame({"x": LABELS[case] * (COUNT // 4), "y": TARGET}))
    assert len(found.features) == len(set(LABELS[case])) - 1
    assert not [note for note in found.notes if "as numbers" in note]


@pytest.mark.parametrize("path", [in_pandas, in_objects, in_polars, in_csv, in_stream])
def test_requested_labels_stay_labels(path, monkeypatch):
    fit = neglog.fit
    monkeypatch.setattr(neglog, "fit", lambda *a, **o: fit(*a, as_labels="x", **o))
    for texts in (["1,000", "5", "?", "2"], ["2020-01-01", "2020-01-02", "10:30", "1"]):
        assert len(path(pl.DataFrame({"x": texts * 10, "y": TARGET})).features) == 3


def test_a_formula_may_call_them_labels():
    frame = pl.DataFrame({"x": ["1,000", "5%", "?", "2020-01-01"] * 10, "y": TARGET})
    assert len(neglog.fit(frame, formula="y ~ C(x)").features) == 3


REFUSED_CLASSES = {
    "numbers": (["1,000", "$5"], "numbers that are written as text, such as '1,000'.*NLLRegressor"),
    "mixed": (["0", "1", "1", "?"], "holds numbers, but 10 values are text, the first '?'"),
    "dates": (["2020-01-01", "2020-01-02"], "holds dates or times, such as '2020-01-01'"),
}


@pytest.mark.parametrize("make", [list, np.array, pd.Series, pl.Series])
@pytest.mark.parametrize("case", REFUSED_CLASSES)
def test_a_classifier_refuses_numeric_text(case, make):
    texts, words = REFUSED_CLASSES[case]
    y = make((texts * COUNT)[:COUNT])
    with pytest.raises(FitError, match=words.replace("?", r"\?")):
        NLLClassifier().fit(TARGET[:, None], y)
    found = NLLClassifier(as_labels="y", l2=0.1).fit(TARGET[:, None], y)
    assert list(found.classes_) == sorted(set(texts))


THOUSANDS = np.random.default_rng(0).permutation(COUNT) * 211 + 1003
POINTS = [swapped(f"{value:,}") for value in THOUSANDS]


def marks(separator=",", decimal=None, **options):
    """Return the intercept and slope of whole numbers with points between thousands."""
    target = [f"{value:.6f}" for value in TARGET]
    target = target if decimal is None else [text.replace(".", decimal) for text in target]
    frame = pl.DataFrame({"x": POINTS, "y": target})
    frame.write_csv("table.csv", separator=separator)
    return neglog.fit("table.csv", target="y", **options)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("separator", [",", ";"])
def test_other_columns_tell_whether_points_separate_thousands(separator, stream):
    whole = neglog.fit(pl.DataFrame({"x": THOUSANDS, "y": TARGET}), target="y")
    parts = neglog.fit(pl.DataFrame({"x": THOUSANDS / 1000, "y": TARGET}), target="y")
    options = {"separator": separator, "stream": stream}
    for found, expected in (
        (marks(decimal=",", **options), whole),
        (marks(**options), parts),
        (marks(thousands=".", **options), whole),
        (marks(thousands=",", **options), parts),
    ):
        np.testing.assert_allclose(
            found.coefficients.estimate, expected.coefficients.estimate, 1e-5
        )
        said = " ".join(found.notes)
        if expected is whole:
            assert f"'{POINTS[0]}' as {THOUSANDS[0]} (points between thousands" in said
        elif separator == ";" and found.options.thousands is None:
            assert "are read with decimal points" in said
            assert "--thousands ." in said


def test_points_of_a_frame_of_text_are_decimal_with_a_note():
    found = neglog.fit(pd.DataFrame({"x": POINTS, "y": TARGET}), target="y")
    assert any("--thousands . (thousands='.')" in note for note in found.notes)
    expected = neglog.fit(pl.DataFrame({"x": THOUSANDS / 1000, "y": TARGET}), target="y")
    np.testing.assert_allclose(found.coefficients.estimate, expected.coefficients.estimate)
    new = pd.DataFrame({"x": ["1.234", "5.678"]})
    old = expected.predict(pl.DataFrame({"x": [1.234, 5.678]})).frame["predicted"]
    np.testing.assert_allclose(found.predict(new).frame["predicted"], old)


@pytest.mark.parametrize("late", ["1,5", "unknown", "$7"])
def test_a_later_block_of_a_stream_counts_as_the_first_does(late, monkeypatch):
    monkeypatch.setattr("neglog.fitting.streaming.block_file._BYTES", 200)
    texts = [f"{value:.2f}" for value in NUMBERS[:-1]] + [late]
    words = {"1,5": "contradict each other", "unknown": "row 39", "$7": "'x' is read as numbers"}
    frame = pl.DataFrame({"x": texts, "y": TARGET})
    if late != "$7":
        with pytest.raises(FitError, match=words[late]):
            in_stream(frame)
        return
    found, other = in_stream(frame), in_polars(frame)
    np.testing.assert_allclose(found.coefficients.estimate, other.coefficients.estimate, 1e-12)
    assert any(words[late] in note for note in found.notes)


MANY = {
    "quantities": ([f"{k} {'ab'[k % 2]}cd" for k in range(COUNT * 2)], "numbers with a unit"),
    "names": ([f"name {k}" for k in range(COUNT * 2)], "as many as names"),
    "dates": ([f"{k} days 00:00:00" for k in range(COUNT * 2)], "holds dates or times"),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", MANY)
def test_too_many_levels_are_refused_with_their_cause(case, stream):
    texts, words = MANY[case]
    pl.DataFrame({"x": texts, "y": [*TARGET, *TARGET]}).write_csv("table.csv")
    with pytest.raises(FitError, match=f"'x'.*{words}.*--drop 'x'.*--as-labels 'x'"):
        neglog.fit("table.csv", target="y", stream=stream)
    with pytest.raises(FitError, match=f"target 'x'.*{words}"):
        neglog.fit("table.csv", target="x", stream=stream)


READ = {
    ",.": {
        "1,234.5": 1234.5, "$1,200": 1200, "US$ 5": 5, "5 USD": 5, "-$5": -5, "$-5": -5,
        "$(5)": -5, "(5)": -5, "5-": -5, "CHF 5.-": 5, "12,34,567": 1234567,
        "1,000e3": None, "1000e3": 1e6,
        "5 %": 5, ".5": 0.5, "1,23": None, "0,500": None, "01,234": None, "$5%": None, "5²": None,
        "(5": None, "--5": None, "+49 30 123456": None, "1.2.3": None, "5 kg": None, "1-2": None,
        "": None, "$": None,
    },
    ",.kg": {"5 kg": 5, "1,200kg": 1200, "0": 0, "5": None, "5 g": None, "5 KG": None},
    ",.%": {"5 %": 5, "5": None, "0": 0, "0.5": None, "5‰": None},
    ",.$": {"$5": 5, "5": 5, "1,200": 1200, "€5": None, "5 USD": None},
    ".,": {
        "1.234,5": 1234.5, "1,5": 1.5, "1.200,- €": 1200, "1.234": 1234, "1.5": None,
        "1,260e+04": 12600, "1.234e4": None,
    },
    "',": {"1'234,5": 1234.5, "1’234": 1234},
    " .": {"1 234.5": 1234.5, "212 555 0123": None},
}  # fmt: skip


@pytest.mark.parametrize("convention", READ)
def test_texts_by_convention(convention):
    texts = READ[convention]
    assert read(pl.Series([*texts]), convention).to_list() == [*texts.values()]
    for text, number in texts.items():
        assert read(pl.Series([text]), convention).to_list() == [number]


def test_the_unit_of_a_model_is_that_of_every_table(tmp_path):
    for texts, strange in (
        (["5%", "7.5%"], ["0.05", "5‰", "$5"]),
        (["$1,200", "$7"], ["€5", "5%", "$5M"]),
        (["5 kg", "7 kg"], ["5 g", "5", "$5"]),
    ):
        frame = pl.DataFrame({"x": texts * (COUNT // 2), "y": TARGET})
        fit = in_csv(frame, out=tmp_path / "run", overwrite=True)
        right = fit.predict(pl.DataFrame({"x": [5.0, 0.0]})).frame["predicted"]
        new = pl.DataFrame({"x": [re.sub(r"[\d.,]+", "5", texts[0]), "0"]})
        np.testing.assert_allclose(fit.predict(new).frame["predicted"], right)
        for text in strange:
            unit = texts[0].strip("0123456789., ")
            words = rf"'x' must hold numbers \(in {re.escape(unit)}, .*row 1 .* holds '{text}'"
            new = pl.DataFrame({"x": [texts[0], text]})
            with pytest.raises(FitError, match=words.replace("$5", r"\$5")):
                fit.predict(new)
            new.write_csv("new.csv")
            with pytest.raises(FitError, match=words.replace("$5", r"\$5")):
                write_predictions("run", "new.csv", "out.csv")


UNITS_THAT_DIFFER = {
    "magnitudes": ["1.2k", "3M", "2.5k", "4k"],
    "amounts": ["$1.2M", "$300K", "$5M", "$7M"],
    "masses": ["5 kg", "300 g", "2 kg", "7 kg"],
    "some": ["5 kg", "300", "2 kg", "7 kg"],
    "lengths of time": ["90 min", "2 h", "30 min", "1 h"],
}


@pytest.mark.parametrize(("case", "path"), crossed(UNITS_THAT_DIFFER, [in_stream, in_csv], FEW))
def test_numbers_of_different_units_are_refused(case, path):
    texts = UNITS_THAT_DIFFER[case] * (COUNT // 4)
    words = r"holds numbers of different units \(.*\), such as '.*' in row \d \(from 0\); write all"
    with pytest.raises(FitError, match="column 'x' " + words + ".*--as-labels 'x'"):
        path(pl.DataFrame({"x": texts, "y": TARGET}))
    with pytest.raises(FitError, match="column 'y' " + words):
        path(pl.DataFrame({"x": TARGET, "y": texts}))


@pytest.mark.parametrize("flag", ["{} p", "{} (p)", "{}*", "{}[a]", "{}†", "{}^"])
def test_flags_behind_a_few_numbers_are_refused_with_the_remedy(flag):
    texts = [flag.format(k) if k % 9 == 4 else str(k) for k in range(COUNT)]
    words = f"'x' holds numbers, but 4 values are text, the first '{flag.format(4)}' in row 4 "
    with pytest.raises(FitError, match=re.escape(words) + ".*; write the numbers alone, or pass"):
        in_csv(pl.DataFrame({"x": texts, "y": TARGET}))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("unit", ["%", " ‰", " €", " kg"])
def test_amounts_with_a_unit_are_not_counts(unit, stream):
    numbers = np.random.default_rng(0).poisson(3.0, 200)
    frame = pl.DataFrame({"x": numbers**0.5, "y": [f"{k}{unit}" for k in numbers]})
    found = in_csv(frame, stream=stream)
    assert found.fitted.target.kind == "normal"
    said = " ".join(found.notes)
    assert "counts, pass" not in said.split("does not suit")[0]
    assert ("divide it by 100, and pass --likelihood binomial" in said) == (unit == "%")
    assert ("divide it by 1000, and pass" in said) == (unit == " ‰")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("texts", [["1,000", "2,000"], ["5%", "7%", "9%"], ["$1200", "$7", "$1"]])
def test_amounts_are_not_classes_however_few(texts, stream):
    frame = pl.DataFrame({"x": TARGET, "y": (texts * COUNT)[:COUNT]})
    found = in_csv(frame, stream=stream)
    assert found.fitted.target.kind == "normal"
    asked = in_csv(frame, stream=stream, as_labels="y", l2=0.1)
    assert asked.classes == sorted(texts)


def test_decimal_commas_may_be_classes():
    frame = pl.DataFrame({"x": TARGET, "y": ["0,0", "1,0"] * (COUNT // 2)})
    assert in_csv(frame).fitted.target.kind == "bernoulli"


def test_durations_are_refused_as_an_array_too():
    with pytest.raises(FitError, match="target 'y' holds dates or times, of type Duration"):
        neglog.fit(TARGET[:, None], np.arange(COUNT).astype("timedelta64[D]"))


def test_a_weight_among_texts_is_refused_with_the_text():
    frame = pl.DataFrame({"x": TARGET, "w": ["1", "2", "3", "?"] * 10, "y": TARGET})
    with pytest.raises(FitError, match=r"sample weight 'w' must hold numbers.*such as '\?'"):
        neglog.fit(frame, target="y", sample_weight="w")


@pytest.mark.parametrize("options", [{"decimal": ","}, {"thousands": "."}])
def test_estimators_take_the_marks_of_numbers(options):
    texts = [f"1.{k:03}" for k in range(1, COUNT + 1)]  # 1001 to 1040 or 1.001 to 1.040
    numbers = np.arange(1001.0, 1001 + COUNT)
    frame = pd.DataFrame({"x": texts})
    found = NLLRegressor(**options).fit(frame, TARGET)
    np.testing.assert_allclose(found.coef_, NLLRegressor().fit(numbers[:, None], TARGET).coef_)
    assert found.predict(frame).shape == (COUNT,)
    plain = NLLRegressor().fit(frame, TARGET)
    np.testing.assert_allclose(plain.coef_, 1000 * found.coef_, rtol=1e-6)
    target = NLLRegressor(**options).fit(TARGET[:, None], texts)
    np.testing.assert_allclose(
        target.coef_, NLLRegressor().fit(TARGET[:, None], numbers).coef_, rtol=1e-6
    )

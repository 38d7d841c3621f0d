"""Excel, Feather, Stata and JSON files are read as the frame that they hold; others are refused."""

import builtins
import datetime
import gzip
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import neglog
from neglog.errors import FitError

COUNT = 30
SIZES = ["small", "medium", "large"]


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def frame():
    draw = np.random.default_rng(1)
    x = draw.normal(size=COUNT).round(2)
    size = pd.Categorical(np.array(SIZES)[np.arange(COUNT) % 3], SIZES, ordered=True)
    return pd.DataFrame({"x": x, "size": size, "y": (x + draw.normal(size=COUNT)).round(2)})


def polars():
    return pl.from_pandas(frame()).with_columns(pl.col("size").cast(pl.Enum(SIZES)))


def with_titles(name):
    with pd.ExcelWriter(name) as book:
        frame().to_excel(book, sheet_name="Data", index=False, startrow=4, startcol=1)
        sheet = book.sheets["Data"]
        sheet["B1"], sheet["B2"], sheet["C2"], sheet["H1"] = "Heights", "from", "2020", "note"
        frame().head(3).to_excel(book, sheet_name="Notes", index=False)


WRITERS = {
    "t.feather": lambda name: frame().to_feather(name),
    "t.arrow": lambda name: polars().write_ipc(name, compression="lz4"),
    "t.dta": lambda name: frame().to_stata(name, write_index=False, version=118),
    "old.dta": lambda name: frame().to_stata(name, write_index=False, version=114),
    "t.xlsx": lambda name: frame().to_excel(name, index=False),
    "titles.xlsx": with_titles,
    "t.jsonl": lambda name: frame().to_json(name, orient="records", lines=True),
    "t.json": lambda name: frame().to_json(name, orient="records"),
    "no.extension": lambda name: polars().write_ipc(name),
}
NOTES = {
    "titles.xlsx": [
        "sheet 'Data' of 'Data', 'Notes' is read; --sheet NAME (sheet=) reads another.",
        "the column names are read from line 5, and the lines before are skipped: 'Heights, note'",
        "column 4, column 5, column 6, column 7 have no name and no values, and are left out.",
    ]
}
LEVELS = {"levels": {"size": SIZES}}
DECLARED = {"t.feather", "t.arrow", "t.dta", "old.dta", "no.extension"}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_read_as_the_frame_that_it_holds(name):
    WRITERS[name](name)
    expected = neglog.fit(frame(), target="y", likelihood="normal")
    options = {} if name in DECLARED else LEVELS
    found = neglog.fit(name, target="y", likelihood="normal", **options)
    assert found.features == expected.features == ["x", "size=medium", "size=large"]
    np.testing.assert_allclose(found.coefficients.estimate, expected.coefficients.estimate)
    notes = [note for note in found.notes if "base levels" not in note]
    wanted = NOTES.get(name, [])
    assert len(notes) == len(wanted)
    for note, words in zip(notes, wanted, strict=True):
        assert note.startswith(words)
    again = found.predict(name).frame["predicted"].to_list()
    np.testing.assert_allclose(again, found.training.predicted)


@pytest.mark.parametrize("name", WRITERS)
def test_feather_is_streamed_and_the_others_are_refused(name):
    WRITERS[name](name)
    if name in ("t.feather", "t.arrow", "no.extension"):
        expected = neglog.fit(frame(), target="y", likelihood="normal")
        found = neglog.fit(name, target="y", likelihood="normal", stream=True)
        assert found.features == expected.features
        np.testing.assert_allclose(found.coefficients.estimate, expected.coefficients.estimate)
        return
    with pytest.raises(FitError, match="cannot be read block by block; leave out stream, or save"):
        neglog.fit(name, target="y", stream=True)


def test_categories_of_numbers_are_labels_in_feather():
    data = frame().assign(size=pd.Categorical(np.arange(COUNT) % 3, [2, 0, 1]))
    data.to_feather("t.feather")
    assert neglog.fit("t.feather", target="y").features == ["x", "size=0", "size=1"]


@pytest.mark.parametrize("sheet", ["Notes", "2"])
def test_a_sheet_is_chosen_by_name_or_number(sheet):
    with_titles("t.xlsx")
    choice = {"target": "y", "likelihood": "normal", "drop": "size"}
    found = neglog.fit("t.xlsx", sheet=sheet, **choice)
    assert (found.data.training_rows, found.notes) == (3, [])
    assert neglog.fit("t.xlsx", sheet="Data", skip_rows=4, **choice).data.training_rows == COUNT
    with pytest.raises(FitError, match="has no sheet '3'; choose one of 'Data', 'Notes'"):
        neglog.fit("t.xlsx", sheet="3", **choice)
    with pytest.raises(FitError, match=r"sheet 'Data' of t.xlsx has no column 'z'; it has x, size"):
        neglog.fit("t.xlsx", target="z")


def test_cells_of_a_sheet_keep_their_types_and_lose_blanks():
    data = frame().assign(size=lambda f: " " + f["size"].astype(str), day=datetime.date(2020, 1, 1))
    data["code"] = ["?", *range(1, COUNT)]
    data.to_excel("t.xlsx", index=False)
    with pytest.raises(FitError, match=r"column 'day'.*date"):
        neglog.fit("t.xlsx", target="y", na="?", missing="drop")
    found = neglog.fit("t.xlsx", target="y", na="?", missing="drop", drop="day")
    assert found.features == ["x", "code", "size=medium", "size=small"]
    assert "blanks around the values of 'size' are left out." in found.notes
    assert found.data.training_rows == COUNT - 1


def test_value_labels_that_do_not_name_every_value_leave_numbers():
    data = frame().assign(some=np.arange(COUNT), alike=np.arange(COUNT) % 3)
    labels = {"some": {0: "none"}, "alike": {0: "a", 1: "a", 2: "b"}}
    data.to_stata("t.dta", write_index=False, value_labels=labels)
    found = neglog.fit("t.dta", target="y", drop="size")
    assert found.features == ["x", "some", "alike"]
    assert "the value labels of 'some', 'alike' are left out" in found.notes[0]


def test_missing_values_of_stata_and_json_are_missing():
    frame().assign(x=lambda f: f["x"].where(f["x"] > -1)).to_stata("t.dta", write_index=False)
    Path("t.jsonl").write_text('{"x": 1, "y": 2}\n{"y": 3}\n')
    for name in ("t.dta", "t.jsonl"):
        with pytest.raises(FitError, match="missing, in column 'x'"):
            neglog.fit(name, target="y")


def archive():
    with zipfile.ZipFile("made.zip", "w") as made:
        made.writestr("t.csv", "x,y\n1,2\n")
    return Path("made.zip").read_bytes()


OTHERS = [
    (b"$FL2@(#) IBM", "being an SPSS file; save it as CSV or Stata's .dta"),
    (b"\xd0\xcf\x11\xe0", "being an old Office document such as .xls; save it as .xlsx or CSV"),
    (b"FEA1", "being Feather in version 1; write it in version 2"),
    (b"X\n\0\0\0\3", "being an R object; write the data frame with write.csv"),
    (gzip.compress(b"RDX3\nX\n", mtime=0), "being an R workspace"),
    (b"<!DOCTYPE html>", "being a web page; download the table itself"),
    (b"BZh91AY&SY", "being compressed with bzip2; unpack it, or compress it with gzip"),
    (archive, "being a zip archive; unpack it, and pass the table inside"),
    (b"PK\3\4", "being a damaged zip archive; save it again"),
    (b"SQLite format 3\0", "being an SQLite database"),
    (b"<stata_dta><header>", "cannot be read as a Stata file"),
]


@pytest.mark.parametrize(("content", "words"), OTHERS, ids=[words for _, words in OTHERS])
def test_other_formats_are_refused_by_name(content, words):
    Path("t.csv").write_bytes(content if isinstance(content, bytes) else content())
    with pytest.raises(FitError, match=re.escape(words)):
        neglog.fit("t.csv", target="y")


def test_a_damaged_sheet_is_refused():
    with zipfile.ZipFile("t.xlsx", "w") as made:
        made.writestr("xl/workbook.xml", "<workbook")
    with pytest.raises(FitError, match="cannot be read as an Excel file"):
        neglog.fit("t.xlsx", target="y")
    pd.DataFrame().to_excel("t.xlsx")
    with pytest.raises(FitError, match=r"sheet 'Sheet1' of t.xlsx is empty"):
        neglog.fit("t.xlsx", target="y")


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("t.xlsx", "fastexcel", "requires fastexcel: pip install 'neglog[excel]'"),
        ("t.dta", "pandas", "requires pandas: pip install pandas, or save it as CSV"),
        ("t.feather", "pyarrow", "holds categories of pandas, which only pyarrow reads; install"),
    ],
)
def test_a_library_that_is_not_installed_is_named(name, module, words, monkeypatch):
    WRITERS[name](name)
    known = builtins.__import__

    def without(wanted, *others, **more):
        if wanted == module:
            raise ModuleNotFoundError(f"No module named {module!r}")
        return known(wanted, *others, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(FitError, match=re.escape(words)):
        neglog.fit(name, target="y")

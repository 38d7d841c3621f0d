"""Text files of every layout and encoding are read as the plain CSV file in UTF-8 is."""

import random
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import neglog
from neglog.errors import FitError
from neglog.fitting.streaming.block_file import open_file
from neglog.fitting.tables.encodings import readings
from neglog.fitting.tables.read_file import read_file

COUNT = 30
PLAIN = ("height", "sex", "y")


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def rows():
    draw = np.random.default_rng(5)
    x = draw.normal(size=COUNT).round(2)
    y = (3 * x + draw.normal(size=COUNT)).round(2)
    return [(str(x[i]), ("no", "yes")[i % 2], str(y[i])) for i in range(COUNT)]


def table(separator=",", names=PLAIN, before="", end="", line="", at=4):
    """Return a file's text: its names, and rows that end in `end`, with a line among them."""
    lines = [separator.join(row) + end for row in rows()]
    lines[at:at] = [line] if line else []
    return before + "\n".join([separator.join(names), *lines]) + "\n"


def estimates(content, stream=False, **options):
    Path("t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return neglog.fit("t.csv", target="y", stream=stream, **options)


def commas(text):
    return text.replace(".", ",")


LAYOUTS = {
    "plain": (table(), None),
    "carriage returns": (table(before="\n").replace("\n", "\r\n"), None),
    "byte order mark": ("\ufeff" + table(before="\n"), None),
    "tabs": (table("\t"), None),
    "bars": (table("|"), None),
    "semicolons": (commas(table(";")), "a decimal comma"),
    "three decimals": (commas(re.sub(r"(\.\d)\b", r"\g<1>0", table(";"))), "a decimal comma"),
    "blanks": (table(" "), "the values are separated by blanks; --separator"),
    "runs of blanks": ("  " + table("   ", end="  "), "the values are separated by blanks"),
    "quotes and blanks": (table(" ").replace("yes", '"a yes"'), "separated by blanks"),
    "stated separator": ("sep=|\n" + table("|"), None),
    "text with commas": (table(";").replace("yes", "yes, sir"), None),
    "separators on every line": (table("\t").replace("yes", "y,1").replace("no", "n,0")
                                 .replace("sex", "sex,or"), "every line has commas too; --sep"),
    "comments": (table(before="# made by\n# me, you, them\n"), "skipped: '# made by', '# me, you"),
    "percent comments": (table(before="%a\n", line="%b"), "are skipped: '%a'."),
    "names in a comment": (table(names=("# height", "sex", "y")), "from the comment in line 1"),
    "comments among the rows": (table(line="# so"), "1 among the rows, the first in line 6,"),
    "a title": (table(before="Heights 2020\n"), "names are read from line 2"),
    "titles": (table(before="Heights, 2020\n\n"), "before are skipped: 'Heights, 2020'; --skip"),
    "a title and separators": (table(";", (*PLAIN, ""), "Heights\n", ";"), "from line 2"),
    "a title of a sheet": (table(before="Heights,,\n,,\n"), "names are read from line 3"),
    "empty lines": (table(before="\n\n", line="\n").rstrip() + "\n\n\n", None),
    "separators at the ends": (table(end=","), "column 4 has no name and no values"),
    "an empty column": (table(names=(*PLAIN, ""), end=","), "column 4 has no name and no values"),
    "padded names": (table(names=(" height", "sex ", " y ")), None),
    "padded values": (table().replace(",no,", ", no ,").replace(",yes", " ,yes"),
                      "blanks around the values of 'sex' are left out"),
    "padded numbers": (table().replace(",yes,", ",yes, "), None),
    "quotes": (table().replace("yes", '"yes"').replace("sex", '"sex"'), None),
    "marks in quotes": (table().replace("yes", '"a\n# b\n\nyes"'), None),
    "labels with marks": (table().replace("yes", "#yes"), None),
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", LAYOUTS)
def test_a_layout_changes_no_coefficient(case, stream):
    intercept, slope, yes = estimates(table()).coefficients.estimate
    content, words = LAYOUTS[case]
    found = estimates(content, stream)
    expected = [intercept, slope, yes]
    if "no" in found.features[-1]:  # as another text for yes comes first in the alphabet
        expected = [intercept + yes, slope, -yes]
    np.testing.assert_allclose(found.coefficients.estimate, expected, rtol=1e-9)
    notes = [note for note in found.notes if "base levels" not in note]
    assert bool(notes) == (words is not None), notes
    assert words is None or words in notes[0]


ENCODED = [
    ("größe", "windows-1252"), ("tamaño", "windows-1252"), ("âge de l’élève", "windows-1252"),
    ("høyde", "windows-1252"), ("výška,věk", "windows-1250"), ("płeć i źródło", "windows-1250"),
    ("yaş,ağırlık", "windows-1254"), ("größe", "cp850"), ("возраст", "windows-1251"),
    ("身高,年龄", "gb18030"), ("身高,體重", "big5"), ("身長", "cp932"),
    ("몸무게,나이,성별", "cp949"),
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("words", "encoding"), ENCODED)
@pytest.mark.parametrize("place", ["name", "labels"])
def test_an_encoding_is_found_and_noted(words, encoding, place, stream):
    changed = f'"{words}"'
    text = table().replace(*(("height", changed) if place == "name" else ("yes", changed)))
    found = estimates(text.encode(encoding), stream)
    whole = estimates(text)
    assert found.features == whole.features
    assert words in "".join(found.features) + "".join(found.notes)
    np.testing.assert_allclose(found.coefficients.estimate, whole.coefficients.estimate)
    (note,) = [note for note in found.notes if "encoding" in note]
    assert f"is not in UTF-8 and is read as {encoding}, as in" in note
    assert "--encoding NAME (encoding=) changes it" in note


def test_an_encoding_that_reads_like_another_is_noted_with_both():
    (note,) = estimates(table(names=("tamaño", "sex", "y")).encode("latin-1")).notes[:1]
    assert "in windows-1250, 'tamaño' would be 'tamańo'" in note


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (table(names=("ä", "b", "y")).encode("cp1252"), "'ä' in windows-1252, 'д' in windows-1251"),
        (table(names=("ηλικία", "b", "y")).encode("cp1253"), "nor in any other encoding that is"),
        (table(names=("é", "größe", "y")).encode() + b"1,gr\xf6\xdfe,2\n", "in line 32), nor in"),
    ],
)  # fmt: skip
def test_an_encoding_that_is_not_certain_is_refused(content, words, stream):
    with pytest.raises(FitError, match=re.escape(words)) as told:
        estimates(content, stream)
    assert "pass --encoding NAME (encoding=)" in str(told.value)


@pytest.mark.parametrize("stream", [False, True])
def test_a_stated_encoding_is_taken_or_refused_with_the_line(stream):
    text = table(names=("ηλικία", "sex", "y"))
    found = estimates(text.encode("cp1253"), stream, encoding="cp1253")
    assert found.features[0] == "ηλικία"
    with pytest.raises(FitError, match="is not in utf-8: byte 0xe7 in line 1 cannot be read; pass"):
        estimates(text.encode("cp1253"), stream, encoding="utf-8")
    with pytest.raises(FitError, match="is not in euc_kr: byte 0xff in line 32 cannot be read"):
        estimates(table().encode() + b"1,\xff,2\n", stream, encoding="euc_kr")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16", "utf-32", "cp037"])
def test_an_encoding_unlike_ascii_is_read_but_not_streamed(encoding):
    content = table(names=("größe", "sex", "y")).encode(encoding)
    assert estimates(content, encoding=encoding).features[0] == "größe"
    with pytest.raises(FitError, match="cannot be read block by block"):
        estimates(content, stream=True, encoding=encoding)
    with pytest.raises(FitError, match="is not in utf-16-le: byte 0x"):
        estimates(b"a\0\0\xd8a\0", encoding="utf-16-le")


def test_no_name_or_label_has_a_replacement_character():
    for words, encoding in ENCODED:
        for _, text in readings(words.encode(encoding)):
            assert "\ufffd" not in text


def test_bytes_of_chinese_text_that_are_separators_or_quotes_in_ascii():
    names = ("寍", "sex", "y")  # the bytes 0x8c and 0x7c, which is a bar in ASCII
    assert b"|" in names[0].encode("gbk")
    text = table("|", names)
    for stream in (False, True):
        found = estimates(text.encode("gbk"), stream, encoding="gbk")
        assert found.features[0] == names[0]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            table(line="1,no,2,3"),
            "has 4 values in line 6, but 3 column names; fix that line, or put",
        ),
        (table(line='"a\nb",no,2,3'), "has 4 values in line 7, but 3 column names"),
        (table(before="# c\n\n", line="1,no,2,3"), "has 4 values in line 8, but 3 column names"),
        (
            table(names=("sex", "y")),
            "has 3 values in line 2, but 2 column names in line 1; name eve",
        ),
        (table(names=("a", "b", "y", "y ")), "has 'y' more than once among its column names"),
        (
            table(names=("1", "2", "y"), before="Title\n"),
            "--skip-rows N (skip_rows=), the number of",
        ),
        (table(before="# a\n", line="#1,no,2"), "line 7 may be a comment or a row; remove it, or"),
        (
            table(names=(*PLAIN, ""), end=",", line="1,no,2,3", at=29),
            "column 4 has no name, but hol",
        ),
    ],
)
def test_a_layout_that_is_not_certain_is_refused(content, words, stream, monkeypatch):
    monkeypatch.setattr("neglog.fitting.tables.text_layout._LINES", 25)
    with pytest.raises(FitError, match=re.escape(words)):
        estimates(content, stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_stated_layout_is_taken(stream):
    expected = estimates(table()).coefficients.estimate
    for content, options in (
        ("1,2\n3,4\n" + table(), {"skip_rows": 2}),
        ("# a\n\n" + table("_"), {"skip_rows": 2, "separator": "_"}),
        ("sep=|\n" + table("\t"), {"separator": "tab"}),
    ):
        found = estimates(content, stream, **options)
        np.testing.assert_allclose(found.coefficients.estimate, expected)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("missing", [None, "drop", "mean"])
def test_an_empty_column_is_named_with_the_remedy(stream, missing):
    content = table(names=(*PLAIN, "note"), end=",NA")
    with pytest.raises(
        FitError, match=r"'note' is empty: all 30 values are missing; leave.*--drop"
    ):
        estimates(content, stream, missing=missing)
    assert len(estimates(content, stream, missing=missing, drop="note").features) == 2
    content = table(names=(*PLAIN, "z"), end=",").replace("y,z", "z,y")
    with pytest.raises(
        FitError, match="'y' is empty: all 30 values are missing; use a column that"
    ):
        estimates(content, stream, missing=missing)


@pytest.mark.parametrize("stream", [False, True])
def test_blanks_and_padded_markers_are_missing(stream):
    content = table().replace("no", " NA ", 1).replace("yes", "  ", 1)
    with pytest.raises(FitError, match=r"2 values are missing, in column 'sex'"):
        estimates(content, stream)


def test_a_line_longer_than_the_first_look_is_read():
    wide = pl.DataFrame({f"a_long_name_{j}": [1.0, 2.0, j % 7] for j in range(8000)})
    wide.write_csv("wide.csv")
    assert len(Path("wide.csv").read_text().splitlines()[0]) > 100_000
    for stream in (False, True):
        with pytest.raises(FitError, match="has no column 'y'"):
            neglog.fit("wide.csv", target="y", stream=stream)


PIECES = (
    b'"', b",", b";", b"\t", b"|", b"\n", b"\r", b"\r\n", b"#", b"%", b"\xff", b"\xe4", b" ",
    b"\0", b"title\n", b"a,b\n", b"\n\n", b"{", b"[", b"#c\n", b"\xef\xbb\xbf", b"NA", b"sep=;\n",
    "身".encode("gbk"),
)  # fmt: skip


def whole(path):
    frame = read_file(path).frame
    return frame.columns, len(frame)


def in_blocks(path):
    file = open_file(path)
    frames = [file.read(block, list(file.columns)) for block in range(len(file.blocks))]
    return frames[0].columns, sum(map(len, frames))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("separator", [",", ";", " "])
def test_a_file_with_faults_is_read_alike_in_memory_and_streamed_or_refused(seed, separator):
    draw = random.Random(seed)
    content = table(separator).encode()
    for _ in range(3):
        place = draw.choice([0, draw.randrange(len(content)), len(content)])
        content = content[:place] + draw.choice(PIECES) + content[place + draw.randint(0, 2) :]
    Path("t.csv").write_bytes(content)
    found = []
    for read in (whole, in_blocks):
        try:
            found.append(read("t.csv"))
        except FitError as error:
            assert "\ufffd" not in str(error)
            found.append(str(error))
    carriage_returns = b"\r" in content and b"\n" not in content
    assert found[0] == found[1] or carriage_returns, content

"""The check of the built site finds what would be broken or loaded from another host."""

from __future__ import annotations

import re

import pytest
from scripts import DOCS, loaded

built = loaded("built")
WHOLE = '<a href="b.html#here">b</a><a href="https://example.org">e</a><img src="x.svg">'


@pytest.fixture
def site(tmp_path):
    """Write a site without faults."""
    (tmp_path / "a.html").write_text(WHOLE)
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1><a href="#here">top</a>')
    return tmp_path


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ('<a href="c.html">c</a>', "a.html links to c.html"),
        ('<a href="b.html#there">b</a>', "a.html links to b.html#there"),
        ('<script src="https://cdn.example.org/x.js"></script>',
         "a.html loads https://cdn.example.org/x.js"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "a.html loads //example.org/x.css"),
        ('<img src="http://example.org/x.png">', "a.html loads http://example.org/x.png"),
    ],
)  # fmt: skip
def test_a_fault_is_found(site, extra, fault, capsys) -> None:
    assert built.main(site) == 0
    (site / "a.html").write_text(WHOLE + extra)
    assert built.main(site) == 1
    assert fault in capsys.readouterr().out.splitlines()


def test_styles_load_from_no_other_host(site, capsys) -> None:
    (site / "s.css").write_text("a { background: url('x.png') }")
    assert built.main(site) == 0
    (site / "s.css").write_text("@font-face { src: url(https://example.org/f.woff2) }")
    assert built.main(site) == 1
    assert "s.css loads https://example.org/f.woff2" in capsys.readouterr().out


def test_an_empty_site_is_a_fault(tmp_path) -> None:
    assert built.main(tmp_path) == 1


def test_formulas_have_aligned_rows_and_spaces_around_names() -> None:
    typeset = loaded("extensions/mathml").typeset
    rows = typeset(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "block")
    assert rows.count("<mtr>") == 2
    assert "<mi>&</mi>" not in rows
    assert '<mspace width="0.17em"/><mi>ln</mi>' in typeset(r"y \ln p")


def test_printed_sentences_wrap_and_printed_columns_do_not() -> None:
    are_columns = loaded("extensions/outputs").are_columns
    assert not are_columns("[certain] double-softmax\n  evidence:    the last operator")
    assert are_columns("bmi   5.603   0.717\n")
    assert are_columns("┌───┐")


results = loaded("extensions/results")
TABLE = """machine
copy

what the columns mean

loss     size of     neglog iqr eager iqr compile iqr x eager x comp. floor of it comp. s
mse_loss 64               2  1%     4  1%       1  1%    2.00    0.50     1   50%     1.0
kl_div   5x3  <mean>      2  1%     1  1%       -   -    0.50       -     -     -       -

large lines: 3 times
small lines: 2 times
"""


def test_a_table_of_results_is_read_and_marks_what_is_slower(tmp_path) -> None:
    path = tmp_path / "table.txt"
    path.write_text(TABLE)
    table = results.read(path)
    assert (table.machine, table.said) == ("machine; copy", ["large lines: 3 times"])
    words = [line.words for line in table.lines]
    assert words == [("mse_loss", "64", ""), ("kl_div", "5x3", "<mean>")]
    assert results.slower(table, "x eager") == "kl_div 5x3 <mean> (0.50)"
    assert results.slower(table, "x comp.") == "mse_loss 64 (0.50)"
    first, second = results.html(table).split("<tr>")[2:]
    assert '<td>2.00</td><td class="verdict-bad">0.50</td>' in first
    assert "<td>&lt;mean&gt;</td>" in second
    assert '<td class="verdict-bad">0.50</td><td>-</td><td>2</td>' in second


def test_the_page_of_speed_shows_files_that_exist() -> None:
    text = (DOCS / "speed.md").read_text("utf-8")
    shown = re.findall(r"^```{results} (\S+)", text, re.MULTILINE)
    assert shown
    for name in shown:
        assert results.read(results.FOLDER / name).lines

"""Explanations: derived from the distribution, compared with what runs, with the user's numbers."""

from __future__ import annotations

import functools
import io
import math
import re

import pytest
import sympy
import torch
from rich.console import Console

from neglog import REGISTRY, errors
from neglog import explanation as package
from neglog.explanation import explain, proof, run
from neglog.primitives.reference import where
from neglog.report.document import Code, Formula, Table, Text
from neglog.support import unit_interval

NAMES = ["bernoulli", "categorical", "normal"]
DERIVED = {name: functools.cache(one) for name, one in package._EXPLANATIONS.items()}


@pytest.fixture
def derived_once(monkeypatch):
    """Derive each loss once for all the tests of how it is shown: its proofs take a second."""
    monkeypatch.setattr(package, "_EXPLANATIONS", DERIVED)


def parts(document, kind):
    return [p for section in document.sections for p in section.parts if isinstance(p, kind)]


def spoken(name, z=None, y=None, encoding="utf-8", width=80, plot=None) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    run(name, z, y, None, Console(file=file, width=width), plot=plot)
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.usefixtures("derived_once")
@pytest.mark.parametrize("name", NAMES)
def test_the_executed_formula_equals_the_derived_one(name) -> None:
    verdicts = [t.words for t in parts(explain(name), Text) if "equal" in t.words.lower()]
    assert len(verdicts) >= 2
    assert all("equal: proved for" in words for words in verdicts)


def naive_but_wrong(logit, y):
    return where(logit > 0.0, 0.5 * logit, -logit * y)


def test_a_changed_formula_is_reported(monkeypatch) -> None:
    monkeypatch.setattr(REGISTRY["bernoulli"], "nll", staticmethod(naive_but_wrong))
    words = " ".join(t.words for t in parts(explain("bernoulli"), Text))
    assert "DIFFERENT: at z =" in words


def wrong_slope(mean, y):
    return mean - 2.0 * y


def wrong_term(log_p, y):
    return where(y == 0.0, -log_p, -y * log_p)


@pytest.mark.parametrize(
    "name, fact, formula", [("normal", "grad", wrong_slope), ("categorical", "nll", wrong_term)]
)
def test_any_changed_formula_is_reported(monkeypatch, name, fact, formula) -> None:
    monkeypatch.setattr(REGISTRY[name], fact, staticmethod(formula))
    (told,) = [t.words for t in parts(explain(name), Text) if "DIFFERENT" in t.words]
    assert told.startswith(f"✗ {fact}")


def test_what_cannot_be_proved_is_compared_in_numbers() -> None:
    z, y = sympy.symbols("z y", real=True)
    points = proof.points(lambda source: (source.uniform(-3, 3), source.uniform(0, 1)))
    stubborn = sympy.Integral(sympy.exp(-(y**2)), (y, 0, 1)).evalf(40)
    close = proof.compare(z + stubborn, z + sympy.sqrt(sympy.pi) * sympy.erf(1) / 2, (z, y), points)
    assert close == proof.Verdict(True, "equal at 1,000 points to 1e-12, not proved")


@pytest.mark.usefixtures("derived_once")
@pytest.mark.parametrize("name", NAMES)
def test_plain_ascii_keeps_the_columns_in_line(name) -> None:
    lines = spoken(name, encoding="ascii", plot=True).splitlines()
    assert "?" not in "".join(lines).replace("agrees?", "")
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.usefixtures("derived_once")
@pytest.mark.parametrize("name", NAMES)
def test_the_source_shown_is_the_source_that_runs(name) -> None:
    import inspect

    shown = spoken(name, width=200)
    for line in inspect.getsource(REGISTRY[name].nll).strip().splitlines():
        assert line.strip() in shown


def row_of(document, first: str) -> list[str]:
    (found,) = [
        [cell.text for cell in row]
        for table in parts(document, Table)
        for row in table.cells()
        if [c.text for c in row][:2] == first.split("|")
    ]
    return found


def test_bernoulli_with_own_numbers() -> None:
    document = explain("bernoulli", "1.25, -1", "1, 0")
    p = 1 / (1 + math.exp(-1.25))
    _, _, yes, no, likelihood, logarithm, loss, slope = row_of(document, "1.25|1")
    expected = ((yes, p), (no, 1 - p), (likelihood, p), (logarithm, math.log(p)))
    for text, value in (*expected, (loss, -math.log(p))):
        assert float(text.replace("−", "-")) == pytest.approx(value, rel=1e-3)
    assert float(slope.replace("−", "-")) == pytest.approx(p - 1, rel=1e-3)


def test_normal_with_own_numbers() -> None:
    row = row_of(explain("normal", [1.0], [3.0]), "1|3")
    assert [float(t.replace("−", "-")) for t in (row[2], row[5], row[6])] == [2.0, 2.0, -2.0]


def test_categorical_with_strings() -> None:
    text = spoken("categorical", "2,0,-1; 0,1,3", "cat,dog", width=120)
    loss = torch.nn.functional.cross_entropy(
        torch.tensor([[2.0, 0, -1], [0, 1, 3]]), torch.tensor([0, 1]), reduction="sum"
    )
    assert "cat" in text
    assert "dog" in text
    assert f"{loss.item():.4g}" in text


@pytest.mark.usefixtures("derived_once")
def test_the_canonical_rows_of_the_information_loss_table() -> None:
    document = explain("bernoulli")
    (table,) = [t for t in parts(document, Table) if "agrees?" in t.headers]
    rows = [[cell.text for cell in row][1:] for row in table.cells()]
    assert rows == [
        ["1", "0", "1", "0", "no", "bad", "large", "∞"],
        ["1", "1", "0", "1", "yes", "good", "small", "0"],
        ["0", "0", "1", "0", "yes", "good", "small", "0"],
        ["0", "1", "0", "1", "no", "bad", "large", "∞"],
    ]


@pytest.mark.usefixtures("derived_once")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_any_terminal_can_show_it(name, encoding) -> None:
    text = spoken(name, encoding=encoding)
    assert len(text) > 2000
    assert "Traceback" not in text


@pytest.mark.usefixtures("derived_once")
@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_complete_in_itself(name, tmp_path) -> None:
    path = tmp_path / "page.html"
    run(name, None, None, path, Console(file=io.StringIO()))
    page = path.read_text(encoding="utf-8")
    assert page.count("<math") >= 5
    for unprinted in ("piecewise", "product(", "unevaluatedexpr", "<script"):
        assert unprinted not in page
    assert 'src="http' not in page
    assert 'href="http' not in page
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


BAD = [
    (("poison",), errors.ArgumentError, "no likelihood 'poison', did you mean poisson; choose one"),
    ((float,), errors.ArgumentError, "must be a declaration, .* but it is <class 'float'>"),
    (("math:pi",), errors.ArgumentError, "math:pi must be a declaration, .* but it is 3.14"),
    (("huber", None, None, {"delta": "1,2"}), errors.ShapeError, "must be one number for all"),
    (("huber", None, None, {"delta": 1, "dleta": 1}), errors.ArgumentError, "did you mean delta"),
    (("huber", 1, 2), errors.ArgumentError, "y, but delta is missing; pass delta=…"),
    (("poisson", 1, -2), errors.SupportError, "every y must be a count of at least 0, but"),
    (("normal", 1, 2, {"mean": 3}), errors.ArgumentError, "but mean is passed as mean= and as --z"),
    (("heteroscedastic_normal", None, 1, {"mean": 1, "variance": -1, "eps": 0}),
     errors.SupportError, "every variance must be a number of 0 or more, but number 1 of 1 is -1"),
    (("heteroscedastic_normal", None, [1, 2, 3], {"mean": [1, 2], "variance": 1, "eps": 0}),
     errors.ShapeError, "one number, or 3 for 3 samples, but mean holds 2"),
    (("categorical_log_probability", "2,0", "1"), errors.ArgumentError, "apply log_softmax first"),
    (("bernoulli", "1", None), errors.ArgumentError, "but y is missing; pass y=… too"),
    (("bernoulli", None, "1", {"p": "1"}), errors.ArgumentError,
     "every p must be between 0 and 1, but one is 1; at 0 and 1 the logit is infinite"),
    (("bernoulli", "1", "1", {"p": ".5"}), errors.ArgumentError, "pass z or p, but both are"),
    (("poisson", None, "1", {"p": ".5"}), errors.ArgumentError, "of labels, but Poisson has none"),
    (("categorical", None, "1", {"p": ".5,.6"}), errors.ArgumentError, "row 1 sums to 1.1"),
    (("bernoulli", "1,x", "1,0"), errors.ArgumentError, "one is 'x'"),
    (("bernoulli", "1,2", "1"), errors.ShapeError, "z has 2 numbers and y has 1 values"),
    (("bernoulli", "1", "2"), errors.SupportError, f"every y must be {unit_interval.words}"),
    (("normal", "1", "inf"), errors.ArgumentError, "one is 'inf'"),
    (("categorical", "1,2; 3", "1,1"), errors.ShapeError, "the rows hold 1 and 2"),
    (("categorical", "1,2", "a,b"), errors.ShapeError, "must have the same number of samples"),
    (("categorical", "1,2", "7"), errors.SupportError, "labels must be 1 … 2"),
]  # fmt: skip


@pytest.mark.parametrize("arguments, kind, words", BAD, ids=lambda a: str(a)[:30])
def test_bad_numbers_get_a_sentence(arguments, kind, words) -> None:
    *positional, named = [*arguments] if len(arguments) == 4 else [*arguments, {}]
    with pytest.raises(kind, match=words):
        explain(*positional, **named)


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(OSError):
        run("normal", None, None, target / "no" / "page.html", Console(file=io.StringIO()))
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.usefixtures("derived_once")
def test_a_page_never_replaces_a_directory(tmp_path) -> None:
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    page.write_text("old")
    link.symlink_to(page)
    run("normal", None, None, link, Console(file=io.StringIO()))
    assert link.is_symlink()
    assert "<math" in page.read_text(encoding="utf-8")
    with pytest.raises(errors.ArgumentError, match=r"the page must be a file, but .* is not"):
        run("normal", None, None, tmp_path, Console(file=io.StringIO()))


def test_probabilities_may_be_passed_instead_of_logits() -> None:
    document = explain("bernoulli", p="0.234, 0.687", y="1, 0")
    values = [[cell.text for cell in row] for row in tables(document, "p")[0].cells()]
    assert [row[2] for row in values[:2]] == ["0.234", "0.687"]
    softmax, *_ = tables(explain("categorical", p="0.234,0.687,0.079", y="2"), "P₁")
    assert [cell.text for cell in softmax.cells()[0]][1:] == ["0.234", "0.687", "0.079"]


def tables(document, header: str) -> list[Table]:
    return [table for table in parts(document, Table) if header in table.headers]


@pytest.mark.parametrize(
    "labels, first, classes", [("1,3", 1, 3), ("0,2", 0, 3), ("cat,dog", 1, 3), ("0,1", 0, 2)]
)
def test_formulas_and_tables_count_classes_in_the_same_way(labels, first, classes) -> None:
    rows = [[2, 0, -1][:classes]] * 2
    document = explain("categorical", rows, labels)
    signs = [f"{sign}_{first + k}" for sign in "zyP" for k in range(classes)]
    assert {*signs} <= {s.name for f in parts(document, Formula) for s in f.expression.free_symbols}
    headers = " ".join(h for table in parts(document, Table) for h in table.headers)
    shown = {sign + str(k) for sign, k in re.findall(r"([zyP])([₀-₉])", headers)}
    assert shown == {s[0] + "₀₁₂₃"[int(s[2:])] for s in signs} | {s for s in shown if s == "P_y"}


@pytest.mark.usefixtures("derived_once")
def test_the_derivation_says_why_and_by_which_rules() -> None:
    text = " ".join(spoken("bernoulli", width=200).split())
    order = [
        "maximum likelihood: these targets were observed", "take the logarithm, line by line",
        "ln(a·b) = ln a + ln b", "optimizers minimise, so the sign is reversed",
    ]  # fmt: skip
    places = [text.lower().rindex(words) for words in order]
    assert places == sorted(places)
    assert "For y = 1 this is P₁, as P₀⁰ = 1" in text
    assert "ln(aᵇ) = b·ln a" in text
    for step in ("1 model", "2 loss", "3 optimizer", "4 minimise"):
        assert step in text


@pytest.mark.usefixtures("derived_once")
@pytest.mark.parametrize("name", NAMES)
def test_the_source_comes_last(name) -> None:
    kinds = [[type(part) for part in section.parts] for section in explain(name).sections]
    assert [Code in section for section in kinds] == [False] * (len(kinds) - 1) + [True]


def test_explanations_print_as_text_and_are_saved_as_pages(tmp_path) -> None:
    found = explain("mse", z=[1.0, 2.0], y=[1.5, 0.0], lang="zh")
    text = str(found)
    assert repr(found) == text and text.startswith("正态分布的似然\n")
    assert not any(line.endswith(" ") for line in text.splitlines())
    found.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert '<html lang="zh"' in page and "<svg" in page

"""Explanations and reports in other languages: every message is translated, and is found."""

from __future__ import annotations

import ast
import io
import re
import string
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.cells import cell_len
from rich.console import Console

import neglog
from neglog import REGISTRY, translation
from neglog.cli import main
from neglog.engine import selection
from neglog.errors import ArgumentError
from neglog.explanation import explain, run
from neglog.explanation.lessons import LESSONS
from neglog.explanation.pages import paragraphs
from neglog.fitting.design.column import LEAVE_OUT
from neglog.fitting.design.design_matrix import INTERCEPT
from neglog.fitting.inference.covariance import ESTIMATORS
from neglog.fitting.likelihoods.registry import KINDS
from neglog.fitting.network.intervals import WHY_NO_STANDARD_ERRORS
from neglog.fitting.tables.records import SEPARATOR_NAMES
from neglog.fitting.tables.text_numbers import MARKS
from neglog.report import figures
from neglog.report.document import Curve, Document, Plot, Table, Text
from neglog.report.page import document_page, html_page
from neglog.report.svg import svg

SOURCE = Path(__file__).parent.parent / "src" / "neglog"
LANGUAGES = [name for name in translation.languages() if name != translation.ENGLISH]
CALL = re.compile(r"""_\(("|')(.*?)\1\)""")
ENGLISH = re.compile(r"[A-Za-z]*[a-z]{2}[a-z]*(?:[ ,;:]+[A-Za-z]*[a-z]{2}[a-z]*){2,}")
"""Three words."""


@pytest.fixture(autouse=True)
def _without_kernels(monkeypatch):
    monkeypatch.setattr(selection, "BACKENDS", selection.BACKENDS[-1:])


def of_code() -> Iterator[str]:
    for path in SOURCE.rglob("*.py"):
        text = path.read_text("utf-8")
        if "gettext as _" in text:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                    yield from [a.value for a in node.args if isinstance(a, ast.Constant)]
    for path in SOURCE.rglob("*.html"):
        yield from (found[2] for found in CALL.finditer(path.read_text("utf-8")))


def of_declarations() -> Iterator[str]:
    """Return what is translated word for word: docstrings, the words of sets, of sympy."""
    yield from ("otherwise", " for ")
    for likelihood in REGISTRY.values():
        for text in paragraphs(likelihood):
            if not text.startswith("Source: ") or text.startswith("Source: as "):
                yield text
        yield from (allowed.words for allowed in (*likelihood.domains, likelihood.support))
    for lesson in LESSONS.values():
        yield from (lesson.model, lesson.likelihood)
    yield from ("training", "validation", "sampled training", "the data frame")
    yield from (WHY_NO_STANDARD_ERRORS, LEAVE_OUT, INTERCEPT, "frequency", "precision")
    yield from ("ln dispersion", "ln scale")
    yield from (*SEPARATOR_NAMES.values(), *MARKS.values())
    yield from (estimator.label for estimator in ESTIMATORS.values())
    for kind in KINDS.values():
        formula = "" if kind.formula is None else kind.formula.words
        name = kind.output_name
        yield from filter(None, (kind.loss, name, name.split()[-1], kind.dispersion, formula))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated_and_every_translation_is_used(language) -> None:
    file = SOURCE / "translations" / f"{language}.po"
    known = translation.read(file.read_text("utf-8"))
    used = {*of_code(), *of_declarations()}
    assert used - {m for m, translated in known.items() if translated} == set()
    assert set(known) - used == set()


def untranslated(node: ast.AST) -> Iterator[str]:
    """Return the strings of three words that no `_` translates, outside errors and docstrings."""
    name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
    documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if documentation or isinstance(node, ast.Raise) or name in ("_", "sentence"):
        return
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    written = (part.value for part in parts if isinstance(part, ast.Constant))
    text = "{}".join(each for each in written if isinstance(each, str))
    if ENGLISH.search(text):
        yield text
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from untranslated(child)


def writes_notes(node: ast.AST) -> bool:
    """Return whether code of `neglog fit` writes what users read: notes, or names of steps."""
    if isinstance(node, ast.FunctionDef):
        head = (ast.get_docstring(node) or "").partition("\n")[0]
        return re.search(r"\b(notes?|warn|warnings?)\b", head.lower()) is not None
    call = node.func if isinstance(node, ast.Call) else None
    if not isinstance(call, ast.Attribute):
        return False
    to_notes = getattr(call.value, "id", "") == "notes" and call.attr in ("append", "insert")
    return to_notes or call.attr == "message"


def test_every_sentence_of_notes_and_reports_is_a_message() -> None:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        folder = path.relative_to(SOURCE).parts[0]
        if folder == "report":
            parts: Iterator[ast.AST] = iter([ast.parse(path.read_text("utf-8"))])
        elif folder == "fitting":
            parts = filter(writes_notes, ast.walk(ast.parse(path.read_text("utf-8"))))
        else:
            continue
        found += [(path.name, text) for part in parts for text in untranslated(part)]
    lacks = "The encoding {} lacks the characters of {}: set PYTHONUTF8=1."  # which cannot show any
    assert [(name, text) for name, text in found if text != lacks] == []


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_placeholders_and_the_names_of_their_messages(language) -> None:
    file = SOURCE / "translations" / f"{language}.po"
    templates = {*of_code()}
    for message, translated in translation.read(file.read_text("utf-8")).items():
        if message in templates:
            assert placeholders(message) == placeholders(translated), message
        for name in re.findall(r"`+[^`]+`+", message):
            assert name in translated, message


def words(document: Document) -> Iterator[str]:
    yield from (document.title, document.lead)
    for section in document.sections:
        yield section.heading
        for part in section.parts:
            if isinstance(part, Text):
                yield part.words
            if isinstance(part, Table):
                yield from (part.title, part.caption, *part.headers)
                yield from (cell.text for row in part.cells() for cell in row)
            if isinstance(part, Plot):
                yield from (part.title, part.caption, part.x_label)
                yield from (each.label for each in (*part.curves, *part.marks))


NAMES = ["bernoulli", "categorical", "normal", "poisson", "gamma", "focal", "censored_normal",
         "quantile", "heteroscedastic_normal", "cox_ph_loss", "triplet_margin_loss"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_nothing_stays_english(name) -> None:
    document = explain(name, lang="zh")
    left = [text for text in words(document) if ENGLISH.search(text) and "出处" not in text]
    assert left == []


def test_the_variable_and_the_option_choose_the_language(monkeypatch, capsys) -> None:
    assert explain("poisson").sections[0].heading == "The training flow"
    assert explain("poisson", lang="zh-CN").sections[0].heading == "训练流程"
    monkeypatch.setenv("NEGLOG_LANG", "zh_CN.UTF-8")
    assert explain("poisson").sections[0].heading == "训练流程"
    assert explain("poisson", lang="en").sections[0].heading == "The training flow"
    assert '<html lang="zh">' in document_page(explain("poisson", lang="zh"))
    with pytest.raises(SystemExit) as left:
        main(["explain", "poisson", "--lang", "xx"])
    assert left.value.code == 2
    assert "lang must be one of en, zh, but it is 'xx'." in capsys.readouterr().err
    monkeypatch.setenv("NEGLOG_LANG", "xx")
    with pytest.raises(ArgumentError, match="NEGLOG_LANG must be one of en, zh, but it is 'xx'"):
        explain("poisson")


def test_a_console_without_chinese_characters_shows_english_once_told(tmp_path) -> None:
    raw, page = io.BytesIO(), tmp_path / "page.html"
    file = io.TextIOWrapper(raw, encoding="cp1252")
    run("poisson", None, None, page, Console(file=file, width=100), lang="zh")
    file.flush()
    text = raw.getvalue().decode("cp1252")
    assert text.count("The encoding cp1252 lacks the characters of zh") == 1
    assert "The training flow" in text
    assert "训练流程" in page.read_text("utf-8")


def test_a_gbk_console_shows_chinese() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="gbk")
    run("poisson", None, None, None, Console(file=file, width=80), lang="zh")
    file.flush()
    text = raw.getvalue().decode("gbk")
    assert "极大似然估计" in text
    assert "?" not in text


RANDOM = np.random.default_rng(0)
SCORE = RANDOM.normal(size=80)
TABLE = pl.DataFrame(
    {
        "身高": SCORE,
        "购买": np.where(SCORE + RANDOM.logistic(size=80) > 0, "是", "否"),
        "次数": RANDOM.poisson(np.exp(SCORE)),
        "得分": SCORE + RANDOM.normal(size=80),
    }
)


@pytest.mark.parametrize("target", ["购买", "次数", "得分"])
def test_the_page_and_the_steps_of_a_fit_are_translated(monkeypatch, target) -> None:
    monkeypatch.setenv("NEGLOG_LANG", "zh")
    found = neglog.fit(TABLE.select("身高", target), target)
    page = html_page(found)
    plain = re.sub(r"<(style|script).*?</\1>|<[^>]+>", "\n", page, flags=re.DOTALL)
    notes = " ".join(found.notes)
    assert [
        line for line in unescape(plain).splitlines() if has_english(line) and line[1:] not in notes
    ] == []
    assert not has_english(
        " ".join((found.model_text, found.optimizer, found.outcome, found.reason))
    )
    assert "身高" in page


@pytest.mark.parametrize("target", ["购买", "次数", "得分"])
def test_the_summary_is_translated_and_its_columns_are_aligned(monkeypatch, target) -> None:
    monkeypatch.setenv("NEGLOG_LANG", "zh")
    found = neglog.fit(TABLE.select("身高", target), target)
    names = {found.kind, found.fitted.response.link, "AIC", "BIC", "McFadden"}
    text = "\n".join([found.summary().title, *found.summary().blocks(100)])
    assert set(re.findall(r"[A-Za-z]{3,}", text)) <= names
    facts, table = found.summary().blocks(100)
    assert {cell_len(line) for line in table.splitlines()[2:]} == {cell_len(table.splitlines()[0])}
    second = "  似然比" if found.options.newton else "  对数似然"
    starts = {cell_len(line.partition(second)[0]) for line in facts.splitlines() if second in line}
    assert len(starts) <= 1


def has_english(text: str) -> bool:
    return ENGLISH.search(re.sub(r"（[^（）]*--likelihood[^（）]*）", "", text)) is not None


def test_a_missing_font_is_told_once_and_breaks_no_page(monkeypatch, caplog) -> None:
    figures._say_that_a_font_is_missing.cache_clear()
    fonts = figures.font_manager.fontManager
    monkeypatch.setattr(fonts, "ttflist", [f for f in fonts.ttflist if "DejaVu" in f.name])
    plot = Plot("损失", "权重", [Curve("标签", [0.0, 1.0], [0.0, 1.0])])
    assert "损失" in svg(plot, "one") + svg(plot, "two")
    assert caplog.messages == [
        "this machine has no font with Chinese characters: pages show them where a font such as "
        "Noto Sans CJK is installed"
    ]

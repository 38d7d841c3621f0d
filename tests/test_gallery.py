"""Every loss has a page in the gallery, with its texts in English and in Chinese."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from neglog import criteria, functional
from neglog.likelihood import REGISTRY

DOCS = Path(__file__).parents[1] / "docs"
sys.path[:0] = [str(DOCS / "extensions"), str(DOCS)]
canvas, gallery, gallery_texts, subjects = map(
    importlib.import_module, ("canvas", "gallery", "gallery_texts", "subjects")
)
SUBJECTS = {subject.name: subject for subject in subjects.subjects()}
CHINESE = re.compile("[\u4e00-\u9fff]")
LINK = re.compile(r"\]\((\w+)\.md\)")


@pytest.mark.parametrize("name", sorted({*SUBJECTS, *gallery_texts.texts()}))
def test_a_page_has_its_texts_in_both_languages(name) -> None:
    english, chinese = (gallery_texts.texts()[name].words[each] for each in ("en", "zh"))
    assert set(english) == {"when", "not"}
    declared = SUBJECTS[name].likelihood is not None
    assert set(chinese) == {"name", "when", "not", *(() if declared else ("lead",))}
    assert CHINESE.search(gallery.lead(SUBJECTS[name], "zh"))
    assert not any(CHINESE.search(text) for text in english.values())
    assert all(CHINESE.search(text) for text in chinese.values() if text != chinese["name"])
    assert {*LINK.findall("".join((*english.values(), *chinese.values())))} <= {*SUBJECTS} - {name}
    assert SUBJECTS[name].source
    assert gallery.heading(SUBJECTS[name].kind, "zh")


def test_both_languages_have_the_same_words() -> None:
    assert set(gallery_texts.words("en")) == set(gallery_texts.words("zh"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_pitfalls_of_a_page_exist(language) -> None:
    assert sorted(gallery_texts.pitfalls(language)) == list(range(1, 48))
    named = {number for each in gallery_texts.texts().values() for number in each.pitfalls}
    assert named <= set(gallery_texts.pitfalls(language))


def test_every_loss_has_a_page() -> None:
    """Except for outputs of a layer and functions that take any likelihood."""
    others = {"LinearStatistics", "likelihood_loss", "linear_likelihood_loss", "sum_and_count"}
    found = {name for each in SUBJECTS.values() for name in (*each.functions, *each.modules)}
    assert {*functional.__all__} - found == others
    assert {*criteria.__all__} - found == {"LogSoftmax"}
    assert {each.likelihood for each in SUBJECTS.values()} == {*REGISTRY.values(), None}


NAMES = sorted(
    {
        re.match(r"[\w.]+", name)[0]
        for each in gallery_texts.texts().values()
        for names in each.elsewhere.values()
        for name in names
    }
)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_other_libraries_exist(name) -> None:
    library, *attributes = name.split(".")
    found = pytest.importorskip(library)
    for place, attribute in enumerate(attributes, 2):
        try:
            found = importlib.import_module(".".join([library, *attributes][:place]))
        except ModuleNotFoundError:
            found = getattr(found, attribute)
    assert callable(found)


@pytest.mark.parametrize("name", ["laplace", "cox_ph_loss", "bradley_terry_loss"])
def test_a_chinese_page_has_chinese_headings_and_labels(name, tmp_path) -> None:
    names = gallery.draw(SUBJECTS[name], tmp_path, "zh")
    page = gallery.page(SUBJECTS[name], names, "zh")
    assert all(CHINESE.search(heading) for heading in re.findall(r"^#+ (.*)$", page, re.MULTILINE))
    pictures = [(tmp_path / f"{name}-{each}.svg").read_text("utf-8") for each in names]
    assert all(CHINESE.search(picture) for picture in pictures)
    assert all(f"{name}-{each}.svg" in page for each in names)


def test_a_missing_chinese_font_is_said_once(monkeypatch, tmp_path, capfd) -> None:
    canvas.fonts.cache_clear()
    monkeypatch.setattr(canvas.font_manager, "get_font_names", list)
    for name in ("a.svg", "b.svg"):
        canvas.save(lambda axes: axes.set(title="损失"), tmp_path / name, "zh")
        assert "损失" in (tmp_path / name).read_text("utf-8")
    assert capfd.readouterr().err.count("no Chinese font is installed") == 1
    canvas.fonts.cache_clear()

"""Every error has a code, and every code an example that raises it, on the page of the site."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import neglog
from neglog import errors
from neglog.errors.kinds import GROUPS, kinds
from neglog.explanation import explain

ROOT = Path(__file__).parents[1]
KINDS = kinds()
SOURCES = [p for p in (ROOT / "src" / "neglog").rglob("*.py") if "errors" not in p.parts]
BASES = {
    name
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, Exception) and not getattr(found, "code", "")
}


@pytest.fixture(scope="module")
def pages():
    """Import the script that writes the page."""
    folders = [str(ROOT / "docs" / "extensions"), str(ROOT / "docs")]
    sys.path[:0] = folders
    try:
        import error_pages
    finally:
        sys.path[:] = [folder for folder in sys.path if folder not in folders]
    return error_pages


def made_without_code(source: str) -> list[str]:
    """Return the base classes of errors that a source creates instead of a kind."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [name for call in calls if (name := ast.unparse(call).rpartition(".")[2]) in BASES]


def test_every_error_that_is_raised_has_a_code() -> None:
    assert made_without_code("raise errors.ShapeError(message)") == ["ShapeError"]
    assert {"NeglogError", "ArgumentError", "FitError"} <= BASES
    found = {str(path): made_without_code(path.read_text("utf-8")) for path in SOURCES}
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize("code", KINDS)
def test_the_example_of_a_kind_raises_it(code, pages) -> None:
    kind = KINDS[code]
    error = pages.raised(kind)
    assert type(error) is kind
    assert str(error).endswith(f"[{code}]")
    assert kind.cause.endswith(".") and kind.remedy.endswith(".")


def test_codes_are_different_and_belong_to_a_group() -> None:
    declared = re.findall(
        r'code="(NL\d{3})"',
        "".join(p.read_text("utf-8") for p in (ROOT / "src/neglog/errors").glob("*.py")),
    )
    assert sorted(declared) == list(KINDS)
    assert {code[:3] for code in KINDS} == set(GROUPS)


def test_the_page_has_an_anchor_and_the_message_of_each_code(pages) -> None:
    kind = KINDS["NL402"]
    entry = pages.entry(kind)
    assert "(nl402)=" in entry
    assert "labels must lie in [0, 2] for 3 classes" in entry
    assert kind.cause in entry and kind.remedy in entry


def test_a_code_can_be_explained() -> None:
    document = explain("nl402")
    assert document.title == "NL402: LabelError"
    assert [section.heading for section in document.sections] == ["Cause", "Remedy", "Example"]
    with pytest.raises(errors.ArgumentError, match="no likelihood 'NL999'"):
        explain("NL999")


def test_a_kind_of_a_user_keeps_its_base_and_may_have_a_code() -> None:
    class Own(errors.ShapeError, code="XX1", cause="a", remedy="b", example="c"):
        """An own kind."""

    assert str(Own("no.")) == "no. [XX1]"
    assert str(neglog.NeglogError("no.")) == "no."
    assert str(errors.ShapeError("no.")) == "no."
    assert kinds() == KINDS

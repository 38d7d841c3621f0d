"""The page that lists all losses is generated, and complete."""

import importlib.util
import re
from pathlib import Path

import pytest

from neglog import REGISTRY, criteria

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def written() -> str:
    return (DOCS / "reference.md").read_text("utf-8")


def test_the_page_is_written_from_the_declarations(written) -> None:
    spec = importlib.util.spec_from_file_location("reference_page", DOCS / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert written == module.page(), "run `make losses`"


def test_the_page_lists_every_likelihood_and_every_module(written) -> None:
    assert sorted(re.findall(r"^### (\w+)$", written, re.MULTILINE)) == sorted(
        cls.__name__ for cls in REGISTRY.values()
    )
    assert {*criteria.__all__} <= {*re.findall(r"`(\w+)`", written)}


def test_no_formula_shows_the_guards_of_the_code(written) -> None:
    formulas = re.findall(r"```math\n(.*?)```", written, re.DOTALL)
    assert len(formulas) > 20
    assert not [each for each in formulas if re.search(r"\d{7}", each)]

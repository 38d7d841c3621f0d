"""The examples run as they are; each compares itself with the plain computation."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.slow
def test_an_example(path, capsys) -> None:
    if "ray" in path.stem:
        pytest.importorskip("ray", reason="Ray Train is not among what tests install")
    runpy.run_path(str(path), run_name="__main__")
    assert "and the same" in capsys.readouterr().out

"""Each pitfall is provoked; the document is what the rows say."""

from __future__ import annotations

from pathlib import Path

import pitfalls
import pytest

DOCUMENT = Path(__file__).parents[1] / "docs" / "pitfalls.md"


@pytest.mark.parametrize("row", pitfalls.ROWS, ids=lambda row: f"{row.number}-{row.title}")
def test_pitfall(row) -> None:
    row.provoke()


def test_every_row_has_its_outcome() -> None:
    assert [row.number for row in pitfalls.ROWS] == list(range(1, 48))
    assert {row.outcome for row in pitfalls.ROWS} == set(pitfalls.OUTCOMES)
    assert all(row.neglog and row.torch for row in pitfalls.ROWS)


@pytest.mark.parametrize("row", pitfalls.ROWS, ids=lambda row: str(row.number))
def test_the_document_shows_each_mistake_in_code(row) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    _, found, after = text.partition(f"\n(p{row.number})=\n### {row.number} · ")
    section = after.partition("\n(p")[0].partition("\n## ")[0]
    assert found
    assert "```{code-cell} ipython3\n" in section


def test_the_document_says_what_the_rows_say() -> None:
    assert pitfalls.markdown() in DOCUMENT.read_text(encoding="utf-8")

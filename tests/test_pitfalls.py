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


def test_the_document_says_what_the_rows_say() -> None:
    assert pitfalls.markdown() in DOCUMENT.read_text(encoding="utf-8")

"""The notebooks of the docs, which `make docs` runs from the first cell to the last."""

from __future__ import annotations

from pathlib import Path

import nbformat

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


def test_every_notebook_is_linked_and_stored_without_outputs() -> None:
    page, site = ((DOCS / name).read_text("utf-8") for name in ("define.md", "guides.md"))
    assert len(NOTEBOOKS) >= 3
    for path in NOTEBOOKS:
        assert f"notebooks/{path.name}" in page
        assert f"notebooks/{path.stem}\n" in site  # so that the site's build runs it
        cells = nbformat.read(path, as_version=4).cells
        assert not any(cell.get("outputs") for cell in cells)

"""Offer pages of code as notebooks, written from the same source, that run elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook

LABELS = {"en": "Download this page as a notebook", "zh_CN": "下载本页的 notebook"}
INSTALL = '%pip install --quiet "neglog[fit]"'
_PAGE = re.compile(r"\[([^]]*)\]\((?!https?:)[^)]*\)")
_ADMONITION = re.compile(r"^:::\{(\w+)\}\n(.*?)^:::$", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)


def notebook(source: str) -> nbformat.NotebookNode:
    """Return a page as a notebook that installs neglog first and needs no other file."""
    page = read_myst_markdown_notebook(source)
    cells = [nbformat.v4.new_code_cell(INSTALL)]
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cells.append(nbformat.v4.new_markdown_cell(_plain(cell.source)))
        elif "remove-cell" not in cell.metadata.get("tags", ()):  # it serves the build alone
            cells.append(nbformat.v4.new_code_cell(cell.source))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # random ones would differ from build to build
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _plain(text: str) -> str:
    """Return MyST as the Markdown of notebooks, without links to pages of the site."""
    return _ADMONITION.sub(_quoted, _TARGET.sub("", _PAGE.sub(r"\1", text)))


def _quoted(admonition: re.Match[str]) -> str:
    return re.sub(r"^", "> ", admonition[2].strip(), flags=re.MULTILINE)


def classroom(pages: Path) -> list[Path]:
    """Return the pages of a folder that are offered as notebooks."""
    return [pages / "lesson.md", *sorted(pages.glob("notebooks/*.md"))]


def offer(app: Any, page: str, template: str, context: dict[str, Any], _: Any) -> None:
    """Write a page's notebook next to it, and give the template its name."""
    path = Path(app.srcdir, page).with_suffix(".md")
    if path in classroom(Path(app.srcdir)):
        target = Path(app.outdir, page).with_suffix(".ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook(path.read_text("utf-8")), target)
        context["notebook"] = target.name
        context["notebook_label"] = LABELS[app.config.language]


def setup(app: Any) -> dict[str, bool]:
    """Connect the notebooks to the pages."""
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

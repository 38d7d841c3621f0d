"""Pages offered as notebooks: what is downloaded installs neglog, and needs the page no more."""

from __future__ import annotations

import re

import nbformat
import pytest
from scripts import DOCS, loaded

downloads = loaded("extensions/downloads")
PAGES = [*downloads.classroom(DOCS), *downloads.classroom(DOCS / "zh")]
MYST = re.compile(r":::|\{[a-z-]+\}`|^\([\w-]+\)=$|\]\((?!https?:)", re.MULTILINE)
PAGE = """---
file_format: mystnb
---

(here)=
# Title

See [the page](why.md#part) and [torch](https://pytorch.org).

:::{note}
Two
lines.
:::

```{code-cell} ipython3
:tags: [remove-cell]
hidden = 1
```

```{code-cell} ipython3
shown = 1
```
"""


def test_a_notebook_is_plain_and_installs_neglog_first() -> None:
    install, text, code = downloads.notebook(PAGE).cells
    assert install.source == '%pip install --quiet "neglog[fit]"'
    assert text.source == (
        "# Title\n\nSee the page and [torch](https://pytorch.org).\n\n> Two\n> lines."
    )
    assert code.source == "shown = 1"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_the_notebooks_of_pages_are_valid_and_need_no_site(page) -> None:
    made = downloads.notebook(page.read_text("utf-8"))
    nbformat.validate(made)
    assert made == downloads.notebook(page.read_text("utf-8"))  # so that builds agree
    for cell in made.cells:
        assert cell.cell_type == "code" or not MYST.search(cell.source)
        assert not cell.get("outputs")


def test_every_page_with_a_notebook_is_in_the_site() -> None:
    assert {"lesson", "logistic_regression", "wrong_losses", "student_t"} <= {p.stem for p in PAGES}
    for home, index in ((DOCS, "guides.md"), (DOCS / "zh", "index.md")):
        listed = (home / index).read_text("utf-8")
        for page in downloads.classroom(home):
            assert f"\n{page.relative_to(home).with_suffix('').as_posix()}\n" in listed


@pytest.mark.parametrize(
    "page",
    sorted({*PAGES, DOCS / "five-minutes.md", *(DOCS / "zh").glob("*.md")}),
    ids=lambda path: str(path.relative_to(DOCS)),
)
def test_beginners_need_only_what_the_pages_install(page) -> None:
    cells = downloads.notebook(page.read_text("utf-8")).cells[1:]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert not re.search("pandas|as_frame", code)  # which neglog[fit] does not install

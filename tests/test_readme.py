"""The documents' Python runs, and says what they say; their links lead somewhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
LINK = re.compile(r'\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)|src="([^"]*)"')
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CHINESE = ROOT / "README.zh.md"  # whose code is that of the README
TEXTS = {path: path.read_text(encoding="utf-8") for path in [*DOCUMENTS, CHINESE]}
WITH_CODE = [path for path in DOCUMENTS if BLOCK.search(TEXTS[path])]


def anchors(path):
    """Return the names by which GitHub links to headings, and those that the site adds."""
    headings = re.findall(r"^#+ (.*)$", TEXTS[path], re.MULTILINE)
    named = re.findall(r"^\((\w+)\)=$", TEXTS[path], re.MULTILINE)
    return {
        *named,
        *(re.sub(r"[^\w\- ]", "", each).strip().lower().replace(" ", "-") for each in headings),
    }


@pytest.mark.usefixtures("own_likelihoods")
@pytest.mark.parametrize("path", WITH_CODE, ids=lambda path: path.name)
def test_the_examples_run_one_after_the_other(path, capsys, tmp_path, monkeypatch) -> None:
    names: dict = {}
    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for block in BLOCK.findall(TEXTS[path]):
        if named := FILE.match(block):
            with (tmp_path / named[1]).open("a", encoding="utf-8") as file:
                file.write(block)
        else:
            exec(block, names)
    for file in tmp_path.glob("*.py"):
        sys.modules.pop(file.stem, None)
    said = capsys.readouterr().out
    for shown in re.findall(r"```\n(neglog\.check looked.*?)```", TEXTS[path], re.DOTALL):
        assert said.endswith(shown)
    if path.name == "losses.md":
        x = names["x"].detach().clone().requires_grad_()
        names["criterion"](x, names["y"], mask=names["keep"]).backward()
        torch.testing.assert_close(names["x"].grad, x.grad)


def test_the_readme_is_short() -> None:
    assert len(TEXTS[ROOT / "README.md"].split()) <= 900


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_link_within_the_repository_leads_somewhere(path) -> None:
    for target, anchor, picture in LINK.findall(TEXTS[path]):
        if target.startswith(("api/", "errors/", "gallery/")):
            continue  # `make docs` writes these pages, and checks the links to them
        place = path if not (target or picture) else (path.parent / (target or picture)).resolve()
        assert place.exists(), (target, picture)
        assert not anchor or anchor in anchors(place), (target, anchor)

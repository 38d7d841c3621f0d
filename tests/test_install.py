"""A wheel that is built from the tree needs no more than it declares."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from scripts import DOCS, loaded

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
CODE = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
DROP_IN, OWN, USE_OF_OWN, FIT, CHECK = CODE
FRAMES = """
import importlib.util
import numpy as np
import pandas as pd
import neglog

assert importlib.util.find_spec("pyarrow") is None  # with which much works that would not without
draw = np.random.default_rng(0)
table = pd.DataFrame(
    {
        "text": ["a", "b", "c", "d"] * 10,
        "category": pd.Categorical(["low", "mid", "high", "mid"] * 10, ["low", "mid", "high"]),
        "number": draw.standard_normal(40),
        "nullable": pd.array(draw.integers(0, 9, 40), dtype="Int64"),
        "truth": draw.integers(0, 2, 40) == 1,
        "date": pd.date_range("2020-01-01", periods=40, freq="7h"),
        "y": draw.standard_normal(40),
    },
    index=pd.Index(np.arange(40) + 100),
)
table.loc[103, "nullable"] = pd.NA
fit = neglog.fit(table, "y", missing="drop", dates={"date": ["hour"]})
assert fit.features == [
    "number", "nullable", "truth", "date (hour)",
    "text=b", "text=c", "text=d", "category=mid", "category=high",
], fit.features
found = fit.predict(table[:3]).frame
assert isinstance(found, pd.DataFrame) and list(found.index) == [100, 101, 102]
plain = table.drop(columns=["date", "nullable"])
neglog.NLLRegressor().fit(plain.drop(columns="y"), plain.y).predict(plain.drop(columns="y"))
"""
NOTEBOOK = """
import os
import sys
import sysconfig

import nbformat
import torch
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
first, *others = (nbformat.read(path, 4) for path in sys.argv[1:])
print(nbformat.writes(NotebookClient(first, timeout=600).execute()))
shell = InteractiveShell.instance()  # the others without a kernel each, which takes seconds
for notebook in others:
    shell.reset(new_session=False)
    torch.set_default_dtype(torch.float32)  # one of them computes in float64
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.source.startswith("%pip"):
            shell.run_cell(cell.source, store_history=True).raise_error()
            assert shell.user_ns.get("_exit_code") != 127  # command not found
"""


class Environment:
    """A virtual environment that holds what pip puts there, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run(sys.executable, "-m", "venv", folder / "venv")
        build = ("wheel", "--no-deps", "--wheel-dir", folder, ROOT)
        self.run(self.program("python"), "-m", "pip", *build)
        (self.wheel,) = folder.glob("neglog-*.whl")

    def program(self, name: str) -> Path:
        return self.folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / name

    def run(self, *command: object) -> str:
        """Run a command away from the tree; return what it prints."""
        own = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        texts = [str(part) for part in command]
        done = subprocess.run(texts, cwd=self.folder, env=own, capture_output=True, text=True)
        assert done.returncode == 0, f"{texts}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def install(self, *wanted: object) -> None:
        options = ("--no-compile", "--constraint", ROOT / "constraints.txt")
        self.run(self.program("python"), "-m", "pip", "install", *options, *wanted)

    def python(self, *blocks: str) -> str:
        return self.run(self.program("python"), "-c", "\n".join(blocks))


@pytest.fixture(scope="module")
def environment():
    with tempfile.TemporaryDirectory() as folder:  # 1.5 GB, which are not kept
        yield Environment(Path(folder))


def test_each_extra_brings_what_its_part_of_the_readme_needs(environment) -> None:
    environment.install(environment.wheel)
    (environment.folder / "my_losses.py").write_text(OWN, "utf-8")
    assert "double-softmax" in environment.python(DROP_IN, USE_OF_OWN, CHECK)

    environment.install(f"{environment.wheel}[fit]")
    assert "standard errors" in environment.python(DROP_IN, FIT, CHECK)
    environment.run(environment.program("neglog"), "fit", "--demo", "diabetes", "--out", "demo")
    assert (environment.folder / "demo" / "report.html").stat().st_size > 100_000

    verified = environment.run(environment.program("neglog"), "verify", "my_losses.py:StudentT")
    assert "StudentT: verified" in verified

    environment.install("pandas")
    environment.python(FRAMES)


def test_the_notebooks_run_elsewhere_with_neglog_and_a_kernel_alone(environment) -> None:
    environment.install(f"{environment.wheel}[fit]", "ipykernel", "nbclient")
    (environment.folder / "run.py").write_text(NOTEBOOK)
    downloads = loaded("extensions/downloads")
    names = []
    for page in (*downloads.classroom(DOCS), *downloads.classroom(DOCS / "zh")):
        names.append(f"{len(names)}.ipynb")
        notebook = downloads.notebook(page.read_text("utf-8"))
        nbformat.write(notebook, environment.folder / names[-1])
    said = environment.run(environment.program("python"), "run.py", *names)
    assert not re.search(r"neglog: (command )?not found", said)  # which raises nothing

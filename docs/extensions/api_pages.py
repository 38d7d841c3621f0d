"""Write a page of the API for each public name, in groups, before Sphinx reads the sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import neglog
from neglog import criteria, functional, preference

GROUPS = {
    "modules": (
        "Modules",
        "The losses as modules of PyTorch.",
        "neglog",
        [*criteria.__all__, "LinearCrossEntropyLoss", "LikelihoodLoss"],
    ),
    "functions": (
        "Functions",
        "The losses as functions, and what goes with them.",
        "neglog.functional",
        functional.__all__,
    ),
    "preference": (
        "Preference, policy and distillation",
        "Losses over log-probabilities.",
        "neglog.preference",
        preference.__all__,
    ),
    "declaring": (
        "Declaring, verifying, explaining",
        "What declares a loss, verifies it and explains it.",
        "neglog",
        ["Elementwise", "Rows", "verify", "explain"],
    ),
    "tables": (
        "Tables",
        "From a table to weights and predictions.",
        "neglog",
        ["fit", "predict", "evaluate", "NLLClassifier", "NLLRegressor"],
    ),
    "training": (
        "Adopting, checking and compatibility",
        "What replaces torch's losses, looks at a training set-up or restores PyTorch's behaviour.",
        "neglog",
        ["everywhere", "check", "torch_compatible", "NeglogError"],
    ),
}


def write_pages(app: Any, config: Any) -> None:
    """Write an index of the API and a page of each group."""
    if config.language != "en":
        return
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    for name, group in GROUPS.items():
        write_if_new(folder / f"{name}.rst", group_page(*group))
    write_if_new(folder / "index.rst", index_page())


def group_page(title: str, lead: str, module: str, names: list[str]) -> str:
    """Return the page of a group: a table of its names, each with a page of its own."""
    lines = [title, "=" * len(title), "", lead, "", f".. currentmodule:: {module}", ""]
    lines += [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
    return "\n".join([*lines, *(f"   {name}" for name in names), ""])


def index_page() -> str:
    """Return the page that lists the groups."""
    lead = f"The public names of neglog {neglog.__version__}, from their docstrings."
    return "\n".join(["API", "===", "", lead, "", ".. toctree::", "", *(
        f"   {name}" for name in GROUPS
    ), ""])  # fmt: skip


def write_if_new(path: Path, text: str) -> None:
    """Write a page that has changed: Sphinx reads pages anew by their time."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Write the pages once the settings are known."""
    app.connect("config-inited", write_pages, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

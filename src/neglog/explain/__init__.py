"""`neglog explain`: derive a loss from its declared likelihood with sympy."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from neglog.errors import ArgumentError, sentence
from neglog.explain import bernoulli, categorical, normal
from neglog.explain.arguments import Given, check_both
from neglog.report.document import Document
from neglog.report.page import document_page, write
from neglog.report.terminal import show

_EXPLANATIONS = {
    "bernoulli": bernoulli.document,
    "categorical": categorical.document,
    "normal": normal.document,
}


def run(name: str, z: Given, y: Given, html: Path | None, console: Console) -> None:
    """Explain a likelihood in the terminal, and as a page if a path is given.

    Args:
        name: the likelihood's name.
        z: the model output: numbers, or comma-separated text; for categorical, rows of logits,
            separated by semicolons in text.
        y: the targets: numbers or labels, or comma-separated text.
        html: the file for the page.
        console: the console for the text.

    Raises:
        ArgumentError: the likelihood is unknown, or a value is not a number.
        ShapeError: the numbers of inputs and targets differ.
        SupportError: a target lies outside the support.
    """
    document = explain(name, z, y)
    show(document, console)
    if html is not None:
        write(document_page(document), html)
        console.print(f"wrote {html}", markup=False, highlight=False)


def explain(name: str, z: Given = None, y: Given = None) -> Document:
    """Return the explanation of a likelihood: see `run`."""
    if name.lower() not in _EXPLANATIONS:
        expected = f"name must be one of {', '.join(_EXPLANATIONS)}"
        raise ArgumentError(sentence(expected, f"it is {name!r}"))
    check_both(z, y)
    return _EXPLANATIONS[name.lower()](z, y)

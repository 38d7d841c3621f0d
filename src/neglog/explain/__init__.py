"""`neglog explain`: a loss derived from its likelihood, by sympy from the declaration that runs."""

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
        z: what the network emits: numbers, or text with commas between them; for categorical,
            rows of logits, in a text with semicolons between them.
        y: as many targets: numbers or labels, or text with commas between them.
        html: where the page goes.
        console: where the text goes.

    Raises:
        ArgumentError: the likelihood is unknown, or what is given is no number.
        ShapeError: there are not as many targets as inputs.
        SupportError: a target lies where the likelihood has none.
    """
    document = explain(name, z, y)
    show(document, console)
    if html is not None:
        write(document_page(document), html)
        console.print(f"wrote {html}", markup=False, highlight=False)


def explain(name: str, z: Given = None, y: Given = None) -> Document:
    """Return the explanation of a likelihood: see `run`."""
    if name.lower() not in _EXPLANATIONS:
        wanted = f"explain knows {', '.join(_EXPLANATIONS)}"
        raise ArgumentError(sentence(wanted, f"it was asked for {name!r}"))
    check_both(z, y)
    return _EXPLANATIONS[name.lower()](z, y)

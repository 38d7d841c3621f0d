"""`neglog explain`: derive a loss from its declared likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console

from neglog.explanation import (
    bernoulli,
    categorical,
    composed,
    elements,
    errors,
    normal,
    rows,
    values,
)
from neglog.explanation.arguments import Given, check_both
from neglog.finding import find
from neglog.likelihood import Elementwise, Likelihood
from neglog.report.document import Document
from neglog.report.page import document_page, write
from neglog.report.terminal import printable, show
from neglog.translation import current, using
from neglog.translation import gettext as _

_EXPLANATIONS: dict[str, Callable[[Given, Given], Document]] = {
    "bernoulli": bernoulli.document,
    "categorical": categorical.document,
    "normal": normal.document,
}
"""Pages that say more about a likelihood than its declaration."""
_WIDTH = 88  # characters of an explanation as text
_NONE: Mapping[str, Given] = MappingProxyType({})


def run(
    likelihood: str | type[Likelihood],
    z: Given,
    y: Given,
    html: Path | None,
    console: Console,
    named: Mapping[str, Given] = _NONE,
    plot: bool | None = None,
    lang: str | None = None,
) -> None:
    """Explain a likelihood in the terminal, and as a page if a path is given.

    Args:
        likelihood: its name, ``"file.py:Name"`` or ``"module:Name"`` of a user's, or the class.
        z: the model output: numbers, or comma-separated text; for a likelihood of rows, rows of
            logits, separated by semicolons in text.
        y: the targets: numbers or labels, or comma-separated text.
        html: the file for the page.
        console: the console for the text.
        named: values by the names of inputs, given tensors, settings and the target; probabilities
            by the name p.
        plot: whether plots are printed; by default on a terminal.
        lang: the language, such as zh; by default that of the variable NEGLOG_LANG, else English.

    Raises:
        ArgumentError: the likelihood or the language is unknown, or a value is missing, unknown or
            not a number.
        ShapeError: the numbers of inputs and targets differ.
        SupportError: a value lies outside the support or a domain.
    """
    with using(lang):
        document = _document(likelihood, z, y, named)
        page = "" if html is None else document_page(document)
        with using(printable(console)):
            if current() != document.language:
                document = _document(likelihood, z, y, named)
            show(document, console, console.is_terminal if plot is None else plot)
            if html is not None:
                write(page, html)
                words = _("wrote {path}").format(path=html)
                console.print(words, markup=False, highlight=False)


def explain(
    likelihood: str | type[Likelihood],
    /,
    z: Given = None,
    y: Given = None,
    *,
    lang: str | None = None,
    **named: Given,
) -> Explanation:
    """Return the derivation of a loss from its likelihood, with numbers of your own.

    `print` writes it as text; `save` writes a page with pictures.

    Args:
        likelihood: its name, a loss such as ``"mse"`` or ``"torch.nn.BCELoss"``, the code of an
            error such as ``"NL402"``, or a declaration.
        z: the model output: numbers, or comma-separated text; for a likelihood of rows, rows of
            logits, separated by semicolons in text.
        y: the targets: numbers or labels, or comma-separated text.
        lang: the language, such as zh; by default that of the variable NEGLOG_LANG, else English.
        named: values by the names of inputs, given tensors, settings and the target; probabilities
            by the name p.

    Returns:
        The explanation. Losses are in nats.

    Raises:
        ArgumentError: the likelihood or the language is unknown, or a value is missing, unknown or
            not a number.
        ShapeError: the numbers of inputs and targets differ.
        SupportError: a value lies outside the support or a domain.

    >>> import neglog
    >>> neglog.explain("poisson", z=[0.5], y=[2]).title
    'The Poisson likelihood'
    """
    with using(lang):
        found = _document(likelihood, z, y, named)
    return Explanation(found.title, found.lead, found.sections, found.language)


@dataclass(frozen=True, repr=False)
class Explanation(Document):
    """The derivation of a loss, as text and as a page."""

    def __str__(self) -> str:
        """Return the explanation as text."""
        text = StringIO()
        with using(self.language):
            show(self, Console(file=text, width=_WIDTH), False)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    __repr__ = __str__

    def save(self, path: str | Path) -> None:
        """Write the explanation as a page with pictures."""
        with using(self.language):
            write(document_page(self), Path(path))


def _document(
    likelihood: str | type[Likelihood], z: Given, y: Given, named: Mapping[str, Given]
) -> Document:
    of_error = errors.document(likelihood) if isinstance(likelihood, str) else None
    if of_error is not None:
        return of_error
    lesson = composed.lesson_of(likelihood)
    if lesson is not None:
        short = {name: value for name, value in (("z", z), ("y", y)) if value is not None}
        return composed.document(lesson, {**named, **short})
    found: Any = find(likelihood)
    given = values.named(found, z, y, named)
    if found.key in _EXPLANATIONS:
        (output,) = found.inputs
        z, y = given.get(output), given.get("y")
        check_both(z, y)
        return _EXPLANATIONS[found.key](z, y)
    page = elements.document if issubclass(found, Elementwise) else rows.document
    return page(found, given)

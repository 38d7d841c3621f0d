"""The derivation that `neglog explain` gives, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from subjects import Subject

from neglog.explanation import explain, pages
from neglog.report import math_text
from neglog.report.document import Code, Flow, Formula, Part, Table, Text
from neglog.report.terminal import without_plots
from neglog.translation import gettext, using


def lead(subject: Subject, language: str) -> str:
    """Return what a loss is, in one sentence of its docstring."""
    with using(language):
        return gettext(subject.lead)


def sections(subject: Subject, language: str) -> Iterator[str]:
    """Return the explanation of a loss in a language.

    Without what the gallery says once or elsewhere: the training flow, pictures and the source.
    """
    with using(language):
        document = without_plots(explain(subject.likelihood or subject.name))
        paragraphs = [] if subject.likelihood is None else pages.paragraphs(subject.likelihood)
        source = {pages.translated(each) for each in paragraphs if each.startswith("Source:")}
    for each in document.sections:
        if not any(isinstance(part, Flow) for part in each.parts):
            yield f"## {each.heading}"
            yield from (
                written(part)
                for part in each.parts
                if not (isinstance(part, Text) and part.words in source)
            )


def written(part: Part) -> str:
    """Return a part of an explanation as Markdown or HTML."""
    if isinstance(part, Text):
        return (
            f'<p class="verdict-{part.tone}">{escape(part.words)}</p>' if part.tone else part.words
        )
    if isinstance(part, Formula):
        label = f"{part.label}\n\n" if part.label else ""
        return f'{label}<div class="formula">{math_text.mathml(part.expression)}</div>'
    if isinstance(part, Code):
        return f"```python\n{part.source}\n```"
    return table(part)


def table(part: Table) -> str:
    """Return a table as HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in part.headers)
    rows = [
        "".join(f'<td class="verdict-{c.tone}">{escape(c.text)}</td>' for c in row)
        for row in part.cells()
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    title = f"<caption>{escape(part.title)}</caption>" if part.title else ""
    caption = f"\n\n{part.caption}" if part.caption else ""
    parts = [title, f"<thead><tr>{head}</tr></thead>", f"<tbody>{body}</tbody>"]
    return f'<table class="table">{"".join(parts)}</table>{caption}'

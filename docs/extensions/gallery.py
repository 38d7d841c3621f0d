"""Write the gallery: a page of each declaration, from the declaration itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import drawing
import reference
from api_pages import write_if_new

from neglog import functional
from neglog.explain import explain
from neglog.likelihood import REGISTRY, Elementwise, Likelihood
from neglog.report import math_text
from neglog.report.document import Code, Document, Flow, Formula, Part, Table, Text
from neglog.report.terminal import without_plots

HEAD = """---
html_theme.sidebar_secondary.remove: true
---

# Gallery

Each page is made from a declaration: its distribution, its loss and gradient as functions, the
derivation that `neglog explain` gives, and the formulas that run.
"""


def write_pages(app: Any, config: Any) -> None:
    """Write a page of each declaration, with its pictures, and the index."""
    if config.language != "en":
        return
    folder = Path(app.srcdir) / "gallery"
    folder.mkdir(exist_ok=True)
    for likelihood in REGISTRY.values():
        write_if_new(folder / f"{likelihood.name}.md", page(likelihood, folder))
    write_if_new(folder / "index.md", index())


def index() -> str:
    """Return the page of all pictures, by the kind of target."""
    kinds = [(cls.__module__.rpartition(".")[2], cls) for cls in REGISTRY.values()]
    parts = [HEAD]
    for kind, group in groupby(sorted(kinds, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
        members = [cls for _, cls in group]
        cards = "\n".join(map(card, members))
        names = "\n".join(cls.name for cls in members)
        parts += [f"## {reference.title_of(kind)}", f"::::{{grid}} 1 2 3 3\n{cards}\n::::",
                  f"```{{toctree}}\n:hidden:\n\n{names}\n```"]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def card(likelihood: type[Likelihood]) -> str:
    """Return the entry of a declaration in the index."""
    name = likelihood.name
    lines = [f":::{{grid-item-card}} {likelihood.__name__}", f":link: {name}", ":link-type: doc",
             f":img-bottom: {name}-small.svg", "", explain_lead(likelihood), ":::"]  # fmt: skip
    return "\n".join(lines)


def explain_lead(likelihood: type[Likelihood]) -> str:
    """Return the first paragraph of a declaration's docstring."""
    return " ".join((likelihood.__doc__ or "").strip().split("\n\n")[0].split())


def page(likelihood: type[Likelihood], folder: Path) -> str:
    """Draw a declaration and return its page."""
    picture = folder / f"{likelihood.name}.svg"
    if issubclass(likelihood, Elementwise):
        drawing.elementwise(likelihood, picture)
    else:
        drawing.rows(likelihood, picture)
    drawing.small(likelihood, folder / f"{likelihood.name}-small.svg")
    document = without_plots(explain(likelihood))
    alt = f"The loss of {likelihood.__name__} and its gradient."
    parts = [
        f"# {likelihood.__name__}",
        document.lead,
        f"![{alt}]({picture.name})",
        "## Use",
        *uses(likelihood),
        *derivation(document),
    ]
    return "\n\n".join(parts) + "\n"


def uses(likelihood: type[Likelihood]) -> Iterator[str]:
    """Return what calls a declaration, and an example."""
    names = reference.functions(likelihood)
    modules = reference.modules(names)
    if not names:
        yield f"`neglog.LikelihoodLoss({likelihood.__name__}, …)`"
        return
    links = [f"[`{m}`](../api/generated/neglog.{m}.rst)" for m in modules]
    links += [f"[`functional.{n}`](../api/generated/neglog.functional.{n}.rst)" for n in names]
    yield ", ".join(links)
    doc = getattr(functional, names[0]).__doc__ or ""
    example = inspect.cleandoc(doc[doc.find(">>>") :]).split("\n\n")[0].splitlines()
    yield "```pycon\n" + "\n".join(line.strip() for line in example) + "\n```"


def derivation(document: Document) -> Iterator[str]:
    """Return the sections of an explanation; the source of the kernel comes last."""
    last = [each for each in document.sections if each.heading == "The computed form"]
    for each in [*(s for s in document.sections if s not in last), *last]:
        yield f"## {each.heading}"
        yield from map(written, each.parts)


def written(part: Part) -> str:
    """Return a part of an explanation as Markdown or HTML."""
    if isinstance(part, Text):
        return (
            f'<p class="verdict-{part.tone}">{escape(part.words)}</p>' if part.tone else part.words
        )
    if isinstance(part, Formula):
        label = f"{part.label}\n\n" if part.label else ""
        return f'{label}<div class="formula">{math_text.mathml(part.expression)}</div>'
    if isinstance(part, Flow):
        return "\n".join(f"1. {step.partition(' ')[2]}" for step in part.steps)
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


def setup(app: Any) -> dict[str, bool]:
    """Write the pages once the settings are known."""
    app.connect("config-inited", write_pages, priority=200)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Write the gallery in English and in Chinese: a page of each loss, from the code that runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import canvas
import drawing
import drawing_tensors
import explained
import gallery_texts
import reference
from api_pages import write_if_new
from subjects import Subject, subjects

from neglog import criteria, functional


def write_pages(app: Any, config: Any) -> None:
    """Write a page of each loss, with its pictures, and the index."""
    language = "zh" if config.language == "zh_CN" else "en"
    folder = Path(app.srcdir) / "gallery"
    folder.mkdir(exist_ok=True)
    # The languages are built side by side: each finds half of the kernels compiled by the other.
    for subject in subjects()[:: 1 if language == "en" else -1]:
        names = draw(subject, folder, language)
        write_if_new(folder / f"{subject.name}.md", page(subject, names, language))
    write_if_new(folder / "index.md", index(language))


def draw(subject: Subject, folder: Path, language: str) -> list[str]:
    """Draw the pictures of a loss and return their names; the index shows that of the loss."""
    words = gallery_texts.words(language)
    if subject.likelihood is not None:
        panels = drawing.panels(subject.likelihood, words)
    else:
        texts = gallery_texts.texts()[subject.name]
        name, *place = texts.along
        curve = drawing_tensors.curve(*subject.example(), name, tuple(place), texts.highest)
        panels = drawing_tensors.panels(curve, words, subject.in_nats)
    for name, panel in panels.items():
        canvas.save(panel, folder / f"{subject.name}-{name}.svg", language)
    return list(panels)


def index(language: str) -> str:
    """Return the page of all pictures, by the kind of target."""
    words = gallery_texts.words(language)
    parts = ["---\nhtml_theme.sidebar_secondary.remove: true\n---", f"# {words['gallery']}"]
    parts.append(words["about"])
    for kind, group in groupby(sorted(subjects(), key=order), key=lambda each: each.kind):
        members = list(group)
        cards = "\n".join(card(each, language) for each in members)
        names = "\n".join(each.name for each in members)
        parts.append(f"## {heading(kind, language)}")
        parts.append(f"::::{{grid}} 1 2 3 3\n:gutter: 3\n\n{cards}\n::::")
        parts.append(f"```{{toctree}}\n:hidden:\n\n{names}\n```")
    return "\n\n".join(parts) + "\n"


def order(subject: Subject) -> tuple[bool, str]:
    """Return the place of a loss in the index: the declarations by kind, then the others."""
    return subject.likelihood is None, subject.kind


def heading(kind: str, language: str) -> str:
    """Return the heading of a kind: in English of its file of declarations."""
    stated = gallery_texts.files()[kind]["heading"]
    return stated[language] if language in stated else reference.title_of(kind)


def card(subject: Subject, language: str) -> str:
    """Return the entry of a loss in the index."""
    name = subject.name
    lines = [f":::{{grid-item-card}} {title(subject, language)}", f":link: {name}",
             ":link-type: doc", f":img-bottom: {name}-loss.svg",
             ":class-img-bottom: dark-light", "", lead(subject, language), ":::"]  # fmt: skip
    return "\n".join(lines)


def title(subject: Subject, language: str) -> str:
    """Return the title of a page; a Chinese one also has the name in code."""
    name = gallery_texts.texts()[subject.name].words[language].get("name")
    return f"{name} {subject.title}" if name else subject.title


def lead(subject: Subject, language: str) -> str:
    """Return what a loss is, in one sentence."""
    said = gallery_texts.texts()[subject.name].words[language]
    return said.get("lead") or explained.lead(subject, language)


def page(subject: Subject, drawn: list[str], language: str) -> str:
    """Return the page of a loss with the pictures that are drawn."""
    words, texts = gallery_texts.words(language), gallery_texts.texts()[subject.name]
    said = texts.words[language]
    marks = [gallery_texts.pitfall(number, language) for number in texts.pitfalls]
    parts = [
        f"# {title(subject, language)}",
        lead(subject, language),
        pictures(subject, drawn, language),
        f"## {words['when']}",
        said["when"],
        f"## {words['not']}",
        said["not"],
        f"## {words['use']}",
        *uses(subject, language),
        f"## {words['pitfalls']}",
        "\n".join(marks) or words["no pitfalls"],
        f"## {words['elsewhere']}",
        elsewhere(texts, language),
        *derivation(subject, texts, language),
        f"## {words['source']}",
        subject.source,
    ]
    return "\n\n".join(parts) + "\n"


def pictures(subject: Subject, drawn: list[str], language: str) -> str:
    """Return the pictures side by side; their colours suit light and dark pages."""
    alt = gallery_texts.words(language)["alt"].format(name=subject.title)
    images = [
        f":::{{image}} {subject.name}-{name}.svg\n:alt: {alt}\n:class: dark-light\n:::"
        for name in drawn
    ]
    return "\n".join(["::::{div} pictures", *images, "::::"])


def uses(subject: Subject, language: str) -> Iterator[str]:
    """Return what calls a loss, and an example."""
    if not subject.functions and not subject.modules:
        yield f"`neglog.LikelihoodLoss({subject.title}, …)`"
        return
    names = [(f"neglog.{m}", m) for m in subject.modules]
    names += [(f"neglog.functional.{n}", f"functional.{n}") for n in subject.functions]
    yield ", ".join(api_link(name, shown, language) for name, shown in names)
    documented = [getattr(functional, n) for n in subject.functions]
    documented += [getattr(criteria, m) for m in subject.modules]
    doc = documented[0].__doc__ or ""
    example = inspect.cleandoc(doc[doc.find(">>>") :]).split("\n\n")[0].splitlines()
    yield "```pycon\n" + "\n".join(line.strip() for line in example) + "\n```"


def api_link(name: str, shown: str, language: str) -> str:
    """Return a link to a page of the API, which is in English."""
    if language == "zh":
        return f'<a href="../../api/generated/{name}.html"><code>{shown}</code></a>'
    return f"[`{shown}`](../api/generated/{name}.rst)"


def elsewhere(texts: gallery_texts.Texts, language: str) -> str:
    """Return a table of the names in other libraries."""
    words = gallery_texts.words(language)
    rows = [f"| {words['library']} | {words['name']} |", "|---|---|"]
    for library, shown in gallery_texts.LIBRARIES.items():
        names = ", ".join(f"`{name}`" for name in texts.elsewhere[library])
        rows.append(f"| {shown} | {names or words['none']} |")
    return "\n".join([*rows, "", words["note"]])


def derivation(subject: Subject, texts: gallery_texts.Texts, language: str) -> Iterator[str]:
    """Return the derivation, or where it is."""
    words = gallery_texts.words(language)
    if texts.formula:
        yield from (f"## {words['formula']}", f"$$\n{texts.formula.strip()}\n$$")
    if subject.base is not None:
        base = gallery_texts.texts()[subject.base.name].words[language].get("name")
        base = base or subject.base.__name__
        yield words["built"].format(link=f"[{base}]({subject.base.name}.md)")
    else:
        yield from explained.sections(subject, language)


def setup(app: Any) -> dict[str, bool]:
    """Write the pages once the settings are known."""
    app.connect("config-inited", write_pages, priority=200)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

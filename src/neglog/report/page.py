"""Self-contained HTML pages, with a content security policy that hashes their script."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from importlib import resources
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from neglog._version import __version__
from neglog.errors import sentence
from neglog.errors.declaring import PageError
from neglog.report import math_text
from neglog.report.document import Code, Document, Flow, Formula, Plot, Text, number
from neglog.translation import current, gettext

_KINDS = {
    Text: "text_part", Formula: "formula_part", Code: "code_part", Flow: "flow_part",
    Plot: "plot_part",
}  # fmt: skip
"""The names of the kinds of parts in templates."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from neglog.fitting.results.fit import Fit


def html_page(result: Fit) -> str:
    """Return a fit's report."""
    from neglog.report import fitted  # matplotlib, which explanations do without

    return _render("fit.html", script=_text("table.js"), **fitted.content(result))


def document_page(document: Document) -> str:
    """Return a document as a page."""
    return _render("explain.html", title=document.title, document=document, svg=_numbered_svg())


def _numbered_svg() -> Callable[[Plot], Markup]:
    """Return what draws the plots of one page, each with references of its own."""
    from neglog.report.svg import svg  # matplotlib

    places = count(1)
    return lambda plot: svg(plot, f"plot{next(places)}")


def write(page: str, path: Path) -> None:
    """Write a page atomically.

    Raises:
        ArgumentError: the path is a folder or a device.
        OSError: the folder does not exist or cannot be written.
    """
    path = Path(path).resolve()  # a link keeps pointing to the page
    if path.exists() and not path.is_file():
        got = f"{path} is not"
        raise PageError(sentence("the page must be a file", got, remedy="choose another name"))
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        Path(draft).chmod(0o666 & ~_umask())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Return the permissions that new files lack; reading them means setting them."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def policy(script: str) -> str:
    """Return the page's content security policy: its own style and this one script, no address."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    runs = f"script-src 'sha256-{digest}'" if script else "script-src 'none'"
    allowed = f"default-src 'none'; style-src 'unsafe-inline'; {runs}"
    return f"{allowed}; base-uri 'none'; form-action 'none'"


def _text(name: str) -> str:
    return resources.files("neglog.report").joinpath("templates", name).read_text(encoding="utf-8")


def _render(template: str, script: str = "", **values: Any) -> str:
    environment = Environment(
        loader=PackageLoader("neglog.report"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["mathml"] = lambda expression: Markup(math_text.mathml(expression))
    environment.filters["number"] = number
    for kind, name in _KINDS.items():
        environment.tests[name] = lambda part, kind=kind: isinstance(part, kind)
    environment.globals["_"] = gettext
    environment.globals["language"] = current()
    own = {"version": __version__, "style": Markup(_text("page.css")), "script": Markup(script)}
    return environment.get_template(template).render(policy=policy(script), **own, **values)

"""Let the printed sentences of a page wrap; printed columns scroll instead."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

_COLUMNS = re.compile(r"[─│┌]|\S {2,}\S.* {2,}\S")


def are_columns(text: str) -> bool:
    """Return whether a text is laid out in columns, which a break of a line would destroy."""
    return _COLUMNS.search(text) is not None


def mark(app: Any, document: nodes.document) -> None:
    """Give outputs that hold sentences the class that the style sheet wraps."""
    for block in document.findall(nodes.literal_block):
        if "output" in block["classes"] and not are_columns(block.astext()):
            block["classes"].append("sentences")


def setup(app: Any) -> dict[str, bool]:
    """Connect the marks to the pages that have been read."""
    app.connect("doctree-read", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

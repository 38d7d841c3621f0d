"""Write formulas as MathML, which browsers typeset themselves: no script, no font, no address."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert

_SPACE = '<mspace width="0.17em"/>'
_NAMES = ("ln", "exp", "max", "log")  # no browser sets a space between a factor and a name


def typeset(formula: str, display: str = "inline") -> str:
    """Return LaTeX as MathML."""
    text = convert(formula.replace("{aligned}", "{align*}"), display=display)
    for name in _NAMES:
        text = text.replace(f"<mi>{name}</mi>", f"<mrow>{_SPACE}<mi>{name}</mi>{_SPACE}</mrow>")
    return text


def inline(writer: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    writer.body.append(typeset(node.astext()))
    raise nodes.SkipNode


def block(writer: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own."""
    formula = typeset(node.astext(), "block")
    writer.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer under the name mathml."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

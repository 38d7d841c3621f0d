"""Documents in a terminal, through rich; in plain ASCII where the terminal knows no more."""

from __future__ import annotations

import io
import textwrap
import unicodedata

from rich import box, table
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text as Words

from neglog.report.document import Code, Document, Formula, Part, Table, Text
from neglog.report.formula import lines

_STYLES = {"good": "green", "bad": "bold red", "": ""}
_ASCII = str.maketrans(
    {"−": "-", "×": "x", "·": "*", "σ": "sigma", "Σ": "sum", "∏": "product", "∞": "inf"}
    | {"∂": "d", "′": "'", "→": "->", "≤": "<=", "≥": ">=", "≠": "!=", "√": "sqrt", "—": "-"}
    | {"–": "-", "…": "...", "“": '"', "”": '"', "’": "'", "⟨": "<", "⟩": ">", "ᵀ": "^T"}
)


def show(document: Document, console: Console) -> None:
    """Print a document; where the console's encoding lacks its signs, spell them."""
    if _encodes("σ₁−─", console.encoding):
        console.print(rendered(document, console.width, unicode=True))
        return
    draft = Console(
        file=io.StringIO(), width=console.width, color_system=None, legacy_windows=False
    )
    draft.print(rendered(document, console.width, unicode=False))
    assert isinstance(draft.file, io.StringIO)
    console.file.write(spelled(draft.file.getvalue(), console.encoding))


def rendered(document: Document, width: int, unicode: bool) -> Group:
    """Lay a document out for a console of this width."""
    parts: list[RenderableType] = [Words(document.title, style="bold"), Words(document.lead)]
    for number, section in enumerate(document.sections, 1):
        parts += [Words(f"\n{number}  {section.heading}", style="bold cyan")]
        parts += [_part(part, width, unicode) for part in section.parts]
    return Group(*parts)


def spelled(text: str, encoding: str) -> str:
    """Replace what an encoding cannot write by words and ASCII signs."""
    if _encodes(text, encoding):
        return text
    plain = unicodedata.normalize("NFKD", text.translate(_ASCII))
    return plain.encode(encoding, errors="replace").decode(encoding)


def rich_table(content: Table, unicode: bool = True) -> table.Table:
    """Return a table for a console; labels are text, never markup."""
    drawn = table.Table(
        title=Words(content.title) if content.title else None,
        caption=Words(content.caption) if content.caption else None,
        caption_justify="left",
        title_justify="left",
        box=box.SIMPLE_HEAD if unicode else box.ASCII,
        pad_edge=False,
        padding=(0, 1, 0, 0),  # narrow: eighty columns should hold a row
    )
    for header in content.headers:
        drawn.add_column(Words(header), overflow="fold")
    for row in content.cells():
        drawn.add_row(*(Words(cell.text, style=_STYLES[cell.tone]) for cell in row))
    return drawn


def _part(part: Part, width: int, unicode: bool) -> RenderableType:
    if isinstance(part, Text):
        return Padding(Words(part.words, style=_STYLES[part.tone]), (0, 0, 1, 3))
    if isinstance(part, Code):
        code = Syntax(
            part.source, "python", theme="ansi_dark", background_color="default", word_wrap=True
        )
        return Padding(code, (0, 0, 1, 6))
    if isinstance(part, Formula):
        drawn = textwrap.indent(lines(part.expression, width - 6, unicode), "      ")
        label = Words(f"   {part.label}\n" if part.label else "", style="dim")
        return Group(label.append_text(Words(drawn + "\n", no_wrap=True, style="not dim")))
    return Padding(rich_table(part, unicode), (0, 0, 1, 3))


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True

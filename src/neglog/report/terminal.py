"""Documents in a terminal, through rich; in plain ASCII where the terminal knows no more."""

from __future__ import annotations

import dataclasses
import io
import textwrap
import unicodedata

from rich import box, table
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.text import Text as Words

from neglog.report.document import Code, Document, Formula, Part, Table, Text
from neglog.report.math_text import lines

_STYLES = {"good": "green", "bad": "bold red", "": ""}
_GREEK = {
    letter: name.split()[-1].lower() if " SMALL " in name else name.split()[-1].title()
    for letter in map(chr, range(0x391, 0x3CA))
    if (name := unicodedata.name(letter, ""))
}
SPELLED = str.maketrans(
    _GREEK
    | {"−": "-", "×": "x", "·": "*", "σ": "sigma", "Σ": "sum", "∏": "product", "π": "pi"}
    | {
        "∞": "inf",
        "∂": "d",
        "→": "->",
        "≤": "<=",
        "≥": ">=",
        "…": "...",
        "½": "1/2",
        "²": "^2",
        "ᵀ": "^T",
    }
    | {"ẑ": "zhat", "₀": "_0", "₁": "_1", "₂": "_2", "₃": "_3", "ᵢ": "_i", "ₖ": "_k"}
    | {"√": "sqrt", "–": "-", "’": "'", "“": '"', "”": '"', "∈": "in", "≠": "!=", "³": "^3"}
    | {
        "⁻": "^-",
        "∫": "integral ",
        "¹": "1",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "æ": "ae",
        "ß": "ss",
    }
    | {"✓": "[ok]", "✗": "[!]", "─": "-", "—": "-", "χ": "chi", "α": "alpha", "τ": "tau", "ᶻ": "^z"}
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
    text = draft.file.getvalue()  # a name or a label of the user's may still hold anything
    plain = (c if _encodes(c, console.encoding) else _without_accent(c) for c in text)
    console.file.write(
        "".join(plain).encode(console.encoding, errors="replace").decode(console.encoding)
    )


def _without_accent(letter: str) -> str:
    """Return the letter of an accented letter, such as e of é."""
    return unicodedata.normalize("NFKD", letter)[0]


def rendered(document: Document, width: int, unicode: bool) -> Group:
    """Lay a document out for a console of this width."""
    lead = _words(document.lead, unicode)
    parts: list[RenderableType] = [Words(document.title, style="bold"), lead]
    for number, section in enumerate(document.sections, 1):
        parts.append(_words(f"\n{number}  {section.heading}", unicode, "bold cyan"))
        parts += [_part(part, width, unicode) for part in section.parts]
    return Group(*parts)


def rich_table(content: Table, unicode: bool = True) -> table.Table:
    """Return a table for a console; labels are text, never markup."""
    drawn = table.Table(
        title=_words(content.title, unicode) if content.title else None,
        caption=_words(content.caption, unicode) if content.caption else None,
        caption_justify="left",
        title_justify="left",
        box=box.SIMPLE_HEAD if unicode else box.ASCII,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),  # narrow: eighty columns should hold a row
    )
    for header in content.headers:
        drawn.add_column(_words(header, unicode), overflow="fold")
    for row in content.cells():
        drawn.add_row(*(_words(cell.text, unicode, _STYLES[cell.tone]) for cell in row))
    return drawn


def _part(part: Part, width: int, unicode: bool) -> RenderableType:
    if isinstance(part, Text):
        words = _words(part.words, unicode, _STYLES[part.tone])
        return Padding(words, (0, 0, 1, 3), expand=False)
    if isinstance(part, Code):
        source = _words(part.source, unicode).plain
        code = Syntax(
            source, "python", theme="ansi_dark", background_color="default", word_wrap=True
        )
        return Padding(code, (0, 0, 1, 6))
    if isinstance(part, Formula):
        drawn = textwrap.indent(lines(part.expression, width - 6, unicode), "      ")
        label = Words(f"   {part.label}\n" if part.label else "", style="dim")
        return Group(label.append_text(Words(drawn + "\n", no_wrap=True, style="not dim")))
    bare = rich_table(dataclasses.replace(part, title="", caption=""), unicode)
    title = [_words(part.title, unicode, "bold")] if part.title else []
    caption = [_words(part.caption, unicode, "dim")] if part.caption else []
    return Padding(Group(*title, bare, *caption), (0, 0, 1, 3), expand=False)


def _words(text: str, unicode: bool, style: str = "") -> Words:
    """Return text for a console, spelled in ASCII where it knows no more."""
    return Words(text if unicode else text.translate(SPELLED), style=style)


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True

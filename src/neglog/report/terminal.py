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

from neglog.report.canvas import flow_lines, plot_lines
from neglog.report.document import Code, Document, Flow, Formula, Part, Plot, Table, Text
from neglog.report.math_text import lines
from neglog.report.wrapping import wrap
from neglog.translation import ENGLISH, current
from neglog.translation import gettext as _

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
    | {"ẑ": "zhat", "ᵢ": "_i", "ₖ": "_k", "⁰": "^0", "ᵃ": "^a", "ᵇ": "^b"}
    | {subscript: f"_{digit}" for digit, subscript in enumerate("₀₁₂₃₄₅₆₇₈₉")}
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


def show(document: Document, console: Console, plots: bool = False) -> None:
    """Print a document; where the console's encoding lacks its signs, spell them.

    Args:
        document: what to print.
        console: where to.
        plots: whether to print its plots.
    """
    if not plots:
        document = without_plots(document)
    if _encodes("σ₁−─", console.encoding):
        colour = console.color_system is not None
        console.print(rendered(document, console.width, unicode=True, colour=colour))
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


def printable(console: Console) -> str:
    """Return the current language; English, with a note, if the console's encoding lacks it."""
    if current() == ENGLISH or _encodes(_("The training flow"), console.encoding):
        return current()
    note = f"The encoding {console.encoding} lacks the characters of {current()}: set PYTHONUTF8=1."
    console.print(note, markup=False, highlight=False)
    return ENGLISH


def without_plots(document: Document) -> Document:
    """Return a document without its plots, and without sections that hold only them."""
    sections = [
        dataclasses.replace(section, parts=[p for p in section.parts if not isinstance(p, Plot)])
        for section in document.sections
        if not section.parts or not all(isinstance(p, Plot) for p in section.parts)
    ]
    return dataclasses.replace(document, sections=sections)


def _without_accent(letter: str) -> str:
    """Return the letter of an accented letter, such as e of é."""
    return unicodedata.normalize("NFKD", letter)[0]


def rendered(document: Document, width: int, unicode: bool, colour: bool = False) -> Group:
    """Lay a document out for a console of this width, with or without colours."""
    lead = _paragraph(document.lead, width, unicode)
    parts: list[RenderableType] = [Words(document.title, style="bold"), lead]
    for number, section in enumerate(document.sections, 1):
        parts.append(_words(f"\n{number}  {section.heading}", unicode, "bold cyan"))
        parts += [_part(part, width, unicode, colour) for part in section.parts]
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


def _part(part: Part, width: int, unicode: bool, colour: bool) -> RenderableType:
    if isinstance(part, Text):
        words = _paragraph(part.words, width - 3, unicode, _STYLES[part.tone])
        return Padding(words, (0, 0, 1, 3), expand=False)
    if isinstance(part, Code):
        source = _words(part.source, unicode).plain
        code = Syntax(
            source, "python", theme="ansi_dark", background_color="default", word_wrap=True
        )
        return Padding(code, (0, 0, 1, 6))
    if isinstance(part, Formula):
        drawn = textwrap.indent(lines(part.expression, width - 6, unicode), "      ")
        label = _words(f"   {part.label}\n" if part.label else "", unicode, "dim")
        return Group(label.append_text(Words(drawn + "\n", no_wrap=True, style="not dim")))
    if isinstance(part, Flow):
        drawn = flow_lines(part, width - 4, unicode)
        return Padding(_words(drawn, unicode), (0, 0, 1, 3), expand=False)
    if isinstance(part, Plot):
        return _plot(part, width, unicode, colour)
    bare = rich_table(dataclasses.replace(part, title="", caption=""), unicode)
    title = [_words(part.title, unicode, "bold")] if part.title else []
    return Padding(Group(*title, bare, *_caption(part, width, unicode)), (0, 0, 1, 3), expand=False)


def _plot(part: Plot, width: int, unicode: bool, colour: bool) -> RenderableType:
    """Return a plot between its title and its caption."""
    drawn = plot_lines(part, width - 4, unicode, colour)
    if not unicode:
        drawn = _words(drawn.plain, unicode)
    title = _words(part.title, unicode, "bold")
    return Padding(Group(title, drawn, *_caption(part, width, unicode)), (0, 0, 1, 3), expand=False)


def _caption(part: Table | Plot, width: int, unicode: bool) -> list[Words]:
    """Return the caption of a table or a plot, if it has one."""
    return [_paragraph(part.caption, width - 3, unicode, "dim")] if part.caption else []


def _paragraph(text: str, width: int, unicode: bool, style: str = "") -> Words:
    """Return text for a console, broken into lines."""
    return Words("\n".join(wrap(_words(text, unicode).plain, width)), style=style)


def _words(text: str, unicode: bool, style: str = "") -> Words:
    """Return text for a console, spelled in ASCII where it knows no more."""
    return Words(text if unicode else text.translate(SPELLED), style=style)


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True

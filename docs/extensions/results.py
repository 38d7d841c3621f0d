"""Show a table of `neglog bench` from its file: the directive `results`, with its name."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

FOLDER = Path(__file__).parents[2] / "benchmarks" / "results"
_NUMBERS = ("neglog", "iqr", "eager", "iqr", "compile", "iqr", "x eager", "x comp.", "floor",
            "of it", "comp. s")  # fmt: skip
_SHOWN = ("x eager", "x comp.", "neglog", "eager", "compile")
_TITLES = ("loss", "size", "of", "× eager", "× compile", "neglog, ms", "eager, ms",
           "compile, ms")  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line of the table: its loss, size and variant, and its figures as they are printed."""

    words: tuple[str, str, str]
    figures: dict[str, str]

    def slower(self, than: str) -> bool:
        """Whether neglog is slower than torch eager or torch.compile."""
        return self.figures[than] != "-" and float(self.figures[than]) < 1.0


@dataclass(frozen=True)
class Table:
    """What `neglog bench` has written: on which machine, the lines, and the means of large ones."""

    machine: str
    lines: list[Line]
    said: list[str]


def read(path: Path) -> Table:
    """Read a table of `neglog bench`."""
    machine, _, rest = path.read_text("utf-8").partition("\n\n")
    head, *body = rest[rest.index("\nloss ") + 1 :].splitlines()
    size, of = head.index("size"), head.index(" of ") + 1
    lines = []
    for text in body[: body.index("")]:
        words, *figures = text.rsplit(maxsplit=len(_NUMBERS))
        parts = (words[:size].strip(), words[size:of].strip(), words[of:].strip())
        lines.append(Line(parts, dict(zip(_NUMBERS, figures, strict=True))))
    said = [text for text in body[body.index("") :] if text.startswith("large lines")]
    return Table("; ".join(machine.splitlines()), lines, said)


def html(table: Table) -> str:
    """Return the lines as a table; a speed below 1 is marked."""
    head = "".join(f"<th>{title}</th>" for title in _TITLES)
    rows = []
    for line in table.lines:
        cells = [f"<td>{escape(word)}</td>" for word in line.words]
        for name in _SHOWN:
            tone = ' class="verdict-bad"' if name.startswith("x") and line.slower(name) else ""
            cells.append(f"<td{tone}>{line.figures[name]}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    body = "".join(rows)
    return (
        f'<table class="table results"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def slower(table: Table, than: str) -> str:
    """Return the lines on which neglog is slower, the slowest first, with its relative speed."""
    found = [line for line in table.lines if line.slower(than)]
    found.sort(key=lambda line: float(line.figures[than]))
    names = [" ".join(filter(None, line.words)) + f" ({line.figures[than]})" for line in found]
    return ", ".join(names) or "none"


class Results(SphinxDirective):
    """The directive."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the machine, the table, and what it says."""
        path = FOLDER / self.arguments[0]
        self.env.note_dependency(str(path))
        table = read(path)
        said = [
            *table.said,
            f"slower than torch eager: {slower(table, 'x eager')}",
            f"slower than torch.compile: {slower(table, 'x comp.')}",
        ]
        items = [nodes.list_item("", nodes.paragraph(text=text)) for text in said]
        return [
            nodes.paragraph(text=table.machine),
            nodes.bullet_list("", *items),
            nodes.raw("", html(table), format="html"),
        ]


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("results", Results)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

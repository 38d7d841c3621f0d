"""Plots and diagrams as lines of characters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

from rich.cells import cell_len
from rich.text import Text

from neglog.report.document import Flow, Mark, Plot, number
from neglog.report.wrapping import wrap

_ROWS, _WIDEST = 12, 64
_PARTS = 6  # between two points of a curve
_COLOURS = ("blue", "yellow", "green", "magenta")
_LETTERS = ("*", "+", "o", "x")
"""The signs of curves where there are no colours."""
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of the dots of a character, row by row."""


@dataclass
class _Grid:
    """Characters, each with the dots of one curve."""

    plot: Plot
    width: int
    dots: bool
    cells: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies, in characters from the left and from the top."""
        xs = [v for curve in self.plot.curves for v in curve.x]
        (low, high), (bottom, top) = (min(xs), max(xs)), self.plot.range()
        across = (x - low) / (high - low or 1.0) * self.width
        down = (top - y) / (top - bottom) * _ROWS
        return min(across, self.width - 0.01), min(down, _ROWS - 0.01) if y >= bottom else down

    def draw(self, curve: int, x: float, y: float) -> None:
        """Set the dot at a point."""
        if not math.isfinite(y):
            return
        across, down = self.place(x, y)
        if not (0 <= across < self.width and 0 <= down < _ROWS):
            return
        column, row = int(across), int(down)
        bit = _BRAILLE[int(4 * (down - row))][int(2 * (across - column))]
        _, bits = self.cells.get((column, row), (curve, 0))
        self.cells[column, row] = curve, bits | bit

    def lines(self) -> list[Text]:
        """Return the rows of characters."""
        return [
            Text.assemble(*(self._cell(column, row) for column in range(self.width)))
            for row in range(_ROWS)
        ]

    def _cell(self, column: int, row: int) -> tuple[str, str]:
        if (column, row) not in self.cells:
            return " ", ""
        curve, bits = self.cells[column, row]
        sign = chr(0x2800 + bits) if self.dots else _LETTERS[curve % len(_LETTERS)]
        return sign, _COLOURS[curve % len(_COLOURS)]


def plot_lines(plot: Plot, width: int, unicode: bool, colour: bool) -> Text:
    """Draw a plot.

    Args:
        plot: what to draw.
        width: the number of columns.
        unicode: whether the terminal has more characters than ASCII.
        colour: whether it has colours, by which dots of curves differ.
    """
    top, *_, bottom = _ticks(plot)
    margin = max(len(top), len(bottom)) + 1
    grid = _Grid(plot, max(8, min(width - margin - 1, _WIDEST)), unicode and colour)
    for index, curve in enumerate(plot.curves):
        points = list(zip(curve.x, curve.y, strict=True))
        for (x, y), (further_x, further_y) in pairwise(points):
            for part in range(_PARTS):
                at = part / _PARTS
                grid.draw(index, x + at * (further_x - x), y + at * (further_y - y))
    rows = grid.lines()
    for mark in plot.marks:
        _put(rows, grid, mark, unicode)
    axis, corner, line = ("│", "└", "─") if unicode else ("|", "+", "-")
    labels = {0: top, _ROWS - 1: bottom}
    body = [
        Text(f"{labels.get(k, ''):>{margin - 1}}{axis}").append_text(row)
        for k, row in enumerate(rows)
    ]
    body.append(Text(" " * (margin - 1) + corner + line * grid.width))
    body.append(_under_the_axis(plot, margin, grid.width))
    return Text("\n").join([*body, *_legend(plot, grid.dots, unicode)])


def _ticks(plot: Plot) -> list[str]:
    low, high = plot.range()
    return [number(high, 3), number(low, 3)]


def _put(rows: list[Text], grid: _Grid, mark: Mark, unicode: bool) -> None:
    """Put the sign of a mark over the curves."""
    across, down = grid.place(mark.x, mark.y) if math.isfinite(mark.y) else (-1.0, -1.0)
    if 0 <= across < grid.width and 0 <= down < _ROWS:
        column, row = int(across), int(down)
        sign = Text(_sign(mark, unicode), style=f"bold {_COLOURS[mark.curve % len(_COLOURS)]}")
        rows[row] = Text.assemble(rows[row][:column], sign, rows[row][column + 1 :])


def _sign(mark: Mark, unicode: bool) -> str:
    """Return the sign of a mark: an arrow where the loss descends, else a dot."""
    if mark.slope == 0:
        return "●" if unicode else "@"
    forwards = mark.slope < 0
    return ("→" if forwards else "←") if unicode else (">" if forwards else "<")


def _under_the_axis(plot: Plot, margin: int, width: int) -> Text:
    """Return the ends of the horizontal axis, and its name between them."""
    xs = [v for curve in plot.curves for v in curve.x]
    left, right = number(min(xs), 3), number(max(xs), 3)
    gap = width - len(left) - len(right)
    name = plot.x_label if cell_len(plot.x_label) <= gap - 2 else ""
    before = (gap - cell_len(name)) // 2
    after = gap - cell_len(name) - before
    return Text(" " * margin + left + " " * before + name + " " * after + right)


def _legend(plot: Plot, dots: bool, unicode: bool) -> list[Text]:
    """Return a line for each curve and each mark with a label."""
    found = []
    for index, curve in enumerate(plot.curves):
        sign = "⣀⣀" if dots else _LETTERS[index % len(_LETTERS)]
        if curve.label:
            colour = _COLOURS[index % len(_COLOURS)]
            found.append(Text.assemble((f"  {sign} ", colour), curve.label))
    for mark in plot.marks:
        if mark.label:
            colour = _COLOURS[mark.curve % len(_COLOURS)]
            found.append(Text.assemble((f"  {_sign(mark, unicode)} ", colour), mark.label))
    return found


def flow_lines(flow: Flow, width: int, unicode: bool) -> str:
    """Draw a diagram: boxes one below the other, and a line from the last back to the first."""
    signs = "┌┐└┘─│▼◀" if unicode else "++++-|v<"
    top_left, top_right, bottom_left, bottom_right, across, along, down, back = [*signs]
    boxes = [wrap(words, width - 10) for words in flow.steps]
    wide = max(cell_len(line) for box in boxes for line in box)
    lines: list[str] = []
    for place, box in enumerate(boxes):
        first, last = place == 0, place == len(boxes) - 1
        tails = [f"   {along}"] * len(box)
        if first:
            tails[0] = f" {back}{across}{top_right}"
        if last:
            tails = [f" {across * 2}{bottom_right}", *[""] * (len(box) - 1)]
        lines.append(f"{top_left}{across * (wide + 2)}{top_right}{'' if first else f'   {along}'}")
        lines += [
            f"{along} {words}{' ' * (wide - cell_len(words))} {along}{tail}"
            for words, tail in zip(box, tails, strict=True)
        ]
        edge = f"{bottom_left}{across * (wide + 2)}{bottom_right}"
        lines.append(edge if last else f"{edge}   {along}")
        if not last:
            lines.append(f"{down:^{wide + 4}}   {along}")
    return "\n".join([*lines, f"{back} {flow.back}"])

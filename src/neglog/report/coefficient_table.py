"""The tables of coefficients in text, as many columns of them as the lines hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from neglog.fitting.design.design_matrix import INTERCEPT
from neglog.translation import gettext as _

if TYPE_CHECKING:
    from neglog.fitting.results.fit import Fit

Lines = list[list[str]]

_NARROWER = ([0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4], [0, 1, 2, 4], [0, 1])
_MAX_TABLES = 4
_LONGEST, _GAP = 28, 2
_NONE = "—"


def coefficient_tables(fit: Fit) -> list[Lines]:
    """Return for each output a head and a line for each weight; nothing for a network."""
    if fit.coefficients is None:
        return []
    letter, tail = fit.coefficients.letter, (1 - fit.coefficients.level) / 2
    ends = [f"[{tail:g}", f"{1 - tail:g}]"]
    names = [_("estimate"), _("std error"), letter, f"P>|{letter}|", *ends]
    tables: dict[str, Lines] = {}
    for row in fit.coefficients.frame().iter_rows():
        output, feature, estimate, error, statistic, p, low, high = row
        line = [
            row_name(output, feature),
            figure(estimate),
            figure(error),
            _short(statistic),
            probability(p),
        ]
        table = tables.setdefault(output, [[output, *names]])
        table.append([*line, figure(low), figure(high)])
    return list(tables.values())


def row_name(output: str, feature: str) -> str:
    """Return a feature's name, or in the current language that of an intercept or a constant."""
    if output and feature != INTERCEPT:
        return feature
    if feature.startswith("threshold "):
        return _("threshold {number}").format(number=feature.split()[1])
    return _(feature)


def coefficient_blocks(fit: Fit, width: int, most: int | None = None) -> list[str]:
    """Return the tables as text.

    Args:
        fit: a fitted model.
        width: of the lines; where they are short, columns are left out.
        most: the most rows of a table, and whether many outputs come in one table; None for all.
    """
    tables = [_shortened(table, width) for table in coefficient_tables(fit)]
    if fit.coefficients is None:
        return []
    plain = all(line[2] == _NONE for table in tables for line in table[1:])
    if plain or (most is not None and len(tables) > _MAX_TABLES):
        tables = _side_by_side(tables, width)
    else:
        tables = [_fitting(table, width) for table in tables]
    blocks = ["\n".join(_cut(_ruled(table), most)) for table in tables]
    if most is not None and any(len(table) - 1 > most for table in tables):
        blocks.append(_("… all of them are in coefficients.csv, which --out writes."))
    return blocks


def _shortened(table: Lines, width: int) -> Lines:
    """Shorten names for which the lines have no room, but keep all of them distinct."""
    names, others = [line[0] for line in table], columns([line[1:] for line in table])
    longest = max(width - cells(others[0]) - _GAP, min(_LONGEST, max(width // 3, 8)))
    while len({_without_middle(name, longest) for name in names}) < len(set(names)):
        longest += 4
    return [[_without_middle(line[0], longest), *line[1:]] for line in table]


def _without_middle(name: str, longest: int) -> str:
    """Shorten a name, but not at its end, where the levels of one column differ."""
    if len(name) <= longest:
        return name
    end = longest // 2
    return f"{name[: longest - 1 - end]}…{name[-end:]}"


def _fitting(table: Lines, width: int) -> Lines:
    """Leave out columns, the intervals first, until the lines are short enough."""
    for kept in _NARROWER:
        narrow = [[line[j] for j in kept] for line in table]
        if cells(columns(narrow)[0]) <= width:
            break
    return narrow


def _side_by_side(tables: list[Lines], width: int) -> list[Lines]:
    """Return tables of the estimates alone, as many outputs in each as the lines hold."""
    found: list[Lines] = []
    for number, table in enumerate(tables):
        estimates = [table[0][0], *(line[1] for line in table[1:])]
        if number and len(table) == len(tables[0]):
            wider = [[*a, b] for a, b in zip(found[-1], estimates, strict=True)]
            if cells(columns(wider)[0]) <= width:
                found[-1] = wider
                continue
        names = [_("estimates"), *(line[0] for line in table[1:])]
        found.append([list(pair) for pair in zip(names, estimates, strict=True)])
    return found


def _ruled(table: Lines) -> list[str]:
    lines = columns(table)
    return [lines[0], "─" * max(map(cells, lines)), *lines[1:]]


def _cut(lines: list[str], most: int | None) -> list[str]:
    if most is None or len(lines) - 2 <= most:
        return lines
    return [*lines[: 2 + most], _("… and {count} more").format(count=len(lines) - 2 - most)]


def columns(rows: Lines) -> list[str]:
    """Write the first column to the left, the others to the right of their width."""
    widths = [max(cells(row[j]) for row in rows) for j in range(len(rows[0]))] if rows else []
    return [
        row[0] + " " * (widths[0] - cells(row[0]))
        + "".join(" " * (width + 2 - cells(cell)) + cell
                  for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]  # fmt: skip


def cells(text: str) -> int:
    """Return the width of a text in terminal columns."""
    return len(text) if text.isascii() else sum(1 + (east_asian_width(c) in "WF") for c in text)


def figure(value: float | None) -> str:
    """Write a number to five significant digits; a dash where there is none."""
    if value is None or math.isnan(value):
        return _NONE
    return f"{value:.5g}".replace("-", "−")


def probability(p: float | None) -> str:
    """Write a probability to three places, or its magnitude where these are zeros."""
    if p is None or math.isnan(p):
        return _NONE
    return f"{p:.3f}" if p >= 0.0005 else f"{p:.0e}".replace("-", "−") if p > 0 else "0"


def _short(value: float | None) -> str:
    return _NONE if value is None or math.isnan(value) else f"{value:.2f}".replace("-", "−")

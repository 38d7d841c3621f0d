"""Plots of explanations as SVG."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from neglog.report.document import Plot
from neglog.report.figures import BLUE, INK, ORANGE, SOFT, drawing

_COLOURS = (BLUE, ORANGE, INK, SOFT)
_STYLES = ("-", "--", "-.", ":")
_MARGIN = 0.05  # of the height, above and below
_SHAFT = 0.11  # of the width, the longest arrow


def svg(plot: Plot, name: str) -> Markup:
    """Draw a plot for a page.

    Args:
        plot: what to draw.
        name: what the references of the figure begin with, unlike those of other figures.
    """
    with drawing(name, 2.9) as (figure, made):
        axes = figure.subplots()
        for index, curve in enumerate(plot.curves):
            y = [v if math.isfinite(v) else math.nan for v in curve.y]
            style = {"color": _COLOURS[index % 4], "linestyle": _STYLES[index % 4]}
            axes.plot(curve.x, y, linewidth=1.7, label=curve.label or None, **style)
        low, high = plot.range()
        margin = _MARGIN * (high - low)
        axes.set_ylim(low - margin, high + margin)
        _marks(axes, plot)
        axes.set_xlabel(plot.x_label)
        axes.set_title(plot.title, fontsize=10.5, loc="left")
        if any(curve.label for curve in plot.curves) or any(mark.label for mark in plot.marks):
            axes.legend(fontsize=9)
    return made[0]


def _marks(axes: Any, plot: Plot) -> None:
    """Draw dots, and arrows against the gradient, the longer the steeper."""
    low, high = axes.get_xlim()
    steepest = max((abs(mark.slope) for mark in plot.marks if math.isfinite(mark.slope)), default=0)
    for mark in plot.marks:
        if not math.isfinite(mark.y):
            continue
        colour = _COLOURS[mark.curve % 4]
        axes.plot([mark.x], [mark.y], "o", color=colour, markersize=5, label=mark.label or None)
        if mark.slope and math.isfinite(mark.slope):
            length = -_SHAFT * (high - low) * mark.slope / steepest
            axes.annotate(
                "",
                (mark.x + length, mark.y),
                (mark.x, mark.y),
                arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.5},
            )

"""A forest plot of the coefficients with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neglog.report.document import number
from neglog.report.figures import BLUE, SOFT, Picture, drawing, short
from neglog.translation import gettext as _
from neglog.translation import joined

if TYPE_CHECKING:
    from neglog.fitting.results.fit import Fit
    from neglog.report.weights import Line

    Array = np.ndarray[Any, Any]

_MAX_FEATURES, _MAX_PANELS = 25, 6
_REACH = 4.0  # times the median of the intervals' outer ends: one wild interval hides no other


def forest(fit: Fit, lines: list[Line]) -> Picture | None:
    """Draw each feature's effect, the change of an output as the feature grows by its deviation.

    Args:
        fit: whose features they are.
        lines: its coefficients, output by output.
    """
    deviation = dict(zip(fit.features, fit.deviations, strict=True))
    effects: dict[str, dict[str, Array]] = {}
    for line in lines:
        if line.feature in deviation and not np.isnan(line.estimate) and deviation[line.feature]:
            ends = np.array([line.estimate, line.low, line.high]) * deviation[line.feature]
            effects.setdefault(line.output, {})[line.feature] = ends
    if not effects:
        return None
    panels = list(effects)[:_MAX_PANELS]
    size = {name: max(abs(panel[name][0]) for panel in effects.values() if name in panel)
            for name in {name for panel in effects.values() for name in panel}}  # fmt: skip
    ordered = sorted(size, key=lambda name: (-size[name], name))
    shown = ordered[:_MAX_FEATURES]
    none = np.full(3, np.nan)
    values = {name: np.array([effects[name].get(f, none) for f in shown]) for name in panels}
    change = _("change of the {name}").format(name=_(fit.fitted.target.facts.output_name))
    limit, cut = _limit(np.concatenate(list(values.values())))
    with drawing("forest", len(panels) * (0.75 + 0.235 * len(shown))) as (figure, made):
        grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True)
        grid.flat[0].set_xlim(-limit or -1.0, limit or 1.0)
        for axes, name in zip(grid.flat, panels, strict=True):
            _panel(axes, values[name], shown)
            if len(panels) > 1:
                axes.set_title(short(name), fontsize=10.5, loc="left")
        grid.flat[-1].set_xlabel(change)
    return Picture(made[0], _alt_text(effects[panels[0]], ordered), _caption(
        fit, cut, len(ordered) - len(shown), len(effects) - len(panels)
    ))  # fmt: skip


def _limit(values: Array) -> tuple[float, bool]:
    """Return the common axis limit, and whether an interval exceeds it."""
    sizes = np.abs(values[~np.isnan(values[:, 0])])
    ends, largest = np.nanmax(sizes, axis=1), float(sizes[:, 0].max())
    limit = 1.08 * min(float(ends.max()), max(largest, _REACH * float(np.median(ends))))
    return limit, bool(ends.max() > limit)


def _panel(axes: Any, values: Array, shown: list[str]) -> None:
    """Draw one output's effects."""
    place = np.arange(len(shown))
    axes.axvline(0, color=SOFT, linewidth=0.8, linestyle=":")
    axes.hlines(place, values[:, 1], values[:, 2], color=BLUE, linewidth=1.4)
    axes.plot(values[:, 0], place, color=BLUE, marker="o", markersize=5, linestyle="none")
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_yticks(place, [short(name) for name in shown])
    axes.tick_params(axis="y", length=0)


def _alt_text(effects: dict[str, Array], ordered: list[str]) -> str:
    said = [f"{name} {number(float(effects[name][0]), 3)}" for name in ordered if name in effects]
    words = _("Effects of one standard deviation, the largest first: {effects}.")
    return words.format(effects=", ".join(said[:5]))


def _caption(fit: Fit, cut: bool, features: int, outputs: int) -> str:
    words = _(
        "By how much the output changes as a feature grows by one standard deviation of its "
        "training rows, so that features in different units can be compared; the largest first."
    )
    if fit.coefficients is not None and np.isfinite(fit.coefficients.error).any():
        lines = _("Lines: {level} % intervals.").format(level=f"{100 * fit.coefficients.level:g}")
        words = joined(words, lines)
    if cut:
        words = joined(words, _("Intervals that reach the edge extend beyond it."))
    if features:
        left_out = _("{count} smaller ones are left out.").format(count=f"{features:,}")
        words = joined(words, left_out)
    if outputs:
        more = _("{count} more outputs are in the table.").format(count=f"{outputs:,}")
        words = joined(words, more)
    return words

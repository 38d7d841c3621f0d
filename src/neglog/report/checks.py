"""Diagnostic figures: calibration, errors, a quantile-quantile plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special, stats

from neglog.report.document import number
from neglog.report.figures import BAND, BLUE, SOFT, Picture, drawing, short, spread
from neglog.report.quantiles import quantile_residuals
from neglog.translation import gettext as _
from neglog.translation import joined

if TYPE_CHECKING:
    from neglog.fitting.results.fit import Fit
    from neglog.report.parts import WeightedRows

    Array = np.ndarray[Any, Any]

_BINS = 10
_MAX_POINTS, _MAX_DIGITS = 500, 1e9


def calibration(judged: WeightedRows, classes: list[Any]) -> Picture:
    """Draw the observed frequency of the label against its predicted probability."""
    given, occurred = _predicted_events(judged, classes)
    group = np.minimum((given * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(group, judged.counts, _BINS)
    filled = [int(k) for k in np.flatnonzero(counts)]
    right = 0
    with drawing("calibration", 4.2) as (figure, made):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
        for k in filled:
            inside, weight = group == k, judged.counts[group == k]
            predicted = float(np.average(given[inside], weights=weight))
            fraction = float(np.average(occurred[inside], weights=weight))
            low, high = wilson(fraction, float(counts[k]))
            right += low <= predicted <= high
            upper.plot([predicted, predicted], [low, high], color=BLUE, linewidth=1.2)
            upper.plot([predicted], [fraction], color=BLUE, marker="o", markersize=5)
        upper.set(ylabel=_("observed frequency"), xlim=(-0.02, 1.02), ylim=(-0.05, 1.05))
        drawn = lower.bar((np.arange(_BINS) + 0.5) / _BINS, counts, width=0.9 / _BINS, color=SOFT)
        lower.bar_label(drawn, labels=[_count(c) for c in counts], fontsize=8)
        lower.set(ylabel=_("rows"), xlabel=_event_label(classes))
        lower.margins(y=0.35)
        lower.locator_params(axis="y", nbins=2, integer=True)
    words = _(
        "In {right} of the {count} groups of rows, the 95 % interval of the observed "
        "frequency contains the predicted probability."
    ).format(right=right, count=len(filled))
    if len(classes) == 2:
        grouped = _(
            "The {count} {split} rows, grouped by P({label}). The points show how often the label "
            "is {label}, with 95 % Wilson intervals; they lie on the dotted line if the "
            "probabilities are correct. Below: the number of rows in each group."
        )
    else:
        grouped = _(
            "The {count} {split} rows, grouped by the probability of the predicted label. The "
            "points show how often it agrees with the truth, with 95 % Wilson intervals; they lie "
            "on the dotted line if the probabilities are correct. Below: the number of rows in "
            "each group."
        )
    caption = grouped.format(count=f"{len(given):,}", split=_(judged.name), label=classes[1])
    return Picture(made[0], words, joined(caption, words))


def _count(rows: float) -> str:
    """Write a number of rows, which weights may make small, large or broken."""
    if not rows:
        return ""
    return f"{rows:.0f}" if 0.5 <= rows < _MAX_DIGITS else f"{rows:.2g}"


def residuals(fit: Fit, judged: WeightedRows) -> list[Picture]:
    """Draw the errors against the predictions, and their quantiles against normal quantiles.

    Nothing is drawn if the cumulative distribution of the likelihood is not known.
    """
    values = quantile_residuals(fit, judged.rows)
    if values is None:
        return []
    return [_errors(fit, judged, values), _quantiles(fit, judged, values)]


def wilson(fraction: float, count: float) -> tuple[float, float]:
    """Return the 95 % interval of a proportion (E. B. Wilson, JASA 22, 1927)."""
    z = 1.96
    middle = (fraction * count + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * math.sqrt(fraction * (1 - fraction) * count + z * z / 4)
    return middle - half, middle + half


def _errors(fit: Fit, judged: WeightedRows, values: Array) -> Picture:
    predicted = np.asarray(judged.rows.predicted, dtype=np.float64)
    errors, label = values, _("quantile residual")
    in_table_units = fit.fitted.response.link == "identity"
    if in_table_units:
        errors = np.asarray(judged.rows.truth, dtype=np.float64) - predicted
        label = _("error (truth − predicted)")
    shown = spread(range(len(errors)), _MAX_POINTS)
    with drawing("errors", 3.4) as (figure, made):
        axes = figure.subplots()
        axes.axhline(0, color=SOFT, linewidth=0.8, linestyle=":")
        _points(axes, predicted[shown], errors[shown])
        output = short(_(fit.fitted.target.facts.output_name.split()[-1]))
        axes.set(xlabel=_("predicted {name}").format(name=output), ylabel=label)
    low, middle, high = (number(float(q), 3) for q in np.quantile(errors, [0.25, 0.5, 0.75]))
    words = _("Half of the values lie between {low} and {high}, around the median {middle}.")
    words = words.format(low=low, high=high, middle=middle)
    rows = _("The {count} {split} rows.")
    if len(shown) < len(errors):
        rows = _("The {count} {split} rows, of which {shown} are drawn.")
    rows = rows.format(count=f"{len(errors):,}", split=_(judged.name), shown=len(shown))
    pattern = (
        _("A good model shows no pattern around 0.")
        if in_table_units
        else _(
            "A good model shows no pattern around 0: its residuals are standard normal for every "
            "prediction."
        )
    )
    alternative = joined(_("{label} by prediction.").format(label=label), words)
    return Picture(made[0], alternative, joined(rows, pattern, words))


def _quantiles(fit: Fit, judged: WeightedRows, values: Array) -> Picture:
    ordered, count = np.sort(values), len(values)
    rank = np.arange(1, count + 1)
    normal = special.ndtri((rank - 0.5) / count)
    low, high = (special.ndtri(stats.beta.ppf(q, rank, count + 1 - rank)) for q in (0.025, 0.975))
    outside = int(((ordered < low) | (ordered > high)).sum())
    ends = min(count, _MAX_POINTS // 5)  # the tails are what one looks at
    shown = sorted({*range(ends), *range(count - ends, count),
                    *spread(range(count), _MAX_POINTS - 2 * ends)})  # fmt: skip
    with drawing("quantiles", 3.4) as (figure, made):
        axes = figure.subplots()
        axes.fill_between(normal[shown], low[shown], high[shown], color=BAND, linewidth=0)
        axes.plot(normal[[0, -1]], normal[[0, -1]], color=SOFT, linewidth=0.8, linestyle=":")
        _points(axes, normal[shown], ordered[shown])
        axes.set(xlabel=_("normal quantile"), ylabel=_("quantile residual"))
    words = _("{outside} of {count} points lie outside the band.")
    words = words.format(outside=f"{outside:,}", count=f"{count:,}")
    facts = fit.fitted.target.facts
    explained = _(
        "Φ⁻¹ of the cumulative probability of the target under the {name} distribution; on the "
        "dotted line if that distribution is correct. Band: the 95 % interval of each rank."
    )
    if facts.counts or fit.fitted.response.grouped:
        explained = _(
            "Φ⁻¹ of a random point of the cumulative probability of the target under the {name} "
            "distribution; on the dotted line if that distribution is correct. Band: the 95 % "
            "interval of each rank."
        )
    caption = joined(explained.format(name=facts.title), words)
    return Picture(
        made[0], joined(_("Quantile residuals against normal quantiles."), words), caption
    )


def _points(axes: Any, x: Array, y: Array) -> None:
    axes.plot(x, y, color=BLUE, marker="o", markersize=3.2, markeredgewidth=0, alpha=0.65,
              linestyle="none")  # fmt: skip


def _predicted_events(judged: WeightedRows, classes: list[Any]) -> tuple[Array, Array]:
    """Return the probability that each row gives to one label, and whether that came true."""
    rows = judged.rows
    assert rows.probabilities is not None
    if len(classes) == 2:
        return rows.probabilities[:, 1], np.asarray(rows.truth == classes[1], dtype=bool)
    return rows.probabilities.max(axis=1), np.asarray(rows.predicted == rows.truth, dtype=bool)


def _event_label(classes: list[Any]) -> str:
    if len(classes) == 2:
        return f"P({short(str(classes[1]))})"
    return _("probability of the predicted label")

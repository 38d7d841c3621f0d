"""The figures of a report, as SVG text to put into a page."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neglog.fitting.judge import Rows
    from neglog.fitting.result import Epoch

_INK, _SOFT, _BLUE, _ORANGE = "#1d2530", "#5b6674", "#2b5d8a", "#c4722a"
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: it can be found, and the browser has every script
    "svg.hashsalt": "neglog",
    "text.parse_math": False,  # a dollar sign in a column's name is a dollar sign
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _SOFT,
    "axes.labelcolor": _INK,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
    "legend.frameon": False,
}
_MOST_POINTS = 1000
_MOST_PANELS = 12
_BINS = 10
_LONGEST = 30


def curve(history: Sequence[Epoch], null_loss: float) -> str:
    """Draw the training and the validation loss by step."""
    stride = max(1, math.ceil(len(history) / _MOST_POINTS))
    shown = [*history[:-1:stride], *history[-1:]]
    with _figure(7.5, 3.2) as (figure, texts):
        axes = figure.subplots()
        steps = [epoch.step for epoch in shown]
        marker = "o" if len(shown) <= 40 else None
        training = [epoch.training for epoch in shown]
        validation = [math.nan if e.validation is None else e.validation for e in shown]
        axes.plot(steps, training, color=_BLUE, marker=marker, markersize=3.5, label="training")
        if not all(map(math.isnan, validation)):
            axes.plot(steps, validation, color=_ORANGE, marker=marker, markersize=3.5,
                      linestyle="--", label="validation")  # fmt: skip
        axes.axhline(null_loss, color=_SOFT, linewidth=0.8, linestyle=":", label="null loss")
        if _spans_decades([*training, *validation, null_loss]):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda loss, _: f"{loss:g}")
            axes.yaxis.set_minor_formatter("")
        axes.set(xlabel="step", ylabel="mean loss (nats)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return texts[0]


def bars(weights: np.ndarray[Any, Any], features: list[str], outputs: list[str]) -> str:
    """Draw the weights feature by feature, one panel an output."""
    count = min(len(outputs), _MOST_PANELS)
    columns = min(count, 3)
    lines = math.ceil(count / columns)
    height = 0.9 + 0.24 * len(features)
    with _figure(7.5, max(1.6, height) * lines) as (figure, texts):
        panels = figure.subplots(lines, columns, squeeze=False, sharey=True)
        names = [_short(name) for name in features]
        for k, axes in enumerate(panels.flat):
            if k >= count:
                axes.set_axis_off()
                continue
            axes.barh(range(len(names)), weights[k], color=_BLUE, height=0.65)
            axes.axvline(0, color=_INK, linewidth=0.8)
            axes.set_ylim(-0.6, len(names) - 0.4)
            axes.set_yticks(range(len(names)), names)
            axes.set_title(_short(outputs[k]), fontsize=10)
            axes.locator_params(axis="x", nbins=4)
        panels.flat[0].invert_yaxis()
        figure.supxlabel("weight, in the units of the table", fontsize=10)
    return texts[0]


def calibration(rows: Rows, classes: list[Any]) -> str:
    """Draw how often the label came true against the probability it was given."""
    given, came_true = _claims(rows, classes)
    group = np.minimum((given * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(group, minlength=_BINS)
    with _figure(6.0, 4.8) as (figure, texts):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=_SOFT, linewidth=0.8, linestyle=":")
        for k in np.flatnonzero(counts):
            claim, share = given[group == k].mean(), came_true[group == k].mean()
            low, high = _wilson(share, int(counts[k]))
            upper.plot([claim, claim], [low, high], color=_BLUE, linewidth=1)
            upper.plot([claim], [share], color=_BLUE, marker="o", markersize=5)
        upper.set(ylabel="share of rows", xlim=(-0.02, 1.02), ylim=(-0.05, 1.05))
        drawn = lower.bar((np.arange(_BINS) + 0.5) / _BINS, counts, width=0.9 / _BINS, color=_SOFT)
        lower.bar_label(drawn, labels=[str(c) if c else "" for c in counts], fontsize=8)
        lower.set(ylabel="rows", xlabel=_claim(classes))
        lower.margins(y=0.3)
        lower.locator_params(axis="y", nbins=2, integer=True)
    return texts[0]


def residuals(rows: Rows) -> str:
    """Draw the errors against the predictions."""
    predicted = np.asarray(rows.predicted, dtype=np.float64)
    errors = np.asarray(rows.truth, dtype=np.float64) - predicted
    stride = max(1, math.ceil(len(errors) / _MOST_POINTS))
    with _figure(6.5, 3.6) as (figure, texts):
        axes = figure.subplots()
        axes.axhline(0, color=_SOFT, linewidth=0.8, linestyle=":")
        axes.scatter(predicted[::stride], errors[::stride], s=12, alpha=0.6, color=_BLUE,
                     linewidths=0)  # fmt: skip
        label = "predicted" if stride == 1 else f"predicted (every {stride}th row)"
        axes.set(xlabel=label, ylabel="error (truth − predicted)")
    return texts[0]


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """Lend a figure; after the block, its SVG text is in the list."""
    texts: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(rc_context(_STYLE))
        stack.enter_context(warnings.catch_warnings())
        # The browser, which draws the text, has the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, texts
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        svg = file.getvalue()
        texts.append(svg[svg.index("<svg") :])


def _claims(rows: Rows, classes: list[Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the probability that each row gives to one label, and whether that came true."""
    assert rows.probabilities is not None
    if len(classes) == 2:
        return rows.probabilities[:, 1], np.array([label == classes[1] for label in rows.truth])
    agrees = [a == b for a, b in zip(rows.predicted, rows.truth, strict=True)]
    return rows.probabilities.max(axis=1), np.array(agrees)


def _claim(classes: list[Any]) -> str:
    if len(classes) == 2:
        return f"P({_short(str(classes[1]))})"
    return "probability of the predicted label"


def _wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of so many rows."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count)
    half *= math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return middle - half, middle + half


def _spans_decades(losses: list[float]) -> bool:
    finite = [loss for loss in losses if math.isfinite(loss)]
    return bool(finite) and min(finite) > 0 and max(finite) > 20 * min(finite)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"

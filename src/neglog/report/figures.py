"""Figures as SVG text in the colours of the page."""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from matplotlib import font_manager, rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neglog.report.document import number
from neglog.translation import gettext as _
from neglog.translation import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neglog.fitting.results.fit import Fit

INK, SOFT, BLUE, ORANGE, BAND = "#1d2530", "#5b6674", "#2b5d8a", "#c4722a", "#d9dee5"
WIDTH = 4.8
"""Inches: a phone shows three quarters of that, so that the text can be read there."""

_VARIABLES = {INK: "ink", SOFT: "soft", BLUE: "blue", ORANGE: "orange", BAND: "line"}
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: it can be found, and the browser has every script
    "svg.hashsalt": "neglog",
    "text.parse_math": False,  # a dollar sign in a column's name is a dollar sign
    "text.color": INK,
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
}
_MAX_STEPS = 1000
_WIDE = re.compile("[\u2e80-\u9fff]")
_WIDE_FONTS = ("CJK", "Hei", "Hiragino", "PingFang", "Song", "Source Han", "WenQuanYi", "YaHei")
"""Parts of the names of fonts with Chinese characters."""
_LONGEST = 24


@dataclass(frozen=True)
class Picture:
    """A figure with its text alternative and caption."""

    svg: Markup
    words: str
    caption: str


def curve(fit: Fit) -> Picture:
    """Draw the training and the validation loss by step."""
    history = fit.history
    stride = max(1, math.ceil(len(history) / _MAX_STEPS))
    shown = [*history[:-1:stride], *history[-1:]]
    with drawing("curve", 2.9) as (figure, made):
        axes = figure.subplots()
        steps = [epoch.step for epoch in shown]
        marker = "o" if len(shown) <= 40 else None
        training = [epoch.training for epoch in shown]
        validation = [math.nan if e.validation is None else e.validation for e in shown]
        axes.plot(steps, training, color=BLUE, marker=marker, markersize=3.5, label=_("training"))
        if not all(map(math.isnan, validation)):
            axes.plot(steps, validation, color=ORANGE, marker=marker, markersize=3.5,
                      linestyle="--", label=_("validation"))  # fmt: skip
        axes.axhline(fit.null_loss, color=SOFT, linewidth=0.8, linestyle=":", label=_("null loss"))
        if 0 <= fit.step < history[-1].step:
            axes.axvline(
                fit.step,
                color=SOFT,
                linewidth=0.8,
                label=_("kept: step {count}").format(count=fit.step),
            )
        scale = _scale_of(axes, [*training, *validation, fit.null_loss])
        axes.set(xlabel=_("step"), ylabel=scale)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return Picture(
        made[0], _loss_summary(fit), _("Dotted: the loss of a model that knows no feature.")
    )


def _scale_of(axes: Any, losses: list[float]) -> str:
    """Use a logarithmic axis if the losses span decades, and return its label."""
    if not _spans_decades(losses):
        return _("mean loss (nats)")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda loss, _: number(loss))
    axes.yaxis.set_minor_formatter("")
    return _("mean loss (nats, logarithmic)")


def _loss_summary(fit: Fit) -> str:
    first, last = fit.history[0], fit.history[-1]
    words = _(
        "The mean training loss goes from {first} nats at step {start} to {last} at step {end}; "
        "the null loss is {null}."
    ).format(
        first=number(first.training), start=first.step, last=number(last.training), end=last.step,
        null=number(fit.null_loss),
    )  # fmt: skip
    if fit.validation_loss is None:
        return words
    kept = _("The validation loss of the weights kept is {value}.")
    return joined(words, kept.format(value=number(fit.validation_loss)))


@contextmanager
def drawing(name: str, height: float, width: float = WIDTH) -> Iterator[tuple[Any, list[Markup]]]:
    """Provide a figure; after the block, its SVG text is in the list.

    Args:
        name: what the figure's own references begin with, unlike any other figure's of the page.
        height: in inches.
        width: the same.
    """
    made: list[Markup] = []
    with ExitStack() as stack:
        stack.enter_context(rc_context(_STYLE))
        stack.enter_context(warnings.catch_warnings())
        # The browser, which draws the text, has the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.patch.set_visible(False)
        yield figure, made
        for axes in figure.axes:
            axes.patch.set_visible(False)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        svg = file.getvalue()
        made.append(Markup(_for_pages(svg[svg.index("<svg") :], name)))  # its text is escaped
    if _WIDE.search(svg) and not has_wide_font():
        _say_that_a_font_is_missing()


def has_wide_font() -> bool:
    """Return whether a font with Chinese characters is installed."""
    installed = " ".join(font.name for font in font_manager.fontManager.ttflist)
    return any(name in installed for name in _WIDE_FONTS)


@cache
def _say_that_a_font_is_missing() -> None:
    """Warn once: the browser draws the text, with a font of its own if it has one."""
    logging.getLogger("neglog").warning(
        _(
            "this machine has no font with Chinese characters: pages show them where a font such "
            "as Noto Sans CJK is installed"
        )
    )


def short(name: str) -> str:
    """Shorten a label to fit next to a figure, on one line."""
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def spread(places: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` items, evenly spaced, with both ends."""
    stride = max(1, math.ceil(len(places) / most))
    return [*places[:-1:stride], *places[-1:]]


def _for_pages(svg: str, name: str) -> str:
    """Use the colours of the page, make references unique, and drop unused parts.

    Only tags are changed: "<" is escaped in text.
    """
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))

    def changed(tag: re.Match[str]) -> str:
        text = tag[0]
        for colour, variable in _VARIABLES.items():
            text = text.replace(colour, f"var(--{variable})")
        text = re.sub(r"(\.\d\d)\d+", r"\1", text)
        text = re.sub(
            r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text
        )
        return re.sub(r'(url\(|href=")#', rf"\1#{name}-", text)

    return re.sub(r"<[^<>]+>", changed, svg)


def _spans_decades(losses: list[float]) -> bool:
    finite = [loss for loss in losses if math.isfinite(loss)]
    return bool(finite) and min(finite) > 0 and max(finite) > 20 * min(finite)

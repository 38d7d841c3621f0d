"""The style and the fonts of the gallery's pictures."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLORS = ("#3b7dd8", "#d9822b", "#2f9e62")
GREY = "#808890"  # legible on a light and on a dark page
_CHINESE = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei")
_STYLE = {
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": GREY,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": GREY,
    "axes.titlesize": "medium",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 9.5,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.labelcolor": GREY,
    "svg.fonttype": "none",  # text stays text: it can be searched and copied
    "svg.hashsalt": "neglog",
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
}


def save(draw: Callable[[Axes], None], path: Path, language: str) -> None:
    """Draw one picture."""
    style = {**_STYLE, "font.sans-serif": fonts(language)}
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # `fonts` has said that the font is missing
        figure = Figure(figsize=(3.6, 2.7), layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(path, metadata={"Date": None})


@cache
def fonts(language: str) -> list[str]:
    """Return the fonts of a language, of which a browser takes the first that it has.

    A machine without a Chinese font says so once: it guesses the widths of texts, which a browser
    sets in a font of its own.
    """
    known = list(mpl.rcParamsDefault["font.sans-serif"])
    if language != "zh":
        return known
    if not set(_CHINESE) & set(font_manager.get_font_names()):
        print(f"no Chinese font is installed, such as {_CHINESE[0]}: labels of pictures may "
              "overlap", file=sys.stderr)  # fmt: skip
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # one line per font else
    return [*_CHINESE, *known]

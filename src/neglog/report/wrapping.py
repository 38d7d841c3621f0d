"""Lines of text that fit a terminal, in scripts without spaces too."""

from __future__ import annotations

import re

from rich.cells import cell_len

_TOKEN = re.compile(r"\s+|[（《]*(?:[^\s\u2E80-\uFFEF]+|[\u2E80-\uFFEF])[，。；：、）》？！]*")
"""A space, a word, or one Chinese character, with the signs that may not leave it."""


def wrap(text: str, width: int) -> list[str]:
    """Break a paragraph into lines of at most so many columns, where a wide character fills two.

    >>> wrap("损失就是 −ln p，单位奈特。", 12)
    ['损失就是 −ln', 'p，单位奈', '特。']
    """
    lines = [""]
    for token in _TOKEN.findall(text):
        if cell_len(lines[-1] + token.rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] = (lines[-1] + token).lstrip()
    return [line.rstrip() for line in lines]

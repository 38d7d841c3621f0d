"""Errors of the losses in ulps, compared with torch's: `make exactness` prints the table.

It writes the largest errors of each loss to `docs/exactness.md`.
"""

from __future__ import annotations

from pathlib import Path

import exactness

PAGE = Path(__file__).parents[1] / "docs" / "exactness.md"
FENCE = "```\n"


def page(text: str, table: str) -> str:
    """Return the page with the largest errors of all regimes; float16's are like bfloat16's."""
    before, _, after = text.split(FENCE)
    worst = table.split(exactness.WORST)[1].strip().splitlines(keepends=True)
    shown = "".join(line for line in worst if " float16 " not in line)
    return f"{before}{FENCE}{shown}\n{FENCE}{after}"


if __name__ == "__main__":
    found = exactness.table()
    print(found)
    PAGE.write_text(page(PAGE.read_text("utf-8"), found), "utf-8")

"""Write docs/options.md from the table of options: python docs/options.py."""

from pathlib import Path

from neglog.fitting.option_table import wording

PAGE = Path(__file__).with_suffix(".md")
START = """# Options of a fit

`neglog fit` takes these options as flags, `neglog.fit` as keywords with `_` instead of `-`. Run
`make options` after changing an option; this page, `neglog fit --help` and `help(neglog.fit)` are
generated from one table, `src/neglog/fitting/option_table/`. `neglog predict` and `neglog evaluate`
take the options of reading a table too. [fit.md](fit.md) explains how to use them.
"""


def page() -> str:
    """Return the page."""
    return f"{START}\n{wording.table()}"


if __name__ == "__main__":
    PAGE.write_text(page())

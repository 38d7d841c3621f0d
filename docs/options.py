"""Write docs/options.md from the table of options: python docs/options.py."""

import inspect
import textwrap
from pathlib import Path

from neglog.estimators import NLLClassifier, NLLRegressor
from neglog.fitting.option_table import wording
from neglog.fitting.option_table.table import TABLE

PAGE = Path(__file__).with_suffix(".md")
START = """# Options of a fit

`neglog fit` takes these options as flags, `neglog.fit` as keywords with `_` instead of `-`. Run
`make options` after changing an option; this page, `neglog fit --help` and `help(neglog.fit)` are
generated from one table, `src/neglog/fitting/option_table/`. `neglog predict` and `neglog evaluate`
take the options of reading a table too. [fit.md](fit.md) explains how to use them.

{estimators}
"""


def page() -> str:
    """Return the page."""
    found = {
        name for cls in (NLLClassifier, NLLRegressor) for name in inspect.signature(cls).parameters
    }
    names = [f"`{name}`" for name in TABLE if name in found]
    listed = f"`NLLRegressor` and `NLLClassifier` take {', '.join(names[:-1])} and {names[-1]}."
    start = START.format(estimators=textwrap.fill(listed, 99))
    return f"{start}\n{wording.table()}"


if __name__ == "__main__":
    PAGE.write_text(page())

"""``neglog evaluate``: a saved model weighed on a table whose target is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from neglog.cli import flags
from neglog.cli.speak import CONVERGED, Output, say, write_json

Flag = Annotated[bool, Parameter(negative=())]


def evaluate(
    folder: Path, table: Path, /, *, worst: flags.NotNegative = 10, json: Flag = False,
    reading: flags.Reading | None = None,
) -> int:  # fmt: skip
    """Weigh a model that `neglog fit --out` wrote on a table that has the target.

    Parameters
    ----------
    folder
        The folder of the run.
    table
        A file of a table with the columns that were fitted, and the target. Every row counts once,
        whatever the weights were in the fit.
    worst
        How many of the rows with the largest loss to print.
    json
        Print the figures as JSON, and all else to the standard error.
    """
    from neglog.fitting.results.evaluate import evaluate as weigh
    from neglog.fitting.results.to_dict import of_evaluation
    from neglog.report.console import show_evaluation

    found = weigh(folder, table, reading=flags.given(reading or flags.Reading()))
    if json:
        write_json(of_evaluation(found, worst))
    else:
        show_evaluation(found, Output(), worst)
    for note in found.notes:
        say(f"note: {note}")
    return CONVERGED

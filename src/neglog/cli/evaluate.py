"""``neglog evaluate``: evaluate a saved model on a table with known targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neglog.cli import flags
from neglog.cli.output import CONVERGED, Output, print_note, write_json
from neglog.translation import gettext as _


@flags.with_options(flags.READING, unset="as in the fit")
def evaluate(
    folder: Path, table: Path, /, *, worst: flags.NotNegative = 10, json: flags.Flag = False,
    **reading: Any,
) -> int:  # fmt: skip
    """Evaluate a model that `neglog fit --out` wrote on a table with known targets.

    Parameters
    ----------
    folder
        The folder of the run.
    table
        A table with the fitted columns and the target. All rows have the same weight, also if the
        fit had sample weights.
    worst
        The number of rows with the highest losses to print.
    json
        Print the figures as JSON, and everything else to standard error.
    """
    from neglog.fitting.results.evaluate import evaluate as evaluate_model
    from neglog.fitting.results.to_dict import of_evaluation
    from neglog.report.console import show_evaluation

    found = evaluate_model(folder, table, reading=flags.given(reading))
    for note in found.notes:
        print_note(_("note: {text}").format(text=note))
    if json:
        write_json(of_evaluation(found, worst))
    else:
        show_evaluation(found, Output(), worst)
    return CONVERGED

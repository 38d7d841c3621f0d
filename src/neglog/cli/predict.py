"""``neglog predict``: a saved model used on another table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from neglog.cli.speak import CONVERGED, say, write_json
from neglog.errors import FitError

Flag = Annotated[bool, Parameter(negative=())]


def predict(folder: Path, table: Path, /, *, out: Path | None = None, json: Flag = False) -> int:
    """Use a model that `neglog fit --out` wrote; print the predictions as CSV.

    Parameters
    ----------
    folder
        The folder of the run.
    table
        A CSV or Parquet file with the columns that were fitted. If it has the target too, each
        row's loss is given.
    out
        A file for the predictions, instead of the standard output; of Parquet if its name ends so.
    json
        Print the predictions as JSON, and all else to the standard error.
    """
    from neglog.fitting.files import write_file
    from neglog.fitting.predict import predict as use
    from neglog.fitting.save import table_bytes

    if out is not None and json:
        raise FitError("--json prints to the standard output, --out writes a file; pass one.")
    found = use(folder, table)
    if json:
        mean = {"mean_loss_nats": found.loss, "left_out": found.left_out}
        write_json({"rows": found.frame.to_dicts(), **mean})
    elif out is None:
        sys.stdout.write(found.frame.write_csv())
    else:
        kind = "parquet" if out.suffix == ".parquet" else "csv"
        write_file(table_bytes(found.frame, kind), out)
    for note in found.notes:
        say(f"note: {note}")
    if found.left_out:
        say(f"note: {found.left_out} rows with missing values are left out.")
    if found.loss is not None:
        say(f"mean loss {found.loss:.6f} nats a row.")
    return CONVERGED

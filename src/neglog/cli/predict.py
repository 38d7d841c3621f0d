"""``neglog predict``: a saved model used on another table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from neglog.cli import flags
from neglog.cli.speak import CONVERGED, say, write_json
from neglog.errors import FitError

if TYPE_CHECKING:
    from neglog.fitting.results.predict import Predictions
    from neglog.fitting.results.predict_blocks import Written

Flag = Annotated[bool, Parameter(negative=())]
Unseen = Literal["refuse", "base", "missing"]


def predict(
    folder: Path, table: Path, /, *, out: Path | None = None, json: Flag = False,
    stream: Flag = False, unseen: Unseen = "refuse", reading: flags.Reading | None = None,
) -> int:  # fmt: skip
    """Use a model that `neglog fit --out` wrote; print the predictions as CSV.

    Parameters
    ----------
    folder
        The folder of the run.
    table
        A file of a table with the columns that were fitted. If it has the target too, each row's
        loss is given.
    out
        A file for the predictions, instead of the standard output; of Parquet if its name ends so.
    json
        Print the predictions as JSON, and all else to the standard error.
    stream
        Read the table block by block, so that it may be larger than memory; the predictions are
        the same, as CSV. Without --out those before a fault of the table are printed.
    unseen
        What becomes of a label that was not there when the model was fitted: refuse the table,
        take it as the base of its column, or as missing.
    """
    if out is not None and json:
        raise FitError("--json prints to the standard output, --out writes a file; pass one.")
    from neglog.fitting.design.missing import left_out

    others = flags.given(reading or flags.Reading())
    found = (_streamed if stream else _whole)(folder, table, out, json, unseen, others)
    for note in (*found.notes, *left_out(found.left_out)):
        say(f"note: {note}")
    if found.loss is not None:
        say(f"mean loss {found.loss:.6f} nats a row.")
    return CONVERGED


def _whole(
    folder: Path, table: Path, out: Path | None, json: bool, unseen: str, reading: dict[str, Any]
) -> Predictions:
    from neglog.fitting.results.atomic_files import write_file
    from neglog.fitting.results.predict import predict as use
    from neglog.fitting.results.save import table_bytes

    found = use(folder, table, unseen=unseen, reading=reading)
    if json:
        mean = {"mean_loss_nats": found.loss, "left_out": found.left_out}
        write_json({"rows": found.frame.to_dicts(), **mean})
    elif out is None:
        sys.stdout.write(found.frame.write_csv())
    else:
        write_file(table_bytes(found.frame, "parquet" if _is_parquet(out) else "csv"), out)
    return found


def _streamed(
    folder: Path, table: Path, out: Path | None, json: bool, unseen: str, reading: dict[str, Any]
) -> Written:
    from neglog.fitting.results.predict_blocks import predicted, write_predictions
    from neglog.fitting.results.streamed_predictions import as_csv

    if json or (out is not None and _is_parquet(out)):
        raise FitError(
            "predictions that are written block by block are CSV; leave out --stream, or else "
            "--json and names for --out that end in .parquet."
        )
    if out is not None:
        return write_predictions(folder, table, out, unseen, reading)
    frames, written = predicted(folder, table, unseen, reading)
    sys.stdout.writelines(as_csv(frames))
    return written


def _is_parquet(out: Path) -> bool:
    return out.suffix == ".parquet"

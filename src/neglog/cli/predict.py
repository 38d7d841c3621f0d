"""``neglog predict``: predict with a saved model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neglog.cli import flags
from neglog.cli.output import CONVERGED, print_note, write_json
from neglog.errors.options import FitCombinationError
from neglog.translation import gettext as _

if TYPE_CHECKING:
    from neglog.fitting.results.predict import Predictions
    from neglog.fitting.results.predict_blocks import PredictionSummary

Unseen = Literal["refuse", "base", "missing"]


@flags.with_options(flags.READING, unset="as in the fit")
def predict(
    folder: Path, table: Path, /, *, out: Path | None = None, json: flags.Flag = False,
    stream: flags.Flag = False, unseen: Unseen = "refuse", **reading: Any,
) -> int:  # fmt: skip
    """Predict with a model that `neglog fit --out` wrote; print the predictions as CSV.

    Parameters
    ----------
    folder
        The folder of the run.
    table
        A table with the fitted columns. If it also holds the target, the output includes each row's
        loss.
    out
        Write the predictions to this file instead of standard output; as Parquet for .parquet.
    json
        Print the predictions as JSON, and everything else to standard error.
    stream
        Read the table block by block, for tables larger than memory; the predictions are the same,
        as CSV. Without --out, the predictions before an invalid row are printed.
    unseen
        How to treat labels that the fit did not see: refuse the table, use the reference level of
        the column, or treat them as missing.
    """
    if out is not None and json:
        raise FitCombinationError(
            "--json prints to standard output and --out writes a file; pass only one."
        )
    from neglog.fitting.design.missing import left_out

    others = flags.given(reading)
    found = (_streamed if stream else _whole)(folder, table, out, json, unseen, others)
    for note in (*found.notes, *left_out(found.left_out)):
        print_note(_("note: {text}").format(text=note))
    if found.loss is not None:
        print_note(_("mean loss {loss:.6f} nats a row.").format(loss=found.loss))
    return CONVERGED


def _whole(
    folder: Path, table: Path, out: Path | None, json: bool, unseen: str, reading: dict[str, Any]
) -> Predictions:
    from neglog.fitting.results.atomic_files import write_file
    from neglog.fitting.results.predict import predict as predict_table
    from neglog.fitting.results.save import table_bytes

    found = predict_table(folder, table, unseen=unseen, reading=reading)
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
) -> PredictionSummary:
    from neglog.fitting.results.predict_blocks import predicted, write_predictions
    from neglog.fitting.results.streamed_predictions import as_csv

    if json or (out is not None and _is_parquet(out)):
        raise FitCombinationError(
            "--stream writes CSV; leave out --stream, or --json and the ending .parquet of --out."
        )
    if out is not None:
        return write_predictions(folder, table, out, unseen, reading)
    frames, written = predicted(folder, table, unseen, reading)
    sys.stdout.writelines(as_csv(frames))
    return written


def _is_parquet(out: Path) -> bool:
    return out.suffix == ".parquet"

"""The options of a run: its target, its folder, and what the command line prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from neglog.fitting.option_table.option import (
    AT_LEAST_0,
    MODEL,
    OPTIMIZER,
    OUTPUT,
    ROWS,
    TRAINED,
    Option,
)

DEMOS = ("iris", "wine", "breast_cancer", "digits", "diabetes")


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """The target, which Python also takes as y."""

    target: Annotated[
        str | None,
        Option("The name of the target; a formula may name it instead.", ROWS),
    ] = None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of `neglog.fit` and `neglog fit` that do not change the model."""

    checkpoint: Annotated[
        str | Path | None,
        Option(
            "The file to save the state of training to; it is removed when the run is written.",
            OPTIMIZER,
            unset="a file in the folder {out}",
            models=TRAINED,
        ),
    ] = None
    resume: Annotated[
        bool,
        Option(
            "Resume training from the checkpoint, if it exists; the result is the same, bit for "
            "bit, as without the interruption.",
            OPTIMIZER,
            models=TRAINED,
            needs=("out", "checkpoint"),
        ),
    ] = False
    out: Annotated[
        str | Path | None,
        Option(
            "The folder of the run: config.toml, model.safetensors, coefficients.csv, history.csv, "
            "predictions.csv, summary.txt and report.html, all of them or none. An earlier run in "
            "it is replaced; a folder with other files is refused.",
            OUTPUT,
        ),
    ] = None
    overwrite: Annotated[
        bool,
        Option(
            "Write into a folder with other files, which are kept, and remove a checkpoint in it.",
            OUTPUT,
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class CommandOptions:
    """The options that only the command line has."""

    demo: Annotated[
        str | None,
        Option("Fit one of scikit-learn's data sets instead of a file.", ROWS, choices=DEMOS),
    ] = None
    setting: Annotated[
        Sequence[str],
        Option(
            "A constant of your own likelihood to hold fixed, such as df=4.", MODEL, repeated=True
        ),
    ] = ()
    lr: Annotated[float | None, Option("The optimizer's learning rate.", OPTIMIZER)] = None
    option: Annotated[
        Sequence[str],
        Option("An option of the optimizer, such as momentum=0.9.", OPTIMIZER, repeated=True),
    ] = ()
    schedule_option: Annotated[
        Sequence[str],
        Option("An option of the schedule, such as max_lr=0.01.", OPTIMIZER, repeated=True),
    ] = ()
    predictions: Annotated[
        str,
        Option(
            "The file format of the predictions.",
            OUTPUT,
            choices=("csv", "parquet"),
            in_memory="predictions that are written block by block are CSV",
        ),
    ] = "csv"
    worst: Annotated[
        int,
        Option("The number of rows in the table of the highest losses.", OUTPUT, within=AT_LEAST_0),
    ] = 10
    json: Annotated[
        bool, Option("Print the result as JSON, and everything else to standard error.", OUTPUT)
    ] = False
    quiet: Annotated[
        bool, Option("Print only the outcome of the fit; notes go to standard error.", OUTPUT)
    ] = False

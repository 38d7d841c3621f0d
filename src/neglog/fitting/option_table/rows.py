"""The options of rows and columns, and of reading a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from neglog.fitting.option_table.option import (
    AT_LEAST_0,
    FRACTION,
    NETWORKS,
    NEWTON,
    READING,
    ROWS,
    SEEDS,
    Option,
)

OF_TRIALS = "binomial"
"""The likelihood that requires the number of trials."""
_LEARNS = "a formula's functions learn from all rows at once"


@dataclass(frozen=True, kw_only=True)
class ColumnOptions:
    """The columns to use."""

    formula: Annotated[
        str | None,
        Option(
            'The target and the columns to use, such as "y ~ x1 + C(region) + log(x2) + x1:x3".',
            ROWS,
            unset="all columns",
            excludes={"drop": "a formula names the columns to use"},
            in_memory=_LEARNS,
        ),
    ] = None
    drop: Annotated[
        str | Sequence[str],
        Option("A column, or columns, to leave out.", ROWS, repeated=True),
    ] = ()
    levels: Annotated[
        Mapping[str, Sequence[Any]] | None,
        Option(
            "The order of the levels of categorical columns: the first level of a feature is the "
            "reference level, and the classes of an ordinal target rank in this order.",
            ROWS,
            unset="the order that a category dtype declares, otherwise alphabetical",
            python='For example ``{"size": ["small", "large"]}``.',
            command='Written as "COLUMN=first,second,third".',
            repeated=True,
        ),
    ] = None
    as_labels: Annotated[
        str | Sequence[str],
        Option(
            "A numeric column, or columns, to treat as categorical, such as years or zip codes.",
            ROWS,
            repeated=True,
        ),
    ] = ()
    dates: Annotated[
        Mapping[str, Sequence[str]] | None,
        Option(
            "The features to derive from columns of dates or times. Numeric: year, day (of the "
            "month), hour (with minutes as a fraction), days (since the first date, or the length "
            "of a duration); categorical: quarter, month, weekday. Add dmy or mdy for text such "
            "as 3/4/2021.",
            ROWS,
            python='For example ``{"when": ["year", "month", "days"]}``.',
            command='Written as "COLUMN=year,days".',
            repeated=True,
        ),
    ] = None
    missing: Annotated[
        str | None,
        Option(
            "How to treat missing values: leave out their rows (drop), or impute the mean of "
            "numeric columns, which a note lists (mean). Text is never imputed.",
            ROWS,
            unset="an error",
            choices=("drop", "mean"),
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class RowOptions:
    """The rows, their weights and offsets, and where they are held."""

    validation: Annotated[
        float | None,
        Option(
            "The fraction of rows to hold out.",
            ROWS,
            unset="0 for newton, 0.2 otherwise",
            within=FRACTION,
        ),
    ] = None
    seed: Annotated[
        int,
        Option(
            "The random seed of the held-out rows and of a network's initial weights.",
            ROWS,
            within=SEEDS,
        ),
    ] = 0
    sample_weight: Annotated[
        Any, Option("The sample weights of the rows.", ROWS, unset="1", column=True)
    ] = None
    weight_kind: Annotated[
        str,
        Option(
            "The meaning of a sample weight of 2: the row equals two rows (frequency), or its loss "
            "is multiplied by 2 and the number of rows stays the same, as R's weights (precision).",
            ROWS,
            choices=("frequency", "precision"),
            needs=("sample_weight", "trials"),
        ),
    ] = "frequency"
    trials: Annotated[
        Any,
        Option(
            "The number of trials of each row, for a target that counts successes. If the target "
            "holds proportions in [0, 1], pass the trials as {sample_weight}.",
            ROWS,
            column=True,
            likelihood=OF_TRIALS,
        ),
    ] = None
    offset: Annotated[
        Any, Option("Numbers to add to the linear predictor.", ROWS, unset="0", column=True)
    ] = None
    exposure: Annotated[
        Any,
        Option(
            "Positive numbers whose logarithm to add to the linear predictor.",
            ROWS,
            unset="1",
            column=True,
        ),
    ] = None
    stream: Annotated[
        bool,
        Option(
            "Read the file (text, Parquet or Feather) block by block in every step, for files "
            "larger than memory.",
            ROWS,
            python="`training` and `validation` of the result are then the 1000 rows with the "
            "highest losses, predictions are written in full, and the report is the summary.",
            models=NEWTON,
        ),
    ] = False
    distributed: Annotated[
        bool,
        Option(
            "Distribute the work over the processes of torchrun, or of torch.distributed's default "
            "group: the blocks of the file for a linear model, the rows of every step for a "
            "network.",
            ROWS,
            python="Every process calls `fit` and gets the same result.",
        ),
    ] = False
    shard: Annotated[
        bool,
        Option(
            "Shard a network's weights over these processes (FSDP2).",
            ROWS,
            models=NETWORKS,
            needs=("distributed",),
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How a table is read. `neglog predict` and `neglog evaluate` have these options too."""

    encoding: Annotated[
        str | None,
        Option(
            "The encoding of a text file, such as windows-1252 or gb18030.",
            READING,
            unset="detected",
        ),
    ] = None
    separator: Annotated[
        str | None,
        Option(
            "The field separator of a text file, a character or tab.", READING, unset="detected"
        ),
    ] = None
    thousands: Annotated[
        str | None, Option("The thousands separator of numbers.", READING, unset="detected")
    ] = None
    decimal: Annotated[
        str | None,
        Option("The decimal separator of numbers.", READING, unset="detected", choices=(".", ",")),
    ] = None
    na: Annotated[
        str | float | Sequence[str | float],
        Option(
            "A text or a number, or several, that mark a missing value. In files, empty fields, "
            "NA, NaN, None, null and the others that pandas knows are always missing.",
            READING,
            python='For example ``["?", -9]``.',
            command='For example --na "?" or --na=-9.',
            repeated=True,
        ),
    ] = ()
    skip_rows: Annotated[
        int | None,
        Option(
            "The number of lines, or rows of a sheet, before the line of column names.",
            READING,
            unset="detected",
            within=AT_LEAST_0,
        ),
    ] = None
    sheet: Annotated[
        str | None, Option("The sheet of an Excel file.", READING, unset="the first")
    ] = None

"""The options of `neglog fit` in groups; None means that an option was not given.

Shared options have the names of `neglog.fitting.options.fit_options.Options`. The choices are
repeated here, because the help must not import torch; tests/test_cli.py compares them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from cyclopts import Group, Parameter, validators

Demo = Literal["iris", "wine", "breast_cancer", "digits", "diabetes"]
Likelihood = Literal[
    "bernoulli", "binomial", "categorical", "ordinal", "normal", "laplace", "quantile", "huber",
    "poisson", "negative_binomial", "gamma",
]  # fmt: skip
Missing = Literal["drop", "mean"]
WeightKind = Literal["frequency", "precision"]
Covariance = Literal["fisher", "observed", "quasi", "hc0", "hc1", "cluster"]
NotNegative = Annotated[int, Parameter(validator=validators.Number(gte=0))]
Repeated = Annotated[tuple[str, ...] | None, Parameter(negative=())]


@Parameter(name="*", group=Group.create_ordered("Rows"))
@dataclass(frozen=True)
class Rows:
    """The rows and columns to read.

    Attributes:
        target: The column to predict; a formula may name it instead.
        formula: The target and the columns to use, such as "y ~ x1 + C(region) + log(x2)";
            all columns by default.
        demo: Fit one of scikit-learn's data sets instead of a file.
        drop: A column to leave out; may be repeated.
        levels: The order of the levels of a categorical column, "COLUMN=first,second,third"; may
            be repeated.
        as_labels: A numeric column to treat as categorical, such as years or zip codes; may be
            repeated.
        dates: The features to derive from a column of dates or times, "COLUMN=year,days"; may be
            repeated. Numeric: year, day, hour, days (since the first date); categorical: quarter,
            month, weekday. Add dmy or mdy for dates such as 3/4/2021.
        missing: Drop rows with missing values (drop), or impute the mean of numeric columns, which
            a note lists (mean); by default missing values are an error.
        validation: The fraction of rows to hold out; by default 0 for newton, and 0.2 otherwise.
        seed: The random seed of the held-out rows and of a network's initial weights; 0 by default.
        sample_weight: The column of sample weights.
        weight_kind: frequency (the default): a row of weight 2 equals two rows; precision: its loss
            is multiplied by 2, and the number of rows stays the same.
        trials: The column of the number of trials, for a target of successes (binomial); for
            proportions pass it as --sample-weight.
        offset: The column to add to the linear predictor.
        exposure: The column whose logarithm to add to the linear predictor.
        stream: Read the file block by block in every step, for files larger than memory.
        distributed: Distribute the rows over the processes of torchrun.
        shard: Shard a network's weights over these processes (FSDP2).
    """

    target: str | None = None
    formula: str | None = None
    demo: Demo | None = None
    drop: Repeated = None
    levels: Repeated = None
    as_labels: Repeated = None
    dates: Repeated = None
    missing: Missing | None = None
    validation: float | None = None
    seed: int | None = None
    sample_weight: str | None = None
    weight_kind: WeightKind | None = None
    trials: str | None = None
    offset: str | None = None
    exposure: str | None = None
    stream: bool | None = None
    distributed: bool | None = None
    shard: bool | None = None


@Parameter(name="*", group=Group.create_ordered("Reading the table"))
@dataclass(frozen=True)
class Reading:
    """Reading the table.

    Attributes:
        encoding: The encoding of a text file, such as windows-1252 or gb18030; detected by
            default.
        separator: The field separator of a text file, a character or tab; detected by default.
        thousands: The thousands separator of numbers; detected by default.
        decimal: The decimal separator of numbers; detected by default.
        na: An additional text or number that marks a missing value, such as --na "?" or --na=-9;
            may be repeated. In files, empty fields, NA, NaN, None, null and the like are always
            missing.
        skip_rows: The number of lines, or rows of a sheet, before the line of column names;
            detected by default.
        sheet: The sheet of an Excel file; the first by default.
    """

    encoding: str | None = None
    separator: str | None = None
    thousands: str | None = None
    decimal: Literal[".", ","] | None = None
    na: Repeated = None
    skip_rows: NotNegative | None = None
    sheet: str | None = None


@Parameter(name="*", group=Group.create_ordered("Model and loss"))
@dataclass(frozen=True)
class Model:
    """The model and its loss.

    Attributes:
        likelihood: The distribution of the target; inferred from the target by default.
        base: The reference class, whose weights are 0; by default the first of two classes, and
            the most frequent of three or more.
        quantile: The quantile of the likelihood quantile; 0.5 by default.
        delta: The error at which Huber's loss turns linear, in units of the scale; 1.345 by
            default.
        l2: The L2 penalty strength: the factor of half the squared weights of standardised columns,
            added to the mean loss.
        l1: The L1 penalty strength: the factor of the absolute weights.
        firth: Firth's correction of the first-order bias, for two classes; it gives finite weights
            for separated classes too.
        hidden: The widths of the hidden layers, such as 64,32; without it, the model is linear.
        activation: The activation of the hidden layers, any of torch.nn, such as gelu; relu by
            default.
        dropout: The dropout probability of the hidden layers.
    """

    likelihood: Likelihood | None = None
    base: str | None = None
    quantile: float | None = None
    delta: float | None = None
    l2: float | None = None
    l1: float | None = None
    firth: bool | None = None
    hidden: str | None = None
    activation: str | None = None
    dropout: float | None = None


@Parameter(name="*", group=Group.create_ordered("Optimizer"))
@dataclass(frozen=True)
class Training:
    """The optimizer.

    Attributes:
        optimizer: newton (the default for linear models, and only for them), or any class of
            torch.optim (adam, the default for networks, sgd, lbfgs, …).
        lr: The optimizer's learning rate.
        option: An option of the optimizer, such as momentum=0.9; may be repeated.
        epochs: The maximum number of passes over the rows (200 by default), or of Newton steps.
        batch_size: The number of rows per step; 256 by default.
        schedule: The learning-rate schedule, any class of torch.optim.lr_scheduler, such as
            onecyclelr.
        schedule_option: An option of the schedule, such as max_lr=0.01; may be repeated.
        patience: Stop after this number of epochs without a lower validation loss, and keep the
            weights with the lowest.
        min_delta: The minimum improvement of the validation loss, in nats.
        checkpoint: The file to save the state of training to; by default a file in the folder
            --out, which is removed at the end.
        resume: Resume training from the checkpoint, if it exists; the result is the same, bit for
            bit, as without the interruption.
    """

    optimizer: str | None = None
    lr: float | None = None
    option: Repeated = None
    epochs: int | None = None
    batch_size: int | None = None
    schedule: str | None = None
    schedule_option: Repeated = None
    patience: int | None = None
    min_delta: float | None = None
    checkpoint: Path | None = None
    resume: bool | None = None


@Parameter(name="*", group=Group.create_ordered("Standard errors and intervals"))
@dataclass(frozen=True)
class Errors:
    """Standard errors and intervals.

    Attributes:
        covariance: The covariance estimator of standard errors; fisher (the Fisher information) by
            default, and hc0 for laplace and quantile.
        cluster: The column of clusters of dependent rows.
        level: The confidence level of the intervals; 0.95 by default.
        ensemble: The number of additional networks with other initial weights, for prediction
            intervals: the columns low and high.
        bootstrap: The same, with each network trained on rows drawn with replacement.
    """

    covariance: Covariance | None = None
    cluster: str | None = None
    level: float | None = None
    ensemble: int | None = None
    bootstrap: int | None = None


@Parameter(name="*", group=Group.create_ordered("Output"))
@dataclass(frozen=True)
class Output:
    """The output.

    Attributes:
        out: The folder of the run: config.toml, model.safetensors, coefficients.csv, history.csv,
            predictions.csv, summary.txt and report.html, all of them or none. An earlier run in it
            is replaced; a folder with other files is refused.
        overwrite: Write into a folder with other files, which are kept, and remove a checkpoint in
            it.
        predictions: The file format of the predictions; csv by default.
        worst: The number of rows in the table of the highest losses; 10 by default.
        json: Print the result as JSON, and everything else to standard error.
        quiet: Print only the outcome of the fit; notes go to standard error.
    """

    out: Path | None = None
    overwrite: bool | None = None
    predictions: Literal["csv", "parquet"] | None = None
    worst: NotNegative | None = None
    json: bool | None = None
    quiet: bool | None = None


GROUPS = (Rows, Reading, Model, Training, Errors, Output)
NAMES = ("table", *(field.name.replace("_", "-") for group in GROUPS for field in fields(group)))

GroupOfFlags = TypeVar("GroupOfFlags", Rows, Reading, Model, Training, Errors, Output)


def given(group: Any) -> dict[str, Any]:
    """Return the options that were given, by name."""
    every = {field.name: getattr(group, field.name) for field in fields(group)}
    return {name: value for name, value in every.items() if value is not None}


def over(flags: GroupOfFlags, file: GroupOfFlags) -> GroupOfFlags:
    """Return the command line's options, and the file's where it has none."""
    return replace(file, **given(flags))

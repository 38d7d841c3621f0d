"""The options of `neglog fit`, by what they are about; None is an option that was not given.

The names are those of `neglog.fitting.options.fit_options.Options` where both have them. The
choices are repeated here, as the help must not wait for torch; tests/test_cli.py compares them.
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
    """Which rows and columns are read.

    Attributes:
        target: The column to predict; a formula says it too.
        formula: The target and the columns that are read, such as "y ~ x1 + C(region) + log(x2)";
            by default every column is.
        demo: One of scikit-learn's tables, instead of a file.
        drop: A column to leave out; may be repeated.
        levels: The levels of a column of labels in order, "COLUMN=first,second,third"; may be
            repeated.
        as_labels: A column whose numbers are labels, such as years or zip codes; may be repeated.
        dates: The features that a column of dates or times becomes, "COLUMN=year,days"; may be
            repeated. Numbers: year, day, hour, days (since the first date); labels: quarter, month,
            weekday. Add dmy or mdy for dates such as 3/4/2021.
        missing: Leave out rows with missing values (drop), or fill in the mean of columns of
            numbers, which a note lists; by default they are refused.
        validation: The part of the rows that is held out; by default none where newton solves the
            model, and 0.2 otherwise.
        seed: Which rows are held out, and a network's first weights; by default 0.
        sample_weight: The column that says how much each row counts.
        weight_kind: Frequency (the default): a row of weight 2 is the same as two rows; precision:
            its loss counts twice, and the rows stay as many.
        trials: The column of the numbers of trials that the target's successes are of (binomial);
            proportions have theirs as --sample-weight.
        offset: The column that is added to the linear predictor.
        exposure: The column whose logarithm is added.
        stream: Read the file block by block in every step, so that it may be larger than memory.
        distributed: Share the rows among the processes that torchrun has started.
        shard: Let each of these processes hold only a part of a network's weights (FSDP2).
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


@Parameter(name="*", group=Group.create_ordered("How the table is read"))
@dataclass(frozen=True)
class Reading:
    """How the table is read.

    Attributes:
        encoding: Of a text file, such as windows-1252 or gb18030; by default it is detected.
        separator: The character between the fields of a text file, or tab; by default it is
            detected.
        thousands: The mark between the thousands of numbers; by default it is detected.
        decimal: The decimal mark of numbers; by default it is detected.
        na: A text or a number that stands for a missing value, such as --na "?" or --na=-9; may be
            repeated. In files an empty field, NA, NaN, None, null and the like are missing anyway.
        skip_rows: How many lines, or rows of a sheet, to skip before the line of column names; by
            default it is detected.
        sheet: The sheet of an Excel file; by default the first.
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
    """What is fitted.

    Attributes:
        likelihood: How the target is distributed; by default what it looks like.
        base: The class whose weights are 0; by default the first of two, and the commonest of
            three or more.
        quantile: Which one, for that likelihood; by default 0.5.
        delta: Where Huber's loss turns linear, in units of the errors' scale; by default 1.345.
        l2: How much of half the squared weights, of columns in standard units, is added to the
            mean loss.
        l1: How much of their absolute values is added.
        firth: Take off the first order of the weights' bias, which also makes them finite where the
            classes are separated (Firth's correction, two classes).
        hidden: The widths of hidden layers, such as 64,32; without, the model is linear.
        activation: Of the hidden layers, any of torch.nn's, such as gelu; by default relu.
        dropout: The part of each hidden layer's numbers that is set to 0 in training.
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
    """How the loss is minimised.

    Attributes:
        optimizer: newton (linear models, the default for them), or any class of torch.optim (adam,
            sgd, lbfgs, …; adam is the default for networks).
        lr: The optimizer's learning rate.
        option: Another option of the optimizer, such as momentum=0.9; may be repeated.
        epochs: The most passes over the rows (by default 200), or steps of Newton's.
        batch_size: The rows of one step; by default 256.
        schedule: How the learning rate changes, any class of torch.optim.lr_scheduler, such as
            onecyclelr.
        schedule_option: An option of the schedule, such as max_lr=0.01; may be repeated.
        patience: Stop after so many epochs without a lower validation loss, and keep the weights
            of the least one.
        min_delta: By how much, in nats, that loss must fall to count as lower.
        checkpoint: A file that the training is written to while it runs; by default one in the
            folder --out, which is removed at the end.
        resume: Go on from the checkpoint, if there is one; the result is the same, bit for bit, as
            without the interruption.
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


@Parameter(name="*", group=Group.create_ordered("Errors and intervals"))
@dataclass(frozen=True)
class Errors:
    """How sure the fit is.

    Attributes:
        covariance: How standard errors are found; by default from the Fisher information, and hc0
            for laplace and quantile.
        cluster: The column of the groups of rows that depend on each other.
        level: Of the intervals; by default 0.95.
        ensemble: Train so many more networks of other first weights, for intervals of the
            predictions: the columns low and high.
        bootstrap: The same, each network on rows drawn with replacement.
    """

    covariance: Covariance | None = None
    cluster: str | None = None
    level: float | None = None
    ensemble: int | None = None
    bootstrap: int | None = None


@Parameter(name="*", group=Group.create_ordered("Output"))
@dataclass(frozen=True)
class Output:
    """What comes of it.

    Attributes:
        out: A folder for the run: config.toml, model.safetensors, coefficients.csv, history.csv,
            predictions.csv, summary.txt and report.html, all of them or none. An earlier run there
            is replaced; a folder that holds something else is refused.
        overwrite: Write into a folder that holds something else, which is kept; and begin anew
            where a checkpoint was left.
        predictions: What the predictions are written as; by default csv.
        worst: How many rows of the information-loss table to print; by default 10.
        json: Print the result as JSON, and all else to the standard error.
        quiet: Print only how the fit ended; notes go to the standard error.
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
    """Return the options of the command line, and the file's where it does not say them."""
    return replace(file, **given(flags))

"""`neglog.fit`: the four steps from a table to its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neglog.errors import FitError
from neglog.fitting.design import formula as formulas
from neglog.fitting.options.fit_options import Options
from neglog.fitting.options.option_types import path, plain
from neglog.fitting.result import FitResult
from neglog.fitting.run_folder import RunFolder
from neglog.fitting.running.progress import Listener
from neglog.fitting.solvers.solve import fit_file
from neglog.fitting.tables import in_memory
from neglog.fitting.tables.read_file import read_file
from neglog.fitting.tables.table import Table
from neglog.report.progress_bar import Bar


def fit(
    X: Any,
    y: Any = None,
    *,
    target: str | None = None,
    formula: str | None = None,
    likelihood: str | None = None,
    hidden: Sequence[int] = (),
    activation: str = "relu",
    dropout: float = 0.0,
    optimizer: str | None = None,
    optimizer_options: Mapping[str, Any] | None = None,
    schedule: str | None = None,
    schedule_options: Mapping[str, Any] | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    validation: float | None = None,
    seed: int = 0,
    missing: str | None = None,
    drop: str | Sequence[str] = (),
    levels: Mapping[str, Sequence[Any]] | None = None,
    as_labels: str | Sequence[str] = (),
    dates: Mapping[str, Sequence[str]] | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    thousands: str | None = None,
    decimal: str | None = None,
    na: Any = (),
    skip_rows: int | None = None,
    sheet: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    sample_weight: Any = None,
    weight_kind: str = "frequency",
    trials: Any = None,
    offset: Any = None,
    exposure: Any = None,
    base: Any = None,
    quantile: float = 0.5,
    delta: float = 1.345,
    l2: float = 0.0,
    l1: float = 0.0,
    firth: bool = False,
    covariance: str | None = None,
    cluster: Any = None,
    level: float = 0.95,
    ensemble: int | None = None,
    bootstrap: int | None = None,
    stream: bool = False,
    distributed: bool = False,
    shard: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool | Listener | None = None,
) -> FitResult:
    """Fit a linear model, or a small network, by maximum likelihood.

    Args:
        X: the path of a file (CSV or other text, Parquet, Feather, Excel, Stata or JSON), (N, P)
            numbers, or any data frame.
        y: (N,) the target, or the name of the column that holds it.
        target: the name of the target.
        formula: the target and the columns that are read, such as
            ``"y ~ x1 + C(region) + log(x2) + x1:x3"``; by default every column is. It is evaluated
            by formulaic, with columns, arithmetic and a list of functions for names.
        likelihood: ``"bernoulli"``, ``"binomial"``, ``"categorical"``, ``"ordinal"``, ``"normal"``,
            ``"laplace"``, ``"quantile"``, ``"huber"``, ``"poisson"``, ``"negative_binomial"`` or
            ``"gamma"``; by default what the target looks like: one of two classes, one of more, or
            a normal number.
        hidden: the widths of hidden layers; none is a linear model.
        activation: of the hidden layers, one of torch.nn's, such as ``"gelu"``.
        dropout: the part of each hidden layer's numbers that is set to 0 in training, in [0, 1).
        optimizer: ``"newton"`` (linear models) or any class of `torch.optim`.
        optimizer_options: its options, such as ``{"lr": 0.1}``.
        schedule: of the learning rate, a class of `torch.optim.lr_scheduler`, such as
            ``"onecyclelr"``.
        schedule_options: its options, such as ``{"max_lr": 0.01}``.
        patience: after how many epochs without a lower validation loss a training stops; the
            weights of the least one are kept.
        min_delta: by how much, in nats, that loss must fall to count as lower.
        validation: the part of the rows that is held out; by default none of a linear model's, and
            a fifth of a network's.
        seed: decides which rows are held out, and a network's first weights.
        missing: ``"drop"`` rows with missing values, or fill numbers with the column's ``"mean"``,
            which a note lists; missing text is never filled. Without either they are refused.
        drop: a column, or columns, to leave out.
        levels: the levels of columns of labels in order, such as
            ``{"size": ["small", "large"]}``: of a feature the first is the base, of a target the
            classes rank so. By default the order that a category dtype declares, else the
            alphabet's.
        as_labels: a column, or columns, whose numbers are labels, such as years or zip codes.
        dates: the features that columns of dates or times become, such as
            ``{"when": ["year", "month", "days"]}``: numbers ``"year"``, ``"day"`` (of the month),
            ``"hour"`` (with minutes as a fraction) and ``"days"`` (since the first date, or the
            length of a duration), and labels ``"quarter"``, ``"month"`` and ``"weekday"``. Text
            such as 3/4/2021 needs ``"dmy"`` or ``"mdy"`` too.
        encoding: of a text file, such as ``"windows-1252"``; by default it is detected.
        separator: the character between the fields of a text file, such as ``";"``, or
            ``"tab"``; by default it is detected.
        thousands: the mark between the thousands of numbers, such as ``","``; by default it is
            detected.
        decimal: the decimal mark of numbers, ``"."`` or ``","``; by default it is detected.
        na: a text or a number, or several, that stand for a missing value, such as
            ``["?", -9]``. In files the usual ones need not be listed: an empty field, ``NA``,
            ``NaN``, ``None``, ``null`` and the others that pandas knows.
        skip_rows: how many lines, or rows of a sheet, to skip before the line of column names; by
            default it is detected.
        sheet: the sheet of an Excel file; by default the first.
        epochs: the most passes over the rows, or steps of Newton's.
        batch_size: the rows of one step of an optimizer.
        sample_weight: (N,) how much each row counts, or the name of a column.
        weight_kind: ``"frequency"``: a row of weight 2 is the same as two rows; ``"precision"``:
            its loss is multiplied by 2, and the rows stay as many, as R's weights.
        trials: (N,) the number of trials that the target's successes are of, or the name of a
            column, for the binomial likelihood. Proportions in [0, 1] have theirs as
            ``sample_weight``.
        offset: (N,) what is added to the linear predictor, or the name of a column.
        exposure: (N,) positive numbers whose logarithm is added, or the name of a column.
        base: the class whose weights are 0; by default the first of two, and the commonest of
            three or more.
        quantile: which one, for that likelihood.
        delta: where Huber's loss turns linear, in units of the errors' scale.
        l2: how much of half the squared weights, of columns in units of their standard deviation,
            is added to the mean loss; 0 is no penalty.
        l1: how much of their absolute values.
        firth: whether to take off the first order of the weights' bias (Firth's correction, two
            classes), which keeps them finite where the classes can be separated.
        covariance: how standard errors are found: ``"fisher"``, ``"observed"``, ``"quasi"``,
            ``"hc0"``, ``"hc1"`` or ``"cluster"``; by default Fisher's information, and of the
            losses with kinks, laplace and quantile, ``"hc0"``, which does not rest on their
            density.
        cluster: (N,) the groups of rows that depend on each other, or the name of a column.
        level: of the confidence intervals, and of the predictions' intervals.
        ensemble: how many more networks of other first weights are trained, for intervals of the
            predictions: the columns low and high.
        bootstrap: the same, each network on rows drawn with replacement.
        stream: whether to read the file (text, Parquet or Feather) block by block in every step, so
            that memory does not grow with its rows; for linear models. `training` and
            `validation` of the result are then the worst 1000 rows; predictions are written in
            full, and the report is the summary.
        distributed: whether to share the work among the processes of torchrun, or of
            torch.distributed's default group: of a linear model the file's blocks, of a network
            the rows of every step. All of them call `fit`, and have the same result.
        shard: whether each of these processes holds only a part of the network's weights (FSDP2).
        out: a folder for the run: its model, tables, report and choices. An earlier run there is
            replaced.
        overwrite: whether the folder may hold something else than a run, which is kept; and a
            checkpoint there is not gone on with, but removed.
        checkpoint: a file that the training is written to while it runs; by default one in
            ``out``, which is removed when the run is written.
        resume: whether to go on from the checkpoint, if there is one.
        progress: whether to show a bar; by default where there is a terminal.

    Raises:
        FitError: what was passed cannot be fitted; the message says why, and the remedy.

    Example:
        >>> import numpy as np
        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> found = fit(x, [1, 0, 3, 4], likelihood="poisson")
        >>> found.converged, found.coefficients.error.shape
        (True, (2,))
    """
    given = {
        "sample_weight": sample_weight,
        "trials": trials,
        "offset": offset,
        "exposure": exposure,
        "cluster": cluster,
    }
    options = Options(
        likelihood=likelihood,
        hidden=hidden,
        optimizer=optimizer,
        activation=activation,
        dropout=dropout,
        optimizer_options={} if optimizer_options is None else optimizer_options,
        schedule=schedule,
        schedule_options={} if schedule_options is None else schedule_options,
        patience=patience,
        min_delta=min_delta,
        validation=validation,
        seed=seed,
        missing=missing,
        drop=drop,
        levels={} if levels is None else levels,
        as_labels=as_labels,
        dates={} if dates is None else dates,
        encoding=encoding,
        separator=separator,
        thousands=thousands,
        decimal=decimal,
        na=na,
        skip_rows=skip_rows,
        sheet=sheet,
        formula=formula,
        epochs=epochs,
        batch_size=batch_size,
        weight_kind=weight_kind,
        base=base,
        quantile=quantile,
        delta=delta,
        l2=l2,
        l1=l1,
        firth=firth,
        covariance=covariance or (None if cluster is None else "cluster"),
        level=level,
        ensemble=ensemble,
        bootstrap=bootstrap,
        stream=stream,
        distributed=distributed,
        shard=shard,
        **{role: _name(role, value) for role, value in given.items()},
    )
    target = _column(target)
    if formula is not None:
        target = formulas.target(formula, y if isinstance(y, str) else target)
    run = RunFolder(path("out", out), path("checkpoint", checkpoint), resume, overwrite)
    run.check(options)
    listener = _listener(progress)
    of_files = {"table": str(X)} if isinstance(X, (str, Path)) else {}
    if options.in_blocks:
        rows, name = _file(X, y, target, given)
        found = fit_file(rows, name, options, listener)
        run.write(found, {**of_files, "target": name})
        return FitResult.of(found)
    source, name = _table(X, y, target, options)
    for role, value in given.items():
        if value is not None and not isinstance(value, str):
            in_memory.check_index(X, value, role)
            source = in_memory.with_column(
                source, _name(role, value) or "", value, role, options.reading
            )
    found = run.fit(source, name, options, listener)
    run.write(found, {**of_files, "target": name})
    return FitResult.of(found)


def _listener(progress: Any) -> Listener:
    if isinstance(progress, Listener):
        return progress
    shown = plain("progress", "bool | None", progress)
    return Listener() if shown is False else Bar()


def _table(data: Any, y: Any, target: str | None, options: Options) -> tuple[Table, str]:
    """Return the rows and the target's name."""
    if not isinstance(data, (str, Path)):
        return in_memory.from_memory(data, y, target, options.reading)
    name = _named(y, target)
    return read_file(data, options.reading), name


def _file(
    data: Any, y: Any, target: str | None, given: Mapping[str, Any]
) -> tuple[str | Path, str]:
    """Return the path and the target's name of rows that are not to be in memory as a whole."""
    if not isinstance(data, (str, Path)):
        raise FitError(
            "stream and distributed require the path of a text, Parquet or Feather file."
        )
    for role, value in given.items():
        if not (value is None or isinstance(value, str)):
            raise FitError(f"with stream or distributed, {role} must be the name of a column.")
    return data, _named(y, target)


def _named(y: Any, target: str | None) -> str:
    name = target or (y if isinstance(y, str) else None)
    if name is None:
        raise FitError("no target given; pass target= with a column's name.")
    return name


def _column(target: Any) -> str | None:
    """Return a column's name as text: pandas' may be numbers, or tuples of several levels.

    Raises:
        FitError: it is no name but values.
    """
    if isinstance(target, (int, tuple)):
        return str(target)
    if target is None or isinstance(target, str):
        return target
    raise FitError(
        f"target must be the name of a column, but got {type(target).__name__}; pass values as y."
    )


def _name(role: str, value: Any) -> str | None:
    """Return the name of a column that has a role, or will have it."""
    return value if value is None or isinstance(value, str) else f"({role.replace('_', ' ')})"

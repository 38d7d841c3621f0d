"""``neglog fit``: from a table to weights."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cyclopts import App, CycloptsError
from rich.console import Console

from neglog.cli import flags
from neglog.cli.output import CONVERGED, FELL_SHORT, INTERRUPTED, Output, say, write_json
from neglog.errors import FitError

if TYPE_CHECKING:
    from neglog.fitting.options.fit_options import Options
    from neglog.fitting.results.fit import Fit
    from neglog.fitting.run_folder import RunFolder
    from neglog.fitting.running.progress import Listener
    from neglog.fitting.tables.table import Table


_WORST = 10


class _Asked(NamedTuple):
    """The options from the command line and a file."""

    table: Path | None
    rows: flags.Rows
    reading: flags.Reading
    model: flags.Model
    training: flags.Training
    errors: flags.Errors
    output: flags.Output


def fit(
    table: Path | None = None,
    /,
    *,
    config: Path | None = None,
    rows: flags.Rows | None = None,
    reading: flags.Reading | None = None,
    model: flags.Model | None = None,
    training: flags.Training | None = None,
    errors: flags.Errors | None = None,
    output: flags.Output | None = None,
) -> int:
    """Fit a linear model, or a small network, to a table by maximum likelihood.

    Exit status: 0 for success; 1 if the likelihood has no maximum or it was not reached (all
    results are still printed and written); 2 if nothing could be fitted; 130 after Ctrl-C.

    Parameters
    ----------
    table
        The table: CSV or other text, Parquet, Feather, Excel, Stata or JSON.
    config
        A TOML file with any of these options by name, such as the config.toml of an earlier run;
        options on the command line override it.
    """
    asked = _asked(
        table, rows=rows, reading=reading, model=model, training=training, errors=errors,
        output=output,
    )  # fmt: skip
    return _run(asked if config is None else _over(asked, _of_file(config)))


def _asked(
    table: Path | None = None,
    /,
    *,
    rows: flags.Rows | None = None,
    reading: flags.Reading | None = None,
    model: flags.Model | None = None,
    training: flags.Training | None = None,
    errors: flags.Errors | None = None,
    output: flags.Output | None = None,
) -> _Asked:
    return _Asked(
        table,
        rows or flags.Rows(),
        reading or flags.Reading(),
        model or flags.Model(),
        training or flags.Training(),
        errors or flags.Errors(),
        output or flags.Output(),
    )


def _of_file(path: Path) -> _Asked:
    """Parse a file's options like a command line."""
    from neglog.fitting.options import config_file as config

    words = config.arguments(config.read(path, flags.NAMES))
    app = App(default_command=_asked)
    try:
        found = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise FitError(f"{path} cannot be used: {' '.join(str(error).split())}") from None
    assert isinstance(found, _Asked)
    return found


def _over(asked: _Asked, file: _Asked) -> _Asked:
    """Return the command line's options, and the file's where the command line has none."""
    table = None if asked.rows.demo else asked.table or file.table
    rows = flags.over(asked.rows, file.rows)
    if asked.table is not None:
        rows = replace(rows, demo=None)
    return _Asked(
        table,
        rows,
        flags.over(asked.reading, file.reading),
        flags.over(asked.model, file.model),
        flags.over(asked.training, file.training),
        flags.over(asked.errors, file.errors),
        flags.over(asked.output, file.output),
    )


def _run(asked: _Asked) -> int:
    options, run = _options(asked), _place(asked)
    run.check(options)
    output, console = asked.output, Output()
    result, name = _fitted(asked, options, run, _listener(output, console))
    if not result.data.first:
        return _code(result)
    try:
        written = run.write(result, _inputs(asked, name))
    finally:  # if writing or printing fails, do the other
        if not output.json:
            _show(result, output, console)
    if output.json:
        from neglog.fitting.results.to_dict import of_fit

        write_json(of_fit(result) | {"files": written})
    else:
        for path in written:
            console.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)
    if output.json or output.quiet:
        for note in result.notes:
            say(f"note: {note}")
    if _code(result) != CONVERGED:  # the reason, for users without standard output
        say(f"neglog: {result.outcome}")
    return _code(result)


def _fitted(asked: _Asked, options: Options, run: RunFolder, listener: Listener) -> tuple[Fit, str]:
    """Return the fit and the name of its target."""
    if options.in_blocks:
        from neglog.fitting.solvers.solve import fit_file

        target = _target(asked)
        if asked.table is None or asked.rows.demo or target is None:
            raise FitError(
                "--stream and --distributed require a file and --target, without --demo."
            )
        return fit_file(asked.table, target, options, listener), target
    source, name = _source(asked, options)
    return run.fit(source, name, options, listener), name


def _options(asked: _Asked) -> Options:
    from neglog.fitting.network.optimizers import parse
    from neglog.fitting.options.fit_options import Options
    from neglog.fitting.tables.date_parts import parse as parse_dates
    from neglog.fitting.tables.factor_levels import parse as parse_levels

    known = {field.name for field in fields(Options)}
    every = {name: value for group in asked[1:] for name, value in flags.given(group).items()}
    chosen = {name: value for name, value in every.items() if name in known}
    if "hidden" in chosen:
        chosen["hidden"] = _widths(chosen["hidden"])
    if "dates" in chosen:
        chosen["dates"] = parse_dates(chosen["dates"])
    if "levels" in chosen:
        chosen["levels"] = parse_levels(chosen["levels"])
    if "cluster" in chosen:
        chosen.setdefault("covariance", "cluster")
    lr = {"lr": every["lr"]} if "lr" in every else {}
    return Options(
        **chosen,
        optimizer_options=parse(every.get("option", ())) | lr,
        schedule_options=parse(
            every.get("schedule_option", ()), "--schedule-option", "max_lr=0.01"
        ),
    )


def _widths(hidden: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in hidden.split(",") if width.strip())
    except ValueError:
        raise FitError(f"--hidden must be widths such as 64,32, but it is {hidden!r}.") from None


def _place(asked: _Asked) -> RunFolder:
    from neglog.fitting.run_folder import RunFolder

    output, training = asked.output, asked.training
    return RunFolder(
        out=output.out,
        checkpoint=training.checkpoint,
        resume=bool(training.resume),
        overwrite=bool(output.overwrite),
        predicted=output.predictions or "csv",
    )


def _source(asked: _Asked, options: Options) -> tuple[Table, str]:
    """Return the rows and the name of the target."""
    from neglog.fitting.tables.read_file import read_file
    from neglog.fitting.tables.table import read_demo

    demo, target = asked.rows.demo, _target(asked)
    if (asked.table is None) == (demo is None):
        raise FitError("fit requires either a table or --demo.")
    if demo is not None:
        source, name = read_demo(demo)
        return source, target or name
    if target is None:
        raise FitError("fit requires --target, the name of the column to predict.")
    assert asked.table is not None
    return read_file(asked.table, options.reading), target


def _target(asked: _Asked) -> str | None:
    """Return the target of the option or the formula."""
    if asked.rows.formula is None:
        return asked.rows.target
    from neglog.fitting.design.formula import target

    return target(asked.rows.formula, asked.rows.target)


def _inputs(asked: _Asked, name: str) -> dict[str, Any]:
    """Return what a config.toml needs besides the options and the folder."""
    table = None if asked.table is None else str(asked.table)
    return {"table": table, "demo": asked.rows.demo, "target": name}


def _listener(output: flags.Output, console: Console) -> Listener:
    from neglog.fitting.running.progress import Listener
    from neglog.report.console import Narrator
    from neglog.report.progress_bar import Bar

    if output.quiet:
        return Listener()
    return Bar() if output.json else Narrator(console)


def _show(result: Fit, output: flags.Output, console: Console) -> None:
    from neglog.report.console import show

    if output.quiet:
        console.print(result.outcome, markup=False, highlight=False, soft_wrap=True)
    else:
        show(result, console, _WORST if output.worst is None else output.worst)


def _code(result: Fit) -> int:
    if result.interrupted:
        return INTERRUPTED
    return FELL_SHORT if result.fell_short else CONVERGED

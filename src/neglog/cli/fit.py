"""``neglog fit``: from a table to weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cyclopts import App, CycloptsError
from rich.console import Console

from neglog.cli import flags
from neglog.cli.output import CONVERGED, INTERRUPTED, NOT_CONVERGED, Output, print_note, write_json
from neglog.errors.options import ConfigFileError, FitCombinationError, FitOptionError
from neglog.errors.tables import TargetNameError
from neglog.fitting.option_table.run import CommandOptions, RunOptions
from neglog.fitting.option_table.table import FitOptions, entries
from neglog.translation import gettext as _

if TYPE_CHECKING:
    from neglog.fitting.options.fit_options import Options
    from neglog.fitting.results.fit import Fit
    from neglog.fitting.run_folder import RunFolder
    from neglog.fitting.running.progress import Listener
    from neglog.fitting.tables.table import Table


class _Asked(NamedTuple):
    """The table, and the options that the command line or a file gives."""

    table: Path | None
    given: dict[str, Any]


@flags.with_options(flags.FIT)
def fit(table: Path | None = None, /, *, config: Path | None = None, **chosen: Any) -> int:
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
    asked = _asked(table, **chosen)
    return _run(asked if config is None else _over(asked, _of_file(config)))


@flags.with_options(flags.FIT)
def _asked(table: Path | None = None, /, **chosen: Any) -> _Asked:
    return _Asked(table, flags.given(chosen))


def _of_file(path: Path) -> _Asked:
    """Parse a file's options like a command line."""
    from neglog.fitting.options import config_file as config

    words = config.arguments(config.read(path, flags.NAMES))
    app = App(default_command=_asked)
    try:
        found = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        raise ConfigFileError(f"{path} cannot be used: {' '.join(str(error).split())}") from None
    assert isinstance(found, _Asked)
    return found


def _over(asked: _Asked, file: _Asked) -> _Asked:
    """Return the command line's options, and the file's where the command line has none."""
    given = {**file.given, **asked.given}
    if asked.table is not None:
        given.pop("demo", None)
    return _Asked(None if "demo" in asked.given else asked.table or file.table, given)


def _run(asked: _Asked) -> int:
    from neglog.fitting.options.option_checks import check_values

    options = _options(asked)
    command = CommandOptions(**_of(CommandOptions, asked))
    check_values(CommandOptions, command)
    place = RunOptions(**_of(RunOptions, asked))
    run = _folder(place, command)
    run.check(options)
    console = Output()
    result, name = _fitted(asked.table, command.demo, asked.given.get("target"), options, run,
                           _listener(command, console))  # fmt: skip
    if not result.data.first:
        return _code(result)
    inputs = {"table": asked.table and str(asked.table), "demo": command.demo, "target": name}
    try:
        written = run.write(result, inputs)
    finally:  # if writing or printing fails, do the other
        if not command.json:
            _show(result, command, console)
    _report(result, written, command, console)
    return _code(result)


def _report(result: Fit, written: list[Path], command: CommandOptions, console: Console) -> None:
    """Print the result as JSON, or name the files; notes go to standard error."""
    if command.json:
        from neglog.fitting.results.to_dict import of_fit

        write_json(of_fit(result) | {"files": written})
    else:
        for path in written:
            text = _("wrote {path}").format(path=path)
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    if command.json or command.quiet:
        for note in result.notes:
            print_note(_("note: {text}").format(text=note))
    if _code(result) != CONVERGED:  # the reason, for users without standard output
        print_note(f"neglog: {result.outcome}")


def _of(group: type, asked: _Asked) -> dict[str, Any]:
    """Return the given options of a group."""
    return {name: asked.given[name] for name in entries(group) if name in asked.given}


def _fitted(
    table: Path | None,
    demo: str | None,
    target: str | None,
    options: Options,
    run: RunFolder,
    listener: Listener,
) -> tuple[Fit, str]:
    """Return the fit and the name of its target."""
    if options.formula is not None:
        from neglog.fitting.design.formula import target as of_formula

        target = of_formula(options.formula, target)
    if options.in_blocks:
        from neglog.fitting.solvers.solve import fit_file

        if table is None or demo or target is None:
            raise FitCombinationError(
                "--stream and --distributed require a file and --target, without --demo."
            )
        return fit_file(table, target, options, listener), target
    source, name = _source(table, demo, target, options)
    return run.fit(source, name, options, listener), name


def _options(asked: _Asked) -> Options:
    from neglog.fitting.network.optimizers import parse
    from neglog.fitting.options.fit_options import Options
    from neglog.fitting.tables.date_parts import parse as parse_dates
    from neglog.fitting.tables.factor_levels import parse as parse_levels

    chosen = _of(FitOptions, asked)
    for name, read in (("hidden", _widths), ("dates", parse_dates), ("levels", parse_levels)):
        if name in chosen:
            chosen[name] = read(chosen[name])
    command = CommandOptions(**_of(CommandOptions, asked))
    return Options(
        **chosen,
        optimizer_options=parse(command.option)
        | ({} if command.lr is None else {"lr": command.lr}),
        settings=parse(command.setting, "--setting", "df=4"),
        schedule_options=parse(command.schedule_option, "--schedule-option", "max_lr=0.01"),
    )


def _widths(hidden: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in hidden.split(",") if width.strip())
    except ValueError:
        raise FitOptionError(
            f"--hidden must be widths such as 64,32, but it is {hidden!r}."
        ) from None


def _folder(place: RunOptions, command: CommandOptions) -> RunFolder:
    from neglog.fitting.options.option_types import path
    from neglog.fitting.run_folder import RunFolder

    return RunFolder(
        out=path("out", place.out),
        checkpoint=path("checkpoint", place.checkpoint),
        resume=place.resume,
        overwrite=place.overwrite,
        predictions=command.predictions,
    )


def _source(
    table: Path | None, demo: str | None, target: str | None, options: Options
) -> tuple[Table, str]:
    """Return the rows and the name of the target."""
    from neglog.fitting.tables.read_file import read_file
    from neglog.fitting.tables.table import read_demo

    if demo is not None and table is None:
        source, name = read_demo(demo)
        return source, target or name
    if table is None or demo is not None:
        raise FitCombinationError("fit requires either a table or --demo.")
    if target is None:
        raise TargetNameError("fit requires --target, the name of the column to predict.")
    return read_file(table, options.reading), target


def _listener(command: CommandOptions, console: Console) -> Listener:
    from neglog.fitting.running.progress import Listener
    from neglog.report.console import ConsoleListener
    from neglog.report.progress_bar import ProgressBar

    if command.quiet:
        return Listener()
    return ProgressBar() if command.json else ConsoleListener(console)


def _show(result: Fit, command: CommandOptions, console: Console) -> None:
    from neglog.report.console import show

    if command.quiet:
        console.print(result.outcome, markup=False, highlight=False, soft_wrap=True)
    else:
        show(result, console, command.worst)


def _code(result: Fit) -> int:
    if result.interrupted:
        return INTERRUPTED
    return NOT_CONVERGED if result.not_converged else CONVERGED

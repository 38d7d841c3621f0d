"""The command line: ``neglog fit``, ``predict``, ``explain`` and ``bench``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from neglog import __version__
from neglog.errors import BenchError, FitError, NeglogError

app = App(
    name="neglog",
    help="A loss is the negative logarithm of a likelihood: fit one, use it, explain it.",
    version=__version__,
    suppress_keyboard_interrupt=False,
)

_INTERRUPTED = 130


@app.command
def fit(
    table: Path | None = None,
    /,
    *,
    target: str | None = None,
    demo: Literal["iris", "wine", "breast_cancer", "digits", "diabetes"] | None = None,
    likelihood: str | None = None,
    hidden: str | None = None,
    optimizer: str | None = None,
    lr: float | None = None,
    option: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    epochs: int | None = None,
    batch_size: int | None = None,
    validation: float | None = None,
    seed: int = 0,
    missing: Literal["drop", "mean"] | None = None,
    drop: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    worst: int = 10,
    out: Path | None = None,
    quiet: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Fit a linear model, or a small network, to a table by maximum likelihood.

    Parameters
    ----------
    table
        A CSV or Parquet file.
    target
        The column to predict.
    demo
        One of scikit-learn's tables, instead of a file.
    likelihood
        How the target is distributed; by default what it looks like.
    hidden
        The widths of hidden layers, such as 64,32; without, the model is linear.
    optimizer
        newton (linear models, the default for them), or any class of torch.optim (adam, sgd,
        lbfgs, …).
    lr
        The optimizer's learning rate.
    option
        Another option of the optimizer, such as momentum=0.9; may be repeated.
    epochs
        The most passes over the rows, or steps of Newton's.
    batch_size
        The rows of one step.
    validation
        The part of the rows that is held out.
    seed
        Which rows are held out, and a network's first weights.
    missing
        Leave out rows with missing values, or fill in the column's mean; by default they are
        refused.
    drop
        A column to leave out; may be repeated.
    worst
        How many rows of the information-loss table to print.
    out
        A folder for model.safetensors, predictions.csv and report.html.
    quiet
        Print only how the fit ended; notes go to the standard error.
    """
    from neglog.fitting import save
    from neglog.fitting import table as tables
    from neglog.fitting.listener import Listener
    from neglog.fitting.optimizers import parse
    from neglog.fitting.options import Options
    from neglog.fitting.show import Narrator, show
    from neglog.fitting.solve import fit_table

    options = Options(
        likelihood=likelihood,
        hidden=_widths(hidden),
        optimizer=optimizer,
        optimizer_options=parse(option) | ({} if lr is None else {"lr": lr}),
        validation=validation,
        seed=seed,
        missing=missing,
        drop=drop,
        epochs=epochs,
        batch_size=batch_size,
    )
    if out is not None:
        save.check(out)
    source, name = _source(table, demo, target, tables)
    console = Console()
    listener = Listener() if quiet else Narrator(console)
    result = fit_table(source, name, options, listener)
    if quiet:
        console.print(result.outcome, markup=False)
        for note in result.notes:
            _say(f"note: {note}")
    else:
        show(result, console, worst)
    if out is not None:
        for path in save.write(result, out):
            console.print(f"wrote {path}", markup=False, highlight=False)
    return _INTERRUPTED if result.interrupted else 0


def _source(table: Path | None, demo: str | None, target: str | None, tables: Any) -> Any:
    if (table is None) == (demo is None):
        raise FitError("fit wants a table or a --demo, one of the two.")
    if demo is not None:
        source, name = tables.read_demo(demo)
        return source, target or name
    if target is None:
        raise FitError("fit wants --target, the name of the column to predict.")
    return tables.read_file(table), target


def _widths(hidden: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in (hidden or "").split(",") if width)
    except ValueError:
        raise FitError(f"--hidden wants widths such as 64,32, but got {hidden!r}.") from None


@app.command
def predict(folder: Path, table: Path, /, *, out: Path | None = None) -> int:
    """Use a model that `neglog fit --out` wrote; print the predictions as CSV.

    Parameters
    ----------
    folder
        The folder with model.safetensors.
    table
        A CSV or Parquet file with the columns that were fitted. If it has the target too, each
        row's loss is given.
    out
        A file for the predictions, instead of the standard output.
    """
    from neglog.fitting.predict import predict as use
    from neglog.fitting.save import write_file

    found = use(folder, table)
    content = found.frame.write_csv()
    if out is None:
        sys.stdout.write(content)
    else:
        write_file(content.encode(), out)
    if found.left_out:
        _say(f"{found.left_out} rows with missing values are left out.")
    if found.loss is not None:
        _say(f"mean loss {found.loss:.6f} nats a row.")
    return 0


@app.command
def explain(
    name: str,
    /,
    *,
    z: str | None = None,
    y: str | None = None,
    html: Path | None = None,
) -> int:
    """Derive a likelihood's loss step by step, with its tables.

    Parameters
    ----------
    name
        The likelihood, such as bernoulli, categorical or normal.
    z
        What the network emits, such as 2.0 or, for several rows, 2.0,-1.5; rows of logits are set
        apart by semicolons. Write --z=-1 for a leading minus.
    y
        As many targets.
    html
        A file for the derivation as a page.
    """
    from neglog.explain import run

    run(name, z, y, html, Console())
    return 0


@app.command
def bench(
    *,
    only: str = "",
    seconds: float = 4.0,
    compile: bool = True,
    dtype: Literal["float32", "float64", "bfloat16"] | None = None,
    memory: Annotated[bool, Parameter(negative=())] = False,
    start: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    json: Path | None = None,
) -> int:
    """Time the losses beside torch's, and beside torch's compiled, on this machine.

    Every line first checks that neglog and torch agree. Ctrl-C ends the run with what was measured
    so far. The whole table takes some ten minutes and four gigabytes of memory.

    Parameters
    ----------
    only
        Measure the lines that contain this, such as cross_entropy or no_grad.
    seconds
        How long to measure each line, checks and compilation aside.
    compile
        Measure torch.compile too; it takes some seconds for each line.
    dtype
        Measure every line in this dtype, instead of its own.
    memory
        Measure the peak memory of every large line too, each in processes of its own.
    start
        Measure what the import and the first call cost too.
    out
        A file for what is printed.
    json
        A file for every figure as JSON.
    """
    from neglog.bench.api import Options, run
    from neglog.bench.cases import CASES
    from neglog.bench.files import Paper, check, write_json

    if seconds <= 0:
        raise BenchError(f"--seconds wants more than 0, but got {seconds:g}.")
    for path in filter(None, (out, json)):
        check(path)
    paper = Paper()
    report = run(Options(only, seconds, compile, dtype, memory, start), CASES, paper.write)
    if out is not None:
        paper.save(out)
    if json is not None:
        write_json(report.as_data(), json)
    if report.interrupted:
        return _INTERRUPTED
    return 1 if report.failed else 0


def _say(text: str) -> None:
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave with its exit code; this is the one place that catches errors."""
    try:
        code = app(arguments, exit_on_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError:
        code = 2
    except NeglogError as error:
        _say(f"neglog: {error}")
        code = 2
    except OSError as error:
        # What is still to be written cannot be, so Python must not try it again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            _say(f"neglog: the output cannot be written ({error.strerror}).")
        code = 2
    except KeyboardInterrupt:
        _say("neglog: stopped by Ctrl-C; nothing was written.")
        code = _INTERRUPTED
    raise SystemExit(code or 0)

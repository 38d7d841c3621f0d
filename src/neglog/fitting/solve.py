"""The four steps by name: model, loss, optimizer, minimise."""

from __future__ import annotations

from pathlib import Path

from neglog.fitting import linear_model, network_model
from neglog.fitting.data import Prepared, prepare
from neglog.fitting.listener import Listener, Muted
from neglog.fitting.options import Options
from neglog.fitting.parallel import joined
from neglog.fitting.result import FitResult
from neglog.fitting.table import Table


def fit_table(table: Table, name: str, options: Options, listener: Listener) -> FitResult:
    """Fit a table that has been read; `neglog.fit` says what the options mean.

    Raises:
        FitError: the table cannot be fitted.
    """
    data = prepare(table, name, options)
    _announce(table.source, data, len(data.index) - len(data.validation), listener)
    solve = linear_model.solve if options.newton else network_model.solve
    return solve(table.source, data, options, listener)


def fit_file(path: str | Path, name: str, options: Options, listener: Listener) -> FitResult:
    """Fit a file whose rows are streamed, or shared with other processes, or both.

    Every process calls this with the same arguments, and has the same result; the listener of the
    first one hears of it.

    Raises:
        FitError: the file cannot be fitted.
    """
    from neglog.fitting.scale.prepare import prepare as prepare_file

    with joined(options.distributed) as group:
        if group.size > 1:
            hears = group.gather(listener.hears)[0]
            listener = Muted(hears) if group.rank else listener
        data = prepare_file(path, name, options, group)
        source = Path(path).name
        _announce(source, data, data.rows().rows, listener)
        result = linear_model.solve(source, data, options, listener)
        if group.size > 1:
            _settle(result)
        return result


def _announce(source: str, data: Prepared, training: int, listener: Listener) -> None:
    held = f"{training} rows for training, {data.held} for validation"
    listener.say("data", f"{source}: {held if data.held else f'{training} rows'}")
    listener.say("target", f"{data.target.name} is {data.target.kind}: {data.target.reason}")


def _settle(result: FitResult) -> None:
    """Compute what asks all processes, while all of them are here."""
    for name in ("history", "loss", "validation_loss", "null_loss", "statistics", "training",
                 "validation"):  # fmt: skip
        getattr(result, name)

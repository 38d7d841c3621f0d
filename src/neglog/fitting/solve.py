"""The four steps by name: model, loss, optimizer, minimise."""

from __future__ import annotations

from neglog.errors import FitError
from neglog.fitting import linear_model, network_model
from neglog.fitting.data import prepare
from neglog.fitting.listener import Listener
from neglog.fitting.network.checkpoint import Checkpoint
from neglog.fitting.options import Options
from neglog.fitting.result import FitResult
from neglog.fitting.table import Table


def fit_table(
    table: Table,
    name: str,
    options: Options,
    listener: Listener,
    checkpoint: Checkpoint | None = None,
) -> FitResult:
    """Fit a table that has been read; `neglog.fit` says what the options mean.

    Args:
        table: the rows.
        name: the target's column.
        options: the choices.
        listener: hears the four steps, and the losses.
        checkpoint: where a training is written while it runs.

    Raises:
        FitError: the table cannot be fitted.
    """
    if checkpoint is not None and options.newton:
        raise FitError("newton takes a few steps and has no checkpoint; choose sgd or adam.")
    data = prepare(table, name, options)
    training = len(data.index) - len(data.validation)
    held = f"{training} rows for training, {len(data.validation)} for validation"
    listener.say("data", f"{table.source}: {held if len(data.validation) else f'{training} rows'}")
    listener.say("target", f"{name} is {data.target.kind}: {data.target.reason}")
    if options.newton:
        return linear_model.solve(table.source, data, options, listener)
    return network_model.solve(table.source, data, options, listener, checkpoint)

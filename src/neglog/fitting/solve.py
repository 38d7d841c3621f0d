"""The four steps by name: model, loss, optimizer, minimise."""

from __future__ import annotations

from neglog.fitting import linear_model, network_model
from neglog.fitting.data import prepare
from neglog.fitting.listener import Listener
from neglog.fitting.options import Options
from neglog.fitting.result import FitResult
from neglog.fitting.table import Table


def fit_table(table: Table, name: str, options: Options, listener: Listener) -> FitResult:
    """Fit a table that has been read; `neglog.fit` says what the options mean.

    Raises:
        FitError: the table cannot be fitted.
    """
    data = prepare(table, name, options)
    training = len(data.index) - len(data.validation)
    held = f"{training} rows for training, {len(data.validation)} for validation"
    listener.say("data", f"{table.source}: {held if len(data.validation) else f'{training} rows'}")
    listener.say("target", f"{name} is {data.target.kind}: {data.target.reason}")
    solve = linear_model.solve if options.newton else network_model.solve
    return solve(table.source, data, options, listener)

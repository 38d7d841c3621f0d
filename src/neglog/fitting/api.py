"""`neglog.fit`: the four steps from a table to its weights."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from neglog.errors.tables import StreamError, TargetNameError
from neglog.fitting.design import formula as formulas
from neglog.fitting.likelihoods.own import reference
from neglog.fitting.option_table.signature import takes
from neglog.fitting.option_table.table import CallOptions, FitOptions, entries
from neglog.fitting.options.fit_options import Options
from neglog.fitting.options.option_fields import ROLES
from neglog.fitting.options.option_types import path, plain
from neglog.fitting.result import FitResult
from neglog.fitting.run_folder import RunFolder
from neglog.fitting.running.progress import Listener
from neglog.fitting.solvers.solve import fit_file
from neglog.fitting.tables import in_memory
from neglog.fitting.tables.read_file import read_file
from neglog.fitting.tables.table import Table
from neglog.report.progress_bar import ProgressBar


@dataclass(frozen=True)
class FitCall(CallOptions):
    """The arguments of `neglog.fit`: the table, the target and every option."""

    X: Any
    y: Any = None
    _: KW_ONLY
    progress: bool | Listener | None = None


@takes(FitCall)
def fit(call: FitCall) -> FitResult:
    """Fit a linear model, or a small network, by maximum likelihood.

    Args:
        X: the path of a file (CSV or other text, Parquet, Feather, Excel, Stata or JSON), (N, P)
            numbers, or any data frame.
        y: (N,) the target, or the name of the column that holds it.
        progress: whether to show a progress bar. By default: if there is a terminal.

    Raises:
        FitError: the table or an option cannot be used; the message names the reason and the
            remedy.

    Example:
        >>> import numpy as np
        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> found = fit(x, [1, 0, 3, 4], likelihood="poisson")
        >>> found.converged, found.coefficients.error.shape
        (True, (2,))
    """
    options = _options(call)
    target = _target(call)
    run = RunFolder(
        path("out", call.out), path("checkpoint", call.checkpoint), call.resume, call.overwrite
    )
    run.check(options)
    listener = _listener(call.progress)
    if options.in_blocks:
        rows, name = _file(call, target)
        found = fit_file(rows, name, options, listener)
    else:
        source, name = _table(call, target, options)
        found = run.fit(source, name, options, listener)
    read = {"table": str(call.X)} if isinstance(call.X, (str, Path)) else {}
    run.write(found, {**read, "target": name})
    return FitResult.of(found)


def _options(call: FitCall) -> Options:
    chosen = {name: getattr(call, name) for name in entries(FitOptions)}
    named = {role: _name(role, chosen[role]) for role in ROLES}
    return Options(**{**chosen, **named, "likelihood": reference(call.likelihood)})


def _target(call: FitCall) -> str | None:
    """Return the name of the target, if it is given."""
    target = _column(call.target)
    if call.formula is None:
        return target
    return formulas.target(call.formula, call.y if isinstance(call.y, str) else target)


def _listener(progress: Any) -> Listener:
    if isinstance(progress, Listener):
        return progress
    shown = plain("progress", bool, progress, optional=True)
    return Listener() if shown is False else ProgressBar()


def _table(call: FitCall, target: str | None, options: Options) -> tuple[Table, str]:
    """Return the rows, with the values that were passed for roles, and the target's name."""
    if isinstance(call.X, (str, Path)):
        name = _named(call.y, target)
        source = read_file(call.X, options.reading)
    else:
        source, name = in_memory.from_memory(call.X, call.y, target, options.reading)
    for role in ROLES:
        value = getattr(call, role)
        if value is not None and not isinstance(value, str):
            in_memory.check_index(call.X, value, role)
            source = in_memory.with_column(
                source, _name(role, value) or "", value, role, options.reading
            )
    return source, name


def _file(call: FitCall, target: str | None) -> tuple[str | Path, str]:
    """Return the path and the target's name of rows that are read block by block."""
    if not isinstance(call.X, (str, Path)):
        raise StreamError(
            "stream and distributed require the path of a text, Parquet or Feather file."
        )
    for role in ROLES:
        value = getattr(call, role)
        if not (value is None or isinstance(value, str)):
            raise StreamError(f"with stream or distributed, {role} must be the name of a column.")
    return call.X, _named(call.y, target)


def _named(y: Any, target: str | None) -> str:
    name = target or (y if isinstance(y, str) else None)
    if name is None:
        raise TargetNameError("no target given; pass target= with a column's name.")
    return name


def _column(target: Any) -> str | None:
    """Return a column's name as text: pandas' may be numbers, or tuples of several levels.

    Raises:
        FitError: it holds values, not a name.
    """
    if isinstance(target, (int, tuple)):
        return str(target)
    if target is None or isinstance(target, str):
        return target
    raise TargetNameError(
        f"target must be the name of a column, but got {type(target).__name__}; pass values as y."
    )


def _name(role: str, value: Any) -> str | None:
    """Return the name of a column that has a role, or will have it."""
    return value if value is None or isinstance(value, str) else f"({role.replace('_', ' ')})"

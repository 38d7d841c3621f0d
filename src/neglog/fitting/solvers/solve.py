"""Fit a table or a file with the suitable solver."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from neglog.errors.options import FitCombinationError
from neglog.fitting.design import count_detection, grouped, leakage
from neglog.fitting.design.preparation import prepare
from neglog.fitting.design.prepared import InMemoryData, Prepared
from neglog.fitting.likelihoods import total_probability
from neglog.fitting.network.checkpoint import Checkpoint
from neglog.fitting.options.fit_options import Options
from neglog.fitting.results.fit import Fit
from neglog.fitting.running.processes import Group, join
from neglog.fitting.running.progress import Listener, SilentListener
from neglog.fitting.solvers import linear_solver, network_solver
from neglog.fitting.solvers.facts import LinearFacts
from neglog.fitting.solvers.fit_warnings import misfit_warnings, target_leak_warnings
from neglog.fitting.solvers.linear_setup import MAX_WEIGHTS, count_weights
from neglog.fitting.streaming.streamed import prepare as prepare_file
from neglog.fitting.tables.table import Table
from neglog.translation import gettext as _

_SAMPLE_ROWS = 100_000  # the maximum number of rows that are used


def fit_table(
    table: Table,
    name: str,
    options: Options,
    listener: Listener,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Fit an in-memory table; see `neglog.fit` for the options.

    Args:
        table: the rows.
        name: the target's column.
        options: the choices.
        listener: is notified of the steps and losses.
        checkpoint: the checkpoint of a training.

    Raises:
        FitError: the table cannot be fitted.
    """
    if checkpoint is not None and options.newton:
        raise FitCombinationError(
            "newton takes a few steps and has no checkpoint; choose sgd or adam."
        )
    group = join(options.distributed)
    listener = _listener_of_process(group, listener)
    data = prepare(table, name, options)
    data = replace(data, first=group.rank == 0, notes=_data_notes(data, options))
    if options.newton and options.optimizer is None:
        data, options = _newton_or_lbfgs(data, options)
    _announce(table.source, data, listener)
    if options.newton:
        result = linear_solver.solve(table.source, data, options, listener)
    else:
        result = network_solver.solve(table.source, data, options, listener, checkpoint)
    result.notes += target_leak_warnings(result) + misfit_warnings(result)
    return result


def _newton_or_lbfgs(data: InMemoryData, options: Options) -> tuple[InMemoryData, Options]:
    """Return the options, with L-BFGS if Newton's method has too many weights."""
    count = count_weights(data, options)
    if count <= MAX_WEIGHTS:
        return data, options
    note = _(
        "newton would need the second derivatives of {count} weights, more than {limit}; "
        "lbfgs is used instead, which gives no standard errors."
    ).format(count=count, limit=MAX_WEIGHTS)
    chosen = replace(options, optimizer="lbfgs", validation=options.held_out)
    return replace(data, notes=[*data.notes, note]), chosen


def fit_file(path: str | Path, name: str, options: Options, listener: Listener) -> Fit:
    """Fit a streamed file, or a file shared by processes, or both.

    Every process calls this with the same arguments and gets the same result; only the listener of
    the first one is notified.

    Raises:
        FitError: the file cannot be fitted.
    """
    group = join(options.distributed)
    listener = _listener_of_process(group, listener)
    data = prepare_file(path, name, options, group)
    data = replace(data, notes=_data_notes(data, options))
    source = Path(path).name
    _announce(source, data, listener)
    result = linear_solver.solve(source, data, options, listener)
    result.notes += target_leak_warnings(result) + misfit_warnings(result)
    if group.size > 1:  # while all processes are here
        assert isinstance(result.facts, LinearFacts)
        result.facts.compute()
    return result


def _data_notes(data: Prepared, options: Options) -> list[str]:
    """Return the notes on the data."""
    y = data.rows().target_sample()[0]
    notes = data.target.data_warnings(y)
    kind = data.target.facts
    if kind.make is None:
        notes += total_probability.checked(kind, options.settings or {})
    if options.settings:
        values = ", ".join(f"{name} = {value}" for name, value in options.settings.items())
        notes.append(_("fixed, not estimated: {values}.").format(values=values))
    guessed = options.likelihood is None and data.target.facts.counts
    if options.grouped:
        sample = data.rows().sample(_SAMPLE_ROWS)
        assert sample.weight is not None
        notes += grouped.data_warnings(sample.y.double().numpy(), sample.weight.double().numpy())
    if guessed and options.exposure is None:
        notes.append(count_detection.exposure_warning(data.target.name, data.design.names))
    return [*data.notes, *notes, *leakage.leakage_warnings(data, options)]


def _listener_of_process(group: Group, listener: Listener) -> Listener:
    """Return the listener of this process; only the first process reports messages."""
    if group.size == 1:
        return listener
    needs_losses = group.gather(listener.needs_losses)[0]
    return SilentListener(needs_losses) if group.rank else listener


def _announce(source: str, data: Prepared, listener: Listener) -> None:
    rows = _("{source}: {rows} rows")
    if data.validation_rows:
        rows = _("{source}: {rows} rows for training, {held_out} for validation")
    counts = {"rows": data.training_rows, "held_out": data.validation_rows}
    listener.message("data", rows.format(source=source, **counts))
    text = _("{name} is {likelihood}: {reason}")
    target = data.target
    listener.message(
        "target", text.format(name=target.name, likelihood=target.facts.name, reason=target.reason)
    )
    for note in data.notes:
        listener.message("note", note)

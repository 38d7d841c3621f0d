"""`neglog.fit`: the four steps from a table to its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neglog.errors import FitError
from neglog.fitting import save, table
from neglog.fitting.listener import Bar, Listener
from neglog.fitting.options import Options
from neglog.fitting.result import FitResult
from neglog.fitting.solve import fit_table


def fit(
    X: Any,
    y: Any = None,
    *,
    target: str | None = None,
    likelihood: str | None = None,
    hidden: Sequence[int] = (),
    optimizer: str | None = None,
    optimizer_options: Mapping[str, Any] | None = None,
    validation: float = 0.2,
    seed: int = 0,
    missing: str | None = None,
    drop: str | Sequence[str] = (),
    epochs: int | None = None,
    batch_size: int | None = None,
    out: str | Path | None = None,
    progress: bool | Listener | None = None,
) -> FitResult:
    """Fit a linear model, or a small network, by maximum likelihood.

    Args:
        X: the path of a CSV or Parquet file, (N, P) numbers, or any data frame.
        y: (N,) the target, or the name of the column that holds it.
        target: the name of the target.
        likelihood: ``"bernoulli"``, ``"categorical"`` or ``"normal"``; by default what the
            target looks like.
        hidden: the widths of hidden layers; none is a linear model.
        optimizer: ``"newton"`` (linear models) or any class of `torch.optim`.
        optimizer_options: its options, such as ``{"lr": 0.1}``.
        validation: the part of the rows that is held out.
        seed: decides which rows are held out, and a network's first weights.
        missing: ``"drop"`` rows with missing values or fill them with the ``"mean"``; without
            either they are refused.
        drop: a column, or columns, to leave out.
        epochs: the most passes over the rows, or steps of Newton's.
        batch_size: the rows of one step of an optimizer.
        out: a folder for the model, the predictions and the report.
        progress: whether to show a bar; by default where there is a terminal.

    Raises:
        FitError: what was passed cannot be fitted; the message says why, and the remedy.
    """
    options = Options(
        likelihood=likelihood,
        hidden=tuple(hidden),
        optimizer=optimizer,
        optimizer_options=dict(optimizer_options or {}),
        validation=validation,
        seed=seed,
        missing=missing,
        drop=(drop,) if isinstance(drop, str) else tuple(drop),
        epochs=epochs,
        batch_size=batch_size,
    )
    if out is not None:
        save.check(Path(out))
    if isinstance(X, (str, Path)):
        source = table.read_file(X)
        name = target or (y if isinstance(y, str) else None)
        if name is None:
            raise FitError("the target is not said; pass target= with a column's name.")
    else:
        source, name = table.from_memory(X, y, target)
    listener = progress if isinstance(progress, Listener) else Listener()
    if progress is None or progress is True:
        listener = Bar()
    result = fit_table(source, name, options, listener)
    if out is not None:
        save.write(result, Path(out))
    return result

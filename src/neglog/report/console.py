"""Console output of a fit: its steps, weights and losses."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neglog.fitting.prediction.row_predictions import RowPredictions
from neglog.fitting.results.evaluate import Evaluation
from neglog.fitting.results.fit import Fit
from neglog.report.document import number
from neglog.report.fit_summary import Summary
from neglog.report.progress_bar import ProgressBar
from neglog.report.wrapping import wrap
from neglog.translation import gettext as _

_WIDEST, _NAMES = 100, 11
_MAX_ROWS = 40  # of a table of coefficients; a screen or two


class ConsoleListener(ProgressBar):
    """Prints each step by name, with a progress bar on standard error."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.words = console

    def message(self, step: str, text: str) -> None:
        """Print a step."""
        _row(self.words, _step_name(step), text)


def _step_name(step: str) -> str:
    """Return the name of a step, with its number."""
    names = {
        "data": _("data"),
        "target": _("target"),
        "model": _("1 model"),
        "loss": _("2 loss"),
        "optimizer": _("3 optimizer"),
        "minimise": _("4 minimise"),
        "note": _("note"),
        "ensemble": _("ensemble"),
    }
    return names.get(step, step)


def show(result: Fit, console: Console, worst: int) -> None:
    """Print a result: the notes on the fit, the summary, and the rows of highest loss.

    The notes on the data were printed before the fit.

    Args:
        result: what was fitted.
        console: where to.
        worst: the number of rows in the table of highest losses.
    """
    summary = Summary(result)
    console.print(f"\n{summary.title}", style="bold", markup=False, highlight=False)
    notes = [note for note in result.notes if note not in result.data.notes]
    if notes:
        console.print()
    for note in notes:
        _row(console, _("note"), note)
    for block in summary.blocks(min(console.width, _WIDEST), _MAX_ROWS):
        console.print(f"\n{block}", markup=False, highlight=False, soft_wrap=True)
    if result.coefficients is None:
        count = sum(parameter.numel() for parameter in result.model.parameters())
        console.print(
            "\n"
            + _("The model has {count} weights; --out writes them to a file.").format(count=count)
        )
    rows = result.validation if result.data.validation_rows else result.training
    title = (
        _("Per-row loss of the validation rows, highest first (information loss)")
        if result.data.validation_rows
        else _("Per-row loss of the training rows, highest first (information loss)")
    )
    if worst:
        _worst(console, title, rows, result.classes, worst)


def _worst(
    console: Console, title: str, rows: RowPredictions, classes: list[Any] | None, worst: int
) -> None:
    from neglog.report.information import information_table  # sympy

    console.print(f"\n{title}", style="bold")
    console.print(information_table(rows, classes, worst, console.width))


def _row(console: Console, name: str, text: str) -> None:
    """Print a name and a text with a hanging indent."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=_NAMES, style="bold")
    grid.add_column()
    lines = wrap(text, max(console.width - _NAMES - 4, _NAMES))
    grid.add_row(name, escape("\n".join(lines)))
    console.print(grid)


def show_evaluation(found: Evaluation, console: Console, worst: int) -> None:
    """Print the evaluation of a saved model on a table.

    Args:
        found: the figures.
        console: where to.
        worst: the number of rows in the table of highest losses.
    """
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column()
    of_target = _("{value} of {target}").format(value="{value}", target=found.target)
    figures = {
        _("rows"): f"{found.rows:,}",
        _("mean loss"): _("{nats} nats = {bits} bits").format(
            nats=number(found.loss_nats, 6), bits=number(found.loss_bits, 6)
        ),
        _("null model"): _figure(
            found.null_nats, _("{value} nats, without features, for this table")
        ),
        _("loss / null"): _percent(
            found.share_of_null, _("{value} %; 0 % is a perfect prediction")
        ),
        _("accuracy"): _percent(found.accuracy, _("{value} % of the predicted classes are true")),
        "R²": _figure(found.r2, "{value}"),
        "RMSE": _figure(found.rmse, of_target),
        "MAE": _figure(found.mae, of_target),
    }
    for name, words in figures.items():
        if words:
            grid.add_row(name, escape(words))
    console.print(f"{found.target}: {found.likelihood}", style="bold", markup=False)
    console.print(grid)
    if worst:
        _worst(
            console,
            _("Per-row loss, highest first (information loss)"),
            found.predicted_rows,
            found.classes,
            worst,
        )


def _figure(value: float | None, text: str) -> str:
    return "" if value is None else text.format(value=number(value, 6))


def _percent(value: float | None, text: str) -> str:
    return "" if value is None else text.format(value=f"{100 * value:.1f}")

"""A fit on the console: the four steps as they happen, then the weights and the losses."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neglog.families import Bernoulli, Normal
from neglog.fitting.listener import Bar
from neglog.fitting.result import FitResult

_NUMBERED = {"model": "1 ", "loss": "2 ", "optimizer": "3 ", "minimise": "4 "}
_WIDTH_OF_A_NUMBER = 14


class Narrator(Bar):
    """Prints each step by name when it is taken, with a live bar on a terminal."""

    def say(self, step: str, text: str) -> None:
        """Print a step."""
        name = f"{_NUMBERED.get(step, '')}{step}"
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=11, style="bold")
        grid.add_column()
        grid.add_row(name, escape(text))
        self.console.print(grid)


def show(result: FitResult, console: Console, worst: int) -> None:
    """Print a result: the weights, the gradient, the losses, and the worst rows.

    Args:
        result: what was fitted.
        console: where to.
        worst: how many rows of the information-loss table.
    """
    from neglog.report.information import information_table

    _weights(result, console)
    console.print(_losses(result))
    for note in result.notes:
        console.print(f"note: {note}", markup=False, style="yellow")
    rows = result.validation if len(result.validation.index) else result.training
    which = "validation" if rows is result.validation else "training"
    console.print(f"\nInformation loss of the {which} rows, the worst first", style="bold")
    console.print(information_table(rows, result.classes, worst))


def _losses(result: FitResult) -> Table:
    norm = "norm of the gradient at the solution"
    if not result.converged:
        norm = "norm of the gradient where it stopped"
    grid = Table.grid(padding=(0, 2))
    grid.add_row(norm, f"{result.gradient_norm:.3g}")
    grid.add_row("training loss", f"{result.loss:.6g} nats a row")
    if result.validation_loss is not None:
        grid.add_row("validation loss", f"{result.validation_loss:.6g} nats a row")
    grid.add_row("loss of the null model", f"{result.null_loss:.6g} nats a row")
    if result.sigma is not None:
        grid.add_row("σ of the errors", f"{result.sigma:.6g}")
    return grid


def _meaning(result: FitResult) -> str:
    summed = "= intercept + Σ weight · feature"
    if result.likelihood is Bernoulli:
        return f"log-odds of {result.outputs[0]} {summed}"
    if result.likelihood is Normal:
        return f"mean of {result.target} {summed}"
    return f"logit of a class {summed}; centred, each feature's weights sum to 0 over the classes"


def _weights(result: FitResult, console: Console) -> None:
    """Print a linear model's weights, as many outputs beside each other as there is room for."""
    if result.weights is None or result.intercepts is None:
        count = sum(parameter.numel() for parameter in result.model.parameters())
        console.print(f"\nThe network has {count} weights; --out writes them to a file.")
        return
    name = max(map(len, [*result.features, "(intercept)"]))
    room = max(1, (console.width - name - 4) // _WIDTH_OF_A_NUMBER)
    reached = "Weights" if result.converged else "Weights reached so far (not the maximum)"
    console.print(f"\n{reached}, in the units of the table", style="bold")
    console.print(_meaning(result), markup=False, highlight=False)
    for start in range(0, len(result.outputs), room):
        some = slice(start, start + room)
        grid = Table(box=None, padding=(0, 2), header_style="bold")
        grid.add_column("feature")
        for output in result.outputs[some]:
            grid.add_column(escape(output), justify="right", overflow="fold")
        for feature, row in zip(result.features, result.weights[some].T, strict=True):
            grid.add_row(escape(feature), *(f"{weight:.5g}" for weight in row))
        grid.add_row("(intercept)", *(f"{value:.5g}" for value in result.intercepts[some]))
        console.print(grid)

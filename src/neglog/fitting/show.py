"""A fit on the console: the four steps as they happen, then the weights and the losses."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neglog.fitting.listener import Bar
from neglog.fitting.result import FitResult

_NUMBERED = {"model": "1 ", "loss": "2 ", "optimizer": "3 ", "minimise": "4 "}


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
    """Print a result: the summary, and the worst rows.

    Args:
        result: what was fitted.
        console: where to.
        worst: how many rows of the information-loss table.
    """
    from neglog.report.information import information_table

    console.print()
    console.print(str(result.summary()), markup=False, highlight=False, soft_wrap=True)
    if result.coefficients is None:
        count = sum(parameter.numel() for parameter in result.model.parameters())
        console.print(f"\nThe model has {count} weights; --out writes them to a file.")
    rows = result.validation if result.data.held else result.training
    which = "validation" if result.data.held else "training"
    console.print(f"\nInformation loss of the {which} rows, the worst first", style="bold")
    console.print(information_table(rows, result.classes, worst))

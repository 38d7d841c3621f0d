"""A live progress bar on a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from neglog.fitting.running.progress import Epoch, Listener
from neglog.translation import gettext as _


class ProgressBar(Listener):
    """A live progress bar on a terminal; where there is none, nothing."""

    def __init__(self, console: Any = None) -> None:
        self.console = console or Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        self.progress = Progress(*columns, console=self.console, transient=True)

    @property
    def needs_losses(self) -> bool:
        """Whether there is a terminal."""
        return bool(self.console.is_terminal)

    def start(self, limit: int) -> None:
        """Show an empty bar."""
        if self.console.is_terminal:
            self.progress.start()
            self.task = self.progress.add_task("", total=limit)

    def step(self, epoch: Epoch) -> None:
        """Move the bar on."""
        if self.progress.live.is_started:
            text = _("training {training:.6f} nats")
            if epoch.validation is not None:
                text = _("training {training:.6f} nats, validation {validation:.6f} nats")
            text = text.format(training=epoch.training, validation=epoch.validation)
            self.progress.update(self.task, completed=epoch.step, description=text)

    def stop(self) -> None:
        """Take the bar away."""
        if self.progress.live.is_started:
            self.progress.stop()

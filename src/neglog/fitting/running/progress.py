"""Who hears of a fit's steps while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """The mean losses after one step of the minimiser, in nats; step 0 is the start."""

    step: int
    training: float
    validation: float | None


class Listener:
    """Hears the steps by name, then the losses; this one keeps quiet."""

    @property
    def hears(self) -> bool:
        """Whether anything becomes of the losses, which have to be computed."""
        return type(self).step is not Listener.step

    def say(self, step: str, text: str) -> None:
        """Hear what a step (data, model, loss, optimizer, minimise) consists of, or a note."""

    def start(self, limit: int) -> None:
        """Hear that the minimisation begins, and its most steps."""

    def step(self, epoch: Epoch) -> None:
        """Hear the losses after a step."""

    def stop(self) -> None:
        """Hear that the minimisation has ended, however it did."""


class Muted(Listener):
    """Keeps quiet beside the first of several processes.

    It hears as much as that one's listener does, since the losses of a step take all of them.
    """

    def __init__(self, hears: bool) -> None:
        self._hears = hears

    @property
    def hears(self) -> bool:
        """Whether the first process's listener hears of the losses."""
        return self._hears


class Bar(Listener):
    """A live progress bar on a terminal; where there is none, nothing."""

    def __init__(self, console: Any = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.console = console or Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        self.progress = Progress(*columns, console=self.console, transient=True)

    @property
    def hears(self) -> bool:
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
            text = f"training {epoch.training:.6f} nats"
            if epoch.validation is not None:
                text += f", validation {epoch.validation:.6f} nats"
            self.progress.update(self.task, completed=epoch.step, description=text)

    def stop(self) -> None:
        """Take the bar away."""
        if self.progress.live.is_started:
            self.progress.stop()

"""Learning rate schedules: any class of `torch.optim.lr_scheduler`, with its options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.optim import lr_scheduler

from neglog.errors import listed
from neglog.errors.options import OptimizerError

_PER_BATCH = {"OneCycleLR", "CyclicLR"}
_FILLED_OPTIONS = {"optimizer", "last_epoch"}
_FUNCTION_SCHEDULES = {"LambdaLR", "MultiplicativeLR"}
_COMPOSITE_SCHEDULES = {"LRScheduler", "SequentialLR", "ChainedScheduler"}


def known() -> dict[str, type[lr_scheduler.LRScheduler]]:
    """Return torch's schedules by name, except those that require functions or schedules."""
    return {
        name: candidate
        for name, candidate in vars(lr_scheduler).items()
        if inspect.isclass(candidate)
        and issubclass(candidate, lr_scheduler.LRScheduler)
        and not name.startswith("_")
        and name not in _FUNCTION_SCHEDULES | _COMPOSITE_SCHEDULES
    }


class Schedule:
    """Updates the learning rate of an optimizer after batches, after epochs, or never.

    Attributes:
        text: the schedule and its options in one line; empty where there is none.
    """

    def __init__(self, scheduler: lr_scheduler.LRScheduler | None = None, text: str = "") -> None:
        self.scheduler, self.text = scheduler, text
        self._each_batch = type(scheduler).__name__ in _PER_BATCH

    def after_batch(self) -> None:
        """Update after a step of the optimizer."""
        if self._each_batch:
            self._step()

    def after_epoch(self, loss: float) -> None:
        """Update after an epoch, given the monitored loss in nats."""
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            self._step(loss)
        elif not self._each_batch:
            self._step()

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {} if self.scheduler is None else self.scheduler.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the result of `state`."""
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state)

    def _step(self, *loss: float) -> None:
        if self.scheduler is None:
            return
        step: Callable[..., None] = self.scheduler.step
        try:
            step(*loss)
        except (TypeError, ValueError, ArithmeticError) as error:  # of options torch let pass
            raise OptimizerError(
                f"{self.text} cannot go on: {error}; choose other options."
            ) from None


def make(
    name: str,
    options: Mapping[str, Any],
    optimizer: torch.optim.Optimizer,
    epochs: int,
    batches: int,
) -> Schedule:
    """Return a schedule for an optimizer.

    Args:
        name: a class of torch.optim.lr_scheduler, in any case, such as ``"onecyclelr"``.
        options: its options; those that follow from the length of the training are filled in.
        optimizer: whose learning rate is to change.
        epochs: how many epochs there are at most.
        batches: how many steps of the optimizer an epoch has.

    Raises:
        FitError: torch has no such schedule, or it does not take the options.
    """
    classes = known()
    found = [key for key in classes if key.lower() in {name.lower(), f"{name.lower()}lr"}]
    if not found:
        names = listed(list(classes), 20)
        raise OptimizerError(f"torch.optim.lr_scheduler has no {name!r}; choose {names}.")
    key = found[0]
    accepted = [p for p in inspect.signature(classes[key]).parameters if p not in _FILLED_OPTIONS]
    filled = _filled(key, epochs, batches)
    if key == "OneCycleLR":
        accepted = [p for p in accepted if p not in {"total_steps", "epochs", "steps_per_epoch"}]
    unknown = [option for option in options if option not in accepted]
    if unknown:
        raise OptimizerError(
            f"{key} takes no option {unknown[0]!r}; it takes {listed(accepted, 20)}."
        )
    chosen = filled | dict(options)
    try:
        scheduler = classes[key](optimizer, **chosen)
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise OptimizerError(f"{key} refuses these options: {error}.") from None
    text = ", ".join(f"{option}={value}" for option, value in chosen.items())
    return Schedule(scheduler, f"{key}({text})")


def _filled(key: str, epochs: int, batches: int) -> dict[str, Any]:
    """Return the options determined by the length of the training."""
    return {
        "OneCycleLR": {"total_steps": epochs * batches},
        "CosineAnnealingLR": {"T_max": epochs},
        "PolynomialLR": {"total_iters": epochs},
    }.get(key, {})

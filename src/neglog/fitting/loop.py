"""Minimisation by an optimizer of torch: epochs of batches, sliced from the tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from neglog.errors import FitError
from neglog.families import Normal
from neglog.fitting import separation
from neglog.fitting.models import last
from neglog.fitting.objective import Objective
from neglog.fitting.outcome import Outcome, at_infinity

EPOCHS = 200
BATCH = 256
_GRADIENT = 1e-7


def gradient_norm(model: nn.Module, objective: Objective, x: Tensor, y: Tensor) -> float:
    """Return the Euclidean norm of the mean loss's gradient by all weights."""
    model.zero_grad()
    objective.loss(model(x), y).backward()
    squares = sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None)
    model.zero_grad()
    return math.sqrt(squares)


class Loop:
    """Steps an optimizer through the rows, epoch after epoch."""

    def __init__(
        self,
        model: nn.Sequential,
        objective: Objective,
        x: Tensor,
        y: Tensor,
        optimizer: torch.optim.Optimizer,
        epochs: int,
        batch: int,
        seed: int,
        names: Sequence[str],
    ) -> None:
        self.names = names
        self.model, self.objective, self.x, self.y = model, objective, x, y
        self.optimizer, self.limit = optimizer, epochs
        self.batch = len(x) if isinstance(optimizer, torch.optim.LBFGS) else batch
        self.order = torch.Generator().manual_seed(seed)

    def steps(self) -> Iterator[Outcome | None]:
        """Run the epochs, yielding None after each of them, then the outcome."""
        for epoch in range(1, self.limit + 1):
            order = torch.randperm(len(self.x), generator=self.order)
            for rows in torch.split(order, self.batch):
                self._step(self.x[rows], self.y[rows])
            yield None
            norm = gradient_norm(self.model, self.objective, self.x, self.y)
            if not math.isfinite(norm):
                raise FitError(
                    f"the loss is no finite number any more in epoch {epoch}: the steps are too "
                    "long; pass a smaller learning rate with --lr."
                )
            if norm < _GRADIENT and not self._all_right():
                steps = f"{epoch} epoch{'s' * (epoch > 1)}"
                yield Outcome(True, f"the derivative is zero (below {_GRADIENT:g}), after {steps}.")
                return
        yield self._out_of_epochs(norm)

    def _step(self, x: Tensor, y: Tensor) -> None:
        def closure() -> float:
            self.optimizer.zero_grad()
            loss = self.objective.loss(self.model(x), y)
            loss.backward()
            return loss.item()

        self.optimizer.step(closure)

    def _out_of_epochs(self, norm: float) -> Outcome:
        linear = len(self.model) == 2
        plane = self._plane() if linear else ""
        if plane:
            return at_infinity(plane, self.limit, "epoch")
        text = f"all {self.limit} epochs were run; the derivative's norm is {norm:.2g}, not 0."
        if not self._all_right():
            return Outcome(False, text)
        note = "the network tells all training rows apart: its loss can go on towards 0 for ever."
        return Outcome(False, text, [note])

    def _all_right(self) -> bool:
        """Tell whether every training row's own class is the most probable one."""
        if self.objective.likelihood is Normal:
            return False
        with torch.no_grad():
            return separation.complete(self.model(self.x), self.y)

    def _plane(self) -> str:
        """Say how a plane separates the classes; nothing where none does."""
        if self.objective.likelihood is Normal:
            return ""
        with torch.no_grad():
            x, output = self.model[0](self.x), self.model(self.x)
        classes, weights = self.objective.labels, last(self.model).weight
        return separation.found(x, self.y, output, weights, self.names, classes, program=True)

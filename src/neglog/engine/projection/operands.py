"""What the third shape is asked to compute: a linear layer, and numbers made of its logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog.engine.values import HALF

DIFFERENTIABLE = ("x", "w", "b", "y")


class Head(NamedTuple):
    """What becomes of a row of logits; plain facts, which a compiler can hold.

    Attributes:
        likelihood: the registered name.
        outputs: the requested outputs of each row, see `outputs`.
        ignored: the label that does not count.
        smoothing: the part of each target that is spread evenly over the classes.
        softcap: logits are softcap · tanh(logits / softcap) first; 0 for none.
        temperature: what the logits are divided by then.
        z_loss: how often the squared logarithm of the sum of powers is added to the loss.
        positions: how many losses a row of x has: the logits are (rows, classes, positions).
    """

    likelihood: str
    outputs: tuple[str, ...] = ("nll",)
    ignored: int = -100
    smoothing: float = 0.0
    softcap: float = 0.0
    temperature: float = 1.0
    z_loss: float = 0.0
    positions: int = 1


class Operands(NamedTuple):
    """The tensors: those with a row for each row of x, and those that all rows share.

    Attributes:
        x: rows (N, D).
        w: the layer's weight, (K · positions, D).
        b: its bias, (K · positions,).
        y: labels (N, positions), probabilities (N, K) or (N, K, positions), or the probabilities
            (N, k) of the classes that `chosen` names.
        chosen: classes, (N, k), of int64.
        sample_weight: of each loss, (N, positions), not differentiated; 0 leaves out a row.
        weight: one for each class, (K,).
        positive: how often a yes counts, (K,), where the target is yeses and noes.
        teacher_x: another network's rows, (N, E).
        teacher_w: its layer's weight, (K, E).
        teacher_b: its bias, (K,).
    """

    x: Tensor
    w: Tensor
    b: Tensor | None = None
    y: Tensor | None = None
    chosen: Tensor | None = None
    sample_weight: Tensor | None = None
    weight: Tensor | None = None
    positive: Tensor | None = None
    teacher_x: Tensor | None = None
    teacher_w: Tensor | None = None
    teacher_b: Tensor | None = None

    @classmethod
    def with_tensors(cls, tensors: Sequence[Any]) -> Operands:
        """Return operands of tensors in the order of the fields."""
        return cls(*tensors)

    def each(self, change: Callable[[Tensor], Tensor], names: tuple[str, ...]) -> Operands:
        """Return the operands with some of them changed, where they are there."""
        there = {name: getattr(self, name) for name in names}
        return self._replace(**{n: change(t) for n, t in there.items() if t is not None})

    def at(self, rows: Any) -> Operands:
        """Return the operands of some rows: a slice, or indices."""
        if isinstance(rows, slice):
            return self.each(lambda t: t[rows], ALONG)
        return self.each(lambda t: t.index_select(0, rows), ALONG)

    @property
    def computed_in(self) -> torch.dtype:
        """Return the dtype of the logits, of the losses, and of sums of gradients."""
        return torch.float32 if self.x.dtype in HALF else self.x.dtype


ALONG = ("x", "y", "chosen", "sample_weight", "teacher_x")

"""The arguments of a loss with a linear layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog.engine.values import HALF

MARGINS = ("arcface", "cosface")
DIFFERENTIABLE = ("x", "w", "b", "y")


class Head(NamedTuple):
    """The options of the outputs of a row of logits, without tensors.

    Attributes:
        likelihood: the registered name.
        outputs: the requested outputs of each row, see `outputs`.
        ignored: the label to ignore.
        smoothing: the fraction of each target that is spread evenly over the classes.
        softcap: logits become softcap · tanh(logits / softcap) first; 0 for none.
        temperature: divides the logits after that.
        z_loss: the weight of the squared log-sum-exp, added to the loss.
        positions: the number of losses of a row of x: the logits are (rows, classes, positions).
        settings: of the likelihood.
        margin: makes the logit of the label smaller, which is a cosine; 0 for none.
        margin_type: one of `MARGINS`, for the angle and for the cosine.
    """

    likelihood: str
    outputs: tuple[str, ...] = ("nll",)
    ignored: int = -100
    smoothing: float = 0.0
    softcap: float = 0.0
    temperature: float = 1.0
    z_loss: float = 0.0
    positions: int = 1
    settings: tuple[float, ...] = ()
    margin: float = 0.0
    margin_type: str = "arcface"


class Operands(NamedTuple):
    """The tensors: some have a row for each row of x, the others are shared by all rows.

    Attributes:
        x: rows (N, D).
        w: the layer's weight, (K · positions, D).
        b: its bias, (K · positions,).
        y: labels (N, positions), probabilities (N, K) or (N, K, positions), or the probabilities
            (N, k) of the classes in `chosen`.
        chosen: classes, (N, k), of int64.
        sample_weight: of each loss, (N, positions), not differentiated; 0 excludes it.
        weight: one for each class, (K,).
        positive: the weight of positives, (K,), if the target is binary.
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
        """Return the operands with some of them changed, except those that are None."""
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

"""Gradients with respect to the operands of a pass, summed over chunks.

They are kept in float32 or more and rounded after the multiplication by the upstream gradient.
Half-precision gradients rounded before it would lose the digits that a large factor, such as that
of a gradient scaler, preserves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog.engine import memory
from neglog.engine.projection import products
from neglog.engine.projection.operands import Operands


class Gradients(NamedTuple):
    """The required gradients, with respect to `DIFFERENTIABLE` operands."""

    x: Tensor | None = None
    w: Tensor | None = None
    b: Tensor | None = None
    y: Tensor | None = None


NeedsGrad = Sequence[bool]  # one for each of them


class Totals:
    """Gradients with respect to the operands, summed over chunks and rounded once at the end."""

    def __init__(
        self,
        operands: Operands,
        needs_grad: NeedsGrad,
        gaps: bool,
        loss_scale: Tensor | None = None,
    ) -> None:
        self.operands, self.dtype, self.loss_scale = operands, operands.computed_in, loss_scale
        x, w, b, y = (getattr(operands, name) for name in ("x", "w", "b", "y"))
        fresh = torch.zeros_like if gaps else torch.empty_like
        whole: Any = {"dtype": self.dtype, "memory_format": torch.contiguous_format}
        self.x = fresh(x, **whole) if needs_grad[0] else None
        self.w = memory.empty(w.shape, self.dtype, w.device) if needs_grad[1] else None
        self.b = torch.zeros_like(b, dtype=self.dtype) if needs_grad[2] else None
        self.y = torch.zeros_like(y, **whole) if needs_grad[3] else None
        self.begun = False

    def add(self, place: Any, dz: Tensor, part: Operands) -> None:
        """Add the contribution of a chunk's logits, whose memory is overwritten."""
        if self.b is not None:
            self.b += dz.sum(0, dtype=self.dtype)
        dz = products.factor(dz, part.x, self.loss_scale is not None)
        if self.x is not None:
            if isinstance(place, slice):
                products.by_x(dz, part.w, self.x[place])
            else:
                self.x[place] = products.by_x(
                    dz, part.w, self.x.new_empty(len(dz), part.w.shape[1])
                )
        if self.w is not None:
            self.add_to_w(dz, part.x)

    def add_to_x(self, place: Any, dz: Tensor, w: Tensor) -> None:
        """Add dz · w to the rows of a chunk."""
        assert self.x is not None
        extra = products.by_x(dz, w, self.x.new_empty(len(dz), w.shape[1]))
        self.x[place] += extra

    def add_to_w(self, dz: Tensor, x: Tensor) -> None:
        """Add dzᵀ · x."""
        assert self.w is not None
        products.by_w(dz, x, self.w, not self.begun)
        self.begun = True

    def add_target(self, place: Any, dy: Tensor | None) -> None:
        """Write the gradient by a chunk's targets."""
        if self.y is not None and dy is not None:
            self.y[place] = dy

    def finished(self) -> Gradients:
        """Return the gradients."""
        if self.w is not None and not self.begun:
            self.w.zero_()
        found = Gradients(self.x, self.w, self.b, self.y)
        if self.loss_scale is None:
            return found
        return Gradients(*(None if t is None else t.div_(self.loss_scale) for t in found))


def rounded(gradients: Gradients, operands: Operands, upstream: Tensor | None = None) -> Gradients:
    """Return upstream · derivatives in the dtypes of the operands; their memory is used up."""
    likes = (operands.x, operands.w, operands.b, operands.y)
    pairs = zip(gradients, likes, strict=True)
    return Gradients(*(_rounded(total, like, upstream) for total, like in pairs))


def _rounded(total: Tensor | None, like: Tensor | None, upstream: Tensor | None) -> Tensor | None:
    if total is None or like is None:
        return total
    if total.dtype == like.dtype:
        return total if upstream is None else total.mul_(upstream)
    out = memory.empty(total.shape, like.dtype, total.device)
    return out.copy_(total) if upstream is None else torch.mul(total, upstream, out=out)

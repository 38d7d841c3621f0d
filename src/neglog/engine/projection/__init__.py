"""The third shape: a linear layer and the loss of its logits, which are never whole in memory.

`problem` says what is asked, `heads` what becomes of a row of logits, `products` how the layer is
multiplied, `pieces` and `sweeps` how a piece, and all of them, are treated, `autograd` and `ops`
how that is differentiated in eager mode and compiled.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.engine import values
from neglog.engine.derivatives import is_nested_forward_mode
from neglog.engine.projection import autograd, ops
from neglog.engine.projection.heads import whole
from neglog.engine.projection.problem import Head as Head
from neglog.engine.projection.problem import Operands as Operands


def total(head: Head, operands: Operands, budget: int) -> Tensor:
    """Return the sum of a head's one output over all rows, in float32 or more."""
    if torch.compiler.is_compiling():
        return ops.total(head, operands, budget)
    if not operands.x.is_meta and values.are_plain(operands.x, operands.w):
        return autograd.total(autograd.Facts(head, budget), operands)
    return outputs(head, operands, budget)[0].sum()


def outputs(head: Head, operands: Operands, budget: int) -> tuple[Tensor, ...]:
    """Return a head's outputs, a line (N, positions) for each, in float32 or more.

    Forward mode in forward mode, and a tracer of torch's operations, see the logits whole.
    """
    if torch.compiler.is_compiling():
        return ops.outputs(head, operands, budget)
    if operands.x.is_meta or is_nested_forward_mode() or values.is_watched():
        return tuple(whole(head, operands))
    return autograd.outputs(autograd.Facts(head, budget), operands)

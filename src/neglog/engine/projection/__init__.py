"""Losses with a linear layer, without all logits in memory at once.

`operands` defines the arguments, `outputs` the outputs of a row of logits, and `products` the
matrix products of the layer. `chunks` computes one chunk of rows and `passes` all of them.
`autograd` and `ops` differentiate the passes in eager mode and under `torch.compile`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.engine import values
from neglog.engine.derivatives import is_nested_forward_mode
from neglog.engine.projection import autograd, ops
from neglog.engine.projection.operands import MARGINS as MARGINS
from neglog.engine.projection.operands import Head as Head
from neglog.engine.projection.operands import Operands as Operands
from neglog.engine.projection.outputs import dense_target as dense_target
from neglog.engine.projection.outputs import whole


def total(head: Head, operands: Operands, budget: int) -> Tensor:
    """Return the sum of the only output of a head over all rows, in float32 or more."""
    if _is_whole(operands):
        return whole(head, operands)[0].sum()
    if torch.compiler.is_compiling():
        return ops.total(head, operands, budget)
    if values.are_plain(operands.x, operands.w):
        return autograd.total(autograd.Facts(head, budget), operands)
    return outputs(head, operands, budget)[0].sum()


def outputs(head: Head, operands: Operands, budget: int) -> tuple[Tensor, ...]:
    """Return the outputs of a head, (N, positions) each, in float32 or more."""
    if _is_whole(operands):
        return tuple(whole(head, operands))
    if torch.compiler.is_compiling():
        return ops.outputs(head, operands, budget)
    return autograd.outputs(autograd.Facts(head, budget), operands)


def _is_whole(operands: Operands) -> bool:
    """Return whether all logits are needed at once.

    This is the case for nested forward mode, for tracers and tensor subclasses, which see or
    override torch's operations, and for class weights that require a gradient.
    """
    weighed = operands.weight is not None and operands.weight.requires_grad
    if weighed or operands.x.is_meta:
        return True
    if torch.compiler.is_compiling():
        return False
    return (
        is_nested_forward_mode()
        or values.is_watched()
        or not values.have_plain_types(*(t for t in operands if t is not None))
    )

"""The third shape: a linear layer and the loss of its logits, which are never whole in memory.

`problem` defines the request, `outputs` the outputs of a row of logits, `products` how the layer is
multiplied, `pieces` and `sweeps` how a piece, and all of them, are treated, `autograd` and `ops`
how that is differentiated in eager mode and compiled.
"""

from __future__ import annotations

import torch
from torch import Tensor

from neglog.engine import values
from neglog.engine.derivatives import is_nested_forward_mode
from neglog.engine.projection import autograd, ops
from neglog.engine.projection.operands import Head as Head
from neglog.engine.projection.operands import Operands as Operands
from neglog.engine.projection.outputs import dense_target as dense_target
from neglog.engine.projection.outputs import whole


def total(head: Head, operands: Operands, budget: int) -> Tensor:
    """Return the sum of a head's one output over all rows, in float32 or more."""
    if _is_whole(operands):
        return whole(head, operands)[0].sum()
    if torch.compiler.is_compiling():
        return ops.total(head, operands, budget)
    if values.are_plain(operands.x, operands.w):
        return autograd.total(autograd.Facts(head, budget), operands)
    return outputs(head, operands, budget)[0].sum()


def outputs(head: Head, operands: Operands, budget: int) -> tuple[Tensor, ...]:
    """Return a head's outputs, a line (N, positions) for each, in float32 or more."""
    if _is_whole(operands):
        return tuple(whole(head, operands))
    if torch.compiler.is_compiling():
        return ops.outputs(head, operands, budget)
    return autograd.outputs(autograd.Facts(head, budget), operands)


def _is_whole(operands: Operands) -> bool:
    """Return whether the logits are needed whole.

    So they are to forward mode in forward mode, to what watches torch's operations or has its own
    (tracers, tensor subclasses), and to class weights that require a gradient.
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

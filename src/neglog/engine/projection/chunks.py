"""One piece of the rows, whose logits are at hand: outputs, and derivatives by the logits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog.engine import values
from neglog.engine.projection import tensor_cores
from neglog.engine.projection.operands import Head, Operands
from neglog.engine.projection.outputs import outputs, rows_of_classes


class Pulled(NamedTuple):
    """The sum of upstream · outputs, and its derivatives by the logits and the target."""

    total: Tensor
    z: Tensor
    y: Tensor | None = None


def is_fused(head: Head, z: Tensor, part: Operands) -> bool:
    """Tell whether the rows' kernel knows this head: loss and gradient in one pass."""
    known = head.outputs == ("nll",) and not head.softcap and not head.z_loss
    known = known and head.likelihood == "categorical" and part.chosen is None
    return known and z.numel() > 0 and (values.kernel_serves(z) or values.gpu_serves(z))


def can_be_narrow(head: Head, part: Operands) -> bool:
    """Tell whether the rows' kernel may write the gradient in halves, as the products want it."""
    plain = head.temperature == 1.0 and head.positions == 1 and part.b is None
    return plain and tensor_cores.are_fast(part.x) and is_fused(head, part.x, part)


def lines_of(head: Head, part: Operands, gradient: bool) -> float:
    """Return about how many numbers there are at a time for each logit."""
    if head.outputs == ("nll",) and not head.softcap and not head.z_loss and part.chosen is None:
        in_place = head.positions == 1 and head.likelihood == "categorical"
        narrow = 0.5 if gradient and tensor_cores.are_fast(part.x) else 0.0
        return 1 + narrow if in_place or not gradient else 4
    return 4 * (1 + gradient) * (1 + ("entropy" in head.outputs) + ("kl" in head.outputs))


def pull(
    head: Head,
    z: Tensor,
    part: Operands,
    upstream: list[Tensor],
    by_y: bool,
    narrow: Tensor | None = None,
) -> Pulled:
    """Return the derivatives; they may take the logits' memory, or the `narrow` one."""
    if is_fused(head, z, part) and not by_y:
        return _fused(head, z, part, upstream[0], narrow)
    with _recording():
        z = z.detach().requires_grad_()
        leaves = [z]
        if by_y:
            part = part.each(lambda t: t.detach().requires_grad_(), ("y",))
            assert part.y is not None
            leaves.append(part.y)
        lines = [line for line in outputs(head, z, part) if line.is_floating_point()]
        slopes = torch.autograd.grad(
            lines, leaves, upstream, allow_unused=True, materialize_grads=True
        )
    total = sum((line.detach() * u).sum() for line, u in zip(lines, upstream, strict=True))
    return Pulled(torch.as_tensor(total), *slopes)


@contextmanager
def _recording() -> Iterator[None]:
    """Have autograd record, inside a custom operator too, where torch has switched it off."""
    keys = (torch._C.DispatchKey.AutogradFunctionality, torch._C.DispatchKey.ADInplaceOrView)
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        for key in keys:
            stack.enter_context(torch._C._SetExcludeDispatchKeyGuard(key, False))
        yield


def _rows_kernels(z: Tensor) -> Any:
    """Import the kernels when the first loss is computed: Numba and Triton take their time."""
    if values.gpu_serves(z):
        from neglog.engine.gpu import rows

        return rows
    from neglog.engine.cpu import rows as rows_cpu

    return rows_cpu


def _fused(
    head: Head, z: Tensor, part: Operands, upstream: Tensor, narrow: Tensor | None
) -> Pulled:
    if head.temperature != 1.0:
        z.div_(head.temperature)
    share = upstream if part.share is None else upstream * part.share
    problem = rows_of_classes(head, z, part)
    problem = problem._replace(share=share.to(z.dtype).reshape(-1), reduction="sum")
    bare, tensors = problem.split_tensors()
    into = (z if narrow is None else narrow) if problem.x is z else None
    total, slopes = _rows_kernels(z).run(bare, tensors, [True], into)
    dz = slopes[0]
    assert dz is not None
    if head.positions > 1:
        classes_last = problem.x.dim() == 2
        dz = dz.unflatten(0, (len(z), -1)).movedim(1, -1) if classes_last else dz
        dz = dz.reshape(z.shape)
    if head.temperature != 1.0:
        dz.div_(head.temperature)
    return Pulled(total, dz)


class Pushed(NamedTuple):
    """The outputs' change, and the change of the derivatives by the logits and the target."""

    outputs: list[Tensor]
    z: Tensor
    y: Tensor | None = None


def push(
    head: Head, z: Tensor, part: Operands, upstream: list[Tensor], by_z: Tensor, by_y: Tensor | None
) -> tuple[Tensor, Pushed]:
    """Return the derivative by the logits, and what changes as logits and target change."""
    with _recording():
        z = z.detach().requires_grad_()
        leaves, changes = [z], [by_z]
        if by_y is not None:
            part = part.each(lambda t: t.detach().requires_grad_(), ("y",))
            assert part.y is not None
            leaves, changes = [z, part.y], [by_z, by_y]
        scale = [u.detach().requires_grad_() for u in upstream]
        lines = [line for line in outputs(head, z, part) if line.is_floating_point()]
        slopes = torch.autograd.grad(
            lines, leaves, scale, create_graph=True, allow_unused=True, materialize_grads=True
        )
        along = sum((s * c).sum() for s, c in zip(slopes, changes, strict=True))
        found = torch.autograd.grad(
            torch.as_tensor(along), [*scale, *leaves], allow_unused=True, materialize_grads=True
        )
    return slopes[0].detach(), Pushed(list(found[: len(scale)]), *found[len(scale) :])

"""The outputs of one chunk of rows, given its logits, and their derivatives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog.engine.backend import Backend
from neglog.engine.problem import RowwiseProblem
from neglog.engine.projection import products
from neglog.engine.projection.operands import Head, Operands
from neglog.engine.projection.outputs import moved, outputs, rows_of_classes
from neglog.engine.selection import select
from neglog.likelihood import by_key


class ChunkVjp(NamedTuple):
    """The sum of upstream · outputs, and its gradients with respect to logits and target."""

    total: Tensor
    z: Tensor
    y: Tensor | None = None


def fused_backend(head: Head, z: Tensor, part: Operands) -> Backend | None:
    """Return the backend whose rowwise kernel computes loss and gradient in one pass, if any."""
    known = head.outputs == ("nll",) and not head.softcap and not head.z_loss
    if not (known and _is_softmax(head) and part.chosen is None and z.numel()):
        return None
    assert part.y is not None
    likelihood: Any = by_key(head.likelihood)
    backend = select(RowwiseProblem(likelihood, z, part.y.detach(), part.weight))
    return None if backend.is_traceable else backend


def _is_softmax(head: Head) -> bool:
    """Return whether the loss is of a softmax over the row."""
    likelihood: Any = by_key(head.likelihood)
    return not likelihood.elementwise and likelihood.softmax


def can_be_narrow(head: Head, part: Operands) -> bool:
    """Return whether the rowwise kernel may write the gradient in half precision."""
    plain = head.temperature == 1.0 and head.positions == 1 and part.b is None
    fast = plain and not head.margin and products.takes_half(part.x)
    return fast and fused_backend(head, part.x, part) is not None


def lines_of(head: Head, part: Operands, gradient: bool) -> float:
    """Return the approximate number of values in memory at a time for each logit."""
    if head.outputs == ("nll",) and not head.softcap and not head.z_loss and part.chosen is None:
        in_place = head.positions == 1 and _is_softmax(head)
        narrow = 0.5 if gradient and products.takes_half(part.x) else 0.0
        return 1 + narrow if in_place or not gradient else 4
    more = len({"entropy", "kl", "log_sum_sq_probs"} & {*head.outputs})
    return 4 * (1 + gradient) * (1 + more)


def vjp(
    head: Head,
    z: Tensor,
    part: Operands,
    upstream: list[Tensor],
    by_y: bool,
    narrow: Tensor | None = None,
) -> ChunkVjp:
    """Return the gradients, possibly in the memory of the logits or in `narrow`."""
    backend = None if by_y else fused_backend(head, z, part)
    if backend is not None:
        return _fused(backend, head, z, part, upstream[0], narrow)
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
    return ChunkVjp(torch.as_tensor(total), *slopes)


@contextmanager
def _recording() -> Iterator[None]:
    """Enable autograd, also inside a custom operator, where torch has disabled it."""
    keys = (torch._C.DispatchKey.AutogradFunctionality, torch._C.DispatchKey.ADInplaceOrView)
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        for key in keys:
            stack.enter_context(torch._C._SetExcludeDispatchKeyGuard(key, False))
        yield


def _fused(
    backend: Backend,
    head: Head,
    z: Tensor,
    part: Operands,
    upstream: Tensor,
    narrow: Tensor | None,
) -> ChunkVjp:
    slope = None
    if head.margin:
        slope = margin_slope(head, z, part)
    if head.temperature != 1.0:
        z.div_(head.temperature)
    sample_weight = upstream if part.sample_weight is None else upstream * part.sample_weight
    problem = rows_of_classes(head, z, part)
    problem = problem._replace(sample_weight=sample_weight.to(z.dtype).reshape(-1), reduction="sum")
    into = (z if narrow is None else narrow) if problem.x is z else None
    total, slopes = backend.run(problem, [True], into)
    dz = slopes[0]
    assert dz is not None
    if head.positions > 1:
        classes_last = problem.x.dim() == 2
        dz = dz.unflatten(0, (len(z), -1)).movedim(1, -1) if classes_last else dz
        dz = dz.reshape(z.shape)
    if head.temperature != 1.0:
        dz.div_(head.temperature)
    if slope is not None:
        places, factor = slope
        dz.scatter_(1, places, dz.gather(1, places) * factor)
    return ChunkVjp(total, dz)


def margin_slope(head: Head, z: Tensor, part: Operands) -> tuple[Tensor, Tensor]:
    """Move the cosines of the labels in place; return their places, and the derivatives."""
    assert part.y is not None
    places = part.y.clamp(0, z.shape[1] - 1)
    with _recording():
        cosine = z.gather(1, places).detach().requires_grad_()
        new = moved(head, cosine)
        (factor,) = torch.autograd.grad(new.sum(), cosine)
    z.scatter_(1, places, new.detach())
    return places, factor


class ChunkJvp(NamedTuple):
    """The tangents of the outputs, and of the gradients with respect to logits and target."""

    outputs: list[Tensor]
    z: Tensor
    y: Tensor | None = None


def jvp(
    head: Head, z: Tensor, part: Operands, upstream: list[Tensor], by_z: Tensor, by_y: Tensor | None
) -> tuple[Tensor, ChunkJvp]:
    """Return the gradients of the logits, and the tangents of outputs and gradients."""
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
    return slopes[0].detach(), ChunkJvp(list(found[: len(scale)]), *found[len(scale) :])

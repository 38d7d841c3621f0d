"""Checks of the call itself: its arguments, its context, and its side effects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.testing._internal.common_utils import noncontiguous_like
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils import _pytree as pytree

from conformance.cases import Case, NotACase, copied
from conformance.derivatives import direction
from conformance.losses import Library


def value(library: Library, case: Case) -> Any:
    """Return the loss."""
    case = case.mapped(copied)
    return case.call(library)(*case.args, **case.kwargs)


def value_and_gradient(
    library: Library, case: Case, function: Callable[..., Any] | None = None
) -> Any:
    """Return the loss (of the function, or the case's own) and the gradient of its leaves."""
    out = (function or case.call(library))(*case.args, **case.kwargs)
    leaves = [t for t in pytree.tree_leaves((case.args, case.kwargs)) if _wants(t)]
    if not leaves:
        return (out,)
    return out, torch.autograd.grad(out, leaves, direction(out), allow_unused=True)


def _wants(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def noncontiguous(library: Library, case: Case) -> Any:
    """Return value and gradient for arguments with gaps that hold NaN."""
    if case.loss.function == "ctc_loss" and case.args[1].dim() == 1:
        raise NotACase("torch reads labels in a row as if they had no gaps")
    return value_and_gradient(library, case.mapped(_with_gaps))


def _with_gaps(tensor: Tensor) -> Tensor:
    return noncontiguous_like(copied(tensor)).detach().requires_grad_(tensor.requires_grad)


def memory_format(library: Library, case: Case) -> Any:
    """Return the loss of channels-last images, and whether it is laid out as torch's is."""
    given = _of_images(case)
    out = given.call(library)(*given.args, **given.kwargs)
    return out, _layout(out)


def memory_gradient(library: Library, case: Case) -> Any:
    """Return value and gradient of channels-last images."""
    return value_and_gradient(library, _of_images(case))


def _of_images(case: Case) -> Case:
    """Return a call with channels-last images: few samples are images, so others grow."""
    shape = case.args[0].shape
    if len(shape) in (4, 5):
        return case.mapped(_channels_last)
    if len(shape) not in (2, 3):
        raise NotACase("no argument is an image, nor can become one")
    return case.mapped(lambda t: _channels_last(_grown(t)) if t.shape == shape else copied(t))


def _grown(tensor: Tensor) -> Tensor:
    shape = (2, 3)[tensor.dim() - 2 :] + tensor.shape
    return tensor.detach().expand(shape).requires_grad_(tensor.requires_grad)


def _channels_last(tensor: Tensor) -> Tensor:
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    like = formats.get(tensor.dim(), torch.preserve_format)
    moved = tensor.detach().clone(memory_format=like)
    return moved.requires_grad_(tensor.requires_grad)


def _layout(tensor: Tensor) -> str:
    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(tensor.dim())
    if tensor.is_contiguous():
        return "contiguous"
    return "channels last" if last and tensor.is_contiguous(memory_format=last) else "other"


def pure(library: Library, case: Case) -> Any:
    """Tell what a call leaves behind: the inputs, its own answer, and the graph's flag."""
    given = case.mapped(copied)
    first = given.call(library)(*given.args, **given.kwargs)
    second = given.call(library)(*given.args, **given.kwargs)
    before, after = (pytree.tree_leaves((some.args, some.kwargs)) for some in (case, given))
    pairs = [pair for pair in zip(before, after, strict=True) if isinstance(pair[0], Tensor)]
    kept = all(torch.equal(*map(_bytes, pair)) for pair in pairs)
    repeated = torch.equal(_bytes(first), _bytes(second))
    return {"kept": kept, "repeated": repeated, "graph": first.requires_grad}


def _bytes(tensor: Tensor) -> Tensor:
    """Return the bytes in memory, in which NaN equals itself."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)


class Plain(torch.Tensor):
    """A subclass that changes nothing."""


class Logger(torch.Tensor):
    """A subclass that sees every function it is given to."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        """Do what torch does."""
        return super().__torch_function__(function, types, args, kwargs or {})


def plain_subclass(library: Library, case: Case) -> Any:
    """Return number and type for arguments of a plain subclass."""
    return _as_subclass(library, case, Plain)


def logging_subclass(library: Library, case: Case) -> Any:
    """Return number and type for arguments with a `__torch_function__`."""
    return _as_subclass(library, case, Logger)


def parameter(library: Library, case: Case) -> Any:
    """Return number, type and gradient where the leaves are parameters."""
    wanting = {True: torch.nn.Parameter, False: lambda tensor: tensor}
    changed = case.mapped(lambda t: wanting[t.requires_grad](t.detach().clone()))
    out, *gradients = value_and_gradient(library, changed)
    return type(out).__name__, out, gradients


def _as_subclass(library: Library, case: Case, kind: type[Tensor]) -> Any:
    def dressed(tensor: Tensor) -> Tensor:
        return tensor.detach().clone().as_subclass(kind).requires_grad_(tensor.requires_grad)

    result = value_and_gradient(library, case.mapped(dressed))
    tensors = pytree.tree_leaves(result)
    names = [type(tensor).__name__ for tensor in tensors]
    return names, [t if t is None else t.as_subclass(Tensor) for t in tensors]


def two_tensor(library: Library, case: Case) -> Any:
    """Return both halves of the result for torch's wrapper subclass of two tensors."""

    def doubled(tensor: Tensor) -> Tensor:
        inner = tensor.detach().clone()
        return TwoTensor(inner, inner.clone()).requires_grad_(tensor.requires_grad)

    result = value_and_gradient(library, case.mapped(doubled))
    tensors = [t for t in pytree.tree_leaves(result) if t is not None]
    return [(type(t).__name__, t.a, t.b) if isinstance(t, TwoTensor) else t for t in tensors]


def meta(library: Library, case: Case) -> Any:
    """Return shape, dtype and device of loss and gradient where no value is known."""

    def emptied(tensor: Tensor) -> Tensor:
        return tensor.detach().to("meta").requires_grad_(tensor.requires_grad)

    return _outline(value_and_gradient(library, case.mapped(emptied)))


def fake(library: Library, case: Case) -> Any:
    """Return the same under `FakeTensorMode`, as exporters and planners run a model."""
    with FakeTensorMode() as mode:
        result = value_and_gradient(library, case.mapped(mode.from_tensor))
    return _outline(result)


def _outline(result: Any) -> Any:
    def outline(t: Tensor) -> tuple[str, tuple[int, ...], str, str]:
        return type(t).__name__, tuple(t.shape), str(t.dtype), str(t.device)

    return [outline(t) for t in pytree.tree_leaves(result) if t is not None]


def autocast(library: Library, case: Case) -> Any:
    """Return value and gradient under CPU autocast to bfloat16.

    That rounds a layer's weight, and torch its logits too: a loss with a layer is compared in
    bfloat16, beside its dtype, and its gradients as parts of the largest.
    """
    with torch.autocast("cpu", torch.bfloat16):
        value, gradients = value_and_gradient(library, case.mapped(copied))
    if not case.loss.function.startswith("linear"):
        return value, gradients
    parts = pytree.tree_map_only(Tensor, lambda g: (g / g.abs().max()).bfloat16(), gradients)
    return value.dtype, value.bfloat16(), parts


def lowered(case: Case) -> Case:
    """Return the case with a prediction that came out of an autocast layer."""
    first, *rest = case.args
    coarse = first.detach().bfloat16().requires_grad_(first.requires_grad)
    return dataclasses.replace(case, args=(coarse, *rest))

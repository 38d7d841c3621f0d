"""Facts about the arguments of a loss, read from the autograd graph."""

from __future__ import annotations

import itertools
import math
import operator
from collections import Counter
from typing import Any

from torch import Tensor

_VIEWS = ("View", "UnsafeView", "ReshapeAlias")
# Operators of one tensor that keep its shape.
_POINTWISE: tuple[str, ...] = (
    "Relu",
    "LeakyRelu",
    "Tanh",
    "Sigmoid",
    "Neg",
    "Clone",
    "Alias",
    "ToCopy",
    "Gelu",
)
_POINTWISE += ("Silu", "Add", "Sub", "Mul", "Div", "Softmax", "LogSoftmax", "Exp", "Log", "Dropout")
_PERMUTE_OPERATORS = ("Permute", "Transpose", "T")
# Operators after which the channels are in dimension 1.
_IMAGES: tuple[str, ...] = (
    "Convolution",
    "NativeBatchNorm",
    "CudnnBatchNorm",
    "NativeGroupNorm",
    "Upsample",
)
_IMAGES += ("AvgPool", "MaxPool", "AdaptiveAvgPool")
_LOOKUPS: tuple[str, ...] = (
    "Embedding",
    "Index",
    "IndexSelect",
    "Gather",
    "Select",
    "Slice",
    "Clone",
    "Expand",
)
_LOOKUPS += (*_VIEWS, "Squeeze", "Unsqueeze", "Transpose", "Permute", "T", "ToCopy", "Alias")
# Two forms of one output may differ in these, and in how they are laid out.
_FORMS = (*_LOOKUPS, "Softmax", "LogSoftmax", "Sigmoid", "LogSigmoid", "Log", "Exp", "Roll", "Flip")
_LARGEST = 5000


def name_of(node: Any) -> str:
    """Return the operator of a node, such as "Softmax"."""
    return type(node).__name__.partition("Backward")[0].lstrip("_")


def mixing_view(tensor: Tensor) -> tuple[str, bool]:
    """Find a view that makes channels the last dimension without permuting.

    Returns:
        The view in words, "" where there is none; and whether a convolution made what it views.
    """
    after: tuple[int, ...] = tuple(tensor.shape)  # of a run of views
    shape, node = after, tensor.grad_fn
    base = tensor._base if node is None else None
    if base is not None and base.is_contiguous() and tensor.is_contiguous():
        whole = base.numel() == tensor.numel()
        return (_describe(tuple(base.shape), after, None), False) if whole else ("", False)
    while node is not None:
        name, source = name_of(node), _source(node)
        if name in _VIEWS:
            shape = tuple(getattr(node, "_saved_self_sym_sizes", shape))
            channel = _channel(source, len(shape))
            finding = _describe(shape, after, channel)
            if finding:
                return finding, channel is not None
        elif name in _PERMUTE_OPERATORS:
            turn = _permuted_dim(node, name, len(shape))
            after = shape = tuple(shape[turn.index(d)] for d in range(len(shape)))
        elif name not in _POINTWISE:
            break
        node = source
    return "", False


def _describe(before: tuple[int, ...], after: tuple[int, ...], channel: int | None) -> str:
    """Describe a view that reads other dimensions as channels; "" if it does not."""
    if len(before) < 3 or not after:
        return ""
    place = 1 if channel is None else channel
    classes, rest = before[place], before[place + 1 :]
    if classes < 2 or math.prod(rest) < 2 or after[-1] < 2:
        return ""
    several = channel is not None and classes % after[-1] == 0 and not _splits(after, rest)
    if after[-1] != classes and not several:  # several anchors have separate channels
        return ""
    if after[: place + 1] == before[: place + 1]:
        return ""
    if channel is None and before[-1] % classes == 0:
        return ""  # the last dimension may be the one that is split
    return f"{before} was viewed as {after}"


def _splits(after: tuple[int, ...], rest: tuple[int, ...]) -> bool:
    """Return whether a view keeps the positions of different channels separate."""
    return math.prod(rest) in itertools.accumulate(reversed(after), operator.mul)


def _channel(node: Any, size: int) -> int | None:
    """Return where the channels of a convolution are in what was made of it; None if there is none.

    Only operators that keep the shape, or turn it, may lie between.
    """
    dims = list(range(size))
    while node is not None and not _keeps_channels(name_of(node)):
        name = name_of(node)
        if name in _PERMUTE_OPERATORS:
            turn = _permuted_dim(node, name, size)
            dims = [turn[d] for d in dims]
        elif name not in _POINTWISE:
            return None
        node = _source(node)
    return dims.index(1) if node is not None and size > 2 else None


def _keeps_channels(name: str) -> bool:
    return name.startswith(_IMAGES)


def _source(node: Any) -> Any:
    return node.next_functions[0][0] if node.next_functions else None


def _permuted_dim(node: Any, name: str, size: int) -> list[int]:
    """Return the permutation of dimensions of an operator."""
    if name == "Permute":
        return [_signed(d) % size for d in node._saved_dims]
    first, second = (0, 1) if name == "T" else (node._saved_dim0, node._saved_dim1)
    turn = list(range(size))
    first, second = _signed(first) % size, _signed(second) % size
    turn[first], turn[second] = turn[second], turn[first]
    return turn


def _signed(dim: int) -> int:
    return dim - 2**64 if dim >= 2**63 else dim


def follows(input: Tensor, target: Tensor) -> str:
    """Describe how a target depends on parameters that it should not train; "" if it may.

    A target may be a row of a trained table, or another output of the same layers.
    """
    if not target.requires_grad or target.grad_fn is None or not input.requires_grad:
        return ""
    leaves, operators = _graph(target)
    if all(name in (*_LOOKUPS, "AccumulateGrad") for name in operators):
        return ""
    of_input, done = _graph(input)
    if any("BackwardBackward" in name for name in (*operators, *done)):
        return ""  # the equation of a derivative
    extra = Counter({k: n for k, n in operators.items() if k not in _FORMS}) - done
    if leaves <= of_input:
        return "same" if extra else ""
    return "others" if extra else "shared" if leaves & of_input else "twin"


def _graph(tensor: Tensor) -> tuple[set[int], Counter[str]]:
    """Return the leaves and the operators that a tensor was made of."""
    leaves: set[int] = set()
    operators: Counter[str] = Counter()
    visited: set[Any] = set()
    nodes: list[Any] = [tensor.grad_fn]
    while nodes and len(visited) < _LARGEST:
        node = nodes.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        twice = "BackwardBackward" in type(node).__name__
        operators[type(node).__name__ if twice else name_of(node)] += 1
        if hasattr(node, "variable"):
            leaves.add(id(node.variable))
        nodes += [before for before, _ in node.next_functions]
    return leaves, operators

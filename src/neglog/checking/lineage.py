"""What the autograd graph says of a loss's arguments."""

from __future__ import annotations

import math
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
_CONVOLUTIONS = ("Convolution", "NativeBatchNorm", "CudnnBatchNorm", "UpsampleBilinear2D")
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
_FORMS = (*_LOOKUPS, "Softmax", "LogSoftmax", "Sigmoid", "LogSigmoid", "Log", "Exp")
_LARGEST = 5000


def name_of(node: Any) -> str:
    """Return the operator of a node, such as "Softmax"."""
    return type(node).__name__.partition("Backward")[0].lstrip("_")


def scrambled(tensor: Tensor) -> tuple[str, bool]:
    """Find a view that takes channels for the last dimension without moving them there.

    Returns:
        The view in words, "" where there is none; and whether a convolution made what it views.
    """
    after: tuple[int, ...] = tuple(tensor.shape)
    node: Any = tensor.grad_fn
    base = tensor._base if node is None else None
    if base is not None and base.is_contiguous() and tensor.is_contiguous():
        whole = base.numel() == tensor.numel()
        return (_told(tuple(base.shape), after), False) if whole else ("", False)
    while node is not None:
        name = name_of(node)
        source = node.next_functions[0][0] if node.next_functions else None
        if name in _VIEWS:
            before = tuple(node._saved_self_sym_sizes)
            sure = _is_of_convolution(source)
            told = _told(before, after, sure)
            if told:
                return told, sure
            after = before
        elif name in ("Permute", "Transpose", "T"):
            after = _unturned(node, name, after)
        elif name not in _POINTWISE:
            break
        node = source
    return "", False


def _told(before: tuple[int, ...], after: tuple[int, ...], sure: bool = False) -> str:
    if len(before) < 3 or not after:
        return ""
    classes = before[1]
    moved = after[-1] == classes and after[:2] != before[:2]
    if classes < 2 or not moved or math.prod(before[2:]) < 2:
        return ""
    if before[-1] % classes == 0 and not sure:
        return ""  # the last dimension may be the one that is split
    return f"{before} was viewed as {after}"


def _is_of_convolution(node: Any) -> bool:
    while node is not None and name_of(node) in _POINTWISE:
        node = node.next_functions[0][0] if node.next_functions else None
    return node is not None and name_of(node) in _CONVOLUTIONS


def _unturned(node: Any, name: str, after: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape before dimensions were permuted."""
    size = len(after)
    if name == "Permute":
        dims = [_signed(d) % size for d in node._saved_dims]
        return tuple(after[dims.index(d)] for d in range(size))
    shape = list(after)
    first, second = (0, 1) if name == "T" else (node._saved_dim0, node._saved_dim1)
    first, second = _signed(first) % size, _signed(second) % size
    shape[first], shape[second] = shape[second], shape[first]
    return tuple(shape)


def _signed(dim: int) -> int:
    return dim - 2**64 if dim >= 2**63 else dim


def follows(input: Tensor, target: Tensor) -> str:
    """Say how a target depends on parameters that it should not teach; "" where it may.

    A target may be a row of a learnt table, or another output of the same layers.
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
    return "others" if extra or not leaves & of_input else "shared"


def _graph(tensor: Tensor) -> tuple[set[int], Counter[str]]:
    """Return the leaves and the operators that a tensor was made of."""
    leaves: set[int] = set()
    operators: Counter[str] = Counter()
    seen: set[Any] = set()
    nodes: list[Any] = [tensor.grad_fn]
    while nodes and len(seen) < _LARGEST:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        twice = "BackwardBackward" in type(node).__name__
        operators[type(node).__name__ if twice else name_of(node)] += 1
        if hasattr(node, "variable"):
            leaves.add(id(node.variable))
        nodes += [before for before, _ in node.next_functions]
    return leaves, operators

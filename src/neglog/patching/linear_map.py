"""What a head computes, as a sum of linear maps of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from neglog.errors import sentence
from neglog.errors.arguments import LanguageModelError


class LinearMap:
    """The sum of rows · weightᵀ over pairs of both, plus a bias, not computed.

    A head of one linear layer has one pair; an adapter, such as LoRA's, adds another.

    Args:
        rows: each (…, features of the pair).
        weights: each (classes, features of the pair).
        bias: (classes,), if there is one.
    """

    def __init__(
        self, rows: tuple[Tensor, ...], weights: tuple[Tensor, ...], bias: Tensor | None
    ) -> None:
        self.rows, self.weights, self.bias = rows, weights, bias
        self.dtype = rows[0].dtype

    def __add__(self, other: Any) -> LinearMap:
        """Return the sum with another map."""
        if not isinstance(other, LinearMap):
            raise _refused("it adds a tensor to the output of its linear layer")
        bias = self.bias if other.bias is None else other.bias
        if self.bias is not None and other.bias is not None:
            bias = self.bias + other.bias
        return LinearMap(self.rows + other.rows, self.weights + other.weights, bias)

    def __mul__(self, factor: Any) -> LinearMap:
        """Return a multiple."""
        if not isinstance(factor, (int, float)):
            raise _refused("it multiplies the output of its linear layer by a tensor")
        bias = None if self.bias is None else self.bias * factor
        return LinearMap(tuple(x * factor for x in self.rows), self.weights, bias)

    __rmul__ = __mul__

    def to(self, *_: Any, **__: Any) -> LinearMap:
        """Return the same map, since the loss chooses its own dtype."""
        return self

    def __getattr__(self, name: str) -> Any:
        """Refuse any other use."""
        raise _refused(f"it uses {name} of the output of its linear layer")

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Refuse operations of torch."""
        raise _refused(f"it passes the output of its linear layer to {function.__name__}")

    def joined(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return rows, weight and bias of one linear layer with the same output."""
        if any(hasattr(weight, "device_mesh") for weight in self.weights):
            raise _refused("its weight is a DTensor that no hook gathers, as in tensor parallelism")
        if len(self.rows) == 1:
            return self.rows[0], self.weights[0], self.bias
        dtype = self.weights[0].dtype
        rows = torch.cat([x.to(dtype) for x in self.rows], -1)
        return rows, torch.cat([w.to(dtype) for w in self.weights], -1), self.bias


class _Recording(TorchFunctionMode):
    """Return a `LinearMap` instead of the output of a linear layer that has one per class."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Record a linear layer, and call any other function."""
        kwargs = kwargs or {}
        if function is F.linear:
            rows, weight, bias = _layer(*args, **kwargs)
            if weight.shape[0] == self.classes:
                return LinearMap((rows,), (weight,), bias)
        return function(*args, **kwargs)


def _layer(
    input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the arguments of `linear`."""
    return input, weight, bias


def recorded(forward: Callable[..., Any], rows: Tensor, classes: int) -> LinearMap:
    """Return what a head computes of rows.

    Raises:
        LanguageModelError: it is not a sum of linear maps.
    """
    with _Recording(classes):
        found = forward(rows)
    if not isinstance(found, LinearMap):
        raise _refused("it does not return the output of torch.nn.functional.linear")
    return found


def _refused(got: str) -> LanguageModelError:
    expected = "neglog.patch requires a head that is a sum of linear layers"
    return LanguageModelError(sentence(expected, got, remedy="leave the model unpatched"))

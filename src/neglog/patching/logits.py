"""Logits that a head has not computed: what a model does to them is recorded for the loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from neglog import functional
from neglog.errors import sentence
from neglog.errors.arguments import LanguageModelError

_RECORDED = ("rows", "dtype", "scale", "inner", "offset")
_LOSSES = (F.cross_entropy, functional.cross_entropy)


class Logits:
    """Logits scale · tanh(inner · z), or scale · z + offset, of outputs z that are not computed.

    Args:
        head: a module; called with the keyword `loss` it returns that loss of its outputs.
        rows: the head's input (…, features).
        classes: the number of the head's outputs.
        dtype: of the logits.
        scale: the factor of the logits.
        inner: the factor in the tanh of a softcap.
        offset: (classes,), if there is one.
    """

    def __init__(
        self,
        head: Any,
        rows: Tensor,
        classes: int,
        dtype: torch.dtype,
        scale: float = 1.0,
        inner: float | None = None,
        offset: Tensor | None = None,
    ) -> None:
        self.head, self.rows, self.classes, self.dtype = head, rows, classes, dtype
        self.scale, self.inner, self.offset = scale, inner, offset

    @property
    def shape(self) -> torch.Size:
        """Return the shape (…, classes)."""
        return torch.Size((*self.rows.shape[:-1], self.classes))

    @property
    def device(self) -> torch.device:
        """Return the device of the rows."""
        return self.rows.device

    @property
    def ndim(self) -> int:
        """Return the number of dimensions."""
        return self.rows.dim()

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.rows.dim()

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of a dimension."""
        return self.shape if dim is None else self.shape[dim]

    def float(self) -> Logits:
        """Return the logits in float32."""
        return self._with(dtype=torch.float32)

    def to(self, *args: Any, **kwargs: Any) -> Logits:
        """Return the logits in another dtype; the loss stays on the device of the head."""
        given = (*args, *kwargs.values())
        found = [a.dtype if isinstance(a, Tensor) else a for a in given]
        dtypes = [dtype for dtype in found if isinstance(dtype, torch.dtype)]
        return self._with(dtype=dtypes[0]) if dtypes else self

    def contiguous(self) -> Logits:
        """Return the same logits."""
        return self

    def view(self, *shape: Any) -> Logits:
        """Return the logits in another shape (…, classes)."""
        sizes = shape if isinstance(shape[0], int) else tuple(shape[0])
        if sizes[-1] != self.classes and (sizes[-1] != -1 or -1 in sizes[:-1]):
            raise _refused(f"the shape {sizes} of its logits, in which the classes are not last")
        return self._with(rows=self.rows.reshape(*sizes[:-1], self.rows.shape[-1]))

    reshape = view

    def __getitem__(self, index: Any) -> Logits:
        """Return the logits of some rows."""
        parts = index if isinstance(index, tuple) else (index,)
        last = [Ellipsis, *parts][-1]
        has_ellipsis = any(part is Ellipsis for part in parts)
        used = sum(part.dim() if _is_mask(part) else part is not Ellipsis for part in parts)
        of_classes = last is not Ellipsis and (has_ellipsis or used >= self.ndim)
        whole = isinstance(last, slice) and last == slice(None)
        if any(part is None for part in parts) or (of_classes and not whole):
            raise _refused("some classes of its logits")
        return self._with(rows=self.rows[index])

    def __mul__(self, factor: Any) -> Logits:
        """Return a multiple of the logits."""
        if not isinstance(factor, (int, float)):
            raise _refused("multiplication by a tensor")
        offset = None if self.offset is None else self.offset * factor
        return self._with(scale=self.scale * factor, offset=offset)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Logits:
        """Return the logits divided by a number."""
        if not isinstance(divisor, (int, float)):
            raise _refused("division by a tensor")
        return self * (1.0 / divisor)

    def __add__(self, offset: Any) -> Logits:
        """Return the logits plus one number per class."""
        shape = tuple(offset.shape) if isinstance(offset, Tensor) else ()
        one_each = shape[-1:] == (self.classes,) and offset.numel() == self.classes
        if self.inner is not None or not one_each:
            raise _refused("addition of other than one number per class, or after a tanh,")
        offset = offset.reshape(-1)
        return self._with(offset=offset if self.offset is None else self.offset + offset)

    def __sub__(self, other: Any) -> Logits:
        """Refuse a difference."""
        raise _refused("subtraction")

    def __setitem__(self, index: Any, value: Any) -> None:
        """Refuse to change logits."""
        raise _refused("assignment to its logits")

    def tanh(self) -> Logits:
        """Return the hyperbolic tangent of the logits."""
        if self.inner is not None or self.offset is not None:
            raise _refused("a tanh after a tanh or an addition")
        return self._with(scale=1.0, inner=self.scale)

    def __getattr__(self, name: str) -> Any:
        """Refuse any other use."""
        raise _refused(name)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Compute the loss of the logits, or refuse."""
        kwargs = kwargs or {}
        if function in _LOSSES:
            return _cross_entropy(*args, **kwargs)
        if function is torch.tanh:
            return args[0].tanh()
        raise _refused(getattr(function, "__name__", str(function)))

    def _with(self, **changed: Any) -> Logits:
        facts = {name: getattr(self, name) for name in _RECORDED}
        return Logits(self.head, classes=self.classes, **{**facts, **changed})


def _is_mask(part: Any) -> bool:
    return isinstance(part, Tensor) and part.dtype == torch.bool


def _cross_entropy(
    input: Logits,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    class_dim: int = 1,
    **extras: Any,
) -> Tensor:
    """Return the cross-entropy of logits, computed by their head."""
    last = input.ndim - 1
    if class_dim not in (last, -1) and input.ndim != 1:
        raise _refused(f"cross_entropy of {input.ndim} dimensions, with the classes not last")
    if size_average is not None or reduce is not None:
        raise _refused("size_average and reduce")
    inner, scale = input.inner, input.scale
    options = {
        "weight": weight,
        "ignore_index": ignore_index,
        "reduction": reduction,
        "label_smoothing": label_smoothing,
        "softcap": None if inner is None else 1.0 / inner,
        "temperature": 1.0 / (scale if inner is None else scale * inner),
        "offset": input.offset,
        "loss_dtype": None if torch.is_autocast_enabled(input.device.type) else input.dtype,
        **extras,
    }

    def loss(
        rows: Tensor, linear_weight: Tensor, linear_bias: Tensor | None, memory: Any
    ) -> Tensor:
        layer = {"linear_bias": linear_bias, "memory": memory}
        labels = target.to(rows.device)
        return functional.linear_cross_entropy(rows, linear_weight, labels, **layer, **options)

    found: Tensor = input.head(input.rows, loss=loss)
    return found


def _refused(use: str) -> LanguageModelError:
    expected = "between head and loss, neglog.patch serves a scale, tanh, shapes and cross_entropy"
    cause = "the logits do not exist in memory"
    remedy = "call neglog.unpatch(model) and pass neglog.integrations.transformers.loss_function"
    return LanguageModelError(sentence(expected, f"the model uses {use}", cause, remedy))

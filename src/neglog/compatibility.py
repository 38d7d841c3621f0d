"""The one switch that takes neglog's deliberate differences from torch back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

_torch_compatible = False


class torch_compatible:
    """Behave as torch does where neglog would raise: broadcast, accept, say nothing.

    A call switches the whole process, every thread of it; as a context manager it switches back at
    the end. The differences that it takes back are listed in `docs/differences.md`.

    Args:
        on: False switches neglog's own behaviour on again.

    >>> import torch, neglog
    >>> with neglog.torch_compatible():
    ...     neglog.CrossEntropyLoss()(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long))
    tensor(0.)
    """

    def __init__(self, on: bool = True) -> None:
        global _torch_compatible
        self._on, self._before, self._is_new = on, _torch_compatible, True
        _torch_compatible = on

    def __enter__(self) -> None:
        """Keep what the constructor has switched, or switch again."""
        global _torch_compatible
        if not self._is_new:
            self._before = _torch_compatible
        self._is_new = False
        _torch_compatible = self._on

    def __exit__(self, *failure: Any) -> None:
        """Switch back to what was."""
        global _torch_compatible
        _torch_compatible = self._before


def is_torch_compatible() -> bool:
    """Tell whether torch's behaviour has been asked for."""
    return _torch_compatible


class _LinearCrossEntropyLoss(nn.modules.loss._WeightedLoss):
    """What `nn.LinearCrossEntropyLoss` holds, for a torch that has none yet."""

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__(weight=weight, reduction=reduction)
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.options = options
        rows = math.prod(out_features, start=num_classes)
        self.linear = nn.Linear(in_features, rows, bias=bias, device=device, dtype=dtype)


if TYPE_CHECKING:
    TorchLinearCrossEntropyLoss = nn.LinearCrossEntropyLoss
else:
    TorchLinearCrossEntropyLoss = getattr(nn, "LinearCrossEntropyLoss", _LinearCrossEntropyLoss)

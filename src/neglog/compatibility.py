"""The switch that restores PyTorch's behaviour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

is_on = False  # set by `torch_compatible`


class torch_compatible:
    """Restore torch's behaviour where neglog would raise: broadcast and accept, without an error.

    A call affects all threads of the process; a context manager restores the previous behaviour at
    its end. `docs/differences.md` lists the differences that it removes.

    Args:
        on: False restores neglog's behaviour.

    >>> import torch, neglog
    >>> with neglog.torch_compatible():
    ...     neglog.CrossEntropyLoss()(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long))
    tensor(0.)
    """

    def __init__(self, on: bool = True) -> None:
        global is_on
        self._on, self._before, self._is_new = on, is_on, True
        is_on = on

    def __enter__(self) -> None:
        """Keep the constructor's behaviour, or switch to it again."""
        global is_on
        if not self._is_new:
            self._before = is_on
        self._is_new = False
        is_on = self._on

    def __exit__(self, *failure: Any) -> None:
        """Restore the previous behaviour."""
        global is_on
        is_on = self._before


def is_torch_compatible() -> bool:
    """Return whether torch's behaviour is requested."""
    return is_on


class _LinearCrossEntropyLoss(nn.modules.loss._WeightedLoss):
    """A substitute for `nn.LinearCrossEntropyLoss` in versions of torch without it."""

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

"""Losses of ordered classes as modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neglog import functional, validation
from neglog.criterion import OfPairs, Weight
from neglog.distributed.plan import Plan


class _Thresholds(nn.modules.loss._Loss):
    """Thresholds between ordered classes, a parameter or a buffer."""

    num_classes: int
    thresholds: Tensor

    def __init__(
        self, num_classes: int, thresholds: Weight | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        validation.within("[2, inf)", num_classes=num_classes)
        self.num_classes = num_classes
        dtype = torch.get_default_dtype()
        if thresholds is None:
            line = torch.arange(num_classes - 1, dtype=dtype)
            self.thresholds = nn.Parameter(line - line.mean())
            return
        given = torch.as_tensor(thresholds, dtype=dtype)
        validation.increasing(given, num_classes - 1)
        self.register_buffer("thresholds", given)


class OrdinalLoss(OfPairs, _Thresholds):
    """Ordered classes by one score and thresholds: see `neglog.functional.ordinal_loss`.

    Thresholds that are given are constants. Otherwise they are learned: pass the parameters of the
    criterion to the optimizer. They start one apart, around 0.

    Args:
        num_classes: the number of classes, 2 or more.
        thresholds: the numbers between the classes, in increasing order, (K − 1,).

    >>> import torch
    >>> OrdinalLoss(3, thresholds=[-1.0, 1.0])(torch.tensor([0.0]), torch.tensor([1]))
    tensor(0.7719)
    """

    _function = staticmethod(functional.ordinal_loss)

    def __init__(
        self,
        num_classes: int,
        thresholds: Weight | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            thresholds=thresholds,
            ignore_index=ignore_index,
            reduction=reduction,
            empty=empty,
            plan=plan,
        )

    def _loss(self, *tensors: Any, **extras: Any) -> Tensor:
        return super()._loss(*tensors, self.thresholds, **extras)


class CORNLoss(OfPairs, nn.modules.loss._Loss):
    """Ordered classes by conditional probabilities: see `neglog.functional.corn_loss`.

    >>> import torch
    >>> CORNLoss()(torch.zeros(2, 3), torch.tensor([0, 2]))
    tensor(0.6931)
    """

    _function = staticmethod(functional.corn_loss)

    def __init__(
        self,
        num_classes: int | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            num_classes=num_classes,
            ignore_index=ignore_index,
            reduction=reduction,
            empty=empty,
            plan=plan,
        )

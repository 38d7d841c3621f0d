"""The losses of binary targets as modules."""

from __future__ import annotations

from torch import nn

from neglog import functional
from neglog.criterion import OfPairs, Weight
from neglog.distributed.plan import Plan


class BCELoss(OfPairs, nn.BCELoss):
    """Binary cross-entropy on probabilities: see `neglog.functional.binary_cross_entropy`.

    Prefer `BCEWithLogitsLoss`, which is more accurate: leave out the model's last sigmoid.

    >>> import torch
    >>> BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """

    _function = staticmethod(functional.binary_cross_entropy)
    _passed_on = ("weight",)

    def __init__(
        self,
        weight: Weight | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        ignore_index: int | None = None,
        class_dim: int | None = None,
    ) -> None:
        super().__init__(
            weight=weight,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            empty=empty,
            plan=plan,
            ignore_index=ignore_index,
            class_dim=class_dim,
        )


class BCEWithLogitsLoss(OfPairs, nn.BCEWithLogitsLoss):
    """Binary cross-entropy on logits: see `neglog.functional.binary_cross_entropy_with_logits`.

    >>> import torch
    >>> BCEWithLogitsLoss()(torch.tensor([20.0]), torch.tensor([1.0]))
    tensor(2.0612e-09)
    """

    _function = staticmethod(functional.binary_cross_entropy_with_logits)
    _passed_on = ("weight", "pos_weight")

    def __init__(
        self,
        weight: Weight | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Weight | None = None,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        ignore_index: int | None = None,
        class_dim: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            weight=weight,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            pos_weight=pos_weight,
            empty=empty,
            plan=plan,
            ignore_index=ignore_index,
            class_dim=class_dim,
            label_smoothing=label_smoothing,
        )


class SoftMarginLoss(OfPairs, nn.SoftMarginLoss):
    """Binary cross-entropy with labels −1 and +1: see `neglog.functional.soft_margin_loss`.

    >>> import torch
    >>> SoftMarginLoss()(torch.tensor([20.0]), torch.tensor([1.0]))
    tensor(2.0612e-09)
    """

    _function = staticmethod(functional.soft_margin_loss)

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            empty=empty,
            plan=plan,
            ignore_index=ignore_index,
        )


class MultiLabelSoftMarginLoss(OfPairs, nn.MultiLabelSoftMarginLoss):
    """Many labels a sample: see `neglog.functional.multilabel_soft_margin_loss`.

    >>> import torch
    >>> MultiLabelSoftMarginLoss()(torch.tensor([[20.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(0.3466)
    """

    _function = staticmethod(functional.multilabel_soft_margin_loss)
    _passed_on = ("weight",)

    def __init__(
        self,
        weight: Weight | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        ignore_index: int | None = None,
        class_dim: int = -1,
    ) -> None:
        super().__init__(
            weight=weight,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            empty=empty,
            plan=plan,
            ignore_index=ignore_index,
            class_dim=class_dim,
        )

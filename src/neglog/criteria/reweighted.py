"""Losses of classes that weigh an observation by its own probability, as modules."""

from __future__ import annotations

from torch import nn

from neglog import functional
from neglog.criterion import OfPairs, Weight
from neglog.distributed.plan import Plan


class FocalLoss(OfPairs, nn.modules.loss._WeightedLoss):
    """The focal loss of class labels: see `neglog.functional.focal_loss`.

    >>> import torch
    >>> FocalLoss()(torch.tensor([[0.0, 2.0]]), torch.tensor([1]))
    tensor(0.0018)
    """

    _mean_over = "labels"
    _function = staticmethod(functional.focal_loss)
    _passed_on = ("weight",)

    def __init__(
        self,
        gamma: float = 2.0,
        weight: Weight | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        class_dim: int = 1,
    ) -> None:
        super().__init__(
            gamma=gamma,
            weight=weight,
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=label_smoothing,
            empty=empty,
            plan=plan,
            class_dim=class_dim,
        )


class PolyLoss(OfPairs, nn.modules.loss._WeightedLoss):
    """Cross-entropy plus epsilon · (1 − p), Poly-1: see `neglog.functional.poly_loss`.

    >>> import torch
    >>> PolyLoss()(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(1.1931)
    """

    _mean_over = "labels"
    _function = staticmethod(functional.poly_loss)
    _passed_on = ("weight",)

    def __init__(
        self,
        epsilon: float = 1.0,
        weight: Weight | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        class_dim: int = 1,
    ) -> None:
        super().__init__(
            epsilon=epsilon,
            weight=weight,
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=label_smoothing,
            empty=empty,
            plan=plan,
            class_dim=class_dim,
        )


class GeneralizedCrossEntropyLoss(OfPairs, nn.modules.loss._WeightedLoss):
    """A loss for labels with errors: see `neglog.functional.generalized_cross_entropy`.

    >>> import torch
    >>> GeneralizedCrossEntropyLoss(q=1.0)(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
    tensor(0.5000)
    """

    _mean_over = "labels"
    _function = staticmethod(functional.generalized_cross_entropy)
    _passed_on = ("weight",)

    def __init__(
        self,
        q: float = 0.7,
        weight: Weight | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        class_dim: int = 1,
    ) -> None:
        super().__init__(
            q=q,
            weight=weight,
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=label_smoothing,
            empty=empty,
            plan=plan,
            class_dim=class_dim,
        )


class SigmoidFocalLoss(OfPairs, nn.modules.loss._Loss):
    """The focal loss of binary targets: see `neglog.functional.sigmoid_focal_loss`.

    >>> import torch
    >>> SigmoidFocalLoss()(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor([0.0433])
    """

    _function = staticmethod(functional.sigmoid_focal_loss)

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        reduction: str = "none",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(
            alpha=alpha,
            gamma=gamma,
            reduction=reduction,
            empty=empty,
            plan=plan,
            ignore_index=ignore_index,
        )


class AsymmetricLoss(OfPairs, nn.modules.loss._Loss):
    """The asymmetric loss of many labels: see `neglog.functional.asymmetric_loss`.

    >>> import torch
    >>> AsymmetricLoss()(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.0]))
    tensor(0.3711)
    """

    _function = staticmethod(functional.asymmetric_loss)

    def __init__(
        self,
        gamma_neg: float = 4.0,
        gamma_pos: float = 1.0,
        clip: float = 0.05,
        reduction: str = "sum",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(
            gamma_neg=gamma_neg,
            gamma_pos=gamma_pos,
            clip=clip,
            reduction=reduction,
            empty=empty,
            plan=plan,
            ignore_index=ignore_index,
        )

"""Torch's hinge losses of scores as modules."""

from __future__ import annotations

from torch import Tensor, nn

from neglog import functional
from neglog.criterion import Criterion, OfPairs, Weight, with_parameters
from neglog.distributed.plan import Plan


class OfTwoInputs(Criterion):
    """A criterion of `input1`, `input2` and `target`."""

    @with_parameters
    def forward(
        self,
        input1: Tensor,
        input2: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(input1, input2, target, **extras)

    @with_parameters
    def sum_and_count(
        self,
        input1: Tensor,
        input2: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(input1, input2, target, mask=mask, sample_weight=sample_weight)


class HingeEmbeddingLoss(OfPairs, nn.HingeEmbeddingLoss):
    """Distances of similar and dissimilar pairs: see `neglog.functional.hinge_embedding_loss`.

    >>> import torch
    >>> HingeEmbeddingLoss()(torch.tensor([0.25, 0.25]), torch.tensor([1.0, -1.0]))
    tensor(0.5000)
    """

    _function = staticmethod(functional.hinge_embedding_loss)
    _passed_on = ("margin",)

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            margin=margin,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            empty=empty,
            plan=plan,
        )


class MarginRankingLoss(OfTwoInputs, nn.MarginRankingLoss):
    """The hinge loss of a ranking: see `neglog.functional.margin_ranking_loss`.

    >>> import torch
    >>> MarginRankingLoss()(torch.tensor([2.0]), torch.tensor([0.5]), torch.tensor([-1.0]))
    tensor(1.5000)
    """

    _function = staticmethod(functional.margin_ranking_loss)
    _passed_on = ("margin",)

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            margin=margin,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            empty=empty,
            plan=plan,
        )


class MultiMarginLoss(OfPairs, nn.MultiMarginLoss):
    """The hinge loss of several classes: see `neglog.functional.multi_margin_loss`.

    >>> import torch
    >>> MultiMarginLoss()(torch.tensor([[2.0, 1.5]]), torch.tensor([0]))
    tensor(0.2500)
    """

    _function = staticmethod(functional.multi_margin_loss)
    _passed_on = ("p", "margin", "weight")

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Weight | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(
            p=p,
            margin=margin,
            weight=weight,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            empty=empty,
            plan=plan,
            ignore_index=ignore_index,
        )


class MultiLabelMarginLoss(OfPairs, nn.MultiLabelMarginLoss):
    """The hinge loss of several labels: see `neglog.functional.multilabel_margin_loss`.

    >>> import torch
    >>> MultiLabelMarginLoss()(torch.tensor([[0.5, 0.0, 1.0]]), torch.tensor([[2, -1, 0]]))
    tensor(0.1667)
    """

    _mean_over = "rows"
    _function = staticmethod(functional.multilabel_margin_loss)

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            size_average=size_average, reduce=reduce, reduction=reduction, empty=empty, plan=plan
        )

"""Torch's losses of distances between embeddings as modules."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from neglog import functional
from neglog.criteria.margins import OfTwoInputs
from neglog.criterion import Criterion, with_parameters
from neglog.distributed.plan import Plan


class _OfTriplets(Criterion):
    """A criterion of `anchor`, `positive` and `negative`."""

    @with_parameters
    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(anchor, positive, negative, **extras)

    @with_parameters
    def sum_and_count(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(
            anchor, positive, negative, mask=mask, sample_weight=sample_weight
        )


class TripletMarginLoss(_OfTriplets, nn.TripletMarginLoss):
    """A positive nearer than a negative: see `neglog.functional.triplet_margin_loss`.

    >>> import torch
    >>> TripletMarginLoss()(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[0.0, 0.25]]))
    tensor(0.7500)
    """

    _function = staticmethod(functional.triplet_margin_loss)
    _passed_on = ("margin", "p", "eps", "swap")

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            margin=margin,
            p=p,
            eps=eps,
            swap=swap,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            empty=empty,
            plan=plan,
        )


class TripletMarginWithDistanceLoss(_OfTriplets, nn.TripletMarginWithDistanceLoss):
    """`TripletMarginLoss` with a distance of your own.

    See `neglog.functional.triplet_margin_with_distance_loss`.

    >>> import torch
    >>> criterion = TripletMarginWithDistanceLoss(
    ...     distance_function=lambda a, b: (a - b).abs().sum(-1))
    >>> criterion(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[0.0, 0.25]]))
    tensor(0.7500)
    """

    _function = staticmethod(functional.triplet_margin_with_distance_loss)
    _passed_on = ("distance_function", "margin", "swap")

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            distance_function=distance_function,
            margin=margin,
            swap=swap,
            reduction=reduction,
            empty=empty,
            plan=plan,
        )


class CosineEmbeddingLoss(OfTwoInputs, nn.CosineEmbeddingLoss):
    """Cosines of similar and dissimilar rows: see `neglog.functional.cosine_embedding_loss`.

    >>> import torch
    >>> a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    >>> CosineEmbeddingLoss()(a, b, torch.tensor([1.0]))
    tensor(1.)
    """

    _function = staticmethod(functional.cosine_embedding_loss)
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

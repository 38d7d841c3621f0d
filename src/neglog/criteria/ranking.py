"""Likelihoods of preferences and rankings as modules."""

from __future__ import annotations

from torch import Tensor, nn

from neglog import functional
from neglog.criterion import Criterion, with_parameters
from neglog.distributed.plan import Plan


class BradleyTerryLoss(Criterion, nn.modules.loss._Loss):
    """Preferences between pairs: see `neglog.functional.bradley_terry_loss`.

    >>> import torch
    >>> BradleyTerryLoss()(torch.tensor([2.0]), torch.tensor([0.5]))
    tensor(0.2014)
    """

    _function = staticmethod(functional.bradley_terry_loss)

    def __init__(
        self,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(reduction=reduction, empty=empty, plan=plan)

    @with_parameters
    def forward(
        self,
        chosen: Tensor,
        rejected: Tensor,
        margin: Tensor | float | None = None,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch, in nats."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(chosen, rejected, margin, **extras)

    @with_parameters
    def sum_and_count(
        self,
        chosen: Tensor,
        rejected: Tensor,
        margin: Tensor | float | None = None,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(chosen, rejected, margin, mask=mask, sample_weight=sample_weight)


class PlackettLuceLoss(Criterion, nn.modules.loss._Loss):
    """Rankings, or ListMLE: see `neglog.functional.plackett_luce_loss`.

    >>> import torch
    >>> PlackettLuceLoss()(torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[3, 2, 1]]))
    tensor(0.7209)
    """

    _function = staticmethod(functional.plackett_luce_loss)

    def __init__(
        self,
        top_k: int | None = None,
        ties: str = "efron",
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(top_k=top_k, ties=ties, reduction=reduction, empty=empty, plan=plan)

    @with_parameters
    def forward(
        self,
        input: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch, in nats."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(input, target, **extras)

    @with_parameters
    def sum_and_count(
        self,
        input: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(input, target, mask=mask, sample_weight=sample_weight)

"""Likelihoods of times until an event as modules."""

from __future__ import annotations

from torch import Tensor, nn

from neglog import functional
from neglog.criterion import Criterion, with_parameters
from neglog.distributed.plan import Plan


class DiscreteHazardLoss(Criterion, nn.modules.loss._Loss):
    """Hazards of intervals: see `neglog.functional.discrete_hazard_loss`.

    >>> import torch
    >>> DiscreteHazardLoss()(torch.zeros(1, 4), torch.tensor([2]), torch.tensor([1]))
    tensor(2.0794)
    """

    _function = staticmethod(functional.discrete_hazard_loss)

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
        logits: Tensor,
        interval: Tensor,
        event: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch, in nats."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(logits, interval, event, **extras)

    @with_parameters
    def sum_and_count(
        self,
        logits: Tensor,
        interval: Tensor,
        event: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(logits, interval, event, mask=mask, sample_weight=sample_weight)


class CoxPHLoss(Criterion, nn.modules.loss._Loss):
    """Proportional hazards: see `neglog.functional.cox_ph_loss`.

    >>> import torch
    >>> time, event = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1, 0, 1])
    >>> CoxPHLoss(reduction="sum")(torch.zeros(3), time, event)
    tensor(1.0986)
    """

    _function = staticmethod(functional.cox_ph_loss)

    def __init__(
        self,
        ties: str = "efron",
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(ties=ties, reduction=reduction, empty=empty, plan=plan)

    @with_parameters
    def forward(
        self,
        log_hazard: Tensor,
        time: Tensor,
        event: Tensor,
        *,
        strata: Tensor | None = None,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch, in nats."""
        extras = {
            "strata": strata,
            "mask": mask,
            "sample_weight": sample_weight,
            "normalizer": normalizer,
        }
        return self._loss(log_hazard, time, event, **extras)

    @with_parameters
    def sum_and_count(
        self,
        log_hazard: Tensor,
        time: Tensor,
        event: Tensor,
        *,
        strata: Tensor | None = None,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(
            log_hazard, time, event, strata=strata, mask=mask, sample_weight=sample_weight
        )

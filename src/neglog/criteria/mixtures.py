"""Likelihoods of vectors as modules."""

from __future__ import annotations

from torch import Tensor, nn

from neglog import functional
from neglog.criterion import Criterion, with_parameters
from neglog.distributed.plan import Plan


class MixtureDensityLoss(Criterion, nn.modules.loss._Loss):
    """A mixture of normals: see `neglog.functional.mixture_density_loss`.

    >>> import torch
    >>> logits, mean = torch.zeros(1, 2), torch.tensor([[-1.0, 1.0]])
    >>> MixtureDensityLoss()(logits, mean, torch.zeros(1, 2), torch.tensor([1.0]))
    tensor(0.5662)
    """

    _function = staticmethod(functional.mixture_density_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)

    @with_parameters
    def forward(
        self,
        logits: Tensor,
        mean: Tensor,
        log_scale: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch, in nats."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(logits, mean, log_scale, target, **extras)

    @with_parameters
    def sum_and_count(
        self,
        logits: Tensor,
        mean: Tensor,
        log_scale: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(
            logits, mean, log_scale, target, mask=mask, sample_weight=sample_weight
        )


class MultivariateNormalNLLLoss(Criterion, nn.modules.loss._Loss):
    """A normal vector: see `neglog.functional.multivariate_normal_nll_loss`.

    >>> import torch
    >>> factor = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    >>> MultivariateNormalNLLLoss()(torch.zeros(1, 2), factor, torch.tensor([[2.0, 0.0]]))
    tensor(1.1931)
    """

    _function = staticmethod(functional.multivariate_normal_nll_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)

    @with_parameters
    def forward(
        self,
        mean: Tensor,
        scale_tril: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch, in nats."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(mean, scale_tril, target, **extras)

    @with_parameters
    def sum_and_count(
        self,
        mean: Tensor,
        scale_tril: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(mean, scale_tril, target, mask=mask, sample_weight=sample_weight)

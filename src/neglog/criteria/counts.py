"""The loss of counts as a module."""

from __future__ import annotations

from torch import Tensor, nn

from neglog import functional
from neglog.criterion import Criterion, with_parameters
from neglog.distributed.plan import Plan


class PoissonNLLLoss(Criterion, nn.PoissonNLLLoss):
    """Counts: see `neglog.functional.poisson_nll_loss`.

    >>> import torch
    >>> PoissonNLLLoss(full="exact")(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(1.6931)
    """

    _function = staticmethod(functional.poisson_nll_loss)
    _passed_on = ("log_input", "full", "eps")

    def __init__(
        self,
        log_input: bool = True,
        full: bool | str = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            log_input=log_input,
            full=full,
            size_average=size_average,
            eps=eps,
            reduce=reduce,
            reduction=reduction,
            empty=empty,
            plan=plan,
        )

    @with_parameters
    def forward(
        self,
        log_input: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of log-rates, or rates, against counts, in nats."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(log_input, target, **extras)

    @with_parameters
    def sum_and_count(
        self,
        log_input: Tensor,
        target: Tensor,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(log_input, target, mask=mask, sample_weight=sample_weight)

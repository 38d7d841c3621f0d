"""Losses of the time until an event as modules."""

from __future__ import annotations

from torch import nn

from neglog import functional, likelihoods
from neglog.criterion import OfDeclaration
from neglog.distributed.plan import Plan


class ExponentialNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Times until an event of constant hazard: see `neglog.functional.exponential_nll_loss`.

    >>> import torch
    >>> ExponentialNLLLoss()(torch.tensor([0.0]), torch.tensor([2.0]), event=torch.tensor([1.0]))
    tensor(2.)
    """

    likelihood = likelihoods.Exponential
    _function = staticmethod(functional.exponential_nll_loss)

    def __init__(
        self,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(reduction=reduction, empty=empty, plan=plan)


class WeibullNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Times until an event whose hazard rises or falls: see `neglog.functional.weibull_nll_loss`.

    >>> import torch
    >>> log_scale, log_shape, times = torch.zeros(1), torch.zeros(1), torch.tensor([2.0])
    >>> WeibullNLLLoss()(log_scale, log_shape, times, event=torch.tensor([1.0]))
    tensor(2.)
    """

    likelihood = likelihoods.Weibull
    _function = staticmethod(functional.weibull_nll_loss)

    def __init__(
        self,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(reduction=reduction, empty=empty, plan=plan)

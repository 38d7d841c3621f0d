"""Losses of a count with more zeros, or fewer, than its distribution has, as modules."""

from __future__ import annotations

from torch import nn

from neglog import functional, likelihoods
from neglog.criterion import OfDeclaration
from neglog.distributed.plan import Plan


class ZeroInflatedPoissonNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Counts with extra zeros: see `neglog.functional.zero_inflated_poisson_nll_loss`.

    >>> import torch
    >>> ZeroInflatedPoissonNLLLoss()(torch.zeros(1), torch.zeros(1), torch.tensor([2.0]))
    tensor(1.6931)
    """

    likelihood = likelihoods.ZeroInflatedPoisson
    _function = staticmethod(functional.zero_inflated_poisson_nll_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)


class ZeroInflatedNegativeBinomialNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Overdispersed counts with extra zeros.

    See `neglog.functional.zero_inflated_negative_binomial_nll_loss`.

    >>> import torch
    >>> ZeroInflatedNegativeBinomialNLLLoss()(*torch.ones(3, 1), torch.tensor([2.0]))
    tensor(2.5599)
    """

    likelihood = likelihoods.ZeroInflatedNegativeBinomial
    _function = staticmethod(functional.zero_inflated_negative_binomial_nll_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)


class PoissonHurdleNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Counts with a model of zeros apart: see `neglog.functional.poisson_hurdle_nll_loss`.

    >>> import torch
    >>> PoissonHurdleNLLLoss()(torch.zeros(1), torch.zeros(1), torch.tensor([2.0]))
    tensor(1.2345)
    """

    likelihood = likelihoods.PoissonHurdle
    _function = staticmethod(functional.poisson_hurdle_nll_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)

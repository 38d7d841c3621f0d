"""Losses of the number of successes in a known number of trials, as modules."""

from __future__ import annotations

from torch import nn

from neglog import functional, likelihoods
from neglog.criterion import OfDeclaration
from neglog.distributed.plan import Plan


class BinomialNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Successes in known numbers of trials: see `neglog.functional.binomial_nll_loss`.

    >>> import torch
    >>> trials = torch.tensor([3.0])
    >>> BinomialNLLLoss(full=True)(torch.zeros(1), torch.tensor([2.0]), total_count=trials)
    tensor(0.9808)
    """

    likelihood = likelihoods.Binomial
    _function = staticmethod(functional.binomial_nll_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)


class BetaBinomialNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Successes in trials whose probability varies: see `neglog.functional.beta_binomial_nll_loss`.

    >>> import torch
    >>> BetaBinomialNLLLoss()(*torch.ones(3, 1), total_count=torch.tensor([3.0]))
    tensor(2.4849)
    """

    likelihood = likelihoods.BetaBinomial
    _function = staticmethod(functional.beta_binomial_nll_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)

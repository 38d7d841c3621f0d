"""Losses of a count whose variance exceeds its mean, as modules."""

from __future__ import annotations

from torch import nn

from neglog import functional, likelihoods
from neglog.criterion import OfDeclaration
from neglog.distributed.plan import Plan
from neglog.likelihood import Likelihood


class NegativeBinomialNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Overdispersed counts: see `neglog.functional.negative_binomial_nll_loss`.

    >>> import torch
    >>> NegativeBinomialNLLLoss()(torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([3.0]))
    tensor(0.9287)
    """

    likelihood: type[Likelihood] = likelihoods.NegativeBinomialMean
    _function = staticmethod(functional.negative_binomial_nll_loss)

    def __init__(
        self,
        from_logits: bool = False,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            from_logits=from_logits, full=full, reduction=reduction, empty=empty, plan=plan
        )
        if from_logits:
            self.likelihood = likelihoods.NegativeBinomialLogits

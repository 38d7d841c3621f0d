"""Losses of a normal prediction as modules."""

from __future__ import annotations

from torch import nn

from neglog import functional, likelihoods
from neglog.criterion import OfDeclaration
from neglog.distributed.plan import Plan


class BetaNLLWeightedGaussian(OfDeclaration, nn.modules.loss._Loss):
    """β-NLL, a weighted Gaussian NLL: see `neglog.functional.beta_nll_weighted_gaussian`.

    >>> import torch
    >>> BetaNLLWeightedGaussian()(torch.tensor([0.0]), torch.tensor([4.0]), torch.tensor([2.0]))
    tensor(2.3863)
    """

    likelihood = likelihoods.BetaWeightedNormal
    _function = staticmethod(functional.beta_nll_weighted_gaussian)

    def __init__(
        self,
        beta: float = 0.5,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(beta=beta, reduction=reduction, empty=empty, plan=plan)


class CRPSLoss(OfDeclaration, nn.modules.loss._Loss):
    """The ranked probability score of a normal prediction: see `neglog.functional.crps_loss`.

    >>> import torch
    >>> CRPSLoss()(torch.tensor([0.0]), torch.tensor([1.0]), torch.tensor([2.0]))
    tensor(1.4528)
    """

    likelihood = likelihoods.NormalScore
    _function = staticmethod(functional.crps_loss)

    def __init__(
        self,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(reduction=reduction, empty=empty, plan=plan)


class CensoredNormalNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """The Tobit model of targets known by bounds: see `neglog.functional.censored_normal_nll_loss`.

    >>> import torch
    >>> mean, scale, target = torch.zeros(1), torch.ones(1), torch.zeros(1)
    >>> CensoredNormalNLLLoss()(mean, scale, target, censoring=torch.ones(1))
    tensor(0.6931)
    """

    likelihood = likelihoods.CensoredNormal
    _function = staticmethod(functional.censored_normal_nll_loss)

    def __init__(
        self,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(reduction=reduction, empty=empty, plan=plan)

"""Losses of a share and of an angle as modules."""

from __future__ import annotations

from torch import nn

from neglog import functional, likelihoods
from neglog.criterion import OfDeclaration
from neglog.distributed.plan import Plan


class BetaNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Shares between 0 and 1: see `neglog.functional.beta_nll_loss`.

    >>> import torch
    >>> BetaNLLLoss()(torch.tensor([2.0]), torch.tensor([1.0]), torch.tensor([0.25]))
    tensor(0.6931)
    """

    likelihood = likelihoods.Beta
    _function = staticmethod(functional.beta_nll_loss)

    def __init__(
        self,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(reduction=reduction, empty=empty, plan=plan)


class VonMisesNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Angles in radians: see `neglog.functional.von_mises_nll_loss`.

    >>> import torch
    >>> VonMisesNLLLoss()(torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([1.0]))
    tensor(-0.2566)
    """

    likelihood = likelihoods.VonMises
    _function = staticmethod(functional.von_mises_nll_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)

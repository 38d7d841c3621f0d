"""Losses of a positive target as modules."""

from __future__ import annotations

from torch import nn

from neglog import functional, likelihoods
from neglog.criterion import OfDeclaration
from neglog.distributed.plan import Plan


class GammaNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Targets whose deviation grows with their mean: see `neglog.functional.gamma_nll_loss`.

    >>> import torch
    >>> GammaNLLLoss(shape=3.0)(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(6.)
    """

    likelihood = likelihoods.Gamma
    _function = staticmethod(functional.gamma_nll_loss)

    def __init__(
        self,
        shape: float = 1.0,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(shape=shape, full=full, reduction=reduction, empty=empty, plan=plan)


class InverseGaussianNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Positive, strongly skewed targets: see `neglog.functional.inverse_gaussian_nll_loss`.

    >>> import torch
    >>> InverseGaussianNLLLoss(shape=3.0)(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(0.7500)
    """

    likelihood = likelihoods.InverseGaussian
    _function = staticmethod(functional.inverse_gaussian_nll_loss)

    def __init__(
        self,
        shape: float = 1.0,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(shape=shape, full=full, reduction=reduction, empty=empty, plan=plan)


class LogNormalNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Positive targets whose logarithm is normal: see `neglog.functional.log_normal_nll_loss`.

    >>> import torch
    >>> LogNormalNLLLoss(full=True)(torch.tensor([0.0]), torch.tensor([1.0]), torch.tensor([2.0]))
    tensor(1.8523)
    """

    likelihood = likelihoods.LogNormal
    _function = staticmethod(functional.log_normal_nll_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)


class TweedieLoss(OfDeclaration, nn.modules.loss._Loss):
    """Targets that are 0 or positive: see `neglog.functional.tweedie_loss`.

    >>> import torch
    >>> TweedieLoss()(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(6.)
    """

    likelihood = likelihoods.Tweedie
    _function = staticmethod(functional.tweedie_loss)

    def __init__(
        self,
        exponent: float = 1.5,
        dispersion: float = 1.0,
        full: bool | str = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            exponent=exponent,
            dispersion=dispersion,
            full=full,
            reduction=reduction,
            empty=empty,
            plan=plan,
        )

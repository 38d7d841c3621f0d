"""Losses of a real target with heavy-tailed or asymmetric errors, as modules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from neglog import functional, likelihoods
from neglog.criterion import OfDeclaration
from neglog.distributed.plan import Plan


class QuantileLoss(OfDeclaration, nn.modules.loss._Loss):
    """Quantiles of one level or of several: see `neglog.functional.quantile_loss`.

    >>> import torch
    >>> QuantileLoss(0.75)(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(1.5000)
    """

    likelihood = likelihoods.Quantile
    _function = staticmethod(functional.quantile_loss)

    def __init__(
        self,
        quantile: float | Sequence[float] = 0.5,
        non_crossing: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        if type(quantile).__module__ == "numpy":  # an array has no truth value
            quantile = [*quantile] if isinstance(quantile, Iterable) else float(quantile)
        super().__init__(
            quantile=quantile,
            non_crossing=non_crossing,
            reduction=reduction,
            empty=empty,
            plan=plan,
        )


class ExpectileLoss(OfDeclaration, nn.modules.loss._Loss):
    """Expectiles, by asymmetric squared errors: see `neglog.functional.expectile_loss`.

    >>> import torch
    >>> ExpectileLoss(0.75)(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(3.)
    """

    likelihood = likelihoods.Expectile
    _function = staticmethod(functional.expectile_loss)

    def __init__(
        self,
        level: float = 0.5,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(level=level, full=full, reduction=reduction, empty=empty, plan=plan)


class LogCoshLoss(OfDeclaration, nn.modules.loss._Loss):
    """The logarithm of the error's hyperbolic cosine: see `neglog.functional.log_cosh_loss`.

    >>> import torch
    >>> LogCoshLoss()(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(1.3250)
    """

    likelihood = likelihoods.LogCosh
    _function = staticmethod(functional.log_cosh_loss)

    def __init__(
        self,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, reduction=reduction, empty=empty, plan=plan)


class StudentTNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Student's t with predicted location and scale: see `neglog.functional.student_t_nll_loss`.

    >>> import torch
    >>> StudentTNLLLoss(df=3.0)(torch.tensor([0.0]), torch.tensor([1.0]), torch.tensor([2.0]))
    tensor(1.6946)
    """

    likelihood = likelihoods.StudentT
    _function = staticmethod(functional.student_t_nll_loss)

    def __init__(
        self,
        df: float = 4.0,
        full: bool = False,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(df=df, full=full, reduction=reduction, empty=empty, plan=plan)


class LaplaceNLLLoss(OfDeclaration, nn.modules.loss._Loss):
    """Laplace errors with a predicted scale: see `neglog.functional.laplace_nll_loss`.

    >>> import torch
    >>> LaplaceNLLLoss()(torch.tensor([0.0]), torch.tensor([4.0]), torch.tensor([2.0]))
    tensor(1.8863)
    """

    likelihood = likelihoods.ScaledLaplace
    _function = staticmethod(functional.laplace_nll_loss)

    def __init__(
        self,
        full: bool = False,
        eps: float = 1e-6,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, eps=eps, reduction=reduction, empty=empty, plan=plan)

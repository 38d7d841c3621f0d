"""The losses of real targets as modules."""

from __future__ import annotations

from torch import Tensor, nn

from neglog import functional
from neglog.criterion import Criterion, OfPairs, with_parameters
from neglog.distributed.plan import Plan


class SSELoss(OfPairs, nn.modules.loss._Loss):
    """The sum of squared errors: see `neglog.functional.sse_loss`.

    >>> import torch
    >>> SSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(4.)
    """

    _function = staticmethod(functional.sse_loss)

    def __init__(
        self, reduction: str = "sum", *, empty: str = "nan", plan: Plan | None = None
    ) -> None:
        super().__init__(reduction=reduction, empty=empty, plan=plan)


class MSELoss(OfPairs, nn.MSELoss):
    """The mean squared error: see `neglog.functional.mse_loss`.

    >>> import torch
    >>> MSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """

    _function = staticmethod(functional.mse_loss)

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            size_average=size_average, reduce=reduce, reduction=reduction, empty=empty, plan=plan
        )


class L1Loss(OfPairs, nn.L1Loss):
    """The mean absolute error: see `neglog.functional.l1_loss`.

    >>> import torch
    >>> L1Loss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """

    _function = staticmethod(functional.l1_loss)

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            size_average=size_average, reduce=reduce, reduction=reduction, empty=empty, plan=plan
        )


class HuberLoss(OfPairs, nn.HuberLoss):
    """Squared errors up to delta, absolute errors beyond: see `neglog.functional.huber_loss`.

    >>> import torch
    >>> HuberLoss()(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 3.0]))
    tensor(1.5000)
    """

    _function = staticmethod(functional.huber_loss)
    _passed_on = ("delta",)

    def __init__(
        self,
        reduction: str = "mean",
        delta: float = 1.0,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(reduction=reduction, delta=delta, empty=empty, plan=plan)


class SmoothL1Loss(OfPairs, nn.SmoothL1Loss):
    """`HuberLoss` divided by its delta: see `neglog.functional.smooth_l1_loss`.

    >>> import torch
    >>> SmoothL1Loss(beta=2.0)(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 3.0]))
    tensor(1.1250)
    """

    _function = staticmethod(functional.smooth_l1_loss)
    _passed_on = ("beta",)

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            beta=beta,
            empty=empty,
            plan=plan,
        )


class GaussianNLLLoss(Criterion, nn.GaussianNLLLoss):
    """A normal target with a predicted variance: see `neglog.functional.gaussian_nll_loss`.

    >>> import torch
    >>> GaussianNLLLoss()(torch.tensor([0.0]), torch.tensor([2.0]), torch.tensor([4.0]))
    tensor(1.1931)
    """

    _function = staticmethod(functional.gaussian_nll_loss)
    _passed_on = ("full", "eps")

    def __init__(
        self,
        *,
        full: bool = False,
        eps: float = 1e-6,
        reduction: str = "mean",
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(full=full, eps=eps, reduction=reduction, empty=empty, plan=plan)

    @with_parameters
    def forward(
        self,
        input: Tensor,
        target: Tensor,
        var: Tensor | float,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of means and variances against targets, in nats."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(input, target, var, **extras)

    @with_parameters
    def sum_and_count(
        self,
        input: Tensor,
        target: Tensor,
        var: Tensor | float,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses and the divisor of their mean."""
        return self._sum_and_count(input, target, var, mask=mask, sample_weight=sample_weight)

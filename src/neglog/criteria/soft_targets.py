"""The loss of class probabilities as a module."""

from __future__ import annotations

from torch import nn

from neglog import functional
from neglog.criterion import OfPairs
from neglog.distributed.plan import Plan


class KLDivLoss(OfPairs, nn.KLDivLoss):
    """Probabilities against log-probabilities: see `neglog.functional.kl_div`.

    >>> import torch
    >>> log_q, p = torch.tensor([[0.25, 0.75]]).log(), torch.tensor([[0.5, 0.5]])
    >>> KLDivLoss(reduction="batchmean")(log_q, p)
    tensor(0.1438)
    """

    _function = staticmethod(functional.kl_div)
    _passed_on = ("log_target",)

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            log_target=log_target,
            empty=empty,
            plan=plan,
        )

"""Connectionist temporal classification as a module."""

from __future__ import annotations

from torch import Tensor, nn

from neglog import functional
from neglog.criterion import Criterion, with_parameters
from neglog.distributed.plan import Plan
from neglog.functional.ctc import Lengths


class CTCLoss(Criterion, nn.CTCLoss):
    """Label sequences without alignment: see `neglog.functional.ctc_loss`.

    >>> import torch
    >>> log_probs = torch.full((2, 1, 2), 0.5).log()
    >>> CTCLoss()(log_probs, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1]))
    tensor(0.2877)
    """

    _function = staticmethod(functional.ctc_loss)
    _passed_on = ("blank", "zero_infinity")

    def __init__(
        self,
        blank: int = 0,
        reduction: str = "mean",
        zero_infinity: bool = False,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
    ) -> None:
        super().__init__(
            blank=blank, reduction=reduction, zero_infinity=zero_infinity, empty=empty, plan=plan
        )

    @with_parameters
    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Lengths,
        target_lengths: Lengths,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        normalizer: Tensor | float | None = None,
    ) -> Tensor:
        """Return the loss of a batch of sequences, in nats."""
        extras = {"mask": mask, "sample_weight": sample_weight, "normalizer": normalizer}
        return self._loss(log_probs, targets, input_lengths, target_lengths, **extras)

    @with_parameters
    def sum_and_count(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Lengths,
        target_lengths: Lengths,
        *,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses per label and the divisor of their mean."""
        tensors = (log_probs, targets, input_lengths, target_lengths)
        return self._sum_and_count(*tensors, mask=mask, sample_weight=sample_weight)

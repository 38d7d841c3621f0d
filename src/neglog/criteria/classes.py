"""The losses of class labels as modules."""

from __future__ import annotations

from torch import Tensor, nn

from neglog import functional
from neglog.criterion import OfPairs, Weight
from neglog.distributed.plan import Plan


class LogSoftmax(nn.LogSoftmax):
    """The logarithm of the softmax: see `neglog.functional.log_softmax`.

    `NLLLoss` on it is `CrossEntropyLoss` on the logits.

    Args:
        dim: the dimension of the classes; omitting it is deprecated, as in torch.

    Returns:
        Log-probabilities of the input's shape, in nats.

    Raises:
        DtypeError: the input is not floating.

    >>> import torch
    >>> LogSoftmax(dim=0)(torch.tensor([0.0, 20.0]))
    tensor([-2.0000e+01, -2.0612e-09])

    Source: as for `neglog.functional.log_softmax`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return log-probabilities of the input's shape."""
        return functional.log_softmax(input, self.dim)


class NLLLoss(OfPairs, nn.NLLLoss):
    """Minus the log-probability of the label: see `neglog.functional.nll_loss`.

    >>> import torch
    >>> NLLLoss()(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """

    _mean_over = "labels"
    _function = staticmethod(functional.nll_loss)
    _passed_on = ("weight", "ignore_index")

    def __init__(
        self,
        weight: Weight | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        class_dim: int = 1,
    ) -> None:
        super().__init__(
            weight=weight,
            size_average=size_average,
            ignore_index=ignore_index,
            reduce=reduce,
            reduction=reduction,
            empty=empty,
            plan=plan,
            class_dim=class_dim,
        )


class CrossEntropyLoss(OfPairs, nn.CrossEntropyLoss):
    """Cross-entropy of logits: see `neglog.functional.cross_entropy`.

    >>> import torch
    >>> CrossEntropyLoss()(torch.tensor([[0.0, 20.0]]), torch.tensor([1]))
    tensor(2.0612e-09)
    """

    _mean_over = "labels"
    _function = staticmethod(functional.cross_entropy)
    _passed_on = ("weight", "ignore_index", "label_smoothing")

    def __init__(
        self,
        weight: Weight | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        *,
        empty: str = "nan",
        plan: Plan | None = None,
        class_dim: int = 1,
        offset: Weight | None = None,
    ) -> None:
        super().__init__(
            weight=weight,
            size_average=size_average,
            ignore_index=ignore_index,
            reduce=reduce,
            reduction=reduction,
            label_smoothing=label_smoothing,
            empty=empty,
            plan=plan,
            class_dim=class_dim,
            offset=offset,
        )

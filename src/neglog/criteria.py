"""The losses as modules: subclasses of torch's own, with the arithmetic of neglog.

Constructor, `repr`, pickling, `state_dict` and `isinstance` are therefore torch's.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from torch import Tensor, nn

from neglog import functional, guards


class _Criterion(nn.Module):
    """Checks the deprecated switches when torch's constructor is called."""

    __signature__: ClassVar[inspect.Signature]
    _of_torch: ClassVar[inspect.Signature]
    reduction: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if _Criterion in cls.__bases__:
            cls._of_torch = inspect.signature(cls.__mro__[2])
            if "__init__" not in vars(cls):
                cls.__signature__ = cls._of_torch

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = self._of_torch.bind(*args, **kwargs).arguments
        options = {"size_average": None, "reduce": None, "reduction": "mean"} | given
        guards.reduction(options["size_average"], options["reduce"], options["reduction"])
        super().__init__(*args, **kwargs)


class SSELoss(_Criterion, nn.modules.loss._Loss):
    """The sum of squared errors: see `neglog.functional.sse_loss`.

    >>> import torch
    >>> SSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(4.)
    """

    def __init__(self, reduction: str = "sum") -> None:
        super().__init__(reduction=reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of predictions against targets of the same shape."""
        return functional.sse_loss(input, target, reduction=self.reduction)


class MSELoss(_Criterion, nn.MSELoss):
    """The mean squared error: see `neglog.functional.mse_loss`.

    >>> import torch
    >>> MSELoss()(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of predictions against targets of the same shape."""
        return functional.mse_loss(input, target, reduction=self.reduction)


class BCELoss(_Criterion, nn.BCELoss):
    """Binary cross-entropy on probabilities: see `neglog.functional.binary_cross_entropy`.

    The network shows its probabilities, and its last layer is easy to change; prefer
    `BCEWithLogitsLoss` for its exactness.

    >>> import torch
    >>> BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of probabilities against targets of the same shape and dtype."""
        return functional.binary_cross_entropy(
            input, target, weight=self.weight, reduction=self.reduction
        )


class BCEWithLogitsLoss(_Criterion, nn.BCEWithLogitsLoss):
    """Binary cross-entropy on logits: see `neglog.functional.binary_cross_entropy_with_logits`.

    >>> import torch
    >>> BCEWithLogitsLoss()(torch.tensor([20.0]), torch.tensor([1.0]))
    tensor(2.0612e-09)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits against targets of the same shape and dtype."""
        return functional.binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )


class LogSoftmax(nn.LogSoftmax):
    """The logarithm of the softmax: see `neglog.functional.log_softmax`.

    `NLLLoss` on it is `CrossEntropyLoss` on the logits.

    >>> import torch
    >>> LogSoftmax(dim=0)(torch.tensor([0.0, 20.0]))
    tensor([-2.0000e+01, -2.0612e-09])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return log-probabilities of the input's shape."""
        return functional.log_softmax(input, self.dim)


class NLLLoss(_Criterion, nn.NLLLoss):
    """Minus the log-probability of the label: see `neglog.functional.nll_loss`.

    >>> import torch
    >>> NLLLoss()(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of log-probabilities against labels."""
        return functional.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_Criterion, nn.CrossEntropyLoss):
    """Cross-entropy of logits: see `neglog.functional.cross_entropy`.

    >>> import torch
    >>> CrossEntropyLoss()(torch.tensor([[0.0, 20.0]]), torch.tensor([1]))
    tensor(2.0612e-09)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits against labels, or against class probabilities."""
        return functional.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )

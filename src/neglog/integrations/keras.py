"""Losses for Keras 3 on torch, which calls them with the target first."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from neglog import validation


def loss(
    criterion: Callable[[Tensor, Tensor], Tensor], *, labels: bool = False
) -> Callable[..., Tensor]:
    """Return a function for ``model.compile(loss=…)`` that computes a criterion.

    Keras calls a loss with the target first, and turns targets into floating numbers.

    Args:
        criterion: a loss module or function of input and target, such as
            ``neglog.CrossEntropyLoss()``. With ``reduction="none"`` Keras applies sample weights.
        labels: whether targets are class labels. They become integers again, and (N, 1) becomes
            (N,).

    Raises:
        ArgumentError: an option is invalid.
        NeglogError: as the criterion does, when it is called.

    >>> import neglog, torch
    >>> function = loss(neglog.CrossEntropyLoss(), labels=True)
    >>> function(torch.tensor([[1.0], [0.0]]), torch.zeros(2, 4))
    tensor(1.3863)
    """
    validation.switch("labels", labels)

    def function(y_true: Tensor, y_pred: Tensor) -> Tensor:
        if labels:
            if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1:
                y_true = y_true.squeeze(-1)
            y_true = y_true.long()
        return criterion(y_pred, y_true)

    function.__name__ = (
        type(criterion).__name__
        if isinstance(criterion, nn.Module)
        else getattr(criterion, "__name__", "loss")
    )
    return function

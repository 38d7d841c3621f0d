"""What the losses over log-probabilities share: checks and reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from neglog import validation
from neglog.errors import sentence
from neglog.errors.arguments import IncompatibleOptionsError
from neglog.functional.common import Extras
from neglog.functional.composed import common, composed


def checked(**tensors: Tensor) -> None:
    """Raise unless all are floating tensors of the shape of the first."""
    validation.tensors(**tensors)
    (name, first), *rest = tensors.items()
    validation.floating(first, name)
    for other, tensor in rest:
        validation.floating(tensor, other)
        validation.same_shape(first, tensor, other, name)


def reduced(
    loss: Callable[..., Tensor],
    tensors: tuple[Tensor, ...],
    reduction: str,
    normalizer: Tensor | float | None,
) -> Tensor:
    """Return the losses of tensors of one shape, reduced; half precisions compute in float32."""
    reduction = validation.reduction(None, None, reduction)
    extras = Extras(None, None, normalizer, "nan")
    return composed(loss, tensors, tensors[0].shape, reduction, extras, common(*tensors))


def preferred(logit: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return −ln σ(logit), or a mixture of it and −ln σ(−logit) if labels may be wrong."""
    loss = softplus(-logit)
    if label_smoothing:
        loss = torch.lerp(loss, softplus(logit), label_smoothing)
    return loss


def smoothing_only_for(kinds: tuple[str, ...], loss_type: str, label_smoothing: Any) -> None:
    """Raise if a loss would ignore the label smoothing."""
    validation.within("[0, 0.5)", label_smoothing=label_smoothing)
    if label_smoothing and loss_type not in kinds:
        raise IncompatibleOptionsError(
            sentence(
                f"label_smoothing must be 0 with loss_type={loss_type!r}",
                f"it is {label_smoothing!r}",
                remedy=f"it is used by {', '.join(kinds)}",
            )
        )

"""The loss of predicted quantiles, of one level or of several at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog import validation
from neglog.device import tensor_like
from neglog.distributed.plan import Plan
from neglog.errors import sentence, shape
from neglog.errors.arguments import OptionError
from neglog.errors.tensors import InputShapeError, OrderError
from neglog.functional.common import ElementwiseRequest, Extras, loss
from neglog.functional.declared import declared
from neglog.functional.options import with_options
from neglog.likelihoods import Quantile, QuantileOfLevel


def _check_levels(quantile: Any, non_crossing: bool) -> None:
    """Refuse levels outside (0, 1), and levels that do not rise with `non_crossing`."""
    one = isinstance(quantile, (str, Tensor)) or not isinstance(quantile, Iterable)
    if one and non_crossing:
        expected = "non_crossing orders the quantiles of several levels"
        raise OptionError(sentence(expected, f"quantile is {quantile!r}"))
    levels: list[Any] = [quantile] if one else [*quantile]
    if not levels:
        raise OptionError(sentence("quantile must hold a level", "it is empty"))
    for level in levels:
        validation.between(0, 1, quantile=level)
    if non_crossing and sorted(set(levels)) != levels:
        raise OrderError(sentence("levels must rise with non_crossing", f"they are {levels}"))


@loss
@with_options(_check_levels)
def quantile_loss(
    input: Tensor,
    target: Tensor,
    quantile: float | Sequence[float] = 0.5,
    non_crossing: bool = False,
    reduction: str = "mean",
    *,
    mask: Tensor | None = None,
    sample_weight: Tensor | None = None,
    normalizer: Tensor | float | None = None,
    empty: str = "nan",
    plan: Plan | None = None,
) -> ElementwiseRequest:
    """Return the `Quantile` loss of one level or of several: the pinball, or check, loss.

    Args:
        input: predictions, any shape; for K levels the shape of the target and K.
        target: real numbers, in the input's shape; for several levels without its last dimension.
        quantile: the level, between 0 and 1; or a sequence of K levels.
        non_crossing: whether the input holds the first quantile and then the steps to the next ones
            before `softplus`, so that no quantile lies below the one before. Levels must rise.

    Raises:
        ArgumentError: a level does not lie between 0 and 1, or levels do not rise.
        ShapeError: the shapes do not fit.
        DtypeError: no tensor is floating, or one is complex.
        SupportError: a target is NaN or infinite (checked on a CPU).

    >>> import torch
    >>> quantile_loss(torch.tensor([0.0]), torch.tensor([2.0]), 0.75)
    tensor(1.5000)
    >>> quantile_loss(torch.zeros(1, 3), torch.tensor([2.0]), [0.25, 0.5, 0.75], reduction="none")
    tensor([[0.5000, 1.0000, 1.5000]])
    """
    extras = Extras(mask, sample_weight, normalizer, empty, plan)
    if not isinstance(quantile, Iterable):
        return declared(Quantile, (input,), target, (quantile,), reduction, extras)
    validation.tensors(input=input, target=target)
    levels = list(quantile)
    if input.shape != (*target.shape, len(levels)):
        expected = f"input must have the target's shape and {len(levels)} quantiles"
        expected += f", {(*target.shape, len(levels))}"
        raise InputShapeError(sentence(expected, f"it is {shape(input)}"))
    input = ordered_quantiles(input) if non_crossing else input
    target = target[..., None].expand(input.shape)
    like = input if input.is_floating_point() else target
    level = tensor_like(0.0, like).new_tensor(levels)
    return declared(QuantileOfLevel, (input,), target, (), reduction, extras, given=(level,))


def ordered_quantiles(input: Tensor) -> Tensor:
    """Return quantiles that rise in the last dimension, from the first one and raw steps."""
    first, steps = input[..., :1], input[..., 1:]
    return torch.cat([first, torch.nn.functional.softplus(steps)], -1).cumsum(-1)

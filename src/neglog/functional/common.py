"""Shared by all losses: argument handling and reduction."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from neglog import engine, validation
from neglog.device import tensor_like
from neglog.engine import ElementwiseProblem, RowwiseProblem, fast_path, reference, values
from neglog.engine.weighing import divided
from neglog.functional import distributed
from neglog.functional.documentation import documented
from neglog.functional.extras import Extras as Extras
from neglog.functional.extras import wide

_HALF_PRECISION = (torch.float16, torch.bfloat16)
P = ParamSpec("P")
T = TypeVar("T")


def loss(function: Callable[P, T]) -> Callable[P, T]:
    """Dispatch to tensor subclasses, and return float32 under autocast."""
    return _wrapped(function, _in_float32)


def loss_in_its_own_dtype(function: Callable[P, T]) -> Callable[P, T]:
    """Do as `loss`, but keep the dtype under autocast, as torch does for these losses.

    Like every loss of float16 and bfloat16, it is still computed in float32.
    """
    return _wrapped(function, None)


def _wrapped(
    function: Callable[P, T], under_autocast: Callable[[Any], Any] | None
) -> Callable[P, T]:
    compute: Callable[..., T] = function

    def full_dispatch(*args: P.args, **kwargs: P.kwargs) -> T:
        arguments = (*args, *kwargs.values())
        if has_torch_function(arguments):
            overridden: T = handle_torch_function(call, arguments, *args, **kwargs)
            return overridden
        if distributed.must_gather(args, kwargs):
            whole: T = distributed.gathered(call, args, kwargs)
            return whole
        if under_autocast is None or not _is_autocast(arguments):
            return compute(*args, **kwargs)
        named = {name: under_autocast(value) for name, value in kwargs.items()}
        return compute(*map(under_autocast, args), **named)

    call: Callable[P, T] = wraps(function)(fast_path.shortened(function, full_dispatch))
    call.__doc__ = documented(function)
    return call


def _is_autocast(arguments: tuple[Any, ...]) -> bool:
    """Tell whether autocast is on where the first tensor lives."""
    device = next((t.device.type for t in arguments if isinstance(t, Tensor)), "meta")
    return device != "meta" and torch.is_autocast_enabled(device)


def sum_and_count(loss: Callable[..., Any], *tensors: Tensor, **options: Any) -> Any:
    """Return the sum of the losses and the divisor of their mean.

    Sums and counts add up over batches and processes; means do not.

    Args:
        loss: a function of this module.
        tensors: its positional arguments.
        options: its keyword arguments, except `reduction`.

    Returns:
        Two 0-dimensional tensors, float32 for float16 and bfloat16; the sum is differentiable.

    >>> from neglog.functional import cross_entropy
    >>> rows, labels = torch.zeros(3, 2), torch.tensor([0, 1, -100])
    >>> sum_and_count(cross_entropy, rows, labels)
    (tensor(1.3863), tensor(2.))
    """
    return loss(*tensors, **options, reduction=validation.PAIR)


def of_elements(
    problem: ElementwiseProblem,
    extras: Extras,
    *,
    counts: Tensor | None = None,
    constant: Callable[[ElementwiseProblem], Tensor] | None = None,
    mean_of_weights: bool = False,
) -> Tensor:
    """Return an elementwise loss, reduced.

    Args:
        problem: the loss; its weight is torch's, which most means do not divide by.
        extras: the keyword-only arguments.
        counts: which elements to include, if not all.
        constant: returns a term to add to every loss before weighting.
        mean_of_weights: whether a mean divides by the sum of the weights.
    """
    y, reduction, given = problem.y, problem.reduction, problem
    extras.check(reduction)
    loss_weight = extras.loss_weights(y.shape, y, counts)
    plain = loss_weight is None and not mean_of_weights and constant is None
    if plain and extras.normalizer is None and _is_simple(reduction, extras, y.numel()):
        return engine.loss(problem)
    dtype = y.dtype
    problem = problem.each(_widened)
    if loss_weight is not None:
        problem = _with_weights(problem, loss_weight)
    kernel_reduction = "none" if reduction == "none" else "sum"
    constant_terms: Tensor | None = None
    if constant is not None:
        if loss_weight is not None:  # what does not count may be no target
            problem = problem._replace(y=torch.where(loss_weight == 0, 1.0, problem.y))
        constant_terms = constant(problem)
        constant_terms = (
            constant_terms if problem.weight is None else constant_terms * problem.weight
        )

    def scaled(scale: float) -> Tensor:
        factor = problem.factor * scale
        result = engine.loss(problem._replace(reduction=kernel_reduction, factor=factor))
        if constant_terms is None:
            return result
        return result + reference.reduced(constant_terms.to(result.dtype) * scale, kernel_reduction)

    divisors = problem.weight if mean_of_weights else loss_weight
    torch_weight = given.weight if mean_of_weights else None
    extras.check_sum(reduction, problem.weight if mean_of_weights else None, lambda: divisors)
    count = y.numel() if divisors is None else divisors.sum()
    if rescaled := extras.scaled_down(reduction, torch_weight, count):
        retried = given._replace(weight=rescaled[1]) if mean_of_weights else given
        return of_elements(
            retried, rescaled[0], counts=counts, constant=constant, mean_of_weights=mean_of_weights
        )
    return finished(scaled(1.0), count, y.shape, reduction, extras, dtype, scaled)


def _with_weights(problem: ElementwiseProblem, loss_weight: Tensor) -> ElementwiseProblem:
    """Return a problem whose weights are multiplied by shares; a share of 0 hides the element."""
    if problem.weight is None and not (loss_weight.requires_grad or values.is_transformed()):
        return problem._replace(weight=loss_weight, masked=True)
    weight = loss_weight if problem.weight is None else problem.weight * loss_weight
    excluded = loss_weight == 0
    weight = torch.where(excluded, 0.0, weight)
    if not weight.requires_grad:
        return problem._replace(weight=weight, masked=True)
    # A weight of 0 that requires a gradient needs the loss that it multiplies.
    visible = problem.each(lambda t: torch.where(excluded, 1.0, t))
    return visible._replace(weight=weight)


def of_rows(problem: RowwiseProblem, extras: Extras, shape: torch.Size) -> Tensor:
    """Return a loss over rows, reduced, or in the given shape of the losses."""
    reduction = problem.reduction
    extras.check(reduction)
    loss_weight = extras.loss_weights(shape, problem.x, None)
    problem = problem._replace(share=None if loss_weight is None else loss_weight.reshape(-1))
    weight = problem.weight if problem.y.dim() == 1 else None
    extras.check_sum(reduction, weight, lambda: reference.weights_of_rows(problem))
    if (
        extras.normalizer is None
        and extras.empty == "nan"
        and reduction in validation.REDUCTIONS[:3]
    ):
        result = engine.loss(problem)
        if _may_have_overflown(problem, result):
            count = reference.count_of_rows(problem)
            if rescaled := extras.scaled_down(reduction, weight, count):
                retried = problem._replace(weight=problem.weight if weight is None else rescaled[1])
                return of_rows(retried, rescaled[0], shape)
        return result.reshape(shape) if reduction == "none" else result
    dtype = problem.x.dtype
    problem = problem.each(_widened)
    kernel_reduction = "none" if reduction == "none" else "sum"

    def scaled(scale: float) -> Tensor:
        part = problem if scale == 1.0 else _scaled(problem, scale)
        result = engine.loss(part._replace(reduction=kernel_reduction))
        return result.reshape(shape) if reduction == "none" else result

    count = reference.count_of_rows(problem)
    if rescaled := extras.scaled_down(reduction, weight, count):
        retried = problem._replace(weight=problem.weight if weight is None else rescaled[1])
        return of_rows(retried, rescaled[0], shape).to(dtype)
    return finished(scaled(1.0), count, shape, reduction, extras, dtype, scaled)


def _may_have_overflown(problem: RowwiseProblem, result: Tensor) -> bool:
    """Tell whether a weighted mean is NaN or 0, as one is that was divided by infinity."""
    if problem.reduction != "mean" or (problem.weight is None and problem.share is None):
        return False
    return values.are_known(result) and not abs(result.item()) > 0


def _scaled(problem: RowwiseProblem, scale: float) -> RowwiseProblem:
    """Return a problem whose losses are multiplied by a number."""
    loss_weight = problem.share
    loss_weight = problem.x.new_ones(len(problem.y)) if loss_weight is None else loss_weight
    return problem._replace(share=loss_weight * scale)


def _is_simple(reduction: str, extras: Extras, size: int) -> bool:
    """Return whether the engine's own reduction suffices."""
    return reduction in validation.REDUCTIONS[:3] and (extras.empty == "nan" or size > 0)


def finished(
    total: Tensor,
    count: Tensor | int,
    shape: torch.Size,
    reduction: str,
    extras: Extras,
    dtype: torch.dtype,
    scaled: Callable[[float], Tensor] | None = None,
) -> Tensor:
    """Return the losses reduced as requested.

    Args:
        total: the losses, or their sum.
        count: the divisor of a mean, unless the extras have a normalizer.
        shape: of the losses.
        reduction: any, `PAIR` included.
        extras: the caller's.
        dtype: of the result.
        scaled: returns the sum of the losses after multiplying each by a number: the sum may
            overflow where the mean does not.
    """
    if reduction == validation.PAIR:
        count = tensor_like(count, total)
        return cast(Tensor, (total, count))
    if reduction in ("none", "sum"):
        return total.to(dtype)
    divisor: Any = count if extras.normalizer is None else extras.normalizer
    if reduction == "batchmean":
        divisor = shape[0] if shape else 1
    if extras.empty == "zero":
        divisor = tensor_like(divisor, total)
        divisor = torch.where((divisor == 0) & (total == 0), 1.0, divisor)
    if scaled is not None and values.are_known(total) and math.isinf(total.item()):
        size = float(divisor)
        if 0 < size < math.inf:
            total, divisor = scaled(1.0 / size), divisor / size
    return divided(total, divisor).to(dtype)


def _widened(tensor: Tensor) -> Tensor:
    return tensor.to(wide(tensor.dtype))


def _in_float32(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dtype in _HALF_PRECISION:
        return value.float()
    return value

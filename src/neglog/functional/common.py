"""Shared by all losses: argument handling and reduction."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from neglog import engine, validation
from neglog.device import tensor_like
from neglog.distributed import rows
from neglog.distributed.plan import checked_plan
from neglog.engine import ElementwiseProblem, RowwiseProblem, fast_path, reference, values
from neglog.engine.fast_path import Request
from neglog.engine.weighing import divided
from neglog.functional import dtensors
from neglog.functional.documentation import documented
from neglog.functional.extras import Extras as Extras
from neglog.functional.extras import wide
from neglog.functional.options import check_kinds, kinds_of

_HALF_PRECISION = (torch.float16, torch.bfloat16)
P = ParamSpec("P")
T = TypeVar("T")


def loss(function: Callable[P, Request | Tensor]) -> Callable[P, Tensor]:
    """Compute what a function asks for; dispatch to subclasses, return float32 under autocast."""
    computed: Callable[P, Tensor] = _wrapped(function, _in_float32)
    return computed


def loss_in_its_own_dtype(function: Callable[P, Request | Tensor]) -> Callable[P, Tensor]:
    """Do as `loss`, but keep the dtype under autocast, as torch does for these losses.

    Like every loss of float16 and bfloat16, it is still computed in float32.
    """
    computed: Callable[P, Tensor] = _wrapped(function, None)
    return computed


def rounded(request: Request, dtype: torch.dtype) -> Tensor:
    """Return the loss of a request whose tensors were widened, rounded to the caller's dtype."""
    result: Any = request.compute()
    found: Any = result if isinstance(result, tuple) else result.to(dtype)
    return cast(Tensor, found)


def statistics(function: Callable[P, T]) -> Callable[P, T]:
    """Dispatch to tensor subclasses, for a function that returns several tensors."""
    found: Callable[P, T] = _wrapped(function, None)
    return found


def _wrapped(function: Any, under_autocast: Callable[[Any], Any] | None) -> Any:
    kinds, parameters = kinds_of(function), signature(function).parameters
    names = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    default = parameters["reduction"].default if "reduction" in parameters else "none"

    def full_dispatch(*args: Any, **kwargs: Any) -> Any:
        arguments = (*args, *kwargs.values())
        if has_torch_function(arguments):
            return handle_torch_function(call, arguments, *args, **kwargs)
        if dtensors.must_gather(args, kwargs):
            return dtensors.gathered(call, args, kwargs)
        named = [*zip(names, args, strict=False), *kwargs.items()]
        validation.same_device(named)
        if kinds and (kwargs or len(args) > 2):
            check_kinds(kinds, dict(named))
        if under_autocast is not None and _is_autocast(arguments):
            kwargs = {name: under_autocast(value) for name, value in kwargs.items()}
            args = tuple(map(under_autocast, args))
        if kwargs.get("plan") is not None:
            return _planned(function, default, args, kwargs, names)
        return function(*args, **kwargs)

    call: Any = wraps(function)(fast_path.accelerated(function, full_dispatch))
    call.__doc__, call.kinds = documented(function), kinds
    if "Request" in function.__annotations__["return"]:  # callers get the result
        call.__annotations__ = {**function.__annotations__, "return": "Tensor"}
        call.__signature__ = signature(function).replace(return_annotation="Tensor")
    return call


def _planned(
    function: Any, default: str, args: tuple[Any, ...], kwargs: dict[str, Any], names: list[str]
) -> Any:
    """Return this process's share of a sum or a mean; other results are those of its rows.

    Args:
        function: computes the loss.
        default: its default reduction.
        args: of the call.
        kwargs: of the call.
        names: of the parameters that may be passed by position.
    """
    plan = checked_plan(kwargs["plan"])
    named = {**dict(zip(names, args, strict=False)), **kwargs}
    switches = named.pop("size_average", None), named.pop("reduce", None)
    reduction = validation.reduction(*switches, named.get("reduction", default))
    if reduction not in ("mean", "sum"):
        return function(*args, **kwargs)
    normalizer, empty = kwargs.get("normalizer"), kwargs.get("empty", "nan")
    validation.extras(normalizer, empty, reduction)
    unnamed = () if names else args

    def call(**changed: Any) -> Any:
        asked = function(*unnamed, **{**named, **changed})
        return asked.compute() if isinstance(asked, Request) else asked

    return rows.share(plan, call, reduction, normalizer, empty)


def _is_autocast(arguments: tuple[Any, ...]) -> bool:
    """Return whether autocast is enabled on the device of the first tensor."""
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


class ElementwiseRequest(Request):
    """An elementwise loss to be reduced.

    Args:
        problem: the loss; its weight is torch's, which most means do not divide by.
        extras: the keyword-only arguments.
        counts: which elements to include, if not all.
        constant: returns a term to add to every loss before weighting.
        mean_of_weights: whether a mean divides by the sum of the weights.
        repeatable: whether the function does nothing else, such as warn, or read a value.
    """

    problem: ElementwiseProblem

    def __init__(
        self,
        problem: ElementwiseProblem,
        extras: Extras,
        *,
        counts: Tensor | None = None,
        constant: Callable[[ElementwiseProblem], Tensor] | None = None,
        mean_of_weights: bool = False,
        repeatable: bool = True,
    ) -> None:
        self.problem, self.extras, self.counts = problem, extras, counts
        self.constant, self.mean_of_weights = constant, mean_of_weights
        plain = counts is None and constant is None and not mean_of_weights
        self.is_direct = plain and extras.are_direct(problem.reduction, problem.y.numel())
        self.is_plain = self.is_direct and repeatable

    def compute(self) -> Tensor:
        """Return the loss, reduced."""
        self.extras.check(self.problem.reduction)
        return engine.loss(self.problem) if self.is_direct else self._reduced()

    def _reduced(self) -> Tensor:
        given, extras, reduction = self.problem, self.extras, self.problem.reduction
        loss_weight = extras.loss_weights(given.y.shape, given.y, self.counts)
        problem = given.each(_widened)
        if loss_weight is not None:
            problem = _with_weights(problem, loss_weight)
        kernel_reduction = "none" if reduction == "none" else "sum"
        terms, problem = self._constants(problem, loss_weight)

        def scaled(scale: float) -> Tensor:
            factor = problem.factor * scale
            result = engine.loss(problem._replace(reduction=kernel_reduction, factor=factor))
            if terms is None:
                return result
            return result + reference.reduced(terms.to(result.dtype) * scale, kernel_reduction)

        weighed = self.mean_of_weights
        divisors, torch_weight = (problem.weight, given.weight) if weighed else (loss_weight, None)
        extras.check_sum(reduction, problem.weight if weighed else None, lambda: divisors)
        count = given.y.numel() if divisors is None else divisors.sum()
        if rescaled := extras.scaled_down(reduction, torch_weight, count):
            retried = given._replace(weight=rescaled[1]) if weighed else given
            options: Any = {"counts": self.counts, "constant": self.constant}
            return ElementwiseRequest(
                retried, rescaled[0], **options, mean_of_weights=weighed
            ).compute()
        shape = given.y.shape
        return finished(scaled(1.0), count, shape, reduction, extras, given.y.dtype, scaled)

    def _constants(
        self, problem: ElementwiseProblem, loss_weight: Tensor | None
    ) -> tuple[Tensor | None, ElementwiseProblem]:
        """Return the constant term of each loss, and the problem that it is computed of."""
        if self.constant is None:
            return None, problem
        if loss_weight is not None:  # an excluded target may be invalid
            problem = problem._replace(y=torch.where(loss_weight == 0, 1.0, problem.y))
        terms = self.constant(problem)
        return terms if problem.weight is None else terms * problem.weight, problem


def _with_weights(problem: ElementwiseProblem, loss_weight: Tensor) -> ElementwiseProblem:
    """Multiply the weights of a problem by sample weights; a weight of 0 excludes the element."""
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


class RowwiseRequest(Request):
    """A loss over rows to be reduced.

    Args:
        problem: the loss.
        extras: the keyword-only arguments.
        shape: of the losses.
    """

    problem: RowwiseProblem

    def __init__(self, problem: RowwiseProblem, extras: Extras, shape: torch.Size) -> None:
        self.problem, self.extras, self.shape = problem, extras, shape
        # Which rows are ignored depends on values, and so does whether a mean is over nothing.
        direct = extras.are_direct(problem.reduction, 0)
        reshaped = problem.reduction == "none" and len(shape) != 1
        self.is_plain = direct and problem.weight is None and not reshaped

    def compute(self) -> Tensor:
        """Return the loss, reduced, or in the shape of the losses."""
        extras, reduction = self.extras, self.problem.reduction
        extras.check(reduction)
        loss_weight = extras.loss_weights(self.shape, self.problem.x, None)
        problem = self.problem._replace(
            sample_weight=None if loss_weight is None else loss_weight.reshape(-1)
        )
        weight = problem.weight if problem.y.dim() == 1 else None
        extras.check_sum(reduction, weight, lambda: reference.weights_of_rows(problem))
        plain = extras.normalizer is None and extras.empty == "nan"
        if not plain or reduction not in validation.REDUCTIONS[:3]:
            return self._reduced(problem, weight)
        result = engine.loss(problem)
        if _may_have_overflown(problem, result):
            count = reference.count_of_rows(problem)
            if rescaled := extras.scaled_down(reduction, weight, count):
                return self._again(problem, weight, *rescaled)
        return result.reshape(self.shape) if reduction == "none" else result

    def _again(
        self,
        problem: RowwiseProblem,
        weight: Tensor | None,
        extras: Extras,
        rescaled: Tensor | None,
    ) -> Tensor:
        """Return the loss with weights that are scaled down."""
        retried = problem._replace(weight=problem.weight if weight is None else rescaled)
        return RowwiseRequest(retried, extras, self.shape).compute()

    def _reduced(self, problem: RowwiseProblem, weight: Tensor | None) -> Tensor:
        reduction, extras, shape, dtype = (
            problem.reduction, self.extras, self.shape, problem.x.dtype
        )  # fmt: skip
        problem = problem.each(_widened)
        kernel_reduction = "none" if reduction == "none" else "sum"

        def scaled(scale: float) -> Tensor:
            part = problem if scale == 1.0 else _scaled(problem, scale)
            result = engine.loss(part._replace(reduction=kernel_reduction))
            return result.reshape(shape) if reduction == "none" else result

        count = reference.count_of_rows(problem)
        if rescaled := extras.scaled_down(reduction, weight, count):
            return self._again(problem, weight, *rescaled).to(dtype)
        return finished(scaled(1.0), count, shape, reduction, extras, dtype, scaled)


def _may_have_overflown(problem: RowwiseProblem, result: Tensor) -> bool:
    """Return whether a weighted mean is NaN or 0, as after a division by infinity."""
    if problem.reduction != "mean" or (problem.weight is None and problem.sample_weight is None):
        return False
    return values.are_known(result) and not abs(result.item()) > 0


def _scaled(problem: RowwiseProblem, scale: float) -> RowwiseProblem:
    """Return a problem whose losses are multiplied by a number."""
    loss_weight = problem.sample_weight
    if loss_weight is None:
        loss_weight = torch.ones_like(problem.x[:, 0]).reshape(-1)  # one for each row
    return problem._replace(sample_weight=loss_weight * scale)


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
        divisor = extras.batch_size(shape, total)
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

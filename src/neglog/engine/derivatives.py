"""The declared formulas as differentiable functions of torch: `nll` and its gradients.

Each is an `autograd.Function` whose derivatives in both modes are the declared ones. The risk is in
what torch passes to such a function: tangents that are None, and levels of `torch.func` that see
only operations on the saved tensors. `tests/test_semantics.py` and `tests/conformance` test it. The
compiler refuses functions with forward mode; a second version without it serves the compiler.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import torch
from torch import Tensor

from neglog.device import tensor_like
from neglog.engine import inspection
from neglog.likelihood import Likelihood


def apply(function: Any, *arguments: Any) -> Any:
    """Call an autograd function, which torch leaves untyped."""
    return function.apply(*arguments)


def is_nested_forward_mode() -> bool:
    """Return whether forward mode is nested, where torch does not differentiate a jvp.

    The tangent of an autograd function would have no tangent, and a Hessian would be 0.
    """
    if not torch._C._are_functorch_transforms_active():
        return False
    stack = torch._C._functorch.get_interpreter_stack() or []
    return sum(level.key() == torch._C._functorch.TransformType.Jvp for level in stack) > 1


def as_tensors(settings: tuple[float, ...], like: Tensor) -> list[Tensor]:
    """Return numbers as tensors with the dtype and device of a tensor, as primitives take them."""
    return [tensor_like(s, like) for s in settings]


class Facts:
    """A declaration with its settings, as one object because torch unpacks tuples."""

    def __init__(self, likelihood: type[Likelihood], settings: tuple[float, ...]) -> None:
        self.likelihood, self.settings = likelihood, settings

    def evaluate(self, fact: str, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return a formula's values, one or several, in the shape and dtype of the target."""
        *arguments, y = tensors
        results = getattr(self.likelihood, fact)(*arguments, *as_tensors(self.settings, y), y)
        results = results if isinstance(results, tuple) else (results,)
        return tuple(tensor_like(r, y).expand_as(y) for r in results)

    def curvature(self, tensors: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
        """Return the matrix of second derivatives by the inputs."""
        return _matrix(self.evaluate("curvature", tensors))

    def plain_curvature(self, tensors: Sequence[Tensor]) -> list[tuple[Tensor | float, ...]]:
        """Return the same, with numbers for constant derivatives."""
        *arguments, y = tensors
        settings = as_tensors(self.settings, y)
        return _matrix(self.likelihood.curvature(*arguments, *settings, y))

    def mixed(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return each gradient's derivative with respect to the target, element by element."""
        *others, y = tensors
        n = len(self.likelihood.inputs)
        vjp = torch.func.vjp(lambda t: self.evaluate("grad", (*others, t)), y)[1]
        ones = [[torch.full_like(y, float(i == j)) for j in range(n)] for i in range(n)]
        return [vjp(tuple(upstream))[0] for upstream in ones]

    def twice_by_target(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the second derivative by the target."""
        *others, y = tensors
        vjp = torch.func.vjp(lambda t: self.evaluate("grad_target", (*others, t))[0], y)[1]
        second: Tensor = vjp(torch.ones_like(y))[0]
        return second


def _matrix(second: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a symmetric matrix, given its upper triangle row by row."""
    triangle = second if isinstance(second, tuple) else (second,)
    n = math.isqrt(2 * len(triangle))
    places = {pair: i for i, pair in enumerate(combinations_with_replacement(range(n), 2))}
    return [tuple(triangle[places[min(i, j), max(i, j)]] for j in range(n)) for i in range(n)]


def nll(likelihood: type[Likelihood], settings: tuple[float, ...], *tensors: Tensor) -> Tensor:
    """Return the loss of every element, given the tensors of a formula: inputs, given, target."""
    if is_nested_forward_mode():
        return _bare(Facts(likelihood, settings), tensors)
    function = _Nll if torch.compiler.is_compiling() else _NllInBothModes
    result: Tensor = apply(function, Facts(likelihood, settings), *tensors)
    return result


def _bare(facts: Facts, tensors: Sequence[Tensor]) -> Tensor:
    """Return the loss, differentiable by torch, slightly away from the kink at 0."""
    *others, y = tensors
    tiny = torch.finfo(y.dtype).tiny
    nearby = [t + (t == 0).to(t.dtype) * tiny for t in others]
    return facts.evaluate("nll", (*nearby, y))[0]


class _Nll(torch.autograd.Function):
    """`nll`, with `grad` and `grad_target` as its derivatives."""

    generate_vmap_rule = True

    @staticmethod
    def forward(facts: Facts, *tensors: Tensor) -> Tensor:
        return facts.evaluate("nll", tensors)[0]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _keep(ctx, inputs)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        slopes: list[Any] = [None] * len(ctx.saved_tensors)
        if any(ctx.needs_input_grad[1:-1]):
            for i, score in enumerate(_scores(ctx)):
                slopes[i] = product(upstream, score)
        if ctx.needs_input_grad[-1]:
            slopes[-1] = product(upstream, _by_target(ctx))
        return None, *slopes


class _NllInBothModes(_Nll):
    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        by_input, by_target = tangents[1:-1], tangents[-1]
        scores = zip(_scores(ctx), by_input, strict=False)  # given tensors have no tangent
        terms = [product(t, score) for score, t in scores if t is not None]
        if by_target is not None:
            terms.append(product(by_target, _by_target(ctx)))
        return total(terms, ctx.saved_tensors[-1])


class _Scores(torch.autograd.Function):
    """`grad`, with `curvature` as its derivative with respect to the inputs."""

    generate_vmap_rule = True

    @staticmethod
    def forward(facts: Facts, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(s.clone() for s in facts.evaluate("grad", tensors))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _keep(ctx, inputs)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        slopes: list[Any] = [None] * len(ctx.saved_tensors)
        if any(ctx.needs_input_grad[1:-1]):
            for i, row in enumerate(ctx.facts.curvature(ctx.saved_tensors)):
                slopes[i] = total([product(u, c) for u, c in zip(upstream, row, strict=True)])
        if ctx.needs_input_grad[-1]:
            pairs = zip(upstream, ctx.facts.mixed(ctx.saved_tensors), strict=True)
            slopes[-1] = total([product(u, change) for u, change in pairs])
        return None, *slopes

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Tensor, ...]:
        by_input, by_target = tangents[1:-1], tangents[-1]
        results = []
        for row, change in zip(
            ctx.facts.curvature(ctx.saved_tensors), ctx.facts.mixed(ctx.saved_tensors), strict=True
        ):
            terms = [product(t, c) for c, t in zip(row, by_input, strict=False) if t is not None]
            terms += [] if by_target is None else [product(by_target, change)]
            results.append(total(terms, ctx.saved_tensors[-1]))
        return tuple(results)


def product(tangent: Tensor, slope: Tensor | float) -> Tensor:
    """Return tangent · slope, 0 where the tangent is 0 and the slope infinite or undefined.

    The tangent remains a factor, so that the derivative with respect to it is the slope where it is
    0 too.
    """
    if isinstance(slope, float):
        if slope == 1.0:
            return tangent
        return torch.zeros_like(tangent) if slope == 0.0 else tangent * slope
    if inspection.number(tangent) or inspection.is_finite(slope):
        return tangent * slope
    return tangent * slope.masked_fill((tangent == 0) & ~slope.isfinite(), 0.0)


def _keep(ctx: Any, inputs: tuple[Any, ...]) -> None:
    ctx.facts, *tensors = inputs
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


def _scores(ctx: Any) -> tuple[Tensor, ...]:
    if torch.compiler.is_compiling():  # which differentiates once
        evaluated: tuple[Tensor, ...] = ctx.facts.evaluate("grad", ctx.saved_tensors)
        return evaluated
    scores: tuple[Tensor, ...] = apply(_Scores, ctx.facts, *ctx.saved_tensors)
    return scores


def _by_target(ctx: Any) -> Tensor:
    slope: Tensor = ctx.facts.evaluate("grad_target", ctx.saved_tensors)[0]
    return slope


def total(terms: list[Tensor], like: Tensor | None = None) -> Tensor:
    """Return the sum of tensors, or zeros `like` a tensor if there are none."""
    if not terms:
        assert like is not None
        return torch.zeros_like(like)
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total

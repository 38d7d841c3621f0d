"""The two kinds of problems as custom operators for `torch.compile`.

Eager code uses `autograd.Function` instead, because a custom operator costs more than a small loss.
A gradient that is not needed is returned empty, because an operator has a fixed number of outputs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neglog.engine.layout import rows_lie_close
from neglog.engine.problem import ElementwiseProblem, Problem, RowwiseProblem
from neglog.engine.selection import serving
from neglog.likelihood import by_key


def loss(problem: Problem) -> Tensor:
    """Return the reduced loss of a problem."""
    if isinstance(problem, ElementwiseProblem):
        return _elements(problem)
    assert isinstance(problem, RowwiseProblem)  # no backend compiles composed losses
    return _rows(problem)


def _elements(problem: ElementwiseProblem) -> Tensor:
    p = problem
    needs_grad = [t.requires_grad and torch.is_grad_enabled() for t in (*p.inputs, p.y)]
    tensors = (list(p.inputs), p.y, list(p.given))
    rest = (list(p.settings), p.weight, p.masked, p.factor, p.reduction, needs_grad)
    result: Tensor = elementwise(p.likelihood.key, *tensors, *rest)[0]
    return result


def _rows(problem: RowwiseProblem) -> Tensor:
    p = problem
    needs_grad = [p.x.requires_grad and torch.is_grad_enabled()]
    options = (p.ignored, p.smoothing, list(p.settings), p.reduction, needs_grad)
    result: Tensor = rows(p.likelihood.key, p.x, p.y, p.weight, p.sample_weight, *options)[0]
    return result


@torch.library.custom_op("neglog::elementwise", mutates_args=())
def elementwise(
    likelihood: str,
    inputs: list[Tensor],
    y: Tensor,
    given: list[Tensor],
    settings: list[float],
    weight: Tensor | None,
    masked: bool,
    factor: float,
    reduction: str,
    needs_grad: list[bool],
) -> list[Tensor]:
    """Return the loss and its gradients with respect to the inputs and the target."""
    declaration: Any = by_key(likelihood)
    tensors = (tuple(inputs), y, tuple(given), tuple(settings), weight)
    problem = ElementwiseProblem(declaration, *tensors, masked, factor, reduction)
    loss, gradients = serving(problem).run(problem, needs_grad)
    return [loss, *(y.new_empty(0) if g is None else g for g in gradients[: len(needs_grad)])]


@torch.library.custom_op("neglog::rows", mutates_args=())
def rows(
    likelihood: str,
    x: Tensor,
    y: Tensor,
    weight: Tensor | None,
    sample_weight: Tensor | None,
    ignored: int,
    smoothing: float,
    settings: list[float],
    reduction: str,
    needs_grad: list[bool],
) -> list[Tensor]:
    """Return the loss and its gradient with respect to the rows."""
    declaration: Any = by_key(likelihood)
    facts = (ignored, smoothing, reduction, tuple(settings))
    problem = RowwiseProblem(declaration, x, y, weight, sample_weight, *facts)
    loss, (gradient, *_) = serving(problem).run(problem, needs_grad)
    return [loss, x.new_empty(0) if gradient is None else gradient]


def _elementwise_shapes(
    likelihood: str, inputs: list[Tensor], y: Tensor, *rest: Any
) -> list[Tensor]:
    """Return tensors of the shapes of the outputs, for the compiler."""
    *_, reduction, needs_grad = rest
    loss = torch.empty_like(inputs[0]) if reduction == "none" else y.new_empty(())
    return [
        loss,
        *(torch.empty_like(inputs[0]) if needed else y.new_empty(0) for needed in needs_grad),
    ]


def _rows_shapes(likelihood: str, x: Tensor, *rest: Any) -> list[Tensor]:
    *_, reduction, needs_grad = rest
    if not rows_lie_close(x):
        x = x.contiguous()
    gradient = torch.empty_like(x) if needs_grad[0] else x.new_empty(0)
    each = (x.shape[0] * x.shape[2] if x.dim() == 3 else x.shape[0],)
    return [x.new_empty(each if reduction == "none" else ()), gradient]


def _save(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    ctx.save_for_backward(*output[1:])
    ctx.needs_grad = inputs[-1]
    ctx.nothing = [[None] * len(v) if _holds_tensors(v) else None for v in inputs]


def _holds_tensors(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, Tensor) for v in value)


@once_differentiable  # a second derivative raises: the kernel's gradient would be a constant
def _elementwise_vjp(ctx: Any, upstream: list[Tensor]) -> tuple[Any, ...]:
    pairs = zip(ctx.needs_grad, ctx.saved_tensors, strict=True)
    *by_inputs, by_y = [upstream[0] * g if needed else None for needed, g in pairs]
    return ctx.nothing[0], by_inputs, by_y, *ctx.nothing[3:]


@once_differentiable
def _rows_vjp(ctx: Any, upstream: list[Tensor]) -> tuple[Any, ...]:
    (gradient,) = ctx.saved_tensors
    if not ctx.needs_grad[0]:
        return tuple(ctx.nothing)
    each = upstream[0]
    if each.dim() == 1:
        each = each.reshape((*gradient.shape[:1], 1, *gradient.shape[2:]))
    return ctx.nothing[0], each * gradient, *ctx.nothing[2:]


def _one_by_one(operator: Any) -> Any:
    """Return a vmap rule that loops over the batch; eager vmap runs the reference."""

    def rule(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        def pick(value: Any, dim: Any, i: int) -> Any:
            if isinstance(value, list):
                dims = dim if isinstance(dim, list) else [dim] * len(value)
                return [pick(v, d, i) for v, d in zip(value, dims, strict=True)]
            return value if dim is None else value.select(dim, i)

        results = [
            operator(*(pick(v, d, i) for v, d in zip(arguments, in_dims, strict=True)))
            for i in range(info.batch_size)
        ]
        stacked = [torch.stack(parts) for parts in zip(*results, strict=True)]
        return stacked, [0] * len(stacked)

    return rule


for _operator, _fake, _vjp in (
    (elementwise, _elementwise_shapes, _elementwise_vjp),
    (rows, _rows_shapes, _rows_vjp),
):
    _operator.register_fake(_fake)
    _operator.register_autograd(_vjp, setup_context=_save)
    _operator.register_vmap(_one_by_one(_operator))

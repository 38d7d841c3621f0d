"""The two engine shapes as custom operators, which is how `torch.compile` sees them.

Eager code goes through `autograd.Function` instead: a custom operator costs more than a small loss.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neglog.likelihood import REGISTRY


@torch.library.custom_op("neglog::elementwise", mutates_args=())
def elementwise(
    likelihood: str,
    x: Tensor,
    y: Tensor,
    given: list[Tensor],
    weight: Tensor | None,
    factor: float,
    reduction: str,
) -> tuple[Tensor, Tensor]:
    """Return loss and derivative of an elementwise likelihood, by its name in the registry."""
    from neglog.engine import elementwise_cpu

    x, y, given = x.contiguous(), y.contiguous(), [t.contiguous() for t in given]
    weight = None if weight is None else weight.contiguous()
    declaration: Any = REGISTRY[likelihood]
    return elementwise_cpu.run(declaration, x, y, given, weight, factor, reduction, True)


@torch.library.custom_op("neglog::rows", mutates_args=())
def rows(
    likelihood: str,
    x: Tensor,
    y: Tensor,
    weight: Tensor | None,
    ignored: int,
    smoothing: float,
    reduction: str,
) -> tuple[Tensor, Tensor]:
    """Return loss and derivative of a likelihood over rows, by its name in the registry."""
    from neglog.engine import rows_cpu

    declaration: Any = REGISTRY[likelihood]
    problem = (x.contiguous(), y.contiguous(), weight, ignored, smoothing, reduction)
    return rows_cpu.run(declaration, *problem, True)


def _shapes(likelihood: str, x: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    """Tell the compiler what comes back; the last argument is the reduction."""
    losses = x.shape if REGISTRY[likelihood].elementwise else x.shape[:1]
    return x.new_empty(losses if rest[-1] == "none" else ()), torch.empty_like(
        x, memory_format=torch.contiguous_format
    )


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1])
    ctx.rows = not REGISTRY[inputs[0]].elementwise
    ctx.nothing = [[None] * len(v) if isinstance(v, list) else None for v in inputs[2:]]


@once_differentiable  # a second derivative raises: the kernel's gradient would be a constant
def _pull(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Any, ...]:
    (gradient,) = ctx.saved_tensors
    if ctx.rows and upstream.dim() == 1:
        upstream = upstream[:, None]
    return None, upstream * gradient, *ctx.nothing


def _one_by_one(operator: Any) -> Any:
    """Return a vmap rule that is right before it is fast; eager vmap runs the reference."""

    def rule(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, tuple[int, int]]:
        def pick(value: Any, dim: Any, i: int) -> Any:
            if isinstance(value, list):
                return [pick(v, d, i) for v, d in zip(value, dim, strict=True)]
            return value if dim is None else value.select(dim, i)

        results = [
            operator(*(pick(v, d, i) for v, d in zip(arguments, in_dims, strict=True)))
            for i in range(info.batch_size)
        ]
        return tuple(torch.stack(parts) for parts in zip(*results, strict=True)), (0, 0)

    return rule


for _operator in (elementwise, rows):
    _operator.register_fake(_shapes)
    _operator.register_autograd(_pull, setup_context=_save)
    _operator.register_vmap(_one_by_one(_operator))

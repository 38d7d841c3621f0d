"""The passes as custom operators for `torch.compile`.

The options of a head are passed as lists of numbers and the names of the given operands. A gradient
that is not needed is returned empty, because an operator has a fixed number of outputs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neglog.device import sum_dtype
from neglog.engine.projection import passes
from neglog.engine.projection.operands import DIFFERENTIABLE, MARGINS, Head, Operands
from neglog.engine.projection.outputs import has_gradient, nothing
from neglog.engine.projection.totals import rounded


def total(head: Head, operands: Operands, budget: int) -> Tensor:
    """Return the sum of a head's only output."""
    needs_grad = _needs_grad(operands)
    value: Tensor = linear_total(*_packed(head, operands), budget, needs_grad)[0]
    return value


def outputs(head: Head, operands: Operands, budget: int) -> tuple[Tensor, ...]:
    """Return a head's outputs."""
    return tuple(linear_outputs(*_packed(head, operands), budget))


def _needs_grad(operands: Operands) -> list[bool]:
    enabled = torch.is_grad_enabled()
    tensors = [getattr(operands, name) for name in DIFFERENTIABLE]
    return [t is not None and t.requires_grad and enabled for t in tensors]


def _packed(head: Head, operands: Operands) -> tuple[Any, ...]:
    codes = [head.ignored, head.positions, MARGINS.index(head.margin_type)]
    reals = [head.smoothing, head.softcap, head.temperature, head.z_loss, head.margin]
    reals += head.settings
    pairs = zip(operands._fields, operands, strict=True)
    there = {name: t for name, t in pairs if t is not None}
    names = ",".join(head.outputs), codes, reals, ",".join(there)
    return head.likelihood, *names, list(there.values())


def _unpacked(
    likelihood: str,
    outputs: str,
    codes: list[int],
    reals: list[float],
    names: str,
    tensors: list[Tensor],
) -> tuple[Head, Operands]:
    smoothing, softcap, temperature, z_loss, margin, *settings = reals
    ignored, positions, margin_type = codes
    facts = (ignored, smoothing, softcap, temperature, z_loss, positions, tuple(settings), margin)
    head = Head(likelihood, tuple(outputs.split(",")), *facts, MARGINS[margin_type])
    return head, Operands(**dict(zip(names.split(","), tensors, strict=True)))


@torch.library.custom_op("neglog::linear_total", mutates_args=())
def linear_total(
    likelihood: str,
    outputs: str,
    codes: list[int],
    reals: list[float],
    names: str,
    tensors: list[Tensor],
    budget: int,
    needs_grad: list[bool],
) -> list[Tensor]:
    """Return the sum of the outputs, and its gradients of the operands that require one."""
    head, operands = _unpacked(likelihood, outputs, codes, reals, names, tensors)
    if not any(needs_grad):
        line = passes.values(head, operands, budget)[0]
        value = line.sum(dtype=sum_dtype(line.device))
        return [value.to(operands.computed_in), *_filled(operands, [None] * len(needs_grad))]
    shape = (len(operands.x), head.positions)
    ones = operands.x.new_ones((), dtype=operands.computed_in).expand(shape)
    value, slopes = passes.vjp(head, operands, [ones], needs_grad, budget)
    return [value.to(operands.computed_in), *_filled(operands, slopes)]


@torch.library.custom_op("neglog::linear_outputs", mutates_args=())
def linear_outputs(
    likelihood: str,
    outputs: str,
    codes: list[int],
    reals: list[float],
    names: str,
    tensors: list[Tensor],
    budget: int,
) -> list[Tensor]:
    """Return the outputs by row."""
    return passes.values(*_unpacked(likelihood, outputs, codes, reals, names, tensors), budget)


@torch.library.custom_op("neglog::linear_vjp", mutates_args=())
def linear_vjp(
    likelihood: str,
    outputs: str,
    codes: list[int],
    reals: list[float],
    names: str,
    tensors: list[Tensor],
    budget: int,
    upstream: list[Tensor],
    needs_grad: list[bool],
) -> list[Tensor]:
    """Return the gradients of upstream · outputs for the operands that require one."""
    head, operands = _unpacked(likelihood, outputs, codes, reals, names, tensors)
    slopes = passes.vjp(head, operands, upstream, needs_grad, budget)[1]
    return _filled(operands, rounded(slopes, operands))


def _filled(operands: Operands, slopes: Any) -> list[Tensor]:
    return [operands.x.new_empty(0) if s is None else s for s in slopes]


def _slopes_like(
    operands: Operands, needs_grad: list[bool], dtype: torch.dtype | None = None
) -> list[Tensor]:
    whole: dict[str, Any] = {"dtype": dtype, "memory_format": torch.contiguous_format}
    pairs = zip(DIFFERENTIABLE, needs_grad, strict=True)
    return _filled(
        operands,
        [torch.empty_like(getattr(operands, n), **whole) if w else None for n, w in pairs],
    )


@linear_total.register_fake
def _total_shapes(*arguments: Any) -> list[Tensor]:
    operands = _unpacked(*arguments[:6])[1]
    value = operands.x.new_empty((), dtype=operands.computed_in)
    return [value, *_slopes_like(operands, arguments[-1], operands.computed_in)]


@linear_outputs.register_fake
def _outputs_shapes(*arguments: Any) -> list[Tensor]:
    return nothing(*_unpacked(*arguments[:6]))


@linear_vjp.register_fake
def _vjp_shapes(*arguments: Any) -> list[Tensor]:
    return _slopes_like(_unpacked(*arguments[:6])[1], arguments[-1])


def _spread(ctx: Any, slopes: Any) -> tuple[Any, ...]:
    """Return the gradients for an operator's arguments: those of the tensors, in a list."""
    found = dict(zip(DIFFERENTIABLE, slopes, strict=True))
    by_tensors = [found.get(name) for name in ctx.names]
    return *[None] * 5, by_tensors, *[None] * (ctx.arguments - 6)


def _save_slopes(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    ctx.save_for_backward(*output[1:])
    ctx.names, ctx.needs_grad, ctx.arguments = inputs[4].split(","), inputs[-1], len(inputs)
    dtypes = {name: t.dtype for name, t in zip(ctx.names, inputs[5], strict=True)}
    ctx.dtypes = [dtypes.get(name) for name in DIFFERENTIABLE]


@once_differentiable
def _vjp_of_total(ctx: Any, upstream: list[Tensor]) -> tuple[Any, ...]:
    facts = zip(ctx.needs_grad, ctx.saved_tensors, ctx.dtypes, strict=True)
    return _spread(ctx, [(upstream[0] * s).to(d) if needed else None for needed, s, d in facts])


def _save_operands(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    *ctx.facts, tensors, ctx.budget = inputs
    ctx.save_for_backward(*tensors)
    ctx.names, ctx.arguments = ctx.facts[4].split(","), len(inputs)
    ctx.chosen = [i for i, name in enumerate(ctx.facts[1].split(",")) if has_gradient(name)]


@once_differentiable
def _vjp_of_outputs(ctx: Any, upstream: list[Tensor]) -> tuple[Any, ...]:
    tensors = list(ctx.saved_tensors)
    needs = dict(zip(ctx.names, ctx.needs_input_grad[5], strict=True))
    needs_grad = [bool(needs.get(name)) for name in DIFFERENTIABLE]
    above = [upstream[i].contiguous() for i in ctx.chosen]
    slopes = linear_vjp(*ctx.facts, tensors, ctx.budget, above, needs_grad)
    return _spread(ctx, [s if w else None for s, w in zip(slopes, needs_grad, strict=True)])


linear_total.register_autograd(_vjp_of_total, setup_context=_save_slopes)
linear_outputs.register_autograd(_vjp_of_outputs, setup_context=_save_operands)

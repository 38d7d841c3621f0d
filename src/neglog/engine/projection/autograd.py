"""The passes as differentiable functions: the sum of an output, and the outputs by row.

A sum has a scalar upstream gradient, so its derivatives are computed with it, at the cost of three
products. Outputs by row can have any upstream gradient; their derivatives are computed in the
backward pass from the operands, and no logits are kept. Second derivatives are one more pass
(`passes.jvp`), in both modes; third derivatives raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from neglog import errors
from neglog.device import sum_dtype
from neglog.engine.derivatives import apply
from neglog.engine.projection import passes
from neglog.engine.projection.operands import DIFFERENTIABLE, Head, Operands
from neglog.engine.projection.outputs import has_gradient, whole
from neglog.engine.projection.totals import Gradients, rounded

_N = len(DIFFERENTIABLE)
_AT = [Operands._fields.index(name) for name in DIFFERENTIABLE]


class Facts:
    """The arguments that are not tensors, as one object because torch unpacks tuples."""

    def __init__(self, head: Head, budget: int, needs_grad: Sequence[bool] = ()) -> None:
        self.head, self.budget, self.needs_grad = head, budget, tuple(needs_grad)

    def with_needs(self, needs_grad: Sequence[bool]) -> Facts:
        """Return the facts with other needs."""
        return Facts(self.head, self.budget, needs_grad)

    def differentiable_outputs(self) -> list[int]:
        """Return the differentiable outputs."""
        names = enumerate(self.head.outputs)
        return [i for i, name in names if has_gradient(name)]


def total(facts: Facts, operands: Operands) -> Tensor:
    """Return the sum of the outputs of plain tensors, in float32 or more."""
    if not torch.is_grad_enabled():
        return _total_of(passes.values(facts.head, operands, facts.budget))
    result: Tensor = apply(_Total, facts, *operands)
    return result


def outputs(facts: Facts, operands: Operands) -> tuple[Tensor, ...]:
    """Return the outputs, (N, positions) each."""
    results: tuple[Tensor, ...] = apply(_Outputs, facts, *operands)
    return results


def _total_of(lines: Sequence[Tensor]) -> Tensor:
    line = lines[0]
    return line.sum(dtype=sum_dtype(line.device)).to(line.dtype)


def _needs_grad(needs: Sequence[bool]) -> list[bool]:
    """Return which differentiable operands require a gradient."""
    return [needs[i] for i in _AT]


def _spread(gradients: Gradients) -> list[Tensor | None]:
    """Return a derivative for each operand."""
    spread: list[Tensor | None] = [None] * len(Operands._fields)
    for i, gradient in zip(_AT, gradients, strict=True):
        spread[i] = gradient
    return spread


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, facts: Facts, *tensors: Any) -> Tensor:
        operands = Operands.with_tensors(tensors)
        ctx.facts = facts.with_needs(_needs_grad(ctx.needs_input_grad[1:]))
        ctx.save_for_backward(*tensors)
        if not any(ctx.facts.needs_grad):
            return _total_of(passes.values(facts.head, operands, facts.budget))
        value, ctx.gradients = _vjp_of_sum(ctx.facts, operands)
        return value.to(operands.computed_in)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        """Return upstream · gradients; a second backward computes the gradients again."""
        operands, gradients = Operands.with_tensors(ctx.saved_tensors), ctx.gradients
        if torch.is_grad_enabled():
            return None, *_spread(_derived(ctx.facts, operands, upstream))
        if gradients is None:
            gradients = _vjp_of_sum(ctx.facts, operands)[1]
        if _is_batch(upstream):
            found = [None if g is None else upstream * g for g in gradients]
            return None, *_spread(rounded(Gradients(*found), operands))
        ctx.gradients = None
        # Reading whether this is 1 would wait for a GPU.
        changes = upstream.is_cuda or upstream.item() != 1.0
        return None, *_spread(rounded(gradients, operands, upstream if changes else None))


# Whether `is_grads_batched` maps a backward over many upstream gradients.
_is_batch = torch._C._functorch.is_legacy_batchedtensor


def _vjp_of_sum(facts: Facts, operands: Operands) -> tuple[Tensor, Gradients]:
    shape = (len(operands.x), facts.head.positions)
    ones = torch.ones((), dtype=operands.computed_in, device=operands.x.device).expand(shape)
    return passes.vjp(facts.head, operands, [ones], facts.needs_grad, facts.budget)


def _derived(facts: Facts, operands: Operands, upstream: Tensor) -> Gradients:
    """Return the derivatives of the sum, differentiable again."""
    views = Operands.with_tensors([None if t is None else t.view_as(t) for t in operands])
    leaves = [_there(views[i]) for i, needed in zip(_AT, facts.needs_grad, strict=True) if needed]
    value = outputs(facts, views)[0].sum()
    slopes = iter(torch.autograd.grad(value, leaves, upstream, create_graph=True))
    return Gradients(*(next(slopes) if needed else None for needed in facts.needs_grad))


def _there(tensor: Tensor | None) -> Tensor:
    assert tensor is not None  # of the operands that require a gradient
    return tensor


def _one_by_one(function: Callable[[], Any]) -> Any:
    """Return a vmap rule that loops over the batch."""

    def rule(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> Any:
        def pick(i: int) -> list[Any]:
            pairs = zip(arguments, in_dims, strict=True)
            return [v if dim is None else v.select(dim, i) for v, dim in pairs]

        results = [apply(function(), *pick(i)) for i in range(info.batch_size)]
        stacked = tuple(torch.stack(parts) for parts in zip(*results, strict=True))
        return stacked, (0,) * len(stacked)

    return staticmethod(rule)


class _Outputs(torch.autograd.Function):
    """Outputs by row; their derivatives are another function, which is differentiable again."""

    vmap = _one_by_one(lambda: _Outputs)

    @staticmethod
    def forward(facts: Facts, *tensors: Any) -> tuple[Tensor, ...]:
        return tuple(passes.values(facts.head, Operands.with_tensors(tensors), facts.budget))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*(t for t in output if not t.is_floating_point()))
        _keep(ctx, inputs)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Any, ...]:
        facts = ctx.facts.with_needs(_needs_grad(ctx.needs_input_grad[1:]))
        chosen = [upstream[i] for i in facts.differentiable_outputs()]
        if any(map(_is_batch, chosen)):
            return None, *_spread(
                _vjp_of_whole(facts, Operands.with_tensors(ctx.saved_tensors), chosen)
            )
        found = iter(apply(_Vjp, facts, *ctx.saved_tensors, *chosen))
        return None, *_spread(Gradients(*(next(found) if w else None for w in facts.needs_grad)))

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> tuple[Tensor | None, ...]:
        operands, facts = (
            Operands.with_tensors(ctx.saved_tensors),
            ctx.facts.with_needs((False,) * _N),
        )
        there = facts.differentiable_outputs()
        shape = (len(operands.x), facts.head.positions)
        zeros = [operands.x.new_zeros(shape, dtype=operands.computed_in) for _ in there]
        changes = [tangents[i] for i in _AT]
        moved = iter(apply(_Jvp, facts, *operands, *changes, *zeros))
        return tuple(next(moved) if i in there else None for i in range(len(facts.head.outputs)))


def _vjp_of_whole(facts: Facts, operands: Operands, upstream: list[Tensor]) -> Gradients:
    """Return derivatives under vmap over upstream gradients, from all logits at once."""
    with torch.enable_grad():
        views = Operands.with_tensors([None if t is None else t.detach() for t in operands])
        leaves = [
            _there(views[i]).requires_grad_()
            for i, w in zip(_AT, facts.needs_grad, strict=True)
            if w
        ]
        lines = [t for t in whole(facts.head, views) if t.is_floating_point()]
    slopes = iter(torch.autograd.grad(lines, leaves, upstream))
    return Gradients(*(next(slopes) if needed else None for needed in facts.needs_grad))


class _Vjp(torch.autograd.Function):
    """The gradients of upstream · outputs with respect to the operands that require one."""

    vmap = _one_by_one(lambda: _Vjp)

    @staticmethod
    def forward(facts: Facts, *tensors: Any) -> tuple[Tensor, ...]:
        operands, upstream = _parted(tensors)
        gradients = passes.vjp(facts.head, operands, upstream, facts.needs_grad, facts.budget)[1]
        return tuple(g for g in rounded(gradients, operands) if g is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        _keep(ctx, inputs)

    @staticmethod
    def backward(ctx: Any, *moves: Tensor) -> tuple[Any, ...]:
        operands, upstream = _parted(ctx.saved_tensors)
        given = iter(moves)
        changes = [next(given) if needed else None for needed in ctx.facts.needs_grad]
        facts = ctx.facts.with_needs(_needs_grad(ctx.needs_input_grad[1:]))
        by_upstream, gradients = _jvp(facts, operands, changes, upstream)
        return None, *_spread(gradients), *by_upstream

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> tuple[Tensor, ...]:
        """Return the change: that by the operands, of which second derivatives are symmetric."""
        operands, upstream = _parted(ctx.saved_tensors)
        moved, by_upstream = _parted(tangents)
        slopes = _jvp(ctx.facts, operands, [moved[i] for i in _AT], upstream)[1]
        found = [s for s in slopes if s is not None]
        if any(t is not None for t in by_upstream):
            pairs = zip(upstream, by_upstream, strict=True)
            filled = [torch.zeros_like(u) if t is None else t for u, t in pairs]
            linear = apply(_Vjp, ctx.facts, *operands, *filled)
            found = [a + b for a, b in zip(found, linear, strict=True)]
        return tuple(found)


class _Jvp(torch.autograd.Function):
    """The tangents of the outputs and of the gradients of upstream · outputs."""

    vmap = _one_by_one(lambda: _Jvp)

    @staticmethod
    def forward(facts: Facts, *tensors: Any) -> tuple[Tensor, ...]:
        operands, rest = _parted(tensors)
        changes, upstream = Gradients(*rest[:_N]), rest[_N:]
        lines, slopes = passes.jvp(
            facts.head, operands, upstream, changes, facts.needs_grad, facts.budget
        )
        return *lines, *(s for s in rounded(slopes, operands) if s is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        _keep(ctx, inputs)

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> tuple[Any, ...]:
        """Return the derivatives of the outputs' change; those of the rest would be third ones."""
        operands, rest = _parted(ctx.saved_tensors)
        if any(ctx.facts.needs_grad):
            raise errors.DerivativeError(_THIRD)
        changes, lines = rest[:_N], above[: len(rest) - _N]
        needs = ctx.needs_input_grad[1:]
        slopes = _jvp(ctx.facts.with_needs(_needs_grad(needs)), operands, changes, list(lines))[1]
        by_change = needs[len(operands) : len(operands) + _N]
        found = iter(apply(_Vjp, ctx.facts.with_needs(by_change), *operands, *lines))
        by_changes = [next(found) if needed else None for needed in by_change]
        return None, *_spread(slopes), *by_changes, *[None] * len(lines)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Refuse: what changes as a change changes would be a third derivative."""
        raise errors.DerivativeError(_THIRD)


_THIRD = errors.sentence(
    "a loss of a linear layer can be differentiated twice",
    "this asks for a third derivative",
    remedy="use cross_entropy on the layer's output",
)


def _keep(ctx: Any, inputs: tuple[Any, ...]) -> None:
    ctx.facts, *tensors = inputs
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


def _parted(tensors: Sequence[Any]) -> tuple[Operands, list[Any]]:
    n = len(Operands._fields)
    return Operands.with_tensors(tensors[:n]), list(tensors[n:])


def _jvp(
    facts: Facts, operands: Operands, changes: Sequence[Tensor | None], upstream: Sequence[Tensor]
) -> tuple[list[Tensor], Gradients]:
    """Return the tangents of the outputs, and of the gradients that are needed."""
    found = apply(_Jvp, facts, *operands, *changes, *upstream)
    lines, slopes = list(found[: len(upstream)]), iter(found[len(upstream) :])
    return lines, Gradients(*(next(slopes) if needed else None for needed in facts.needs_grad))

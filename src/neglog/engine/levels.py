"""Run a function of tensors under `torch.func`: a rule at each level, and a kernel at the bottom.

torch's own mechanism, an `autograd.Function` with rules, creates classes and trees for each call at
each level: 0.2 ms, where a small loss takes 0.01 ms. This module makes only the calls that torch
makes in the end. The risk is that they are private: if one is missing, or a tensor is not plain,
`evaluate` raises `Unserved`, and the caller lets torch differentiate the formula.
`tests/test_transforms.py` tests both.

A level of `jvp` is split into values and tangents, a level of `vmap` becomes a dimension, and a
level of `grad` or `vjp` becomes a node of the graph, whose backward is the `vjp` of the values
below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.function import _SingleLevelFunction

from neglog.engine import inspection, values
from neglog.engine.inspection import bottom, functorch

Tensors = Sequence[Any]  # tensors or None
if inspection.KNOWS_LEVELS:
    _GRAD, _JVP, _VMAP = (getattr(functorch.TransformType, k) for k in ("Grad", "Jvp", "Vmap"))


class Unserved(Exception):
    """Raised where no rule exists."""


class Rules(Protocol):
    """A function with its derivatives and its batching rule.

    Its results are a list, with None for those that are not needed.
    """

    def with_gradients(self, differentiated: Sequence[bool]) -> Rules:
        """Return the function with all results that derivatives of these tensors require."""

    def run(self, tensors: Tensors) -> list[Tensor | None]:
        """Return the results of plain tensors."""

    def jvp(self, tensors: Tensors, results: Tensors, tangents: Tensors) -> list[Tensor | None]:
        """Return the tangents of the results of `with_gradients`, given the tensors' tangents."""

    def vjp(
        self, tensors: Tensors, results: Tensors, upstream: Tensors, needs: Sequence[bool]
    ) -> list[Tensor | None]:
        """Return upstream · the gradients of the results, for tensors that require them."""

    def batched(
        self, tensors: Tensors, batch_dims: Sequence[int | None], size: int
    ) -> tuple[Rules, list[Any], Callable[[Tensors], list[Tensor | None]]]:
        """Return a function over the batch in those dimensions, and one that unbatches its result.

        The results of the first function have the batch as their first dimension.
        """


def evaluate(rules: Rules, tensors: Tensors) -> list[Tensor | None]:
    """Return the results, differentiable at every level.

    Raises:
        Unserved: the innermost tensor is not plain, or a derivative has no rule.
    """
    if not inspection.KNOWS_LEVELS or values.is_watched():
        raise Unserved
    alive = []
    for tensor in tensors:
        if tensor is not None:
            tensor = functorch.unwrap_if_dead(tensor)
            if not values.is_plain(bottom(tensor)):
                raise Unserved
        alive.append(tensor)
    return _at_level(rules, alive)


def _at_level(rules: Rules, tensors: Tensors) -> list[Tensor | None]:
    top = functorch.peek_interpreter_stack()
    if top is None:
        return _at_bottom(rules, tensors)
    kind = top.key()
    if kind == _GRAD:
        return _reverse(top, rules, tensors)
    if kind == _JVP:
        return _forward(top, rules, tensors)
    if kind == _VMAP:
        return _batch(top, rules, tensors)
    raise Unserved


def _below(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function one level below."""
    saved = functorch.pop_dynamic_layer_stack()
    try:
        return call(*arguments)
    finally:
        functorch.push_dynamic_layer_stack(saved)


def _at_bottom(rules: Rules, tensors: Tensors) -> list[Tensor | None]:
    recorded = [_is_recorded(t) for t in tensors]
    primals, tangents = _split_tangents(tensors)
    if any(m is not None for m in tangents):
        if any(recorded):  # a backward would not see the tangents
            raise Unserved
        results, changes = _jvp(rules, primals, tangents, lambda wider, held: wider.run(held))
        return [_dual(r, c) for r, c in zip(results, changes, strict=True)]
    if not any(recorded):
        return rules.run(tensors)
    rules = rules.with_gradients(recorded)
    with torch.no_grad():
        results = rules.run(tensors)
    return _recorded(rules, results, tensors, 0)


def _is_recorded(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.requires_grad and torch.is_grad_enabled()


def _reverse(top: Any, rules: Rules, tensors: Tensors) -> list[Tensor | None]:
    level, below, lifted, recorded = top.level(), list(tensors), list(tensors), []
    for i, tensor in enumerate(tensors):
        here = tensor is not None and functorch.maybe_get_level(tensor) == level
        recorded.append(here and _is_recorded(tensor))
        if here:
            below[i] = functorch._unwrap_for_grad(tensor, level)
        elif _is_recorded(tensor):  # at a level below: a node here must not hang on it
            lifted[i] = functorch._wrap_for_grad(tensor, level)
    moved = any(recorded)
    rules = rules.with_gradients(recorded) if moved else rules
    if functorch.CGradInterpreterPtr(top).prevGradMode():
        results = _below(_at_level, rules, below)
    else:
        with torch.no_grad():  # as it was outside
            results = _below(_at_level, rules, below)
    return _recorded(rules, results, lifted, level) if moved else results


def _recorded(rules: Rules, results: Tensors, tensors: Tensors, level: int) -> list[Tensor | None]:
    """Return the results as outputs of a node of the graph."""
    allowed = functorch.get_single_level_autograd_function_allowed()
    functorch.set_single_level_autograd_function_allowed(True)
    try:
        found = iter(_node.apply(rules, results, level, *tensors))
    finally:
        functorch.set_single_level_autograd_function_allowed(allowed)
    return [None if r is None else next(found) for r in results]


class _Node(_SingleLevelFunction):
    @staticmethod
    def forward(ctx: Any, rules: Rules, results: Tensors, level: int, *tensors: Any) -> Any:
        ctx.rules, ctx.count = rules, len(tensors)
        ctx.there = [r is not None for r in results]
        ctx.set_materialize_grads(False)
        outputs = [r for r in results if r is not None]
        if level:
            outputs = [functorch._wrap_for_grad(r, level) for r in outputs]
        ctx.save_for_backward(*tensors, *outputs)  # these with the graph that they get here
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor | None) -> Any:
        saved, given = ctx.saved_tensors, iter(upstream)
        tensors, outputs = saved[: ctx.count], iter(saved[ctx.count :])
        results = [next(outputs) if there else None for there in ctx.there]
        above = [next(given) if there else None for there in ctx.there]
        return None, None, None, *ctx.rules.vjp(tensors, results, above, ctx.needs_input_grad[3:])


_node: Any = _Node  # torch does not type `apply` here


def _forward(top: Any, rules: Rules, tensors: Tensors) -> list[Tensor | None]:
    level = top.level()
    primals, tangents = _split_tangents(tensors)
    below, tangents = (
        [None if t is None else functorch._unwrap_for_grad(t, level) for t in each]
        for each in (primals, tangents)
    )
    with forward_ad._set_fwd_grad_enabled(functorch.CJvpInterpreterPtr(top).prevFwdGradMode()):
        if all(m is None for m in tangents):
            found: list[Tensor | None] = _below(_at_level, rules, below)
            return found
        results, changes = _below(_jvp, rules, below, tangents, _at_level)

    def raised(tensor: Tensor | None) -> Any:
        return None if tensor is None else functorch._wrap_for_grad(tensor, level)

    return [_dual(raised(r), raised(c)) for r, c in zip(results, changes, strict=True)]


def _split_tangents(tensors: Tensors) -> tuple[list[Any], list[Any]]:
    """Return tensors and their tangents, which are None where there is none."""
    if forward_ad._current_level < 0 or not torch._C._is_fwd_grad_enabled():
        return list(tensors), [None] * len(tensors)
    pairs = [
        (t, None) if t is None or not t.is_floating_point() else forward_ad.unpack_dual(t)
        for t in tensors
    ]
    return [
        t if move is None else primal for t, (primal, move) in zip(tensors, pairs, strict=True)
    ], [move for _, move in pairs]


def _jvp(
    rules: Rules, tensors: Tensors, tangents: Tensors, evaluated: Callable[[Rules, Tensors], Any]
) -> tuple[Tensors, Tensors]:
    wider = rules.with_gradients([m is not None for m in tangents])
    results = evaluated(wider, tensors)
    return results, rules.jvp(tensors, results, tangents)


def _dual(result: Tensor | None, change: Tensor | None) -> Any:
    if result is None or change is None:
        return result
    return forward_ad.make_dual(result, change)


def _batch(top: Any, rules: Rules, tensors: Tensors) -> list[Tensor | None]:
    level = top.level()
    pairs = [(None, None) if t is None else functorch._unwrap_batched(t, level) for t in tensors]
    below, batch_dims = [t for t, _ in pairs], [place for _, place in pairs]
    if all(place is None for place in batch_dims):
        found: list[Tensor | None] = _below(_at_level, rules, below)
        return found
    results = _below(
        _batched, rules, below, batch_dims, functorch.CVmapInterpreterPtr(top).batchSize()
    )
    return [None if r is None else functorch._add_batch_dim(r, 0, level) for r in results]


def _batched(
    rules: Rules, tensors: Tensors, batch_dims: Sequence[int | None], size: int
) -> list[Tensor | None]:
    rules, tensors, unbatched = rules.batched(tensors, batch_dims, size)
    return unbatched(_at_level(rules, tensors))

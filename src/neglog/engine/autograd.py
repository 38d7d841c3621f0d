"""The CPU kernels in eager mode, and the declared second derivatives of what they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from neglog.engine import reference
from neglog.engine.curvature import changes
from neglog.engine.derivatives import product, total
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem

Results = tuple[Tensor, list[Tensor | None]]  # the loss, and its derivatives by the tensors


class Task:
    """A problem without its tensors, and what computes it.

    Attributes:
        problem: its tensors are None.
        kernels: the module that runs them; those of the CPU unless others are given.
        reference: returns the loss of a problem as torch differentiates it.
        by_first: returns the loss of tensors and its derivative by the first of them, where that
            is all that is ever wanted and how to compute it is known already.
    """

    by_first: Callable[[Sequence[Any]], Results] | None = None

    def __init__(self, problem: ElementwiseProblem | RowwiseProblem, kernels: Any = None) -> None:
        self.problem = problem
        elementwise = isinstance(problem, ElementwiseProblem)
        self.reference: Callable[..., Tensor]
        self.reference = reference.reduced_elements if elementwise else reference.reduced_rows
        if kernels is None:
            kernels = _elementwise_cpu() if elementwise else _rows_cpu()
        self.kernels = kernels

    def with_tensors(self, tensors: Sequence[Any]) -> Any:
        """Return the problem about tensors."""
        return self.problem.with_tensors(tensors)

    def plan(self, tensors: Sequence[Any], wanted: Sequence[bool]) -> Any:
        """Return the plan for contiguous tensors like these."""
        return self.kernels.plan_for(self.problem, tensors, wanted)

    def run(self, tensors: Sequence[Any], wanted: Sequence[bool]) -> Results:
        """Return the loss of tensors, and the wanted ones of its derivatives by them."""
        results: Results = self.kernels.run(self.problem, tensors, wanted)
        if not (wanted[1] and isinstance(self.problem, RowwiseProblem)):
            return results
        if results[1][1] is None:  # the loop over few classes does not tell
            from neglog.engine.cpu import log_softmax as log_softmax_cpu

            results[1][1] = log_softmax_cpu.by_target(self.problem.with_tensors(tensors))
        return results


@cache
def _elementwise_cpu() -> Any:
    """Import the kernels when the first loss is computed: Numba takes a third of a second."""
    from neglog.engine.cpu import elementwise as elementwise_cpu

    return elementwise_cpu


@cache
def _rows_cpu() -> Any:
    from neglog.engine.cpu import rows as rows_cpu

    return rows_cpu


def loss(problem: ElementwiseProblem | RowwiseProblem) -> Tensor:
    """Return the reduced loss of plain tensors on a CPU."""
    bare, tensors = problem.split_tensors()
    return loss_of(Task(bare), tensors)


def loss_of(task: Task, tensors: Sequence[Any]) -> Tensor:
    """Return the loss of a task, differentiable by its tensors."""
    if not torch.is_grad_enabled():  # which a function's `needs_input_grad` does not know
        return task.run(tensors, [False] * len(tensors))[0]
    result: Tensor = differentiable(task, *tensors)
    return result


def log_softmax(x: Tensor) -> Tensor:
    """Return log softmax over the last dimension of a tensor that is not empty."""
    result: Tensor = _log_softmax(x)
    return result


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, task: Task, *tensors: Any) -> Tensor:
        run = task.by_first
        if run is None:
            loss, ctx.gradients = task.run(tensors, ctx.needs_input_grad[1:])
        else:
            loss, ctx.gradients = run(tensors)
        ctx.task = task
        ctx.save_for_backward(*tensors)  # so that torch raises if they were written to or are gone
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Return upstream · gradients, which for the usual upstream of 1 are the kernel's memory.

        Whoever gets that memory may write to it (it becomes `x.grad`), so it is given away once; a
        second backward through the same graph computes the gradients again.
        """
        tensors, gradients = ctx.saved_tensors, ctx.gradients
        if _is_grad_enabled():
            ctx.gradients = None
            return None, *slopes(ctx.task, tensors, ctx.needs_input_grad[1:], upstream, gradients)
        if gradients is None:
            gradients = ctx.task.run(tensors, ctx.needs_input_grad[1:])[1]
        ctx.gradients = None
        if (
            upstream.dim() == 0
            and not _is_batched(upstream)
            and not _is_wrapped(upstream)
            and upstream.item() == 1.0
        ):  # as `_weighed` does, whose call takes a microsecond
            return None, *gradients
        return None, *_weighed(ctx.task, tensors, gradients, upstream)


_is_grad_enabled = torch.is_grad_enabled
_is_batched = torch._C._functorch.is_legacy_batchedtensor
_is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor


def is_batch(upstream: Tensor) -> bool:
    """Tell whether `is_grads_batched` or `torch.func` transforms a backward of a plain loss."""
    return bool(_is_batched(upstream) or _is_wrapped(upstream))


# Takes a task and its tensors: the C function below `Function.apply`, which adds a search for
# transforms of `torch.func`, and `values.kernel_sees` has made sure that there are none. What
# torch calls for a backward looks for several kinds of it; this class has the one. Together they
# are a tenth of a small loss.
differentiable: Any = super(torch.autograd.Function, _Loss).apply


def slopes(
    task: Task,
    tensors: Sequence[Any],
    wanted: Sequence[bool],
    upstream: Tensor,
    gradients: Sequence[Tensor | None] | None = None,
) -> list[Tensor | None]:
    """Return upstream · gradients, differentiable again; what is not given is computed."""
    if is_batch(upstream):
        return derived(task, tensors, wanted, upstream)
    found = iter(_slopes(task, tuple(wanted), gradients, upstream, *tensors))
    return [next(found) if want else None for want in wanted]


class _Slopes(torch.autograd.Function):
    """The derivatives of a loss by the wanted ones of its tensors, times what comes from above."""

    @staticmethod
    def forward(
        ctx: Any, task: Task, wanted: Sequence[bool], gradients: Any, upstream: Tensor,
        *tensors: Any,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        ctx.task, ctx.wanted = task, wanted
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(upstream, *tensors)
        if gradients is None:
            gradients = task.run(tensors, wanted)[1]
        return tuple(g for g in _weighed(task, tensors, gradients, upstream) if g is not None)

    @staticmethod
    def backward(ctx: Any, *above: Tensor | None) -> tuple[Any, ...]:
        upstream, *tensors = ctx.saved_tensors
        task, wanted, needs = ctx.task, ctx.wanted, ctx.needs_input_grad[3:]
        given = iter(above)
        moves = [next(given) if want else None for want in wanted]
        by_upstream = _by_upstream(task, tensors, wanted, upstream, moves) if needs[0] else None
        found: list[Tensor | None] = [None] * len(tensors)
        if any(needs[1:]):
            pushed = _pushed(task, tensors, upstream, moves, needs[1:])
            found[: len(pushed)] = pushed
        return None, None, None, by_upstream, *found


_slopes: Any = super(torch.autograd.Function, _Slopes).apply  # as `differentiable`
for _function in (_Loss, _Slopes):
    _node: Any = getattr(_function, "_backward_cls", None)
    if _node is not None:
        _node.apply = _function.backward


def _by_upstream(
    task: Task,
    tensors: Sequence[Any],
    wanted: Sequence[bool],
    upstream: Tensor,
    moves: Sequence[Tensor | None],
) -> Tensor | None:
    """Return how much the loss, or each of the losses, changes with the moves."""
    ones = torch.ones_like(upstream)
    pairs = zip(moves, slopes(task, tensors, wanted, ones), strict=True)
    terms = [product(m, g) for m, g in pairs if m is not None and g is not None]
    if not terms:
        return None
    if upstream.dim() == 0:
        return total([t.sum() for t in terms])
    along = total(terms)
    return along.sum(1).reshape(upstream.shape) if along.dim() > upstream.dim() else along


def _pushed(
    task: Task,
    tensors: Sequence[Any],
    upstream: Tensor,
    moves: Sequence[Tensor | None],
    needs: Sequence[bool],
) -> list[Tensor | None]:
    """Return the changes of the slopes, computed in float32 or more."""
    problem, dtype = task.with_tensors(tensors), upstream.dtype
    if dtype in reference.HALF:
        problem, upstream = problem.each(Tensor.float), upstream.float()
    n = len(problem.inputs) if isinstance(problem, ElementwiseProblem) else 1
    if (
        isinstance(problem, ElementwiseProblem)
        and not torch.is_grad_enabled()
        and not any(needs[n:])
    ):
        found = _pushed_by_kernel(problem, upstream, moves)
        if found is not None:
            return [found.to(dtype)]
    wide = [None if m is None else m.to(upstream.dtype) for m in moves[: n + 1]]
    pushed = changes(problem, wide, needs[n], upstream)
    return [None if p is None else p.to(dtype) for p in pushed]


def _pushed_by_kernel(
    problem: ElementwiseProblem, upstream: Tensor, moves: Sequence[Tensor | None]
) -> Tensor | None:
    """Return the change of the only slope in one pass, where nobody differentiates it."""
    move, *others = moves
    if move is None or any(m is not None for m in others) or upstream.dim():
        return None
    if is_batch(upstream) or is_batch(move):
        return None
    from neglog.engine.cpu import curvature as curvature_cpu

    above = upstream.item()
    return curvature_cpu.change(problem, move.to(upstream.dtype), above) if above else None


class _LogSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        from neglog.engine.cpu import log_softmax as log_softmax_cpu

        log_p, doubts = log_softmax_cpu.forward(x.reshape(-1, x.shape[-1]).contiguous())
        result = log_p.reshape(x.shape)
        ctx.save_for_backward(result, doubts)
        return result

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        from neglog.engine.cpu import log_softmax as log_softmax_cpu

        log_p, doubts = ctx.saved_tensors
        if torch.is_grad_enabled() or is_batch(upstream):
            return reference.log_softmax_pulled(log_p, upstream)
        classes = log_p.shape[-1]
        pair = (log_p.reshape(-1, classes), upstream.reshape(-1, classes).contiguous())
        return log_softmax_cpu.backward(*pair, doubts).reshape(log_p.shape)


_log_softmax: Any = super(torch.autograd.Function, _LogSoftmax).apply  # as `differentiable`


def _weighed(
    task: Task, tensors: Sequence[Any], gradients: Sequence[Tensor | None], upstream: Tensor
) -> list[Tensor | None]:
    """Return upstream · gradients, rounded once, and 0 where an element is masked."""
    if upstream.dim() == 0 and not is_batch(upstream) and upstream.item() == 1.0:
        return list(gradients)
    problem = task.with_tensors(tensors)
    dtype = upstream.dtype
    if dtype in reference.HALF:
        problem, upstream = problem.each(Tensor.float), upstream.float()
        bare, wide = problem.split_tensors()
        gradients = Task(bare).run(wide, [g is not None for g in gradients])[1]
    upstream = problem.over_classes(upstream)
    in_place = not is_batch(upstream)
    products = [
        None if g is None else g.mul_(upstream) if in_place else upstream * g for g in gradients
    ]
    if isinstance(problem, ElementwiseProblem) and problem.masked and problem.weight is not None:
        hidden = problem.weight.eq(0)  # an infinite upstream makes NaN of its 0
        products = [None if p is None else p.masked_fill(hidden, 0.0) for p in products]
    return [None if p is None else p.to(dtype) for p in products]


def derived(
    task: Task, tensors: Sequence[Any], wanted: Sequence[bool], upstream: Tensor
) -> list[Tensor | None]:
    """Return the derivatives by the wanted ones of a task's tensors, differentiable again.

    They are taken by views of the tensors: one that was computed from another would otherwise
    count in the other's derivative.
    """
    problem = task.with_tensors([None if t is None else t.view_as(t) for t in tensors])
    leaves = [t for t, want in zip(problem.tensors(), wanted, strict=False) if want]
    loss = task.reference(problem)
    slopes = iter(torch.autograd.grad(loss, leaves, upstream, create_graph=True))
    return [next(slopes) if want else None for want in wanted]

"""The fast path: a repeated call of a loss with similar tensors runs its kernel directly.

The checks of a loss function depend on the dtypes and shapes of its tensors and on its options, not
on values. The function returns a `Request`, which describes the computation, and `prepare` makes a
plan of it. The plan is stored under the signature of the call, and later calls with that signature
run it. A small loss consists of Python calls; the plan saves two thirds of them.

The risk is a property that a loss function reads and that the signature lacks. The signature holds
the function, its options, the dtypes and shapes, whether the target requires a gradient, whether
`torch.func` is active, and whether `torch_compatible` is on. In all other respects the tensors must
be plain. `tests/test_fast_path.py` tests it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from neglog import compatibility
from neglog.engine import inspection, transforms
from neglog.engine.autograd import Task, differentiable, loss_of
from neglog.engine.backend import Backend, Results
from neglog.engine.problem import Problem
from neglog.engine.selection import select
from neglog.engine.values import PLAIN, dispatchers, is_transformed, tracer
from neglog.engine.values import transforms as has_transforms

plans: dict[Any, Plan] = {}  # by signature
MOST_PLANS = 512
_OPTIONS = {str, int, float, bool, type(None)}  # types of options that a signature holds
_DEPRECATED = ("size_average", "reduce")  # each call of them warns
_WIDE = (torch.float32, torch.float64)
_compiles = torch.compiler.is_dynamo_compiling
_is_overridden = torch._C._is_torch_function_mode_enabled
_is_grad_enabled = torch.is_grad_enabled


class Request:
    """The computation that a loss function requests after checking its arguments.

    Attributes:
        problem: with its tensors.
        is_plain: whether the loss of the problem is the result, for all tensors of these dtypes and
            shapes, without further computation.
    """

    problem: Problem
    is_plain: bool

    def compute(self) -> Tensor:
        """Return the result."""
        raise NotImplementedError


def accelerated(function: Any, ask: Callable[..., Any]) -> Callable[..., Any]:
    """Return a loss that runs the plan for a call's signature if there is one.

    The conditions are in one function, in this order, because they take most of the time of a small
    loss.

    Args:
        function: stands for the loss in signatures.
        ask: checks the arguments of a call; returns a request, or the result itself.
    """

    def call(*arguments: Any, **options: Any) -> Any:
        if len(arguments) != 2 or _compiles():
            return _result(ask(*arguments, **options))
        x, y = arguments
        if not (
            type(x) in PLAIN and type(y) in PLAIN and x.is_cpu and y.is_cpu
            and not (dispatchers() or tracer() is not None or _is_overridden())
        ):  # fmt: skip
            return _result(ask(x, y, **options))
        transformed = has_transforms() or forward_ad._current_level >= 0
        dtype, by_target = x.dtype, y.requires_grad
        signature: Any = (function, dtype, y.dtype, x.shape, y.shape, compatibility.is_on)
        if transformed or by_target:
            signature = (*signature, transformed, by_target)
        if options:
            kinds = tuple(map(type, options.values()))  # 1 == 1.0, but the types differ
            if not _OPTIONS.issuperset(kinds):
                return _result(ask(x, y, **options))
            signature = (*signature, *options.items(), *kinds)
        if (
            not (transformed or (x.is_contiguous() and y.is_contiguous()))
            or x.is_neg() or y.is_neg()
            or (dtype not in _WIDE and torch.is_autocast_enabled("cpu"))
        ):  # fmt: skip
            return _result(ask(x, y, **options))
        plan = plans.get(signature)
        if plan is None:
            return _prepared(signature, ask, x, y, options)
        if transformed:
            found = transforms.loss_of(plan, plan.padded(x, y))
            return _result(ask(x, y, **options)) if found is None else found
        if plan.shapes is not None:
            x, y = x.view(plan.shapes[0]), y.view(plan.shapes[1])
        if by_target:
            return loss_of(plan, plan.padded(x, y))
        if x.requires_grad and _is_grad_enabled():
            return differentiable(plan, x, y)
        value = plan.value
        return (plan.prepare_value(x, y) if value is None else value)((x, y))[0]

    return call


def _result(asked: Any) -> Any:
    return asked.compute() if isinstance(asked, Request) else asked


def _prepared(
    signature: Any, ask: Callable[..., Any], x: Tensor, y: Tensor, options: dict[str, Any]
) -> Any:
    """Compute a request, and store its plan if it has one."""
    request = ask(x, y, **options)
    result = _result(request)
    warns = any(options.get(name) is not None for name in _DEPRECATED)
    plan = prepare(request, x, y) if isinstance(request, Request) and not warns else None
    if plan is not None:
        if len(plans) >= MOST_PLANS:
            plans.clear()
        plans[signature] = plan
    return result


def prepare(request: Request, x: Tensor, y: Tensor) -> Plan | None:
    """Return the plan of a request for two tensors, or for views of them; None without one."""
    problem = request.problem
    first, target, *others = problem.tensors()
    if not request.is_plain or any(t is not None for t in others):
        return None
    backend = select(problem)
    if backend.is_traceable or backend.adapted(problem) is not problem:
        return None
    bare, _ = problem.split_tensors()
    plan = Plan(bare, backend)
    if not (inspection.is_same(first, x) and inspection.is_same(target, y)):
        if is_transformed() or not (_is_view(first, x) and _is_view(target, y)):
            return None
        plan.shapes = first.shape, target.shape
    if not (is_transformed() or y.requires_grad):
        plan.find_kernel(first, target)
    return plan


def _is_view(tensor: Tensor, of: Tensor) -> bool:
    """Return whether a tensor is `of.view(tensor.shape)`, where `of` is contiguous and plain."""
    alike = tensor.is_contiguous() and tensor.dtype == of.dtype and 0 < tensor.numel() == of.numel()
    return alike and tensor.data_ptr() == of.data_ptr()


class Plan(Task):
    """A checked problem of two tensors.

    Attributes:
        shapes: the shapes in which the two tensors are viewed; None to use them unchanged.
        value: returns the loss of two tensors, without gradients; None until it is needed.
    """

    value: Callable[[Sequence[Any]], Results] | None = None

    shapes: tuple[torch.Size, torch.Size] | None = None

    def __init__(self, problem: Problem, backend: Backend) -> None:
        super().__init__(problem, backend)
        self._nothing = (None,) * (len(problem.tensors()) - 2)
        self._constant = (False,) * (len(problem.tensors()) - 1)

    def padded(self, x: Tensor, y: Tensor) -> tuple[Any, ...]:
        """Return all tensors of the problem."""
        return (x, y, *self._nothing)

    def with_tensors(self, tensors: Sequence[Any]) -> Any:
        """Return the problem of two tensors, or of all."""
        return self.problem.with_tensors(self.padded(*tensors) if len(tensors) == 2 else tensors)

    def find_kernel(self, x: Tensor, y: Tensor) -> None:
        """Prepare the loss of tensors like these, with the gradients that they require."""
        if not (x.requires_grad and torch.is_grad_enabled()):
            self.prepare_value(x, y)
        elif not self.backend.defers(self.problem):
            self.by_first = self.backend.prepare(self.with_tensors((x, y)), (True, *self._constant))

    def forward(self, tensors: Sequence[Any], needs_grad: Sequence[bool]) -> tuple[Tensor, Any]:
        """Return the loss and its gradients, and prepare for the next call."""
        if len(tensors) == 2:
            self.find_kernel(*tensors)
        return super().forward(tensors, needs_grad)

    def prepare_value(self, x: Tensor, y: Tensor) -> Callable[[Sequence[Any]], Results]:
        """Return a function that computes the loss without gradients."""
        self.value = self.backend.prepare(self.with_tensors((x, y)), (False, *self._constant))
        return self.value

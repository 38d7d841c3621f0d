"""The short way of a loss that was taken before: from two tensors to the kernel and nothing else.

What a function does before the kernel runs (checks of shapes, dtypes and options) depends on what
its tensors are and not on what they hold. So the first call with such tensors goes the long way,
and is watched. If all it did was to hand the tensors it got, or views of all their numbers, to an
engine and to return what came back, the next call with tensors alike goes straight to the plan. A
small loss is made of Python, and this is two thirds of it.

The danger is a fact that the long way looked at and the key does not hold. The key has the
function, its options, the dtypes, shapes and whether `torch_compatible` is on; the rest of the
world must be plain (`values.kernel_sees`) for the watching and for the short way alike.
`tests/test_fast_path.py` holds it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from neglog import compatibility
from neglog.engine import inspection, transforms, values
from neglog.engine.autograd import Task, differentiable, loss_of
from neglog.engine.backend import Backend, Results
from neglog.engine.problem import Problem
from neglog.engine.selection import select
from neglog.engine.values import PLAIN, dispatchers, tracer
from neglog.engine.values import transforms as has_transforms

_SIMPLE = (str, int, float, bool, type(None))
_DEPRECATED = ("size_average", "reduce")  # each call of them warns
_MOST = 512
_compiles, _is_overridden = (
    torch.compiler.is_dynamo_compiling,
    torch._C._is_torch_function_mode_enabled,
)
_is_grad_enabled = torch.is_grad_enabled
_WIDE = (torch.float32, torch.float64)
_NONE = (False,) * 4  # no derivative is wanted
_tasks: dict[Any, Any] = {}  # of Task
_watch = threading.local()


def shortened(function: Any, long_way: Callable[..., Any]) -> Callable[..., Any]:
    """Return a loss that takes the short way where it can, and else the long one.

    Its checks stand in one function, and in this order, because they are most of a small loss.
    """

    def call(*arguments: Any, **options: Any) -> Any:
        if len(arguments) != 2 or _compiles():
            return long_way(*arguments, **options)
        x, y = arguments
        if not (
            type(x) in PLAIN and type(y) in PLAIN and x.is_cpu and y.is_cpu
            and not (
                has_transforms() or forward_ad._current_level >= 0
                or dispatchers() or tracer() is not None
            )
            and x.is_contiguous() and y.is_contiguous()
        ):  # fmt: skip
            if (
                values.is_transformed()
                and all(map(values.is_plain, (x, y)))
                and not values.is_watched()
            ):
                return _in_full(transforms.loss_of, function, long_way, arguments, options)
            return long_way(*arguments, **options)
        if y.requires_grad:
            return _in_full(loss_of, function, long_way, arguments, options)
        dtype = x.dtype
        key: Any = (function, dtype, y.dtype, x.shape, y.shape, compatibility.is_on)
        if options:
            key = _with_options(key, options)
        try:
            task = _tasks.get(key)
        except TypeError:  # an option without a hash is for the checks to refuse
            return long_way(*arguments, **options)
        if (
            _is_overridden() or x.is_neg() or y.is_neg()
            or (dtype not in _WIDE and torch.is_autocast_enabled("cpu"))
        ):  # fmt: skip
            return long_way(*arguments, **options)
        if task is None:
            return _watched(key, _Short, long_way, x, y, options)
        if task.shapes is not None:
            x, y = x.view(task.shapes[0]), y.view(task.shapes[1])
        if x.requires_grad and _is_grad_enabled():
            return differentiable(task, x, y)
        return task.run((x, y), _NONE)[0]

    return call


def _with_options(key: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, ...]:
    return (*key, *options.items(), *map(type, options.values()))  # 1 is 1.0, but for its type


def _in_full(
    compute: Callable[..., Tensor | None],
    function: Any,
    long_way: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
) -> Any:
    """Return the loss by the short way, computed by a task of all tensors, or by the long one."""
    x, y = arguments
    facts = (compute, function, x.dtype, y.dtype, x.shape, y.shape, compatibility.is_on)
    key = _with_options(facts, options)
    try:
        task = _tasks.get(key)
    except TypeError:  # an option without a hash is for the checks to refuse
        return long_way(*arguments, **options)
    if _is_overridden() or (x.dtype not in _WIDE and torch.is_autocast_enabled("cpu")):
        return long_way(*arguments, **options)
    if task is None:
        return _watched(key, Task, long_way, x, y, options)
    nothing = (None,) * (len(task.problem.tensors()) - 2)  # after x and y
    loss = compute(task, (x, y, *nothing))
    return long_way(*arguments, **options) if loss is None else loss


def _watched(
    key: Any,
    kind: type[Task],
    long_way: Callable[..., Any],
    x: Tensor,
    y: Tensor,
    options: dict[str, Any],
) -> Any:
    """Go the long way, and remember the short one if there is one."""
    seen: list[tuple[Any, Tensor]] = []
    _watch.seen = seen
    try:
        result = long_way(x, y, **options)
    finally:
        _watch.seen = None
    if len(seen) == 1 and seen[0][1] is result and _are_simple(options):
        problem, tensors = seen[0][0].split_tensors()
        kept = inspection.is_same(tensors[0], x) and inspection.is_same(tensors[1], y)
        viewed = kind is _Short and _is_view(tensors[0], x) and _is_view(tensors[1], y)
        if (kept or viewed) and all(t is None for t in tensors[2:]):
            if len(_tasks) >= _MOST:
                _tasks.clear()
            _tasks[key] = kind(problem, select(seen[0][0]))
            if not kept:
                _tasks[key].shapes = tensors[0].shape, tensors[1].shape
    return result


def _is_view(tensor: Tensor, of: Tensor) -> bool:
    """Tell whether a tensor is `of.view(tensor.shape)`, where `of` is contiguous and plain."""
    alike = tensor.is_contiguous() and tensor.dtype == of.dtype and 0 < tensor.numel() == of.numel()
    return alike and tensor.data_ptr() == of.data_ptr()


def forget() -> None:
    """Have the call that is watched not remembered: it says something that each is to say."""
    _watch.seen = None


def note(problem: Problem, result: Tensor) -> Tensor:
    """Tell a watcher what an engine was asked, and what it answered."""
    seen = getattr(_watch, "seen", None)
    if seen is not None:
        seen.append((problem, result))
    return result


class _Short(Task):
    """A task whose plans are at hand.

    Attributes:
        shapes: what the two tensors of a call are viewed in, unless they are taken as they are.
    """

    shapes: tuple[torch.Size, torch.Size] | None = None

    def __init__(self, problem: Problem, backend: Backend) -> None:
        super().__init__(problem, backend)
        self._nothing = (None,) * (len(problem.tensors()) - 2)  # after x and y
        self._alone: Callable[[Sequence[Any]], Results] | None = None

    def with_tensors(self, tensors: Sequence[Any]) -> Any:
        """Return the problem about x and y."""
        return self.problem.with_tensors((*tensors, *self._nothing))

    def run(self, tensors: Sequence[Any], wanted: Sequence[bool]) -> Results:
        """Return the loss of x and y, and its derivative by x if that is wanted."""
        if wanted[0]:
            if self.by_first is None:
                self.by_first = self._plan(tensors, True)
            return self.by_first(tensors)
        if self._alone is None:
            self._alone = self._plan(tensors, False)
        return self._alone(tensors)

    def _plan(self, tensors: Sequence[Any], by_first: bool) -> Callable[[Sequence[Any]], Results]:
        return self.backend.prepare(self.with_tensors(tensors), (by_first, *_NONE))


def _are_simple(options: Mapping[str, Any]) -> bool:
    deprecated = any(options.get(name) is not None for name in _DEPRECATED)
    return not deprecated and all(type(value) in _SIMPLE for value in options.values())

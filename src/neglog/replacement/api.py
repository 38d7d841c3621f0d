"""The context manager `neglog.everywhere`."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch._C import _len_torch_function_stack
from torch.overrides import TorchFunctionMode, _pop_mode, _push_mode

from neglog import functional
from neglog.compatibility import torch_compatible
from neglog.replacement import timing
from neglog.replacement.report import Report, counter

_P = ParamSpec("_P")
_R = TypeVar("_R")
_OTHER = {"log_softmax"}  # in both packages, but no loss
_SERVED: dict[Any, Callable[..., Tensor]] = {
    getattr(nn.functional, name): getattr(functional, name)
    for name in functional.__all__
    if name not in _OTHER and hasattr(nn.functional, name)
}
_SKIPPED = tuple(  # the folders of torch and neglog
    f"{folder}{os.sep}" for folder in (Path(torch.__file__).parent, Path(__file__).parents[1])
)


class everywhere:
    """Run neglog's loss wherever code calls one of torch.nn's, however the code imported it.

    Modules such as `torch.nn.CrossEntropyLoss`, functions such as
    `torch.nn.functional.cross_entropy` and calls inside `torch.compile` are replaced, also in
    packages that do not know neglog. It is a context manager, a decorator, and a switch::

        with neglog.everywhere():
            trainer.train()


        @neglog.everywhere()
        def train(): ...


        neglog.everywhere(True)  # until neglog.everywhere(False)

    Only the calling thread is affected. Each torch function that the thread calls takes about a
    microsecond longer.

    The losses and gradients are torch's; the value is in nats. neglog raises where torch
    broadcasts silently or returns NaN. Calls on tensor subclasses, sparse, complex, or quantized
    tensors are left to torch; `neglog.everywhere.report()` lists them with the reason. So is, and
    unseen, a `torch.nn.CrossEntropyLoss` that is constructed inside a compiled function.

    Args:
        on: True or False switches at once and stays; None, the default, waits for `with`.
        compatible: behave as torch where neglog would raise, as `neglog.torch_compatible` does.
            It affects all threads.
        measure: compare the time of each call with torch's once, at its second run, on copies of
            the tensors. False never does; tensors of more than 64 MiB are never copied.

    Raises:
        neglog.NeglogError: in a call that torch would accept, as `docs/differences.md` lists.

    >>> import torch, neglog
    >>> from torch.nn.functional import mse_loss
    >>> with neglog.everywhere():
    ...     mse_loss(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]))
    tensor(2.)
    >>> neglog.everywhere.report()[0].loss
    'mse_loss'
    """

    def __init__(
        self, on: bool | None = None, *, compatible: bool = False, measure: bool = True
    ) -> None:
        self._options = {"compatible": compatible, "measure": measure}
        if on is not None:
            _switch_off()
        if on:
            _thread.switch = _opened(_AtTheBottom(measure), compatible)

    def __enter__(self) -> None:
        """Replace the calls of this thread."""
        _entered().append(_opened(_Mode(self._options["measure"]), self._options["compatible"]))

    def __exit__(self, *failure: Any) -> None:
        """Restore the previous behaviour."""
        _entered().pop().close()

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Replace the calls that a function makes."""

        @functools.wraps(function)
        def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with everywhere(**self._options):
                return function(*args, **kwargs)

        return wrapped

    @staticmethod
    def report() -> Report:
        """Return each call that was seen in this process: location, loss, count, speed-up, reason.

        >>> import neglog
        >>> neglog.everywhere.clear()
        >>> neglog.everywhere.report()
        no call of a torch loss was seen
        """
        return counter.report()

    @staticmethod
    def clear() -> None:
        """Forget the calls seen so far."""
        counter.clear()


_thread = threading.local()


def _entered() -> list[contextlib.ExitStack]:
    """Return what `with` opened in this thread."""
    entered: list[contextlib.ExitStack] = _thread.__dict__.setdefault("entered", [])
    return entered


def _switch_off() -> None:
    switch: contextlib.ExitStack | None = _thread.__dict__.pop("switch", None)
    if switch is not None:
        switch.close()


def _opened(mode: _Mode, compatible: bool) -> contextlib.ExitStack:
    with contextlib.ExitStack() as opened:
        if compatible:
            opened.enter_context(torch_compatible())
        opened.enter_context(mode)
        return opened.pop_all()


class _Mode(TorchFunctionMode):
    """Replace the calls of torch's losses while it is active."""

    def __init__(self, measure: bool) -> None:
        super().__init__()
        self._measure = measure

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Compute a loss by neglog, anything else by torch."""
        kwargs = kwargs or {}
        served = _SERVED.get(function)
        if served is None:
            return function(*args, **kwargs)
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        reason = _reason(types, tensors)
        if torch.compiler.is_compiling():
            _note(served.__name__, reason)
            return function(*args, **kwargs) if reason else served(*args, **kwargs)
        location = _location()
        count = counter.add(location, served.__name__, reason)
        if reason:
            return function(*args, **kwargs)
        loss = served(*args, **kwargs)
        if self._measure and count == 2 and timing.can_copy(tensors):
            speedup = timing.speedup(function, served, args, kwargs)
            counter.set_speedup(location, served.__name__, speedup)
        return loss


class _AtTheBottom(_Mode):
    """A mode below all others of the thread: those end before it, in the order that `with` needs.

    This requires private names of torch, as torch's default device does. `_stacked` reorders
    the modes of this thread only; `tests/test_replacement.py` nests them.
    """

    def __enter__(self) -> _AtTheBottom:
        _stacked(lambda modes: [self, *modes])
        return self

    def __exit__(self, *failure: Any) -> None:
        _stacked(lambda modes: [mode for mode in modes if mode is not self])


def _stacked(change: Callable[[list[Any]], list[Any]]) -> None:
    modes = [_pop_mode() for _ in range(_len_torch_function_stack())]
    for mode in change(modes[::-1]):
        _push_mode(mode)


def _reason(types: Any, tensors: list[Tensor]) -> str:
    """Return why torch has to compute a call."""
    for kind in types:
        if kind not in (Tensor, nn.Parameter):
            return f"a tensor subclass, {kind.__name__}"
    for tensor in tensors:
        if tensor.layout != torch.strided:
            return f"a tensor of layout {tensor.layout}"
        if tensor.is_complex() or tensor.is_quantized:
            return f"a tensor of dtype {tensor.dtype}"
    return ""


def _count_compiled(loss: str, reason: str) -> int:
    return counter.add("compiled", loss, reason)


# torch.compile runs this while it traces, and never after.
_note: Callable[[str, str], int] = torch.compiler.assume_constant_result(_count_compiled)


def _location() -> str:
    """Return the file and line of the first caller outside torch and neglog."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename.startswith(_SKIPPED):
        frame = frame.f_back
    return f"{'/'.join(Path(frame.f_code.co_filename).parts[-2:])}:{frame.f_lineno}"

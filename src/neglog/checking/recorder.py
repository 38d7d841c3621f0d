"""Record the losses that a model or a criterion computes internally."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from neglog import functional
from neglog.checking.batch import CheckedBatch, batch_of
from neglog.checking.criterion import KINDS, identify

_MOST = 32
_KNOWN = {
    function
    for home in (torch.nn.functional, functional)
    for function in (getattr(home, kind, None) for kind in KINDS)
    if function is not None
}


class LossRecorder(TorchFunctionMode):
    """Record every call of a loss of torch.nn.functional or neglog.functional."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call the function, and record the call if it is a loss."""
        kwargs = kwargs or {}
        if func in _KNOWN and len(self._calls) < _MOST:
            self._calls.append((func, args, kwargs))
        return func(*args, **kwargs)

    def forget(self) -> None:
        """Discard the recorded calls."""
        self._calls.clear()

    def batches(self) -> list[CheckedBatch]:
        """Return the calls as batches."""
        found = (_batch(*noted) for noted in self._calls)
        return [batch for batch in found if batch is not None]


def _tensors(kind: str) -> list[str]:
    """Return the required parameters of a loss, which are tensors."""
    parameters = inspect.signature(getattr(functional, kind)).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.KEYWORD_ONLY]


def _batch(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> CheckedBatch | None:
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError:  # the call itself raised
        return None
    options = dict(bound.arguments)
    names = _tensors(function.__name__)
    if not all(name in options for name in names):
        return None
    tensors = [options.pop(name) for name in names]
    if "var" in options:
        tensors.append(options.pop("var"))
    options = {name: value for name, value in options.items() if value is not None}
    criterion = identify(function, tuple(tensors[2:]), options)
    x, y, more = criterion.arranged(tensors)
    if not isinstance(x, Tensor) or not isinstance(y, Tensor):
        return None
    batch = batch_of(criterion, x, y, more)
    batch.is_inner = True
    return batch

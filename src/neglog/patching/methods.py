"""The forward method of an instance, in place of that of its class.

Copies of a module have methods of their own: those of `copy` and `pickle`, and the replicas of
`torch.nn.DataParallel`, which share all other attributes with the module.
"""

from __future__ import annotations

import copy
import inspect
from types import MethodType
from typing import Any

from torch import nn

_STATE, _REPLICATE = "_neglog_patch", "_replicate_for_data_parallel"


class State:
    """What a module remembers whose forward was replaced by a method `run` of the state."""

    is_active = True  # False if another wrapper holds the method after `remove`
    instance_method: Any = None  # the method before, unless it is that of the class

    def before(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the method before returns."""
        if self.instance_method is not None:
            return self.instance_method(*args, **kwargs)
        return type(module).forward(module, *args, **kwargs)


class _Method:
    """A method of a module, with the attributes of Python's bound methods.

    Those cannot be pickled in place of a method of the class.

    Args:
        module: the module.
    """

    def __init__(self, module: Any) -> None:
        self.__self__ = module


class _Forward(_Method):
    """Compute what the module's state does, with the signature of the method before."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        module = self.__self__
        return vars(module)[_STATE].run(module, *args, **kwargs)

    @property
    def __wrapped__(self) -> Any:
        """Return the method before, whose signature `inspect` shows."""
        module = self.__self__
        return state_of(module).instance_method or MethodType(type(module).forward, module)

    @property
    def __func__(self) -> Any:
        """Return a function of the module and the arguments, as accelerate requires."""

        def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
            return vars(self)[_STATE].run(self, *args, **kwargs)

        shown: Any = forward
        first = next(iter(inspect.signature(forward).parameters.values()))
        known = inspect.signature(self.__wrapped__)
        shown.__signature__ = known.replace(parameters=[first, *known.parameters.values()])
        return shown


class _Replicate(_Method):
    """Return a replica for `torch.nn.DataParallel`, with methods and a state of its own."""

    def __call__(self) -> Any:
        module = self.__self__
        replica = type(module)._replicate_for_data_parallel(module)
        state = copy.copy(state_of(module))
        is_ours = isinstance(vars(module).get("forward"), _Forward)
        _set(replica, state, _Forward(replica) if is_ours else None)
        return replica


def state_of(module: nn.Module) -> Any:
    """Return the state of a module whose forward was replaced, or None."""
    return vars(module).get(_STATE)


def install(module: nn.Module, state: State) -> None:
    """Replace the method of a module by that of its state."""
    disabled: State | None = state_of(module)
    if disabled is not None:
        state.instance_method = disabled.instance_method
        setattr(module, _STATE, state)
        return
    state.instance_method = vars(module).get("forward")
    _set(module, state, _Forward(module))


def _set(module: nn.Module, state: State, forward: _Forward | None) -> None:
    setattr(module, _STATE, state)
    setattr(module, _REPLICATE, _Replicate(module))
    if forward is not None:
        vars(module)["forward"] = forward


def remove(module: nn.Module) -> None:
    """Restore the method of a module, or disable the state if another wrapper holds it."""
    state: State | None = state_of(module)
    if state is None:
        return
    if not isinstance(vars(module).get("forward"), _Forward):
        state.is_active = False
        return
    for name in (_STATE, _REPLICATE, "forward"):
        delattr(module, name)
    if state.instance_method is not None:
        vars(module)["forward"] = state.instance_method

"""Checks of the options of a loss, which its module makes before there are tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from neglog import validation

P = ParamSpec("P")
T = TypeVar("T")


def with_options(check: Callable[..., None]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a loss function check options before anything else.

    The constructor of its module calls the same check, so that a wrong option is refused there.

    Args:
        check: refuses wrong values; its parameters have the names of options.
    """
    names = tuple(signature(check).parameters)

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        parameters = signature(function).parameters
        places = [(name, [*parameters].index(name), parameters[name].default) for name in names]

        def call(*args: Any, **options: Any) -> Any:
            values = [
                args[place] if place < len(args) else options.get(name, default)
                for name, place, default in places
            ]
            check(*values)
            return function(*args, **options)

        decorated: Any = wraps(function)(call)
        decorated.check, decorated.checked = check, names
        wrapped: Callable[P, T] = decorated
        return wrapped

    return decorate


def check_options(function: Any, options: Mapping[str, Any]) -> None:
    """Check the options of a loss function as a call would."""
    validation.smoothing(options.get("label_smoothing", 0.0))
    if options.get("ignore_index") is not None:
        validation.ignored(options["ignore_index"])
    if hasattr(function, "checked"):
        function.check(*[options[name] for name in function.checked])

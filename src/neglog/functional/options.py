"""Checks of the options of a loss, which its module makes before there are tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from neglog import validation
from neglog.compatibility import is_torch_compatible

_KINDS = {"bool": validation.switch, "float": validation.number, "int": validation.integer}
"""The check of an option of each annotation."""
# A check that depends on the target; torch's switches, which it checks; an argument not used.
_OTHERS = ("ignore_index", "size_average", "reduce", "_stacklevel")
Check = Callable[[str, Any], None]
Kinds = Mapping[str, Check]

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


def kinds_of(function: Any) -> Kinds:
    """Return the check of the kind of each option, such as a switch, by its annotation."""
    annotated = {p.name: str(p.annotation) for p in signature(function).parameters.values()}
    kinds = {name: _KINDS.get(kind.removesuffix(" | None")) for name, kind in annotated.items()}
    return {
        name: _optional(check) if annotated[name].endswith(" | None") else check
        for name, check in kinds.items()
        if check is not None and name not in _OTHERS
    }


def _optional(check: Check) -> Check:
    def checked(name: str, value: Any) -> None:
        if value is not None:
            check(name, value)

    return checked


def check_kinds(kinds: Kinds, options: Mapping[str, Any]) -> None:
    """Refuse options of a wrong kind: text for a switch, an infinite number."""
    for name, value in options.items():
        if name in kinds and not is_torch_compatible():
            kinds[name](name, value)


def check_options(function: Any, options: Mapping[str, Any]) -> None:
    """Check the options of a loss function as a call would."""
    check_kinds(function.kinds, options)
    validation.smoothing(options.get("label_smoothing", 0.0))
    if options.get("ignore_index") is not None:
        validation.ignored(options["ignore_index"])
    if hasattr(function, "checked"):
        function.check(*[options[name] for name in function.checked])

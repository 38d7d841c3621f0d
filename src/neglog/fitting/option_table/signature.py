"""A function whose parameters are the fields of a dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_type_hints

from neglog.docstrings import completed
from neglog.fitting.option_table import wording
from neglog.fitting.option_table.table import entries

P = ParamSpec("P")
A = TypeVar("A")
R = TypeVar("R")


def takes(arguments: Callable[P, A]) -> Callable[[Callable[[A], R]], Callable[P, R]]:
    """Let a function of one dataclass take its fields as parameters.

    Type checkers read names, types and defaults from the dataclass; so do `inspect.signature` and
    `help`. The docstring describes the parameters that are no options; the table's texts are added.

    Args:
        arguments: the dataclass.
    """

    def decorate(function: Callable[[A], R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(arguments(*args, **kwargs))

        _describe(call, arguments, get_type_hints(function)["return"])
        return call

    return decorate


def _describe(call: Any, arguments: Any, returned: Any) -> None:
    """Set the signature, the annotations and the docstring of a function."""
    types = get_type_hints(arguments)
    own = inspect.signature(arguments).parameters.values()
    parameters = [parameter.replace(annotation=types[parameter.name]) for parameter in own]
    call.__signature__ = inspect.Signature(parameters, return_annotation=returned)
    call.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returned}
    texts = {name: wording.in_python(entry) for name, entry in entries(arguments).items()}
    call.__doc__ = completed(call.__doc__, [p.name for p in parameters], texts)
    arguments.__init__.__qualname__ = call.__qualname__  # which messages on wrong arguments name

"""Likelihoods that users declare: found by reference, as ``module:Name`` or ``file.py:Name``."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain, count
from pathlib import Path
from types import ModuleType
from typing import Any

from neglog.errors import FitError, NeglogError, listed
from neglog.fitting.likelihoods.registry import KINDS, Kind
from neglog.likelihood import Likelihood

_ENDING = ".py"
_MISTAKES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    SystemExit,
    TypeError,
    ValueError,
)
_passed: dict[str, Kind] = {}
"""Those that were passed as objects, by reference: a class in a function has no other way back."""
_ran: dict[Path, ModuleType] = {}
"""The files that were run."""
_sources: dict[Path, bytes] = {}
"""The contents of these files at that time."""


class UnknownLikelihoodError(FitError):
    """A reference to a likelihood that cannot be found, or not be fitted."""


def reference(given: Any) -> Any:
    """Return what `find` finds a likelihood by: its name, or where it is declared.

    Args:
        given: a name, ``"module:Name"``, ``"file.py:Name"``, a declaration or its `Kind`; anything
            else is returned as it is.

    Raises:
        FitError: a declaration cannot be fitted.
    """
    if isinstance(given, str):
        home, colon, name = given.rpartition(":")
        if not home.endswith(_ENDING):
            return given if colon else given.lower().replace("-", "_")
        path = Path(home).expanduser().resolve()
        _forget_changed(path)
        return f"{path}:{name}"
    if isinstance(given, Kind) or (isinstance(given, type) and issubclass(given, Likelihood)):
        kind = _kind(given, repr(given))
        if kind in KINDS.values():
            return kind.name
        where = f"{_home(kind.declaration.__module__)}:{_name(given, kind)}"
        _passed[where] = kind
        return where
    return given


def only_here(given: str | None) -> list[str]:
    """Return a note if no other process can find a likelihood."""
    home, _, name = (given or "").rpartition(":")
    if home != "__main__" and "<locals>" not in name:
        return []
    place = "a function" if "<locals>" in name else "__main__, a notebook or the script that runs"
    return [
        f"only this process can open the saved run, because its likelihood is declared in {place}; "
        "declare it at the top level of a file or a module, and pass file.py:Name or module:Name."
    ]


def _forget_changed(path: Path) -> None:
    """Let a file run again that was edited after it was run, as between cells of a notebook."""
    if path in _ran and path.is_file() and path.read_bytes() != _sources[path]:
        del _ran[path]
        for where in [where for where in _passed if where.rpartition(":")[0] == str(path)]:
            del _passed[where]
        _imported.cache_clear()


def _home(module: str) -> str:
    """Return where a module is: its file if that was run by reference, else its name."""
    files = [str(path) for path, ran in _ran.items() if ran.__name__ == module]
    return files[0] if files else module


def _name(given: Any, kind: Kind) -> str:
    """Return the name in the declaration's module of a declaration or its entry."""
    if isinstance(given, type):
        return given.__qualname__
    module = sys.modules[kind.declaration.__module__]
    named = [name for name, value in vars(module).items() if value is given]
    return named[0] if named else kind.declaration.__qualname__


def find(given: str) -> Kind:
    """Return the likelihood of a name or a reference.

    Raises:
        FitError: there is none, or it cannot be fitted.
    """
    if given in KINDS:
        return KINDS[given]
    if given in _passed:
        return _passed[given]
    home, _, name = given.rpartition(":")
    if not home:
        raise UnknownLikelihoodError(
            f"fit has no likelihood {given!r}{_like(given)}; choose one of "
            f"{listed(list(KINDS), 20)}, or pass module:Name or file.py:Name for one of your own."
        )
    return _imported(home, name)


def _like(given: str) -> str:
    """Return a question after the name that may be meant."""
    close = difflib.get_close_matches(given, KINDS, n=1)
    return f", did you mean {close[0]!r}" if close else ""


@cache
def _imported(home: str, name: str) -> Kind:
    """Import a module or run a file, and return what it declares under a name."""
    found: Any = _of_file(Path(home)) if home.endswith(_ENDING) else _of_module(home)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise UnknownLikelihoodError(
            f"{home} declares no likelihood {name!r}; put it at the top level of a module or a "
            "file, and pass module:Name or file.py:Name."
        )
    return _kind(found, f"{home}:{name}")


def _of_module(name: str) -> ModuleType:
    with _explained(f"module {name!r}", "install it, fix it, or pass its file as file.py:Name"):
        return importlib.import_module(name)


@contextmanager
def _explained(where: str, remedy: str) -> Iterator[None]:
    """Say which code of the user's has failed, and how."""
    try:
        yield
    except NeglogError:
        raise
    except _MISTAKES as error:
        raise UnknownLikelihoodError(
            f"the likelihood's {where} cannot be imported ({type(error).__name__}: {error}); "
            f"{remedy}."
        ) from error


def _of_file(path: Path) -> ModuleType:
    """Run a file once, as a module of its name."""
    if path in _ran:
        return _ran[path]
    if not path.is_file():
        raise UnknownLikelihoodError(
            f"the likelihood's file {path} is not there; put it back, or declare the likelihood in "
            "an installed module and fit again with module:Name."
        )
    names = chain([path.stem], (f"{path.stem}_{n}" for n in count(1)))
    name = next(name for name in names if name not in sys.modules)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        with _explained(f"file {path}", "fix it"):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _ran[path], _sources[path] = module, path.read_bytes()
    return module


def _kind(found: Any, name: str) -> Kind:
    """Return the entry of a declaration, which must be one that `fit` can use.

    Raises:
        FitError: it is not.
    """
    if isinstance(found, type) and issubclass(found, Likelihood):
        if not hasattr(found, "name"):
            raise UnknownLikelihoodError(
                f"fit cannot use the declaration {found.__name__}: it is abstract; pass a subclass "
                "that states the attributes."
            )
        known = [kind for kind in KINDS.values() if kind.declaration is found]
        found = known[0] if known else Kind(found)
    if not isinstance(found, Kind):
        raise UnknownLikelihoodError(
            f"{name} must be a declaration, a subclass of neglog.likelihood.Elementwise, or its "
            f"Kind, but it is {type(found).__name__}."
        )
    if found.make is not None:
        return found
    declaration = found.declaration
    problems = {
        "it must be Elementwise": not declaration.elementwise,
        "it must have one input": len(declaration.inputs) != 1 or bool(declaration.given),
        "it must state a link": declaration.link is None,
        "its loss must be smooth": not declaration.smooth,
        "its likelihood must sum to 1": not declaration.normalised,
    }
    for requirement, missed in problems.items():
        if missed:
            raise UnknownLikelihoodError(
                f"fit cannot use the declaration {declaration.__name__}: {requirement}."
            )
    return found

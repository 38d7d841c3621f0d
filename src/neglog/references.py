"""Find what users declare in their own code: ``module:Name`` or ``file.py:Name``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from types import ModuleType
from typing import Any

from neglog.errors import NeglogError, listed
from neglog.errors.declaring import UnknownReferenceError

_ENDING = ".py"
_ran: dict[Path, ModuleType] = {}
"""The files that were run."""
_sources: dict[Path, bytes] = {}
"""The contents of these files at that time."""


def is_reference(given: str) -> bool:
    """Return whether a text is ``module:Name`` or ``file.py:Name``."""
    return ":" in given


def absolute(reference: str) -> str:
    """Return a reference with the absolute path of its file.

    >>> absolute("package.losses:Gumbel")
    'package.losses:Gumbel'
    """
    home, _, name = reference.rpartition(":")
    if not home.endswith(_ENDING):
        return reference
    return f"{Path(home).expanduser().resolve()}:{name}"


def forget_changed(reference: str) -> None:
    """Let a file run again if it was edited after it was run, as between cells of a notebook."""
    path = Path(absolute(reference).rpartition(":")[0])
    if path in _ran and path.is_file() and path.read_bytes() != _sources[path]:
        del _ran[path]


def find(reference: str) -> Any:
    """Import a module, or run a file once, and return what it defines under a name.

    Args:
        reference: ``"module:Name"`` or ``"file.py:Name"``.

    Raises:
        UnknownReferenceError: the module or file cannot be imported or defines no such name.
    """
    home, _, name = absolute(reference).rpartition(":")
    if not (home and name):
        raise UnknownReferenceError(
            f"{reference!r} must name a file or a module, and a class in it; pass module:Name or "
            "file.py:Name."
        )
    module = _of_file(Path(home)) if home.endswith(_ENDING) else _of_module(home)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise UnknownReferenceError(
            f"{home} declares no likelihood {name!r}{_declared(module)}; put it at the top level "
            "of a module or a file, and pass module:Name or file.py:Name."
        )
    return found


def _declared(module: ModuleType) -> str:
    """Name the classes that a module defines itself."""
    own = [n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__]
    names = [name for name in own if isinstance(vars(module)[name], type)]
    return f" (its classes are {listed(names, 9)})" if names else ""


def home(module: str) -> str:
    """Return where a module is: its file if that was run by reference, else its name."""
    files = [str(path) for path, ran in _ran.items() if ran.__name__ == module]
    return files[0] if files else module


def _of_module(name: str) -> ModuleType:
    with _explained(f"module {name!r}", "install it, fix it, or pass its file as file.py:Name"):
        return importlib.import_module(name)


@contextmanager
def _explained(where: str, remedy: str) -> Iterator[None]:
    """Name the user's code that failed, and how it failed."""
    try:
        yield
    except NeglogError:
        raise
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        raise UnknownReferenceError(
            f"the likelihood's {where} cannot be imported ({type(error).__name__}: {error}); "
            f"{remedy}."
        ) from error


def _of_file(path: Path) -> ModuleType:
    """Run a file once, as a module of its name."""
    if path in _ran:
        return _ran[path]
    if not path.is_file():
        raise UnknownReferenceError(
            f"the likelihood's file {path} is not there; put it back, or declare the likelihood in "
            "an installed module and pass module:Name."
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

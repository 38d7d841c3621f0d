"""Likelihoods that users declare: found by reference, as ``module:Name`` or ``file.py:Name``."""

from __future__ import annotations

import difflib
import sys
from typing import Any

from neglog import references
from neglog.errors import listed
from neglog.errors.declaring import UnknownLikelihoodError, UnknownReferenceError
from neglog.fitting.likelihoods.constants import scale_of
from neglog.fitting.likelihoods.registry import KINDS, Kind
from neglog.likelihood import Likelihood
from neglog.translation import gettext as _

_passed: dict[str, Kind] = {}
"""Those that were passed as objects, by reference: a class in a function has no other way back."""
_entries: dict[type[Likelihood], Kind] = {}
"""The entries of declarations that were passed without one."""


def reference(given: Any) -> Any:
    """Return what `find` finds a likelihood by: its name, or where it is declared.

    Args:
        given: a name, ``"module:Name"``, ``"file.py:Name"``, a declaration or its `Kind`; anything
            else is returned as it is.

    Raises:
        FitError: a declaration cannot be fitted.
    """
    if isinstance(given, str):
        if not references.is_reference(given):
            return given.lower().replace("-", "_")
        references.forget_changed(given)
        return references.absolute(given)
    if isinstance(given, Kind) or (isinstance(given, type) and issubclass(given, Likelihood)):
        kind = _kind(given, repr(given))
        if kind in KINDS.values():
            return kind.name
        where = _home(kind) + _name(given, kind)
        _passed[where] = kind
        return where
    return given


def only_here(given: str | None) -> list[str]:
    """Return a note if no other process can find a likelihood."""
    home, _colon, name = (given or "").rpartition(":")
    if home != "__main__" and "<locals>" not in name:
        return []
    place = (
        _("a function") if "<locals>" in name else _("__main__, a notebook or the script that runs")
    )
    return [
        _(
            "only this process can open the saved run, because its likelihood is declared in "
            "{place}; declare it at the top level of a file or a module, and pass file.py:Name or "
            "module:Name."
        ).format(place=place)
    ]


def _home(kind: Kind) -> str:
    """Return the part of a reference before the name."""
    return f"{references.home(kind.declaration.__module__)}:"


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
    kind = _passed.get(given)
    if kind is not None and given.startswith(_home(kind)):  # its file was not edited since
        return kind
    if not references.is_reference(given):
        raise UnknownLikelihoodError(
            f"fit has no likelihood {given!r}{_like(given)}; choose one of "
            f"{listed(list(KINDS), 20)}, or pass module:Name or file.py:Name for one of your own."
        )
    return _imported(given)


def _like(given: str) -> str:
    """Return a question after the name that may be meant."""
    close = difflib.get_close_matches(given, KINDS, n=1)
    return f", did you mean {close[0]!r}" if close else ""


def _imported(reference: str) -> Kind:
    """Return the likelihood that a module or a file declares."""
    try:
        found = references.find(reference)
    except UnknownReferenceError as error:
        raise UnknownLikelihoodError(*error.args) from error
    return _kind(found, reference)


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
        found = known[0] if known else _entries.setdefault(found, Kind(found))
    if not isinstance(found, Kind):
        raise UnknownLikelihoodError(
            f"{name} must be a declaration, a subclass of neglog.likelihood.Elementwise, or its "
            f"Kind, but it is {type(found).__name__}."
        )
    if found.make is not None:
        return found
    declaration = found.declaration
    domains = zip(declaration.inputs[1:], declaration.domains[1:], strict=True)
    bounded = [f"{name} ({domain.words})" for name, domain in domains if scale_of(domain) is None]
    problems = {
        "it must be Elementwise": not declaration.elementwise,
        f"it has given tensors ({', '.join(declaration.given)}), for which a fit has no columns; "
        "make them settings": bool(declaration.given),
        "it must state a link, from the target's location to its first input": (
            declaration.link is None
        ),
        f"its inputs after the first must be any number, positive, or between 0 and 1, unlike "
        f"{', '.join(bounded)}": bool(bounded),
        "its loss must be smooth": not declaration.smooth,
        "its likelihood must sum to 1": not declaration.normalised,
    }
    for requirement, missed in problems.items():
        if missed:
            raise UnknownLikelihoodError(
                f"fit cannot use the declaration {declaration.__name__}: {requirement}."
            )
    return found

"""All kinds of errors, by their codes."""

from __future__ import annotations

from importlib import import_module

from neglog.errors import NeglogError

GROUPS = {
    "NL1": "Arguments of losses",
    "NL2": "Shapes",
    "NL3": "Dtypes",
    "NL4": "Values",
    "NL5": "Declarations",
    "NL6": "Commands",
    "NL7": "Options, solvers and models of fit",
    "NL8": "Tables",
}  # the titles of codes, by their beginnings


def kinds() -> dict[str, type[NeglogError]]:
    """Return the kinds of errors by their codes, in order.

    >>> kinds()["NL402"].__name__
    'LabelError'
    """
    for module in ("arguments", "declaring", "options", "tables", "tensors"):
        import_module(f"neglog.errors.{module}")
    ours = (cls for cls in _below(NeglogError) if cls.__module__.startswith("neglog.errors"))
    return dict(sorted((kind.code, kind) for kind in ours if kind.code))


def _below(cls: type[NeglogError]) -> set[type[NeglogError]]:
    return {cls}.union(*map(_below, cls.__subclasses__()))

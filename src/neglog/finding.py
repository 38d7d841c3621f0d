"""The likelihood that a user names."""

from __future__ import annotations

import difflib
import re
from typing import Any

from neglog import criteria, functional, references
from neglog.errors import listed, sentence
from neglog.errors.arguments import UnknownNameError
from neglog.fitting.likelihoods.registry import Kind
from neglog.functional.documentation import likelihoods_of
from neglog.likelihood import Likelihood
from neglog.likelihoods import REGISTRY

_OTHERS = {
    "ce": "cross_entropy",
    "gaussian": "mse_loss",
    "leastsquares": "mse_loss",
    "linearcrossentropyloss": "cross_entropy",
    "logistic": "binary_cross_entropy_with_logits",
    "logloss": "binary_cross_entropy_with_logits",
    "mae": "l1_loss",
    "softmax": "cross_entropy",
}
"""Usual names of losses that have a function of another name."""


def find(likelihood: Any) -> type[Likelihood]:
    """Return the declaration of a name or a reference, or the declaration that is passed.

    Names may be written as the class (``NegativeBinomial``), or in lower case
    (``negative_binomial``, ``negative-binomial``). The names of losses (``huber_loss``,
    ``HuberLoss``, ``torch.nn.HuberLoss``, ``mse``) stand for their likelihood.

    Raises:
        ArgumentError: there is none.
    """
    if isinstance(likelihood, str) and not references.is_reference(likelihood):
        return _built_in(likelihood)
    if isinstance(likelihood, str):
        references.forget_changed(likelihood)
        found = references.find(likelihood)
    else:
        found = likelihood
    if isinstance(found, Kind):
        found = found.declaration
    if isinstance(found, type) and issubclass(found, Likelihood) and hasattr(found, "name"):
        return found
    expected = (
        f"{likelihood} must be a declaration, a class that derives from neglog.Elementwise or "
        "neglog.Rows"
    )
    raise UnknownNameError(sentence(expected, f"it is {found!r}"))


def _built_in(name: str) -> type[Likelihood]:
    known = {_plain(each): each for each in REGISTRY}
    if _plain(name) in known:
        return REGISTRY[known[_plain(name)]]
    losses = _of_losses()
    for spelling in (_plain(name), _plain(without_module(name))):
        if spelling in losses:
            return losses[spelling]
    if name.endswith(".py"):
        expected = "a likelihood in a file is passed as file.py:Name"
        raise UnknownNameError(sentence(expected, f"{name!r} names no class"))
    close = difflib.get_close_matches(_plain(name), known, n=1, cutoff=0.7)
    meant = f", did you mean {known[close[0]]}" if close else ""
    raise UnknownNameError(
        f"neglog has no likelihood {name!r}{meant}; choose one of {listed(sorted(REGISTRY), 99)}, "
        "or pass module:Name or file.py:Name for one of your own."
    )


def without_module(name: str) -> str:
    """Return the name of a class or a function without its module.

    >>> without_module("torch.nn.MSELoss"), without_module("F.mse_loss")
    ('MSELoss', 'mse_loss')
    """
    return name.rpartition(".")[2]


def _of_losses() -> dict[str, type[Likelihood]]:
    """Return the likelihoods of functions and modules, also without "loss"; of several the first.

    The names are as `_plain` returns them.
    """
    functions = {name: getattr(functional, name) for name in functional.__all__}
    modules = {name: getattr(criteria, name) for name in criteria.__all__}
    functions |= {name: getattr(module, "_function", None) for name, module in modules.items()}
    found: dict[str, type[Likelihood]] = {}
    for name, call in functions.items():
        likelihoods = likelihoods_of(getattr(call, "__doc__", None))
        if likelihoods:
            found[_plain(name)] = likelihoods[0]
            found.setdefault(_plain(name).removesuffix("loss"), likelihoods[0])
    return found | {name: found[_plain(loss)] for name, loss in _OTHERS.items()}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

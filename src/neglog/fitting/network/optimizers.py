"""The optimizers by name: any class of `torch.optim`, with its options."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from neglog.errors import listed
from neglog.errors.options import OptimizerError

_DEFAULTS: dict[str, dict[str, Any]] = {
    "Adam": {"lr": 0.01},
    "AdamW": {"lr": 0.01},
    "SGD": {"lr": 0.1},
    "LBFGS": {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-9, "tolerance_change": 0.0},
}
_FOR_SPARSE_GRADIENTS = {"SparseAdam"}


def known() -> dict[str, type[torch.optim.Optimizer]]:
    """Return torch's optimizers by name."""
    return {
        name: candidate
        for name, candidate in vars(torch.optim).items()
        if inspect.isclass(candidate)
        and issubclass(candidate, torch.optim.Optimizer)
        and candidate is not torch.optim.Optimizer
        and name not in _FOR_SPARSE_GRADIENTS
    }


def parse(
    pairs: Iterable[str], flag: str = "--option", example: str = "momentum=0.9"
) -> dict[str, Any]:
    """Parse options such as ``momentum=0.9``."""
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (equals and name):
            raise OptimizerError(f"{flag} must be NAME=VALUE, such as {example}, but got {pair!r}.")
        try:
            options[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            options[name] = value
    return options


def make(name: str, options: dict[str, Any], model: nn.Module) -> tuple[torch.optim.Optimizer, str]:
    """Return an optimizer of the model's weights, and a one-line description.

    Raises:
        FitError: torch has no such optimizer, or it does not take the options.
    """
    classes = known()
    found = [key for key in classes if key.lower() == name.lower()]
    if not found:
        raise OptimizerError(
            f"torch.optim has no {name!r}; choose newton or {listed(list(classes), 20)}."
        )
    key = found[0]
    accepted = [p for p in inspect.signature(classes[key]).parameters if p != "params"]
    unknown = [option for option in options if option not in accepted]
    if unknown:
        raise OptimizerError(
            f"{key} takes no option {unknown[0]!r}; it takes {listed(accepted, 20)}."
        )
    options = _DEFAULTS.get(key, {}) | options
    try:
        optimizer = classes[key](model.parameters(), **options)
    except (TypeError, ValueError) as error:
        raise OptimizerError(f"{key} refuses these options: {error}.") from None
    text = ", ".join(f"{option}={value}" for option, value in options.items())
    return optimizer, f"{key}({text})"

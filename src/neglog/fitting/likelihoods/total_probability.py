"""Whether the likelihood of a user's declaration sums or integrates to 1, as a fit requires."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from neglog import normalisation
from neglog.errors.options import NormalisationError
from neglog.fitting.likelihoods.constants import Constant, constants, fixed_values
from neglog.fitting.likelihoods.registry import Kind
from neglog.likelihoods import REGISTRY
from neglog.support import nonnegative
from neglog.translation import gettext as _

_PREDICTOR, _BASE, _MOVED = (0.3, -0.4), 0.1, 0.9  # predictors, and estimates of constants
_SAME = 1e-4  # quadrature is less exact for heavy tails


def checked(kind: Kind, settings: Mapping[str, Any]) -> list[str]:
    """Return a note if the likelihood omits a constant.

    Args:
        kind: the likelihood; those of the package are not checked.
        settings: the constants that are not estimated.

    Raises:
        FitError: the omitted terms depend on what is estimated, so that the estimate is wrong.
    """
    declaration: Any = kind.declaration
    if REGISTRY.get(declaration.name) is declaration:
        return []
    masses = _masses(declaration, fixed_values(declaration, kind.name, settings))
    base = masses[""]
    if not (math.isfinite(base) and base > 0):
        return []
    for varied, mass in masses.items():
        if math.isfinite(mass) and abs(mass - base) > _SAME * base:
            raise NormalisationError(_depends(kind, varied))
    if abs(base - 1.0) <= _SAME:
        return []
    return [
        _(
            "the likelihood sums to {base:.6g}, not 1, because the declaration omits a constant: "
            "the log-likelihood, AIC, BIC and pseudo-R² are off by it; state `constant`."
        ).format(base=base)
    ]


def _depends(kind: Kind, varied: str) -> str:
    """Say that the total probability depends on what is estimated, and what to do."""
    declaration = kind.declaration
    remedies = ["add the missing terms to `nll` or `constant` (neglog verify shows them)"]
    if varied != declaration.inputs[0]:
        remedies.append(f"or fix it with --setting {varied}=VALUE (settings=)")
    if declaration.support is nonnegative:
        remedies.append("the support of a count is neglog.support.counts")
    return (
        f"the total probability of {kind.title} depends on {varied}, so that its estimate would be "
        f"wrong: {'; '.join(remedies)}."
    )


@cache
def _masses(declaration: Any, fixed: tuple[tuple[str, float], ...]) -> dict[str, float]:
    """Return the total probability at one point, and with each estimate moved, by its name."""
    held, known = dict(fixed), constants(declaration)
    base = [held.get(c.name, _value(c, _BASE)) for c in known]
    first, other = _PREDICTOR
    found = {"": _mass(declaration, [first, *base])}
    found[declaration.inputs[0]] = _mass(declaration, [other, *base])
    for place, constant in enumerate(known):
        if constant.name not in held:
            moved = [*base[:place], _value(constant, _MOVED), *base[place + 1 :]]
            found[constant.name] = _mass(declaration, [first, *moved])
    return found


def _value(constant: Constant, estimate: float) -> float:
    return float(constant.scale.value(torch.tensor(estimate, dtype=torch.float64)))


def _mass(declaration: Any, point: Sequence[float]) -> float:
    def density(y: Tensor) -> Tensor:
        arguments = [torch.full_like(y, value) for value in point]
        settings = arguments[len(declaration.inputs) :]
        loss = declaration.nll(*arguments, y) + declaration.constant(*settings, y)
        return torch.exp(-torch.as_tensor(loss, dtype=y.dtype)).expand_as(y)[:, None]

    return float(normalisation.total(declaration.support, density)[0])

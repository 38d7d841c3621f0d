"""The constants of a model: the inputs of a declaration after the first, and its settings.

They are estimated with the weights, on a scale on which they may be any number.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neglog import derivation
from neglog.errors import DeclarationError, listed
from neglog.errors.options import LikelihoodSettingError
from neglog.likelihood import Likelihood
from neglog.support import Support, open_unit_interval, positive, real


@dataclass(frozen=True)
class Scale:
    """The scale of an estimate.

    Attributes:
        prefix: what precedes the name of the constant.
        value: the constant, given the estimate.
        slope: its derivative.
        bend: its second derivative.
        members: numbers that the constant may be.
    """

    prefix: str
    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    bend: Callable[[Tensor], Tensor]
    members: tuple[float, ...]

    def serves(self, domain: Support) -> bool:
        """Whether every estimate is a number of the domain."""
        return all(bool(domain.contains(member)) for member in self.members)


def _odds_slope(x: Tensor) -> Tensor:
    return torch.sigmoid(x) * torch.sigmoid(-x)


PLAIN = Scale("", torch.clone, torch.ones_like, torch.zeros_like, real.members)
LOGARITHM = Scale("ln ", torch.exp, torch.exp, torch.exp, (1e-30, *positive.members, 1e30))
LOG_ODDS = Scale(
    "logit ",
    torch.sigmoid,
    _odds_slope,
    lambda x: -_odds_slope(x) * torch.tanh(0.5 * x),
    (1e-12, *open_unit_interval.members, 1 - 1e-12),
)


class Constant(NamedTuple):
    """A constant and the scale of its estimate."""

    name: str
    scale: Scale

    @property
    def label(self) -> str:
        """The name of the estimate."""
        return self.scale.prefix + self.name


def scale_of(domain: Support) -> Scale | None:
    """Return the scale of an input of a domain; None if there is none."""
    return next((s for s in (PLAIN, LOGARITHM, LOG_ODDS) if s.serves(domain)), None)


def constants(declaration: type[Likelihood]) -> tuple[Constant, ...]:
    """Return the constants, in the order of the formulas' arguments. Settings are positive."""
    domains = zip(declaration.inputs[1:], declaration.domains[1:], strict=True)
    inputs = [Constant(name, scale_of(domain) or PLAIN) for name, domain in domains]
    return (*inputs, *(Constant(name, LOGARITHM) for name in declaration.settings))


def fixed_values(
    declaration: type[Likelihood], name: str, chosen: Mapping[str, Any]
) -> tuple[tuple[str, float], ...]:
    """Return the constants that a user holds fixed, checked.

    Args:
        declaration: the likelihood.
        name: its name in messages.
        chosen: the values by name.

    Raises:
        FitError: there is no such constant, or it cannot have the value.
    """
    known = [constant.name for constant in constants(declaration)]
    domains = dict(zip(declaration.inputs, declaration.domains, strict=True))
    for constant, value in chosen.items():
        if constant not in known:
            has = f"its constants are {listed(known, 20)}" if known else "it has none"
            raise LikelihoodSettingError(
                f"the {name} likelihood has no constant {constant!r} to fix: {has}; correct or "
                "leave out settings (--setting)."
            )
        domain = domains.get(constant, positive)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not (real.contains(value) and domain.contains(float(value))):
            raise LikelihoodSettingError(
                f"the constant {constant!r} of the {name} likelihood must be {domain.words}, but "
                f"got {value!r}."
            )
    return tuple((constant, float(chosen[constant])) for constant in known if constant in chosen)


class Derivatives(NamedTuple):
    """Derivatives of a row's loss by the predictor and the constants.

    Attributes:
        slopes: of the loss without its constant, by all.
        curvatures: the upper triangle of the second derivatives, row by row.
        rest: the slopes of the constant by the settings.
        bends: the second derivatives of the constant.
    """

    slopes: Callable[..., Any]
    curvatures: Callable[..., Any]
    rest: Callable[..., Any] | None
    bends: Callable[..., Any] | None


_derived: MutableMapping[type[Likelihood], Derivatives | None] = weakref.WeakKeyDictionary()


def derivatives(declaration: type[Likelihood]) -> Derivatives | None:
    """Derive the derivatives of the declared formulas; None if a derivative is not a primitive."""
    if declaration not in _derived:
        _derived[declaration] = _derive(declaration)
    return _derived[declaration]


def _derive(declaration: type[Likelihood]) -> Derivatives | None:
    inputs, settings = declaration.term_inputs(), declaration.settings
    try:
        slopes = derivation.gradient(declaration.nll, (*inputs, "y"), inputs)
        curvatures = derivation.curvature(declaration.nll, (*inputs, "y"), inputs)
        if not settings:
            return Derivatives(slopes, curvatures, None, None)
        rest = derivation.gradient(declaration.constant, (*settings, "y"), settings)
        bends = derivation.curvature(declaration.constant, (*settings, "y"), settings)
    except DeclarationError:
        return None
    return Derivatives(slopes, curvatures, rest, bends)


def slopes_and_curvatures(
    found: Derivatives, declaration: type[Likelihood], arguments: Sequence[Tensor], y: Tensor
) -> tuple[Tensor, Tensor]:
    """Return (N, R) first and (N, R, R) second derivatives by the predictor and the constants."""
    slope = _columns(found.slopes(*arguments, y), y)
    curvature = _symmetric(found.curvatures(*arguments, y), y)
    if found.rest is not None and found.bends is not None:
        count = len(declaration.settings)
        settings = arguments[-count:]
        slope[:, -count:] += _columns(found.rest(*settings, y), y)
        curvature[:, -count:, -count:] += _symmetric(found.bends(*settings, y), y)
    return slope, curvature


def _columns(values: Any, y: Tensor) -> Tensor:
    """Return (N, n) values; a formula returns one without a tuple, and some as numbers."""
    parts = values if isinstance(values, tuple) else (values,)
    return torch.stack([torch.as_tensor(part).double().expand(len(y)) for part in parts], 1)


def _symmetric(values: Any, y: Tensor) -> Tensor:
    """Return (N, n, n) matrices, given their upper triangles."""
    parts = _columns(values, y)
    size = math.isqrt(2 * parts.shape[1])
    rows, columns = torch.triu_indices(size, size)
    whole = torch.empty(len(y), size, size, dtype=torch.float64)
    whole[:, rows, columns] = whole[:, columns, rows] = parts
    return whole

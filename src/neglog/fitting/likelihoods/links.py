"""Link functions from the mean of a target to the linear predictor."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neglog.errors.tables import TargetError
from neglog.likelihood import Likelihood

_FAR = 700.0  # e to this power is still a number
_CONSTANT = 0.7  # which any scale allows


@dataclass(frozen=True)
class Link:
    """A link of a number, its inverse, and the inverse's derivative."""

    link: Callable[[float], float]
    mean: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    words: str


LINKS = {
    "identity": Link(float, lambda eta: eta, torch.ones_like, "the mean"),
    "log": Link(math.log, torch.exp, torch.exp, "the logarithm of the mean"),
    "logit": Link(
        lambda p: math.log(p) - math.log1p(-p),
        torch.sigmoid,
        lambda eta: torch.sigmoid(eta) * torch.sigmoid(-eta),
        "the log-odds",
    ),
}


def of_mean(link: str, mean: float) -> float:
    """Return the link of a target's mean.

    Raises:
        FitError: the link does not allow it.
    """
    try:
        return LINKS[link].link(mean)
    except ValueError:
        raise TargetError(
            f"the target's mean is {mean:g}, which the {link} link does not allow; choose a "
            "likelihood with another link, or remove the rows whose target is out of its range."
        ) from None


def is_exponential(declaration: type[Likelihood]) -> bool:
    """Whether the score is proportional to y − mean, as in an exponential family.

    Only then the deviance compares with predictors that meet each target, and the variance is the
    squared slope of the mean over the information.
    """
    if declaration.link is None:
        return False
    others = len(declaration.term_inputs()) - 1
    constants = [torch.tensor(_CONSTANT, dtype=torch.float64)] * others
    eta = torch.tensor([-0.7, 0.4], dtype=torch.float64)[:, None]
    y = torch.tensor([0.25, 0.5, 1.0], dtype=torch.float64)
    mean = LINKS[declaration.link].mean(eta)
    ratio = _score(declaration, eta, *constants, y) / (mean - y)
    at_mean = _score(declaration, eta, *constants, mean)
    same = torch.allclose(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-9, atol=0.0)
    return same and bool((at_mean.abs() < 1e-9).all())


def _score(declaration: type[Likelihood], *arguments: Tensor) -> Tensor:
    """Return the derivative by the predictor, which may be one of several."""
    slope = declaration.grad(*arguments)
    first: Tensor = slope[0] if isinstance(slope, tuple) else slope
    return first


def reaches_an_end(declaration: type[Likelihood]) -> bool:
    """Whether a target may lie at an end of the link's range, which no predictor reaches."""
    ends = {"log": (0.0,), "logit": (0.0, 1.0)}.get(str(declaration.link), ())
    return bool(ends) and all(bool(declaration.support.contains(end)) for end in ends)


def predictor(link: str, mean: Tensor) -> Tensor:
    """Return the (N,) predictors of means; at an end of the link's range, one of a mean near it."""
    eta = {"log": torch.log, "logit": torch.logit}.get(link, torch.clone)(mean)
    return eta if link == "identity" else eta.clamp(-_FAR, _FAR)

"""Link functions from the mean of a target to the linear predictor."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


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

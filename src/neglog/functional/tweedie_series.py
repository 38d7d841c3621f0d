"""The series in the density of a Tweedie variable, whose exponent lies between 1 and 2.

Source: P. K. Dunn, G. K. Smyth, Series evaluation of Tweedie exponential dispersion model
densities, Statistics and Computing 15, 2005.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_STEPS = 40  # terms on either side of the largest one
_FINENESS = 2.5  # steps per standard deviation of the terms


def log_density_terms(y: Tensor, exponent: float, dispersion: float) -> Tensor:
    """Return the logarithm of the terms of the density that do not depend on the mean; 0 at y = 0.

    The density is ∑ over j ≥ 1 of the probability of j gamma variables times their density. The
    terms have one peak, near j = y^(2 − exponent) / ((2 − exponent) · dispersion). Where it is
    wide, every tenth term or fewer determine the sum: for such a smooth function the trapezoidal
    rule has an error of e^(−2π²) to the power of the square of the steps per standard deviation.
    """
    small = y.detach().double()
    at = torch.where(small > 0.0, small, 1.0)
    below, above = exponent - 1.0, 2.0 - exponent
    shape = above / below  # of each gamma variable
    peak = (at**above / (above * dispersion)).clamp(min=1.0).round()
    deviation = (peak * below).sqrt()  # of the terms, as of a normal density
    step = (deviation / _FINENESS).floor().clamp(min=1.0)
    log_rate = shape * (at.log() - math.log(below)) - math.log(above)
    log_rate = log_rate - (1.0 + shape) * math.log(dispersion)
    offsets = torch.arange(-_STEPS, _STEPS + 1, dtype=at.dtype, device=at.device)
    total = torch.full_like(at, -math.inf)
    for offset in offsets:
        j = peak + offset * step
        there = j >= 1.0
        j = torch.where(there, j, 1.0)
        term = j * log_rate - torch.lgamma(j + 1.0) - torch.lgamma(j * shape)
        total = torch.logaddexp(total, torch.where(there, term, -math.inf))
    terms = total + step.log() - at.log()
    return torch.where(small > 0.0, terms, 0.0).to(y.dtype)

"""Formulas in torch's operations that no function of torch computes, as users write them."""

from __future__ import annotations

import torch
from torch import Tensor, distributions
from torch.nn import functional as theirs


def mixture(logits: Tensor, mean: Tensor, log_scale: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss of a mixture of normals, of (N, K) and (N, K, D)."""
    weights = distributions.Categorical(logits=logits)
    parts = distributions.Independent(distributions.Normal(mean, log_scale.exp()), 1)
    log_p: Tensor = distributions.MixtureSameFamily(weights, parts).log_prob(y)
    return -log_p.mean()


def multivariate_normal(mean: Tensor, factor: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss of normal vectors."""
    log_p: Tensor = distributions.MultivariateNormal(mean, scale_tril=factor).log_prob(y)
    return -log_p.mean()


def bradley_terry(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Return the mean loss of preferences."""
    return -theirs.logsigmoid(chosen - rejected).mean()


def plackett_luce(score: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss of rankings without ties, (N, K)."""
    ranked = score.gather(-1, y.argsort(-1, descending=True))
    left = ranked.flip(-1).logcumsumexp(-1).flip(-1)
    return (left - ranked).sum(-1).mean()


def plackett_luce_ties(score: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss of rankings with Breslow's ties, (N, K)."""
    y, order = y.sort(-1)
    ranked = score.gather(-1, order)
    last = torch.searchsorted(y, y, right=True) - 1
    return (ranked.logcumsumexp(-1).gather(-1, last) - ranked).sum(-1).mean()


def discrete_hazard(logits: Tensor, interval: Tensor, event: Tensor) -> Tensor:
    """Return the mean loss of hazards, (N, T), as pycox computes it."""
    y = torch.zeros_like(logits).scatter(1, interval[:, None], event[:, None].to(logits.dtype))
    each = theirs.binary_cross_entropy_with_logits(logits, y, reduction="none")
    return each.cumsum(1).gather(1, interval[:, None]).mean()


def cox(log_hazard: Tensor, time: Tensor, event: Tensor) -> Tensor:
    """Return the mean loss of events, with Breslow's ties."""
    order = time.argsort(descending=True)
    score, time, event = log_hazard[order], time[order], event[order]
    number = time.unique_consecutive(return_inverse=True, return_counts=True)
    last = (number[2].cumsum(0) - 1)[number[1]]
    return ((score.logcumsumexp(0)[last] - score) * event).sum() / event.sum()


def cox_efron(log_hazard: Tensor, time: Tensor, event: Tensor) -> Tensor:
    """Return the mean loss of events, with Efron's ties."""
    order = time.argsort(descending=True)
    score, time, event = log_hazard[order], time[order], event[order]
    number = time.unique_consecutive(return_inverse=True, return_counts=True)
    group, zeros = number[1], torch.zeros(len(number[2]), dtype=score.dtype)
    hazard = score.exp()
    risk = hazard.cumsum(0)[number[2].cumsum(0) - 1]
    tied, events = zeros.index_add(0, group, hazard * event), zeros.index_add(0, group, event)
    place = event.cumsum(0) - event - (events.cumsum(0) - events)[group]
    left = place / events[group].clamp(min=1)
    terms = torch.where(event > 0, torch.log(risk[group] - left * tied[group]) - score, 0.0)
    return terms.sum() / event.sum()


def ordinal(score: Tensor, thresholds: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss of ordered classes."""
    below = (thresholds - score[:, None]).sigmoid()
    ends = torch.zeros_like(below[:, :1])
    edges = torch.cat([ends, below, ends + 1], 1)
    return -(edges[:, 1:] - edges[:, :-1]).gather(1, y[:, None]).log().mean()


def corn(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss of conditional probabilities, (N, K − 1), as coral-pytorch does."""
    total, pairs = logits.new_zeros(()), 0
    for k in range(logits.shape[1]):
        entered = y > k - 1
        above, each = (y[entered] > k).to(logits.dtype), logits[entered, k]
        log_p = theirs.logsigmoid(each)
        total = total - (log_p * above + (log_p - each) * (1 - above)).sum()
        pairs += len(each)
    return total / pairs


def quantiles(input: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss of three quantiles, (N, 3)."""
    level = input.new_tensor((0.1, 0.5, 0.9))
    error = y[:, None] - input
    return torch.maximum(level * error, (level - 1) * error).mean()


def focal(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean focal loss of classes, gamma 2."""
    log_p = logits.log_softmax(1).gather(1, y[:, None])
    return -((1 - log_p.exp()).square() * log_p).mean()


def generalized_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean generalised cross-entropy, q 0.7."""
    p = logits.softmax(1).gather(1, y[:, None])
    return ((1 - p**0.7) / 0.7).mean()


def smoothed(logits: Tensor, y: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of smoothed targets."""
    return theirs.binary_cross_entropy_with_logits(logits, y * 0.9 + 0.05)

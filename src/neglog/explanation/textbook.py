"""Losses of several tensors as textbooks write them: sums over a batch, and one derivative."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn

_EPS = 1e-6  # torch adds it to differences, so that a distance of 0 has a derivative


def risk_sets(time: Tensor, event: Tensor, ties: str) -> Tensor:
    """Return for each event a row of weights: 1 for all who are still at risk, else 0.

    Efron: of n events at the same time, the k-th has k / n less of all n at risk, k = 0, 1, ….
    """
    at_risk = (time >= time[:, None]).to(torch.float64)
    if ties == "breslow":
        return at_risk
    tied = (time == time[:, None]) * event * event[:, None]
    return at_risk - tied * tied.tril(-1).sum(1, keepdim=True) / tied.sum(1, keepdim=True).clamp(1)


def plackett_luce(input: Tensor, target: Tensor, *, ties: str = "efron") -> Any:
    """Return the sum over the items of ln(sum of the exponentials of those left) − score."""
    left = [risk_sets(-row, torch.ones_like(row), ties) for row in target]
    return sum(((w @ row.exp()).log() - row).sum() for w, row in zip(left, input, strict=True))


def plackett_luce_slope(input: Tensor, target: Tensor, *, ties: str = "efron") -> Tensor:
    """Return, for each item, the sum of its probabilities to be chosen next, minus 1."""
    ones = torch.ones_like(input)
    rows = zip(input, -target, ones, strict=True)
    return torch.stack([cox_slope(*row, ties=ties) for row in rows])


def cox(log_hazard: Tensor, time: Tensor, event: Tensor, *, ties: str = "efron") -> Any:
    """Return the sum over the events of ln(sum of the hazards at risk) − log-hazard."""
    at_risk = risk_sets(time, event, ties)
    return (event * ((at_risk @ log_hazard.exp()).log() - log_hazard)).sum()


def cox_slope(log_hazard: Tensor, time: Tensor, event: Tensor, *, ties: str = "efron") -> Tensor:
    """Return, for each person, the sum of the probabilities at the events, minus the event."""
    hazards = risk_sets(time, event, ties) * log_hazard.exp()
    return (event[:, None] * hazards / hazards.sum(1, keepdim=True)).sum(0) - event


def mixture(logits: Tensor, mean: Tensor, log_scale: Tensor, target: Tensor) -> Any:
    """Return −ln of the sum of the weights times the normal densities."""
    z = (target[:, None] - mean) / log_scale.exp()
    density = (-0.5 * z * z).exp() / log_scale.exp() / math.sqrt(2 * math.pi)
    return -(logits.softmax(1) * density).sum(1).log().sum()


def mixture_slope(logits: Tensor, mean: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """Return the weight of each component minus its probability given the target."""
    z = (target[:, None] - mean) / log_scale.exp()
    joint = logits.softmax(1) * (-0.5 * z * z).exp() / log_scale.exp()
    return logits.softmax(1) - joint / joint.sum(1, keepdim=True)


def multivariate_normal(mean: Tensor, scale_tril: Tensor, target: Tensor) -> Any:
    """Return half of the quadratic form and of ln det(2π Σ), with Σ = L Lᵀ."""
    covariance = scale_tril @ scale_tril.mT
    error = target - mean
    quadratic = (error * (error @ covariance.inverse())).sum()
    return 0.5 * (quadratic + len(mean) * (2 * math.pi * covariance).det().log())


def multivariate_normal_slope(mean: Tensor, scale_tril: Tensor, target: Tensor) -> Tensor:
    """Return Σ⁻¹ (mean − target)."""
    return (mean - target) @ (scale_tril @ scale_tril.mT).inverse()


def _paths(log_probs: Tensor, targets: Tensor, blank: int) -> list[tuple[list[int], Tensor]]:
    """Return each path that reads as the target, with its probability."""
    steps, classes = log_probs.shape
    found = []
    for path in map(list, itertools.product(range(classes), repeat=steps)):
        labels = [label for label, _ in itertools.groupby(path) if label != blank]
        if labels == targets.tolist():
            found.append((path, log_probs[range(steps), path].sum().exp()))
    return found


def ctc(log_probs: Tensor, targets: Tensor, *lengths: Tensor, blank: int = 0) -> Any:
    """Return −ln of the sum of the probabilities of all paths that read as the target."""
    return -torch.stack([p for _, p in _paths(log_probs, targets, blank)]).sum().log()


def ctc_slope(log_probs: Tensor, targets: Tensor, *lengths: Tensor, blank: int = 0) -> Any:
    """Return, as torch, the derivative by the logits: probabilities minus those of the paths."""
    weighted = _paths(log_probs, targets, blank)
    total = sum(p for _, p in weighted)
    slope = log_probs.exp()
    for path, p in weighted:
        slope[range(len(path)), path] -= p / total
    return slope


def adaptive(layer: nn.AdaptiveLogSoftmaxWithLoss, input_: Tensor, target_: Tensor) -> Any:
    """Return −ln of P(class), or of P(cluster) · P(class in its cluster)."""
    head = layer.head(input_).softmax(1)
    loss = input_.new_zeros(())
    for row, label in enumerate(target_.tolist()):
        cluster = sum(label >= cut for cut in layer.cutoffs[:-1])
        p = head[row, label if not cluster else layer.cutoffs[0] + cluster - 1]
        if cluster:
            inside = layer.tail[cluster - 1](input_[row]).softmax(0)
            p = p * inside[label - layer.cutoffs[cluster - 1]]
        loss = loss - p.log()
    return loss


def cosine(input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0) -> Any:
    """Return 1 − cos for pairs of +1 and max(0, cos − margin) for pairs of −1."""
    cos = (input1 * input2).sum(1) / (input1.norm(dim=1) * input2.norm(dim=1))
    return torch.where(target > 0, 1 - cos, (cos - margin).clamp(min=0)).sum()


def cosine_slope(input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0) -> Any:
    """Return ∓ the part of the other direction that is orthogonal to this one, by its length."""
    size = input1.norm(dim=1, keepdim=True)
    one, other = input1 / size, input2 / input2.norm(dim=1, keepdim=True)
    cos = (one * other).sum(1, keepdim=True)
    sign = torch.where(target[:, None] > 0, -1.0, (cos > margin).to(cos.dtype))
    return sign * (other - cos * one) / size


def multi_margin(input: Tensor, target: Tensor, *, p: int = 1, margin: float = 1.0) -> Any:
    """Return the sum of max(0, margin − x[label] + x[k])ᵖ / K over the other classes k."""
    hinges = (margin - input.gather(1, target[:, None]) + input).clamp(min=0)
    others = hinges.scatter(1, target[:, None], 0.0)
    return (others**p).sum() / input.shape[1]


def multi_margin_slope(input: Tensor, target: Tensor, *, p: int = 1, margin: float = 1.0) -> Any:
    """Return p hingeᵖ⁻¹ / K for each class inside the margin, and minus their sum for the label."""
    hinges = (margin - input.gather(1, target[:, None]) + input).clamp(min=0)
    slope = torch.where(hinges > 0, p * hinges ** (p - 1), 0.0)
    slope.scatter_(1, target[:, None], 0.0)
    return slope.scatter(1, target[:, None], -slope.sum(1, keepdim=True)) / input.shape[1]


def multilabel_margin(input: Tensor, target: Tensor) -> Any:
    """Return the sum of max(0, 1 − x[label] + x[k]) / K over labels and other classes k."""
    return sum(
        (1 - x[label] + x[k]).clamp(min=0) / len(x)
        for x, labels in zip(input, _listed(target), strict=True)
        for label, k in itertools.product(labels, set(range(len(x))) - set(labels))
    )


def multilabel_margin_slope(input: Tensor, target: Tensor) -> Tensor:
    """Return ±1 / K for each pair of a label and another class inside the margin."""
    slope = torch.zeros_like(input)
    for row, (x, labels) in enumerate(zip(input, _listed(target), strict=True)):
        for label, k in itertools.product(labels, set(range(len(x))) - set(labels)):
            inside = float(1 - x[label] + x[k] > 0) / len(x)
            slope[row, label] -= inside
            slope[row, k] += inside
    return slope


def _listed(target: Tensor) -> list[list[int]]:
    """Return the labels of each row before the first −1."""
    return [list(itertools.takewhile(lambda k: k >= 0, row)) for row in target.tolist()]


def triplet(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 1.0, p: float = 2.0
) -> Any:
    """Return max(0, margin + distance to the positive − distance to the negative)."""
    near, far = anchor - positive + _EPS, anchor - negative + _EPS
    return (margin + near.norm(p, 1) - far.norm(p, 1)).clamp(min=0).sum()


def distance_triplet(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 1.0
) -> Any:
    """Return max(0, margin + distance to the positive − distance to the negative)."""
    near, far = anchor - positive + _EPS, anchor - negative + _EPS
    return (margin + near.norm(dim=1) - far.norm(dim=1)).clamp(min=0).sum()


def triplet_slope(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 1.0, p: float = 2.0
) -> Any:
    """Return the difference of the slopes of the distances, 0 where the margin is kept."""
    near, far = anchor - positive + _EPS, anchor - negative + _EPS
    inside = margin + near.norm(p, 1) - far.norm(p, 1) > 0
    return inside[:, None] * (_norm_slope(near, p) - _norm_slope(far, p))


def _norm_slope(x: Tensor, p: float) -> Any:
    return x.sign() * (x.abs() / x.norm(p, 1, keepdim=True)) ** (p - 1)

"""The outputs of rows, as differentiable functions of a chunk of logits.

The outputs, of each row z with p = softmax(z):

nll         the declared loss
logsumexp   ln Σ exp z
entropy     −Σ p ln p
kl          Σ q ln(q / p), q the softmax of the teacher's logits
top1        the class with the largest logit
correct     whether that is the label
rank        how many classes have a larger logit than the label

log_sum_sq_probs    ln Σ p²
mean_logits         the mean of z
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neglog import engine
from neglog.engine.precision import is_linear
from neglog.engine.problem import ElementwiseProblem, RowwiseProblem
from neglog.engine.projection import products
from neglog.engine.projection.operands import Head, Operands
from neglog.likelihood import by_key


@dataclass(frozen=True)
class Output:
    """An output of rows of logits.

    Attributes:
        compute: returns it from the head, the logits (rows, classes) and the operands.
        takes_log_softmax: whether `compute` takes the log softmax instead of the logits.
        dtype: the dtype of an output without a gradient; None for one with a gradient.
        ignored: the output of an ignored row.
    """

    compute: Callable[[Head, Tensor, Operands], Tensor]
    takes_log_softmax: bool = False
    dtype: torch.dtype | None = None
    ignored: int = 0


def outputs(head: Head, z: Tensor, part: Operands) -> list[Tensor]:
    """Return (rows, positions) for each output, 0 for excluded losses."""
    z = shaped(head, with_margin(head, z, part))
    chosen = [OUTPUTS[name] for name in head.outputs]
    log_p = engine.log_softmax(z) if any(output.takes_log_softmax for output in chosen) else z
    lines = [o.compute(head, log_p if o.takes_log_softmax else z, part) for o in chosen]
    return [_weighted(head, line.reshape(len(z), -1), part) for line in lines]


def whole(head: Head, operands: Operands) -> list[Tensor]:
    """Return the outputs of all rows, differentiable by torch, from all logits at once."""
    dtype = operands.computed_in
    operands = operands.each(lambda t: t.to(dtype), ("x", "w", "b"))
    counts = counting(head, operands)
    if counts is not None:
        operands = operands._replace(x=torch.where(counts.any(1, keepdim=True), operands.x, 0.0))
    with _without_autocast(operands.x.device.type):
        lines = outputs(head, torch.nn.functional.linear(*operands[:3]), operands)
    return lines if counts is None else of_counting(head, lines, counts)


def _without_autocast(device: str) -> AbstractContextManager[Any]:
    """Disable autocast, which would round the factors of products; "meta" has no autocast."""
    known = torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if known else nullcontext()


def of_counting(head: Head, lines: list[Tensor], counts: Tensor) -> list[Tensor]:
    """Return outputs, with fill values for ignored rows."""
    pairs = zip(head.outputs, lines, strict=True)
    return [
        torch.where(counts, line, torch.full_like(line, OUTPUTS[name].ignored))
        for name, line in pairs
    ]


def nothing(head: Head, operands: Operands) -> list[Tensor]:
    """Return the outputs where all rows are ignored."""
    shape = (len(operands.x), head.positions)
    return [
        operands.x.new_full(shape, output.ignored, dtype=output.dtype or operands.computed_in)
        for output in (OUTPUTS[name] for name in head.outputs)
    ]


def counting(head: Head, operands: Operands) -> Tensor | None:
    """Return a mask (N, positions) of the included losses; None for all."""
    counts = None
    if is_labelled(operands):
        assert operands.y is not None
        counts = operands.y != head.ignored
    if operands.sample_weight is None:
        return counts
    shared = operands.sample_weight != 0
    return shared if counts is None else counts & shared


def shaped(head: Head, z: Tensor) -> Tensor:
    """Return the logits after softcap and temperature."""
    if head.softcap:
        z = head.softcap * torch.tanh(z / head.softcap)
    return z if head.temperature == 1.0 else z / head.temperature


def with_margin(head: Head, z: Tensor, part: Operands) -> Tensor:
    """Return cosines, those of the labels less the margin.

    Beyond an angle of π less the margin, the angle would start to fall: there the cosine falls as
    a line.
    """
    if not head.margin:
        return z
    assert part.y is not None
    places = part.y.clamp(0, z.shape[1] - 1)
    cosine = z.gather(1, places)
    return z.scatter(1, places, moved(head, cosine))


def moved(head: Head, cosine: Tensor) -> Tensor:
    """Return the cosines of labels less the margin."""
    if head.margin_type == "cosface":
        return cosine - head.margin
    least = torch.finfo(cosine.dtype).eps  # at an angle of 0 the derivative is infinite
    sine = (1.0 - cosine * cosine).clamp(min=least).sqrt()
    nearer = cosine * math.cos(head.margin) - sine * math.sin(head.margin)
    further = cosine - head.margin * math.sin(head.margin)
    return torch.where(cosine > -math.cos(head.margin), nearer, further)


def is_labelled(part: Operands) -> bool:
    """Return whether the target is one label for each loss."""
    return part.y is not None and part.chosen is None and part.y.dtype == torch.int64


def rows_of_classes(head: Head, z: Tensor, part: Operands) -> RowwiseProblem:
    """Return rows of logits as a `RowwiseProblem`."""
    likelihood: Any = by_key(head.likelihood)
    y: Any = part.y
    if head.positions > 1:
        z = z.unflatten(1, (-1, head.positions))
        if y.is_floating_point():
            y = y.movedim(1, -1).reshape(-1, z.shape[1])
        if y.is_floating_point() or head.smoothing:
            z = z.movedim(1, -1).reshape(-1, z.shape[1])
    y = y.to(z.dtype) if y.is_floating_point() else y.reshape(-1)
    facts = (head.ignored, head.smoothing, "none", head.settings)
    return RowwiseProblem(likelihood, z, y, part.weight, None, *facts)


def _nll(head: Head, z: Tensor, part: Operands) -> Tensor:
    """Return the losses of rows, including their z-loss."""
    likelihood: Any = by_key(head.likelihood)
    if likelihood.elementwise:
        y = dense_target(z, part)
        weight = None if part.weight is None else part.weight.expand_as(z)
        given = () if part.positive is None else (part.positive.expand_as(z),)
        facts = (given, head.settings, weight)
        problem = ElementwiseProblem(likelihood, (z,), y, *facts, reduction="none")
        return engine.loss(problem).sum(1)
    if part.chosen is None:
        loss = engine.loss(rows_of_classes(head, z, part))
    elif is_linear(likelihood):
        loss = _of_chosen(head, z, part)
    else:
        dense = part._replace(y=_spread_out(z, part), chosen=None)
        loss = engine.loss(rows_of_classes(head, z, dense))
    if head.z_loss:
        classes = z.unflatten(1, (-1, head.positions))
        loss = loss + head.z_loss * torch.logsumexp(classes, 1).square().reshape(-1)
    return loss


def dense_target(z: Tensor, part: Operands) -> Tensor:
    """Return a target for each logit: the given one, or 1 for chosen classes and 0 for others."""
    if part.chosen is None:
        assert part.y is not None
        return part.y.to(z.dtype)
    named = (part.chosen >= 0).to(z.dtype) + _none_above(z, part.chosen)
    index = part.chosen.clamp(0, z.shape[1] - 1)
    ones = torch.zeros_like(z).scatter_add_(1, index, named)
    return ones.clamp_(max=1.0)


def _spread_out(z: Tensor, part: Operands) -> Tensor:
    """Return the probabilities of a few classes as those of all classes."""
    assert part.chosen is not None
    assert part.y is not None
    target = torch.where(part.chosen < 0, 0.0, part.y) + _none_above(z, part.chosen)
    return torch.zeros_like(z).scatter_add(1, part.chosen.clamp(0, z.shape[1] - 1), target)


def _none_above(z: Tensor, chosen: Tensor) -> Tensor:
    """Return 0, and NaN for a class index out of range, which would raise on a GPU."""
    nothing_there = torch.zeros_like(chosen, dtype=z.dtype)
    return nothing_there.masked_fill(chosen >= z.shape[1], math.nan)


def _of_chosen(head: Head, z: Tensor, part: Operands) -> Tensor:
    """Return the losses against the probabilities of a few classes."""
    assert part.chosen is not None
    assert part.y is not None
    log_p, target = engine.log_softmax(z), (1.0 - head.smoothing) * part.y
    index = part.chosen.clamp(0, z.shape[1] - 1)  # a negative index is padding
    target = target + _none_above(z, part.chosen)
    picked = log_p.gather(1, index)
    hidden = (part.chosen < 0) | ((part.y == 0) & picked.isinf())  # 0 · ln 0 is 0
    terms = torch.where(hidden, 0.0, target * torch.where(hidden, 0.0, picked))
    if part.weight is not None:
        terms = terms * part.weight[index]
    loss = -terms.sum(1)
    if head.smoothing:
        weighed = log_p if part.weight is None else log_p * part.weight
        loss = loss - head.smoothing / z.shape[1] * weighed.sum(1)
    return loss


def _logsumexp(head: Head, z: Tensor, part: Operands) -> Tensor:
    return torch.logsumexp(z, 1)


def _entropy(head: Head, log_p: Tensor, part: Operands) -> Tensor:
    p = log_p.exp()
    return -torch.where(p == 0, 0.0, p * log_p).sum(1)


def _divergence(head: Head, log_p: Tensor, part: Operands) -> Tensor:
    """Return the divergence of the rows from the teacher's; no gradient reaches the teacher."""
    assert part.teacher_x is not None
    assert part.teacher_w is not None
    given = part.teacher_x, part.teacher_w, part.teacher_b
    theirs = torch.empty(log_p.shape, dtype=log_p.dtype, device=log_p.device)
    with torch.no_grad():
        theirs = products.logits(*given, theirs)
    log_q = engine.log_softmax(shaped(head, theirs))
    q = log_q.exp()
    return torch.where(q == 0, 0.0, q * (log_q - log_p)).sum(1)


def _top1(head: Head, z: Tensor, part: Operands) -> Tensor:
    return z.argmax(1)


def _correct(head: Head, z: Tensor, part: Operands) -> Tensor:
    assert part.y is not None
    return z.argmax(1) == part.y[:, 0]


def _rank(head: Head, z: Tensor, part: Operands) -> Tensor:
    assert part.y is not None
    known = (part.y >= 0) & (part.y < z.shape[1])
    rank = (z > z.gather(1, torch.where(known, part.y, 0))).sum(1)
    return torch.where(known[:, 0], rank, -1)


def _log_sum_sq_probs(head: Head, log_p: Tensor, part: Operands) -> Tensor:
    return torch.logsumexp(2 * log_p, 1)


OUTPUTS = {
    "nll": Output(_nll),
    "logsumexp": Output(_logsumexp),
    "entropy": Output(_entropy, takes_log_softmax=True),
    "kl": Output(_divergence, takes_log_softmax=True),
    "top1": Output(_top1, dtype=torch.int64, ignored=-1),
    "correct": Output(_correct, dtype=torch.bool),
    "rank": Output(_rank, dtype=torch.int64, ignored=-1),
    "log_sum_sq_probs": Output(_log_sum_sq_probs, takes_log_softmax=True),
    "mean_logits": Output(lambda head, z, part: z.mean(1)),
}


def has_gradient(name: str) -> bool:
    """Return whether an output has a gradient."""
    return OUTPUTS[name].dtype is None


def _weighted(head: Head, line: Tensor, part: Operands) -> Tensor:
    """Return an output times the sample weights, exactly 0 for excluded losses."""
    if head.positions == 1 and part.sample_weight is None:  # ignored rows are left out before
        return line
    if part.sample_weight is not None and line.is_floating_point():
        line = line * part.sample_weight.to(line.dtype)
    counts = counting(head, part)
    return line if counts is None else torch.where(counts, line, torch.zeros_like(line))

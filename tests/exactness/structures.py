"""Textbook formulas of losses of several tensors: the addends of the loss of each row."""

from __future__ import annotations

import itertools
import operator
from functools import cache
from typing import Any

import mpmath as mp
import torch

from exactness import dual
from exactness.dual import exp, hinge, log, softplus, sqrt
from exactness.formulas import differentiated, symmetric
from neglog import criteria

WIDTH, STEPS, CLASSES = 4, 4, 3
_LENGTH = mp.mpf("1e-12")  # which torch adds to squared lengths, and to differences its root


def total(numbers: Any) -> Any:
    """Return a sum, of numbers with derivatives too."""
    numbers = list(numbers)
    return sum(numbers[1:], numbers[0])


def dot(a: Any, b: Any) -> Any:
    return total(x * y for x, y in zip(a, b, strict=True))


def log_total(numbers: Any) -> Any:
    """Return ln Σ exp."""
    return log(total(map(exp, numbers)))


def plackett_luce(x, y):
    order = sorted(range(len(y)), key=lambda i: -y[i])
    places = [[x[i] for i in order[place:]] for place in range(len(y))]
    return [part for left in places for part in (log_total(left), -left[0])]


def cox(x, y, event):
    """Efron's: the i-th of d events at a time is among those of which i/d have left."""
    addends = [0 * x[0]]
    for time in {*y}:
        powers = [exp(h) for h, t in zip(x, y, strict=True) if t >= time]
        tied = [h for h, t, e in zip(x, y, event, strict=True) if t == time and e]
        for i, h in enumerate(tied):
            gone = mp.mpf(i) / len(tied) * total(map(exp, tied))
            addends += [log(total(powers) - gone), -h]
    return addends


def hazards(x, y, event):
    lost = [softplus(z) for z in x[: int(y)]]
    return [*lost, softplus(-x[int(y)] if event else x[int(y)])]


def conditional(x, y):
    return [softplus(-z if y > k else z) for k, z in enumerate(x) if y >= k]


def mixture(x, y, mean, log_scale):
    errors = [(y - m) / exp(s) for m, s in zip(mean, log_scale, strict=True)]
    terms = [a - z * z / 2 - s for a, z, s in zip(x, errors, log_scale, strict=True)]
    return [log_total(x), -log_total(terms)]


def multivariate_normal(x, y, factor):
    z: list[Any] = []
    for i, row in enumerate(factor):
        z.append((y[i] - x[i] - total([mp.mpf(0), *map(operator.mul, row, z)])) / row[i])
    logarithms = [log(row[i]) for i, row in enumerate(factor)]
    return [each * each / 2 for each in z] + logarithms


def ctc(x, y):
    """List all paths that read as the labels; torch's slopes are those by the logits."""
    paths = []
    for path in itertools.product(range(CLASSES), repeat=STEPS):
        labels = [label for label, _ in itertools.groupby(path) if label]
        if labels == [*map(int, y)]:
            paths.append(total(x[step][label] for step, label in enumerate(path)))
    return [-log_total(paths)]


def ctc_of_logits(x, y):
    truth = differentiated(ctc, 1)(x, y)
    probabilities = [mp.exp(z) for frame in x for z in frame]
    pairs = zip(probabilities, truth.gradients, strict=True)
    return truth._replace(gradients=[[p, *slope] for p, slope in pairs])


def cosine(x, y, other):
    """The derivatives by the product and by the lengths cancel: they are addends of their own."""
    product, size = dot(x, other), sqrt(dot(x, x) + _LENGTH) * sqrt(dot(other, other) + _LENGTH)
    one, two = product / dual.value_of(size), dual.value_of(product) / size
    addends = [one, two, -dual.value_of(two)]
    if y == 1:
        return [mp.mpf(1), *(-part for part in addends)]
    return addends if dual.value_of(product) > 0 else [0 * x[0]]


def multi_margin(x, y):
    label = int(y)
    return [hinge(1 - x[label] + z) / len(x) for k, z in enumerate(x) if k != label]


def multilabel_margin(x, y):
    labels = [*itertools.takewhile(lambda k: k >= 0, map(int, y))]
    others = [k for k in range(len(x)) if k not in labels]
    return [hinge(1 - x[k] + x[o]) / len(x) for k, o in itertools.product(labels, others)]


def triplet(x, y, other):
    eps = mp.mpf(1e-6)
    near, far = ([a - b + eps for a, b in zip(x, row, strict=True)] for row in (y, other))
    addends = [mp.mpf(1), sqrt(dot(near, near)), -sqrt(dot(far, far))]
    return addends if dual.value_of(total(addends[1:]) + 1) > 0 else [0 * x[0]]


def layer(x, y, weight):
    products = map(operator.mul, x, weight[int(y)])
    return [log_total(dot(x, row) for row in weight), *(-each for each in products)]


def binary_layer(x, y, weight):
    products = [a * b * (-1 if y else 1) for a, b in zip(x, weight[0], strict=True)]
    return [symmetric(total(products))[0], *(each / 2 for each in products)]


@cache
def adaptive_layer(home: Any, dtype: torch.dtype) -> Any:
    """Return a layer of neglog or torch, whose weights every dtype holds."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = home.AdaptiveLogSoftmaxWithLoss(WIDTH, 6, [2], 2.0, dtype=torch.float64)
    for weight in found.parameters():
        weight.data = torch.round(weight.data * 64) / 64
    return found.to(dtype).requires_grad_(False)


def adaptive(x, y):
    """P(class) is that of the head, or that of the cluster times that of the class in it."""
    home = adaptive_layer(criteria, torch.float64)
    head, down, up = (w.tolist() for w in home.parameters())
    logits = [dot(x, row) for row in head]
    if y < 2:
        return [log_total(logits), -logits[int(y)]]
    inner = [dot(x, row) for row in down]
    inside = [dot(inner, row) for row in up]
    return [log_total(logits), -logits[2], log_total(inside), -inside[int(y) - 2]]


def unit(x):
    return [z / sqrt(dot(x, x)) for z in x]


def info_nce(x, y, keys):
    similar = [dot(unit(x), unit(key)) / mp.mpf(0.1) for key in keys]
    return [log_total(similar), -similar[int(y)]]


def siglip(x, y, texts):
    logits = [10 * dot(unit(x), unit(text)) - 10 for text in texts]
    return [part for i, z in enumerate(logits) for part in symmetric(-z if i == y else z)]

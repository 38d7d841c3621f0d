"""Mistakes that the graph or the weights show, where the loss itself sees only numbers."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as T

import neglog
from pitfalls.row import CHECK, Row, close, finds

X, Y = torch.linspace(-2, 2, 96).sin().reshape(16, 6), torch.arange(16) % 3


def squashed() -> None:
    best = T.cross_entropy(2.0 * T.one_hot(Y, 3) - 1, Y)  # the best that tanh can say
    close(best, math.log1p(2 * math.exp(-2)), 1e-5)
    model = nn.Sequential(nn.Linear(6, 3), nn.Tanh())
    found = finds("squashed-logits", model, neglog.CrossEntropyLoss(), [(X, Y)])
    assert f"{best:.3f} nats" in found.consequence
    finds("squashed-logits", lambda z, y: T.cross_entropy(z.sigmoid(), y), X[:, :3], Y)


def scrambled() -> None:
    x = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5).clone()
    assert not torch.equal(x.view(-1, 3), x.movedim(1, -1).reshape(-1, 3))  # other rows
    criterion, y = neglog.CrossEntropyLoss(), torch.arange(40) % 3
    finds("scrambled-view", criterion, x.view(-1, 3), y)
    assert not neglog.check(criterion, x.movedim(1, -1).reshape(-1, 3), y)


def learnt_target() -> None:
    value = nn.Linear(6, 1)
    goal = 1 + 0.9 * value(X.flip(0))
    finds("target-gradient", neglog.MSELoss(), value(X), goal)
    assert not neglog.check(neglog.MSELoss(), value(X), goal.detach())


def inverted_weights() -> None:
    y = (torch.arange(64) % 8 == 0).float()
    for weight, wrong in ((7.0, False), (1 / 7, True)):
        criterion = neglog.BCEWithLogitsLoss(pos_weight=torch.tensor([weight]))
        codes = [f.code for f in neglog.check(criterion, torch.randn(64), y)]
        assert codes == ["inverted-pos-weight"] * wrong
    labels = torch.tensor([0] * 80 + [1] * 20)
    criterion = neglog.CrossEntropyLoss(weight=labels.bincount() / 100)
    finds("inverted-weight", criterion, torch.randn(100, 2), labels)


def weights_without_a_sum() -> None:
    options = {"sample_weight": torch.tensor([1.0, -1.0]).repeat(8)}
    found = finds("sample-weight-sum", neglog.CrossEntropyLoss(), X[:, :3], Y, **options)
    assert "normalizer=len(batch)" in found.fix
    options["normalizer"] = 16
    assert not neglog.check(neglog.CrossEntropyLoss(), X[:, :3], Y, **options)
    finds("normalizer-value", neglog.MSELoss(), X, X + 1, normalizer=torch.tensor(-3.0))


ROWS = [
    Row(
        43, "sigmoid or tanh before a loss that applies its own",
        "silent: of 3 classes a perfect tanh scores 0.240",
        "`squashed-logits`, `rectified-logits`, inside custom losses too; a soft cap is correct",
        CHECK, squashed,
    ),
    Row(
        44, "`view(-1, C)` of `(N, C, H, W)`",
        "silent: a row holds one class at C positions",
        "`scrambled-view`: certain if a convolution computed it",
        CHECK, scrambled,
    ),
    Row(
        45, "a target that requires a gradient",
        "silent: the target moves towards the prediction, in TD learning and distillation",
        "`target-gradient`; rows of an embedding and two outputs of one network are not reported",
        CHECK, learnt_target,
    ),
    Row(
        46, "larger weights for the frequent class",
        "silent: the imbalance is squared",
        "`inverted-pos-weight`, `inverted-weight`, with the counts of the batch",
        CHECK, inverted_weights,
    ),
    Row(
        47, "sample weights that sum to 0, such as advantages", "not in torch",
        "`sample-weight-sum`, `normalizer-value`; `normalizer=len(batch)` is correct",
        CHECK, weights_without_a_sum,
    ),
]  # fmt: skip

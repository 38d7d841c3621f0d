"""Masks, weights, reductions, denominators."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as T

import neglog
from neglog import functional as F
from pitfalls.row import EXACT, OPTION, RAISED, Row, close, finds, quietly, refuses, slope

NAN = math.nan
ROW = torch.zeros(4, 3)
LABELS = torch.tensor([0, 2, 1, 0])


def nothing_counts() -> None:
    ignored = torch.full((4,), -100)
    assert T.cross_entropy(ROW, ignored).isnan()
    assert F.cross_entropy(ROW, ignored, empty="zero") == 0
    assert (slope(lambda x: F.cross_entropy(x, ignored, empty="zero"), ROW) == 0).all()
    assert F.mse_loss(ROW[:0], ROW[:0], empty="zero") == 0
    assert F.sum_and_count(F.cross_entropy, ROW, ignored)[1] == 0
    finds("all-ignored", neglog.CrossEntropyLoss(), ROW, ignored)


def masked_nan() -> None:
    x = torch.tensor([[1.0, 2.0], [NAN, NAN]])
    labels = torch.tensor([0, -100])
    assert slope(lambda x: T.cross_entropy(x, labels), x)[1].isnan().all()
    assert (slope(lambda x: F.cross_entropy(x, labels), x)[1] == 0).all()
    keep = torch.tensor([True, False])
    indexed = slope(lambda x: T.mse_loss(x, torch.zeros(2, 2), reduction="none")[0].sum(), x)
    assert indexed[1].isnan().all()  # 0 · NaN
    loss = F.mse_loss(x, torch.full((2, 2), NAN).index_fill(0, torch.tensor(0), 0.0), mask=keep)
    close(loss, 2.5, 1e-6)


def no_mask_elsewhere() -> None:
    y = torch.tensor([0.0, 1.0, -100.0, 1.0])
    x = torch.tensor([0.5, 2.0, -1.0, -1.0])
    keep = y != -100
    close(T.binary_cross_entropy_with_logits(x, y), -24.32)
    expected = T.binary_cross_entropy_with_logits(x[keep], y[keep])
    close(F.binary_cross_entropy_with_logits(x, y, ignore_index=-100), expected, 1e-6)
    close(F.mse_loss(x, y, mask=keep), T.mse_loss(x[keep], y[keep]), 1e-6)
    weight = torch.tensor([1.0, 2.0, 0.0, 1.0])
    twice = torch.tensor([0, 1, 1, 3])
    close(F.huber_loss(x, y, sample_weight=weight), T.huber_loss(x[twice], y[twice]), 1e-6)
    assert "-100" in finds("target-range", neglog.BCEWithLogitsLoss(), x, y).what


def class_weights() -> None:
    words = "weight must be finite and 0 or more, but it is inf at index 2; perhaps its count was 0"
    refuses(words, lambda: neglog.CrossEntropyLoss(weight=[1.0, 1.0, math.inf]))
    refuses("it is -1 at index 0", lambda: neglog.NLLLoss(weight=torch.tensor([-1.0, 1, 1])))
    for weight in ([1.0, 1.0, math.inf], [1.0, 1.0, -1.0]):
        T.cross_entropy(ROW, LABELS, weight=torch.tensor(weight))  # says nothing
    weighted = neglog.CrossEntropyLoss(weight=[1.0, 10.0, 100.0])
    finds("weight-without-effect", weighted, ROW[:1], LABELS[1:2])  # w / w
    x, weight = torch.randn(4, 3), torch.tensor([1.0, 2.0, 4.0])
    counted = F.cross_entropy(x, LABELS, weight=weight, normalizer=len(LABELS))
    close(counted, T.cross_entropy(x, T.one_hot(LABELS, 3).float(), weight=weight), 1e-5)


def weight_shapes() -> None:
    x, y = torch.zeros(2, 3, 4, 8), torch.ones(2, 3, 4, 8)
    positive = torch.tensor([1.0, 2.0, 3.0])
    loss = F.binary_cross_entropy_with_logits
    refuses("it is (3,); pass class_dim=1", lambda: loss(x, y, pos_weight=positive))
    close(loss(x, y, pos_weight=positive, class_dim=1), 2 * math.log(2), 1e-6)
    assert neglog.BCEWithLogitsLoss(pos_weight=3.0).pos_weight == 3
    assert neglog.CrossEntropyLoss(weight=[1, 2, 3]).weight.shape == (3,)
    doubles = torch.ones(3, dtype=torch.float64)
    assert F.cross_entropy(ROW, LABELS, weight=doubles) == F.cross_entropy(ROW, LABELS)
    refuses("one value for each of 3 classes", lambda: F.cross_entropy(ROW, LABELS, positive[:2]))
    square = torch.zeros(2, 3, 4, 3), torch.ones(2, 3, 4, 3)
    finds("weight-placement", neglog.BCEWithLogitsLoss(pos_weight=positive), *square)


def accumulation() -> None:
    easy, hard = torch.tensor([[9.0, 0.0]]).repeat(100, 1), torch.tensor([[0.0, 10.6]])
    parts = [(easy, torch.zeros(100).long()), (hard, torch.zeros(1).long())]
    count = sum(F.sum_and_count(F.cross_entropy, *part)[1] for part in parts)
    whole = F.cross_entropy(torch.cat([easy, hard]), torch.zeros(101).long())
    assert sum(T.cross_entropy(*part) for part in parts) / 2 > 40 * whole
    close(sum(F.cross_entropy(*part, normalizer=count) for part in parts), whole, 1e-6)
    loader = [(torch.randn(n, 3), torch.randint(0, 3, (n,))) for n in (50, 3, 70, 20)]
    finds("mean-of-means", nn.Identity(), neglog.CrossEntropyLoss(), loader)


def uneven_ranks() -> None:
    torch.manual_seed(0)
    x, labels = torch.randn(12, 3), torch.randint(0, 3, (12,))
    ranks, world = (slice(0, 10), slice(10, 12)), 2
    true = slope(lambda x: F.cross_entropy(x, labels), x)

    def averaged(loss):
        slopes = [slope(lambda x, r=r: loss(x[r], labels[r]), x) for r in ranks]
        return sum(slopes) / world  # what data-parallel training does to gradients

    assert (averaged(T.cross_entropy) - true).norm() > 0.5 * true.norm()
    share = torch.tensor(12.0) / world  # the count of all ranks, over their number
    exact = averaged(lambda x, y: F.cross_entropy(x, y, normalizer=share))
    torch.testing.assert_close(exact, true)


def unreduced() -> None:
    labels = torch.tensor([0, -100, -100, 1])
    losses = F.cross_entropy(ROW, labels, reduction="none")
    close(losses.mean(), math.log(3) / 2, 1e-6)  # zeros of ignored rows are counted
    total, count = F.sum_and_count(F.cross_entropy, ROW, labels)
    assert count == 2
    close(total / count, math.log(3), 1e-6)


def reductions() -> None:
    assert quietly(lambda: nn.MSELoss("sum")).reduction == "mean"
    refuses("it is 'sum'; pass it by name, reduction=…", lambda: neglog.MSELoss("sum"))
    refuses("it is 'Mean'; write 'mean'", lambda: neglog.MSELoss(reduction="Mean"))
    ones = torch.ones(4, 100)
    assert F.mse_loss(ones, ones * 0, reduction="batchmean") == 100  # a likelihood of each row
    refuses("`reduce` must be a bool", lambda: neglog.CrossEntropyLoss(None, True, -100, "sum"))


ROWS = [
    Row(
        8, "all targets ignored, or an empty batch",
        "NaN, in the log and in every sum of losses, though the gradient is 0",
        "torch's NaN by default; `empty=\"zero\"`; `all-ignored`, `empty-batch`",
        OPTION, nothing_counts, 70348,
    ),
    Row(
        9, "a masked NaN reaches the gradient",
        "an ignored row of NaN gets a gradient of NaN; `loss * mask` is NaN",
        "ignored and masked elements add exactly 0 to loss and gradient, also if they are NaN",
        EXACT, masked_nan, 121416,
    ),
    Row(
        10, "mask, sample weight or ignored label in losses other than cross-entropy",
        "not supported; −100 is treated as a number: a binary loss of −24",
        "`mask=`, `sample_weight=` on every loss, `ignore_index=` on binary ones",
        OPTION, no_mask_elsewhere, 563,
    ),
    Row(
        17, "class weights and the mean",
        "divides by the labels' weights: no effect in a batch of one; inf and −1 are accepted",
        "`normalizer=`; bad weights raise in constructors; `weight-without-effect`",
        RAISED, class_weights, 61309,
    ),
    Row(
        18, "shape, dtype and place of `weight` and `pos_weight`",
        "aligned from the right: (C,) weights columns if sizes agree; a float is a TypeError",
        "`class_dim=`; numbers, lists and any dtype; `weight-placement` if sizes agree",
        RAISED, weight_shapes, 27936,
    ),
    Row(
        20, "gradient accumulation: a mean of means",
        "100 easy tokens have the same weight as 1 hard token",
        "`sum_and_count`, then `normalizer=`: micro-batches add up; `mean-of-means`",
        OPTION, accumulation,
    ),
    Row(
        21, "data-parallel training with uneven counts",
        "a row of the smaller rank has a larger weight",
        "`normalizer=` the count of all ranks / their number: the averaged gradient is exact",
        OPTION, uneven_ranks,
    ),
    Row(
        22, "`reduction=\"none\"`, then `.mean()`",
        "counts the zeros of ignored rows",
        "`sum_and_count` returns the sum and its divisor",
        OPTION, unreduced,
    ),
    Row(
        23, "arguments of the reduction",
        "`MSELoss(\"sum\")` means the mean; a typo fails at the first call",
        "the constructor raises, with the fix; `reduction=\"batchmean\"` everywhere",
        RAISED, reductions,
    ),
]  # fmt: skip

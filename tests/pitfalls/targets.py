"""Wrong targets: labels, dtypes, shapes, the class dimension."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as T

import neglog
from neglog import functional as F
from pitfalls.row import CHECK, PASS, RAISED, Row, close, finds, refuses, slope

ROW = torch.zeros(4, 3)
LABELS = torch.tensor([0, 2, 1, 0])


def labels_out_of_range() -> None:
    for loss in (F.cross_entropy, F.nll_loss):
        words = "(smallest 1, largest 3), the first 3 at index 1; the labels look 1-based (1..3)"
        refuses(words, lambda loss=loss: loss(ROW, LABELS + 1))
        for stray in (255, -1):
            holes = torch.tensor([0, stray, 1, 0])
            refuses(f"pass ignore_index={stray}", lambda loss=loss, y=holes: loss(ROW, y))
    finds("label-range", nn.CrossEntropyLoss(), ROW, LABELS + 1)
    torch.compiler.reset()
    compiled = torch.compile(F.cross_entropy, backend="aot_eager")
    refuses("look 1-based", lambda: compiled(ROW, LABELS + 1))


def label_dtypes() -> None:
    for dtype in (torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16):
        assert F.cross_entropy(ROW, LABELS.to(dtype)) == F.cross_entropy(ROW, LABELS)
    image, mask = torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.uint8)
    assert F.cross_entropy(image, mask) > 1
    assert F.cross_entropy(ROW[:, :2], torch.tensor([True, False, True, True])) > 0
    refuses("call target.long() for labels", lambda: F.cross_entropy(ROW, LABELS.float()))


def target_dtypes() -> None:
    x, whole = torch.zeros(4), torch.tensor([0, 1, 1, 0])
    for loss in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
        assert slope(lambda x, loss=loss: loss(x, whole), x).shape == (4,)
        assert slope(lambda x, loss=loss: loss(x, whole.bool()), x).shape == (4,)
    for loss in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        words = "input is torch.float32 and target is torch.int64; use target.to(input.dtype)"
        refuses(words, lambda loss=loss: loss(x, whole))
    refuses("use input.float()", lambda: F.mse_loss(whole, whole))
    words = "target must be a torch.Tensor, but it is numpy.ndarray; use torch.as_tensor(target)"
    refuses(words, lambda: F.mse_loss(x, np.zeros(4)))


def one_hot_or_not() -> None:
    refuses("this looks one-hot; pass target.argmax(1)", lambda: F.cross_entropy(ROW, ROW.long()))
    refuses("use target.squeeze(1)", lambda: F.cross_entropy(ROW, LABELS[:, None]))
    image = torch.zeros(2, 3, 4, 4)
    column = torch.zeros(2, 1, 4, 4, dtype=torch.long)
    refuses("use target.squeeze(1)", lambda: F.cross_entropy(image, column))
    refuses("call target.long()", lambda: F.cross_entropy(image, torch.zeros(2, 4, 4)))


def class_dimension() -> None:
    words = "the classes seem to be in the last dimension, of size 5; pass class_dim=-1"
    sequence, labels = torch.randn(2, 7, 5), torch.zeros(2, 7, dtype=torch.long)
    refuses(words, lambda: F.cross_entropy(sequence, labels))
    expected = F.cross_entropy(sequence.movedim(-1, 1), labels)
    assert F.cross_entropy(sequence, labels, class_dim=-1) == expected
    layer = nn.Linear(4, 7)  # seven steps, seven classes: both readings fit the shapes
    steps = layer(torch.randn(2, 7, 4))
    finds("class-dimension", neglog.CrossEntropyLoss(), steps, labels)


def one_class() -> None:
    column = torch.randn(4, 1)
    assert T.cross_entropy(column, torch.zeros(4, dtype=torch.long)) == 0
    words = "with one class the loss is always 0; for a binary head use"
    refuses(words, lambda: F.cross_entropy(column, torch.zeros(4, dtype=torch.long)))
    refuses(words, lambda: F.cross_entropy(column, torch.ones(4, 1)))
    pair = torch.randn(4), torch.tensor([0.0, 1, 1, 0])
    finds("unbatched-pair", neglog.CrossEntropyLoss(), *pair)


def soft_targets() -> None:
    loss = neglog.CrossEntropyLoss()
    finds("soft-targets", loss, ROW, torch.full((4, 3), 0.6))
    finds("soft-targets", loss, ROW, torch.tensor([[1.5, -0.5, 0.0]]).expand(4, 3))
    soft = torch.full((4, 3), 1 / 3)
    refuses("ignore_index needs class labels", lambda: F.cross_entropy(ROW, soft, ignore_index=1))
    keep = torch.tensor([True, True, False, True])
    assert F.cross_entropy(ROW, soft, mask=keep, reduction="none")[2] == 0


def signs() -> None:
    zeros = torch.zeros(4)
    assert slope(lambda x: T.soft_margin_loss(x, zeros), zeros).abs().sum() == 0  # learns nothing
    refuses(
        "these look like 0/1 labels; pass 2 * target - 1", lambda: F.soft_margin_loss(zeros, zeros)
    )
    ones = torch.tensor([-1.0, 1, 1, -1])
    words = "these look like −1/+1 labels; pass (target + 1) / 2"
    refuses(words, lambda: F.binary_cross_entropy_with_logits(zeros, ones))


def swapped() -> None:
    refuses("the prediction comes first", lambda: F.cross_entropy(LABELS, ROW))
    whole = torch.tensor([0, 1, 1, 0])
    words = "the arguments look swapped; the prediction comes first"
    refuses(words, lambda: F.binary_cross_entropy_with_logits(whole, torch.zeros(4)))
    wanted = torch.zeros(4, requires_grad=True)
    finds("swapped-arguments", neglog.MSELoss(), torch.ones(4), wanted)
    p, y = torch.tensor([0.1, 0.9]), torch.tensor([0.0, 1.0])
    close(T.binary_cross_entropy(y, p), 10.0)
    close(T.binary_cross_entropy(p, y), 0.10536)


ROWS = [
    Row(
        7, "labels 1…K, −1 or 255",
        "`Target 3 is out of bounds`; on CUDA a device-side assert, and the context is lost",
        "count, smallest, largest, first index and likely cause; compiled too",
        PASS, labels_out_of_range, 1204,
    ),
    Row(
        11, "the integer dtype of labels",
        "`expected target dtype to be Long or Byte, but got Int`; uint8 fails for images",
        "any integer dtype and bool; floating labels raise with the remedy",
        RAISED, label_dtypes, 118280,
    ),
    Row(
        12, "the dtype of real and binary targets",
        "six different messages; Huber of integers fails in backward; numpy: not callable",
        "real losses take any real dtype; binary ones name both dtypes and the remedy",
        RAISED, target_dtypes, 45373,
    ),
    Row(
        13, "one-hot rows for labels, or a dimension too many",
        "messages about floating points, 0D or 1D targets, batches of spatial targets",
        "says that it looks one-hot, or which dimension to squeeze",
        RAISED, one_hot_or_not, 56542,
    ),
    Row(
        14, "classes in the last dimension",
        "blames the target; if the sizes agree, a silent softmax over time",
        "says where the classes seem to be; `class_dim=`; `class-dimension` if sizes agree",
        RAISED, class_dimension, 56542,
    ),
    Row(
        15, "one class, or one dimension, in `CrossEntropyLoss`",
        "always 0; a pair of vectors is one sample of N classes",
        "one class raises and points to the binary loss; `unbatched-pair` finds two vectors",
        RAISED, one_class, 133833,
    ),
    Row(
        16, "soft targets that are not distributions",
        "silent; `ignore_index` below 0 is silently unused",
        "`soft-targets` with the first row; a mask leaves rows out",
        CHECK, soft_targets, 152437,
    ),
    Row(
        31, "labels 0/1 where ±1 is meant, or ±1 where 0/1 is",
        "`SoftMarginLoss` of 0 is a constant 0.693, other losses ignore it; ±1 in a binary loss is "
        "unbounded below",
        "the first bad index, and how to convert",
        PASS, signs, 23782,
    ),
    Row(
        38, "target and prediction swapped",
        "`log_softmax… not implemented for 'Long'`; a binary loss is silent: 10.0 for 0.105",
        "raises if the dtypes show it; else `swapped-arguments`, by gradients and values",
        RAISED, swapped,
    ),
]  # fmt: skip

"""Right set-ups of one batch. Part 1 of 2."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import call, log_rows, right, rows, yes_or_no


@right
def plain_logits():
    return call(nn.CrossEntropyLoss(), *rows())


@right
def confident_logits():
    x = rows(scale=30.0)[0]
    return call(nn.CrossEntropyLoss(), x, x.argmax(1))


@right
def saturated_right_logits():
    y = torch.randint(0, 5, (32,))
    return call(nn.CrossEntropyLoss(), 200.0 * F.one_hot(y, 5).float(), y)


@right
def logits_all_positive():
    x, y = rows()
    return call(neglog.CrossEntropyLoss(), x.abs() * 2, y)


@right
def zero_logits_at_the_start():
    return call(nn.CrossEntropyLoss(), torch.zeros(16, 10), rows(16)[1])


@right
def two_classes():
    return call(nn.CrossEntropyLoss(), *rows(classes=2))


@right
def one_row():
    return call(nn.CrossEntropyLoss(), *rows(1))


@right
def one_unbatched_row():
    return call(neglog.CrossEntropyLoss(), torch.randn(5), torch.tensor(3))


@right
def one_unbatched_soft_row():
    return call(nn.CrossEntropyLoss(), torch.randn(5), torch.rand(5).softmax(0))


@right
def bfloat16_logits():
    x, y = rows(256, 50)
    return call(neglog.CrossEntropyLoss(), x.bfloat16(), y)


@right
def float16_binary():
    return call(nn.BCEWithLogitsLoss(), torch.randn(64).half(), torch.randint(0, 2, (64,)).half())


@right
def segmentation():
    return call(
        nn.CrossEntropyLoss(ignore_index=255),
        torch.randn(2, 4, 8, 6),
        torch.where(torch.rand(2, 8, 6) < 0.2, 255, torch.randint(0, 4, (2, 8, 6))),
    )


@right
def square_segmentation_with_as_many_classes():
    return call(nn.CrossEntropyLoss(), torch.randn(2, 8, 8, 8), torch.randint(0, 8, (2, 8, 8)))


@right
def soft_labels():
    return call(nn.CrossEntropyLoss(), rows()[0], torch.randn(64, 10).softmax(1))


@right
def one_hot_floats():
    x, y = rows()
    return call(neglog.CrossEntropyLoss(), x, F.one_hot(y, 10).float())


@right
def soft_labels_with_masked_rows():
    target = torch.randn(16, 10).softmax(1)
    target[3] = 0.0
    return call(nn.CrossEntropyLoss(), rows(16)[0], target)


@right
def label_smoothing():
    return call(nn.CrossEntropyLoss(label_smoothing=0.1), *rows())


@right
def masked_class_logits():
    x, y = rows()
    x[:, 9] = -torch.inf
    return call(nn.CrossEntropyLoss(), x, y.clamp(max=8))


@right
def ignored_labels():
    x, y = rows()
    return call(nn.CrossEntropyLoss(), x, y.masked_fill(torch.rand(64) < 0.3, -100))


@right
def labels_minus_one_ignored():
    x, y = rows()
    return call(nn.CrossEntropyLoss(ignore_index=-1), x, y.masked_fill(torch.rand(64) < 0.3, -1))


@right
def padded_sequences():
    x, y = torch.randn(6, 20, 12), torch.randint(1, 20, (6, 12))
    y[torch.arange(12) >= torch.tensor([12, 9, 7, 10, 5, 11])[:, None]] = 0
    return call(nn.CrossEntropyLoss(ignore_index=0), x, y)


@right
def as_many_steps_as_classes_placed_right():
    x, y = torch.randn(4, 7, 7), torch.randint(0, 7, (4, 7))
    return call(nn.CrossEntropyLoss(), x.transpose(1, 2), y)


@right
def as_many_steps_as_classes_from_a_convolution():
    features = nn.Conv1d(3, 9, 1)(torch.randn(4, 3, 9))
    return call(nn.CrossEntropyLoss(), features, torch.randint(0, 9, (4, 9)))


@right
def class_weights():
    return call(nn.CrossEntropyLoss(weight=torch.rand(10) + 0.5), *rows())


@right
def class_weights_with_a_zero():
    return call(nn.NLLLoss(weight=torch.tensor([0.0, 1.0, 2.0])), *log_rows(64, 3))


@right
def log_softmax_and_nll():
    return call(nn.NLLLoss(), *log_rows())


@right
def log_softmax_and_cross_entropy_is_harmless():
    return call(nn.CrossEntropyLoss(), *log_rows())


@right
def bfloat16_log_softmax():
    x, y = log_rows(64, 100)
    return call(nn.NLLLoss(), x.bfloat16(), y)


@right
def log_softmax_of_images():
    x = torch.randn(2, 3, 8, 8).log_softmax(1)
    return call(neglog.NLLLoss(), x, torch.randint(0, 3, (2, 8, 8)))


@right
def as_function():
    return call(F.cross_entropy, *rows(), label_smoothing=0.1)


@right
def as_function_of_neglog():
    return call(neglog.functional.nll_loss, *log_rows(), reduction="sum")


@right
def unreduced():
    return call(nn.CrossEntropyLoss(reduction="none"), *rows())


@right
def binary_logits():
    return call(nn.BCEWithLogitsLoss(), *yes_or_no(64))


@right
def multilabel():
    return call(nn.BCEWithLogitsLoss(pos_weight=torch.rand(5) + 1), *yes_or_no(64, 5))


@right
def multilabel_with_as_many_rows_as_labels():
    return call(nn.BCEWithLogitsLoss(pos_weight=torch.rand(8) + 1), *yes_or_no(8, 8))


@right
def binary_probabilities():
    x, y = yes_or_no(64)
    return call(nn.BCELoss(), x.sigmoid(), y)


@right
def few_logits_within_0_and_1():
    return call(nn.BCEWithLogitsLoss(), torch.rand(8), yes_or_no(8)[1])


@right
def saturated_probabilities_that_are_right():
    y = yes_or_no(64)[1]
    return call(nn.BCELoss(), y.clone(), y)


@right
def soft_binary_targets():
    return call(neglog.BCEWithLogitsLoss(), torch.randn(64), torch.rand(64))


@right
def binary_image_with_weights_of_channels():
    x, y = yes_or_no(2, 3, 8, 8)
    return call(nn.BCEWithLogitsLoss(pos_weight=torch.rand(3, 1, 1) + 1), x, y)


@right
def signed_labels():
    return call(nn.SoftMarginLoss(), torch.randn(64), torch.randint(0, 2, (64,)) * 2.0 - 1)


@right
def multilabel_soft_margin():
    return call(nn.MultiLabelSoftMarginLoss(), *yes_or_no(16, 4))


@right
def regression():
    return call(neglog.MSELoss(), torch.randn(64, 1), torch.randn(64, 1))


@right
def perfect_regression():
    y = torch.randn(64)
    return call(nn.MSELoss(), y.clone(), y)


@right
def integer_targets_of_a_regression():
    return call(nn.MSELoss(), torch.randn(64), torch.randint(0, 9, (64,)))


@right
def temperatures_below_zero():
    return call(nn.SmoothL1Loss(), torch.randn(64) * 30 - 60, torch.randn(64) * 30 - 60)


@right
def poisson():
    x = torch.randn(128) * 0.5 + 1
    return call(nn.PoissonNLLLoss(), x, torch.poisson(x.exp()))


@right
def poisson_rates():
    x = torch.rand(128) * 20 + 1
    return call(nn.PoissonNLLLoss(log_input=False), x, torch.poisson(x))

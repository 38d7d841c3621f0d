"""Wrong set-ups of one batch. Part 1 of 2."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import call, rows, wrong, yes_or_no


@wrong("double-softmax")
def softmax_into_cross_entropy():
    x, y = rows()
    return call(nn.CrossEntropyLoss(), x.softmax(1), y)


@wrong("double-softmax")
def softmax_of_two_classes_in_bfloat16():
    x, y = rows(64, 2)
    return call(neglog.CrossEntropyLoss(), x.softmax(1).bfloat16(), y)


@wrong("double-softmax")
def softmax_of_images_into_cross_entropy():
    x = torch.randn(2, 3, 8, 8).softmax(1)
    return call(nn.CrossEntropyLoss(label_smoothing=0.1), x, torch.randint(0, 3, (2, 8, 8)))


@wrong("double-softmax")
def one_softmax_of_two_classes_with_its_graph():
    x, y = rows(1, 2)
    return call(nn.CrossEntropyLoss(), x.requires_grad_().softmax(1), y)


@wrong("double-softmax")
def softmax_into_the_function():
    x, y = rows()
    return call(F.cross_entropy, x.softmax(1), y)


@wrong("nll-logits")
def logits_into_nll():
    return call(nn.NLLLoss(), *rows())


@wrong("nll-probabilities")
def softmax_into_nll():
    x, y = rows()
    return call(neglog.NLLLoss(), x.softmax(1), y)


@wrong("log-softmax-dimension")
def log_softmax_over_the_rows():
    x, y = rows()
    return call(nn.NLLLoss(), x.log_softmax(0), y)


@wrong("log-of-softmax")
def logarithm_of_softmax():
    x, y = rows()
    return call(nn.NLLLoss(), x.requires_grad_().softmax(1).log(), y)


@wrong("label-range")
def labels_from_1():
    x, y = rows()
    return call(nn.CrossEntropyLoss(), x, y + 1)


@wrong("label-range")
def labels_of_255():
    x = torch.randn(2, 4, 8, 8)
    y = torch.where(torch.rand(2, 8, 8) < 0.2, 255, torch.randint(0, 4, (2, 8, 8)))
    return call(neglog.CrossEntropyLoss(), x, y)


@wrong("label-range")
def labels_of_minus_1():
    x, y = rows()
    return call(nn.NLLLoss(), x.log_softmax(1), y.masked_fill(y == 3, -1))


@wrong("label-range")
def labels_of_minus_100_with_another_ignored():
    x, y = rows()
    return call(nn.CrossEntropyLoss(ignore_index=0), x, y.masked_fill(y == 3, -100))


@wrong("all-ignored")
def every_label_ignored():
    return call(nn.CrossEntropyLoss(), rows()[0], torch.full((64,), -100))


@wrong("empty-batch")
def no_rows():
    return call(nn.MSELoss(), torch.zeros(0, 3), torch.zeros(0, 3))


@wrong("one-class")
def one_column():
    return call(nn.CrossEntropyLoss(), torch.randn(64, 1), torch.zeros(64, dtype=torch.long))


@wrong("one-class")
def one_column_with_neglog():
    return call(neglog.CrossEntropyLoss(), torch.randn(64, 1), torch.randint(0, 2, (64,)))


@wrong("unbatched-pair")
def binary_column_into_cross_entropy():
    return call(nn.CrossEntropyLoss(), *yes_or_no(64))


@wrong("class-dimension")
def classes_last():
    return call(nn.CrossEntropyLoss(), torch.randn(2, 7, 5), torch.randint(0, 5, (2, 7)))


@wrong("class-dimension")
def classes_last_of_an_image():
    x = torch.randn(2, 4, 4, 3)
    return call(neglog.CrossEntropyLoss(), x, torch.randint(0, 3, (2, 4, 4)))


@wrong("class-dimension")
def soft_classes_last():
    x = torch.randn(2, 7, 5)
    return call(nn.CrossEntropyLoss(), x, torch.randn(2, 7, 5).softmax(-1))


@wrong("class-dimension")
def as_many_steps_as_classes_confused():
    x = nn.Linear(3, 7)(torch.randn(4, 7, 3))
    return call(nn.CrossEntropyLoss(), x, torch.randint(0, 7, (4, 7)))


@wrong("class-dimension")
def as_many_steps_as_classes_confused_after_training():
    y = torch.randint(0, 7, (8, 7))
    return call(nn.CrossEntropyLoss(), 6 * F.one_hot(y, 7).float() + torch.randn(8, 7, 7), y)


@wrong("label-shape")
def labels_of_one_column():
    x, y = rows()
    return call(nn.CrossEntropyLoss(), x, y[:, None])


@wrong("label-shape")
def one_hot_integers():
    x, y = rows()
    return call(neglog.CrossEntropyLoss(), x, F.one_hot(y, 10))


@wrong("label-shape")
def floating_labels():
    x, y = rows()
    return call(nn.CrossEntropyLoss(), x, y.float())


@wrong("label-dtype")
def labels_of_int32():
    x, y = rows()
    return call(nn.CrossEntropyLoss(), x, y.int())


@wrong("label-dtype")
def masks_of_uint8():
    y = torch.randint(0, 3, (2, 8, 8)).byte()
    return call(nn.CrossEntropyLoss(), torch.randn(2, 3, 8, 8), y)


@wrong("integer-input")
def argmax_before_the_loss():
    x, y = rows()
    return call(nn.CrossEntropyLoss(), x.argmax(1), y)


@wrong("soft-targets")
def soft_targets_that_sum_to_more():
    target = torch.randn(16, 10).softmax(1)
    target[3] *= 1.7
    return call(nn.CrossEntropyLoss(), rows(16)[0], target)


@wrong("soft-targets")
def negative_soft_targets():
    target = torch.full((16, 3), 0.5)
    target[:, 2] = -0.0
    target[5] = torch.tensor([1.5, -0.5, 0.0])
    return call(nn.CrossEntropyLoss(), torch.randn(16, 3), target)


@wrong("soft-targets")
def several_ones_in_a_row():
    return call(nn.CrossEntropyLoss(), *yes_or_no(64, 5))


@wrong("ignore-index-unused")
def soft_targets_with_ignore_index():
    x = rows()[0]
    return call(nn.CrossEntropyLoss(ignore_index=-1), x, torch.randn(64, 10).softmax(1))


@wrong("masked-logits-smoothing")
def smoothing_over_masked_classes():
    x, y = rows()
    x[:, 9] = -torch.inf
    return call(nn.CrossEntropyLoss(label_smoothing=0.1), x, y.clamp(max=8))


@wrong("impossible-label")
def the_right_class_masked():
    x, y = rows()
    x[:, 9] = -torch.inf
    return call(nn.CrossEntropyLoss(), x, y.index_fill(0, torch.tensor([4]), 9))


@wrong("non-finite-input")
def nan_logits():
    x, y = rows()
    x[5, 2] = torch.nan
    return call(nn.CrossEntropyLoss(), x, y)


@wrong("non-finite-input")
def nan_in_an_ignored_row():
    x, y = rows()
    x[5], y[5] = torch.nan, -100
    return call(nn.CrossEntropyLoss(), x, y)


@wrong("non-finite-input")
def infinite_regression():
    x = torch.randn(64)
    x[7] = torch.inf
    return call(nn.L1Loss(), x, torch.randn(64))


@wrong("non-finite-target")
def nan_target():
    y = torch.randn(64)
    y[9] = torch.nan
    return call(nn.MSELoss(), torch.randn(64), y)


@wrong("weight-values")
def infinite_class_weight():
    weight = 1 / torch.tensor([10.0, 5.0, 0.0])
    return call(nn.CrossEntropyLoss(weight=weight), torch.randn(8, 3), torch.randint(0, 2, (8,)))


@wrong("weight-values")
def negative_class_weight():
    weight = torch.tensor([1.0, -1.0, 1.0])
    return call(nn.CrossEntropyLoss(weight=weight), *rows(64, 3))


@wrong("weight-shape")
def one_weight_too_few():
    return call(nn.CrossEntropyLoss(weight=torch.ones(9)), *rows())


@wrong("weight-shape")
def weights_of_channels_not_lined_up():
    return call(nn.BCEWithLogitsLoss(pos_weight=torch.rand(3)), *yes_or_no(2, 3, 8, 8))


@wrong("weight-without-effect")
def class_weights_on_one_row():
    return call(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 9.0])), *rows(1, 3))


@wrong("zero-weights")
def class_weights_of_zero():
    weight = torch.tensor([1.0, 0.0, 1.0])
    return call(nn.CrossEntropyLoss(weight=weight), torch.randn(8, 3), torch.ones(8).long())

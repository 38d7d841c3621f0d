"""Wrong set-ups of one batch. Part 2 of 2."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import call, rows, wrong, yes_or_no


@wrong("weight-placement")
def weights_of_channels_weigh_columns():
    return call(nn.BCEWithLogitsLoss(pos_weight=torch.rand(3)), *yes_or_no(2, 3, 5, 3))


@wrong("weight-placement")
def weights_of_rows_weigh_classes():
    x, y = yes_or_no(8, 8)
    return call(nn.BCELoss(weight=torch.rand(8)), x.sigmoid(), y)


@wrong("double-sigmoid")
def sigmoid_into_bce_with_logits():
    x, y = yes_or_no(64)
    return call(nn.BCEWithLogitsLoss(), x.sigmoid(), y)


@wrong("double-sigmoid")
def few_sigmoids_with_their_graph():
    x, y = yes_or_no(8, 1)
    return call(neglog.BCEWithLogitsLoss(), x.requires_grad_().sigmoid().squeeze(1), y.squeeze(1))


@wrong("input-range")
def logits_into_bce():
    return call(nn.BCELoss(), *yes_or_no(64))


@wrong("saturated-probabilities")
def saturated_sigmoid():
    x, y = yes_or_no(64)
    return call(nn.BCELoss(), (40 * x).sigmoid(), y)


@wrong("saturated-probabilities")
def saturated_sigmoid_in_bfloat16():
    x, y = yes_or_no(256)
    return call(neglog.BCELoss(), (8 * x).bfloat16().sigmoid(), y.bfloat16())


@wrong("target-range")
def mask_of_0_and_255():
    x, y = yes_or_no(2, 1, 8, 8)
    return call(nn.BCEWithLogitsLoss(), x, 255 * y)


@wrong("target-range")
def signed_labels_into_bce():
    x, y = yes_or_no(64)
    return call(nn.BCEWithLogitsLoss(), x, 2 * y - 1)


@wrong("target-range")
def unsigned_labels_into_soft_margin():
    return call(nn.SoftMarginLoss(), *yes_or_no(64))


@wrong("target-range")
def ignored_labels_into_bce():
    x, y = yes_or_no(64)
    return call(nn.BCEWithLogitsLoss(), x, y.masked_fill(torch.rand(64) < 0.2, -100))


@wrong("target-range")
def class_labels_into_bce():
    return call(nn.BCEWithLogitsLoss(), torch.randn(64), torch.randint(0, 4, (64,)).float())


@wrong("target-dtype")
def integer_labels_into_bce():
    x, y = yes_or_no(64)
    return call(nn.BCEWithLogitsLoss(), x, y.long())


@wrong("target-dtype")
def integer_targets_of_huber():
    return call(nn.HuberLoss(), torch.randn(64), torch.randint(0, 9, (64,)))


@wrong("swapped-arguments", "saturated-probabilities")
def target_first():
    x, y = yes_or_no(64)
    return call(nn.BCELoss(), y, x.sigmoid())


@wrong("swapped-arguments")
def integer_target_first():
    x, y = rows()
    return call(nn.CrossEntropyLoss(), y, x)


@wrong("swapped-arguments")
def target_with_gradient_first():
    return call(nn.MSELoss(), torch.randn(64), torch.randn(64, requires_grad=True))


@wrong("shape-mismatch")
def column_against_flat():
    return call(nn.MSELoss(), torch.randn(64, 1), torch.randn(64))


@wrong("shape-mismatch")
def flat_against_column_of_counts():
    return call(nn.PoissonNLLLoss(), torch.randn(64), torch.poisson(torch.ones(64, 1)))


@wrong("shape-mismatch")
def shapes_that_do_not_broadcast():
    return call(neglog.MSELoss(), torch.randn(64, 2), torch.randn(64, 3))


@wrong("sentinel-target")
def missing_values_as_minus_999():
    y = torch.randn(64).masked_fill(torch.rand(64) < 0.1, -999.0)
    return call(nn.MSELoss(), torch.randn(64), y)


@wrong("rate-as-logarithm")
def rates_as_logarithms():
    x = torch.rand(64) * 10 + 15
    return call(nn.PoissonNLLLoss(), x, torch.poisson(x))


@wrong("input-range")
def logarithms_as_rates():
    x = torch.randn(64)
    return call(nn.PoissonNLLLoss(log_input=False), x, torch.poisson(x.exp()))


@wrong("target-range")
def negative_counts():
    return call(nn.PoissonNLLLoss(), torch.randn(64), torch.randn(64).round())


@wrong("fractional-counts")
def rates_as_counts():
    return call(nn.PoissonNLLLoss(), torch.randn(64), torch.rand(64) * 3)


@wrong("negative-variance")
def logarithm_of_variance():
    x = torch.randn(64)
    return call(nn.GaussianNLLLoss(), x, x + torch.randn(64), torch.randn(64))


@wrong("tiny-variance")
def variance_of_zero():
    x = torch.randn(64)
    return call(nn.GaussianNLLLoss(), x, x + torch.randn(64), torch.zeros(64))


@wrong("kl-input")
def probabilities_into_divergence():
    x, y = torch.randn(2, 16, 10).softmax(-1)
    return call(nn.KLDivLoss(reduction="batchmean"), x, y)


@wrong("kl-input")
def logits_into_divergence():
    y = torch.randn(16, 10).softmax(1)
    return call(nn.KLDivLoss(reduction="batchmean"), torch.randn(16, 10), y)


@wrong("kl-log-target")
def log_target_forgotten():
    x, y = torch.randn(2, 16, 10).log_softmax(-1)
    return call(nn.KLDivLoss(reduction="batchmean"), x, y)


@wrong("kl-log-target")
def log_target_too_much():
    x, y = torch.randn(16, 10).log_softmax(1), torch.randn(16, 10).softmax(1)
    return call(nn.KLDivLoss(reduction="batchmean", log_target=True), x, y)


@wrong("kl-target")
def target_not_normalised():
    x = torch.randn(16, 10).log_softmax(1)
    return call(nn.KLDivLoss(reduction="batchmean"), x, torch.rand(16, 10))


@wrong("kl-mean")
def mean_over_classes_too():
    x, y = torch.randn(16, 10).log_softmax(1), torch.randn(16, 10).softmax(1)
    return call(nn.KLDivLoss(), x, y)


@wrong("overflow")
def squares_in_float16():
    return call(nn.MSELoss(), torch.full((8,), 300.0).half(), torch.zeros(8).half())


@wrong("lost-gradient")
def mean_over_a_million_in_float16():
    x = torch.randn(1000, 1000).half() * 0.01
    return call(nn.MSELoss(), x, torch.zeros_like(x))


@wrong("constant-loss")
def positives_as_negatives():
    anchor, positive = torch.randn(16, 4), torch.randn(16, 4)
    return call(nn.TripletMarginLoss(), anchor, positive, positive)


@wrong("argument-values")
def labels_of_0_in_a_ranking():
    return call(nn.MarginRankingLoss(0.5), torch.randn(16), torch.randn(16), torch.zeros(16))


@wrong("criterion-raises")
def reduction_misspelt():
    return call(nn.MSELoss(reduction="Mean"), torch.randn(8), torch.randn(8))


@wrong("label-shift")
def labels_shifted_twice():
    y = torch.randint(0, 30, (8, 20))
    x = 8 * F.one_hot(y.roll(-1, 1), 30).float().transpose(1, 2)
    return call(nn.CrossEntropyLoss(), x, y)


@wrong("mostly-ignored")
def hardly_any_label():
    x, y = torch.randn(4, 10, 200), torch.full((4, 200), -100)
    y[0, 0] = 3
    return call(nn.CrossEntropyLoss(), x, y)

"""Set-ups that were written when the rules were finished. Part 2 of 3."""

from __future__ import annotations

import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional as F

import neglog
from setups.parts import (
    Changed,
    Recurrent,
    Tagger,
    call,
    loader,
    mlp,
    right_later,
    rows,
    table_of,
    trained,
    wrong_later,
    yes_or_no,
)


@right_later
def cancer_trained_until_separated():
    x, y = table_of("breast_cancer")
    y = y.float()[:, None]
    criterion = nn.BCEWithLogitsLoss()
    return call(trained(mlp(30, 1), criterion, x, y, 0.1), criterion, loader(x, y, 100))


@right_later
def positive_targets_near_one_another():
    y = torch.full((64,), 20.0) + torch.randn(64) * 0.1
    return call(nn.HuberLoss(), y + torch.randn(64), y)


@right_later
def adjusted_for_the_prior():
    x, y = rows(64, 4)
    return call(nn.CrossEntropyLoss(), x + torch.tensor([0.7, 0.1, 0.1, 0.1]).log(), y)


@wrong_later("double-softmax")
def softmax_over_channels_of_a_convolution():
    model = nn.Sequential(nn.Conv1d(3, 4, 1), nn.Softmax(dim=1))
    batches = [(torch.randn(4, 3, 9), torch.randint(0, 4, (4, 9))) for _ in range(3)]
    return call(model, neglog.CrossEntropyLoss(), batches)


@wrong_later("double-softmax")
def softmax_of_a_frozen_model():
    x, y = table_of("iris")
    model = mlp(4, 3, nn.Softmax(1)).requires_grad_(False).eval()
    return call(model, nn.CrossEntropyLoss(), [(x[:3], y[:3])])


@wrong_later("log-softmax-dimension")
def log_softmax_over_columns_of_an_image():
    x = torch.randn(2, 3, 4, 5).log_softmax(-1)
    return call(neglog.NLLLoss(), x, torch.randint(0, 3, (2, 4, 5)))


@wrong_later("double-sigmoid")
def sigmoid_into_multilabel_soft_margin():
    x, y = yes_or_no(16, 5)
    return call(nn.MultiLabelSoftMarginLoss(), x.sigmoid(), y)


@wrong_later("label-range")
def background_ignored_and_classes_from_1():
    y = torch.randint(0, 4, (2, 8, 8))
    return call(nn.CrossEntropyLoss(ignore_index=0), torch.randn(2, 3, 8, 8), y)


@wrong_later("label-range")
def unlabelled_rows_of_a_loader():
    x, y = table_of("digits")
    y = y.masked_fill(torch.rand(len(y)) < 0.5, -1)
    return call(mlp(64, 10), nn.CrossEntropyLoss(), loader(x, y))


@wrong_later("class-dimension")
def tokens_without_a_transpose():
    tokens = torch.randint(0, 30, (8, 13))
    model = Tagger(30, 30, moved=False)
    return call(model, nn.CrossEntropyLoss(), [(tokens[:, :-1], tokens[:, 1:])])


@wrong_later("target-dtype")
def booleans_into_bce():
    x, y = yes_or_no(64)
    return call(nn.BCELoss(), x.sigmoid(), y.bool())


@wrong_later("label-shape")
def one_hot_of_another_width():
    return call(nn.CrossEntropyLoss(), torch.randn(8, 10), torch.eye(5)[torch.arange(8) % 5])


@wrong_later("label-shape")
def labels_of_one_column_in_a_loader():
    x, y = table_of("wine")
    return call(mlp(13, 3), nn.CrossEntropyLoss(), loader(x, y[:, None]))


@wrong_later("rectified-logits")
def relu_into_bce():
    x, y = table_of("breast_cancer")
    criterion = nn.BCEWithLogitsLoss()
    return call(mlp(30, 1, nn.ReLU()), criterion, loader(x, y.float()[:, None]))


@wrong_later("no-gradient-path")
def argmax_in_the_model():
    x, y = table_of("digits")
    model = Changed(mlp(64, 10), lambda z: z.argmax(1).float())
    return call(model, nn.MSELoss(), loader(x, y.float()))


@wrong_later("rate-as-logarithm")
def moderate_rates_as_logarithms():
    x = torch.rand(64) * 5 + 3
    return call(nn.PoissonNLLLoss(), x, torch.poisson(x))


@wrong_later("soft-targets")
def soft_targets_by_sigmoid():
    return call(neglog.CrossEntropyLoss(), rows()[0], torch.randn(64, 10).sigmoid())


@wrong_later("target-range")
def pixels_not_scaled():
    pixels = torch.tensor(datasets.load_digits().data, dtype=torch.float32)
    return call(mlp(64, 64), nn.BCEWithLogitsLoss(), loader(table_of("digits")[0], pixels))


@wrong_later("weight-values")
def weight_of_yes_where_there_is_none():
    x, y = yes_or_no(64, 3)
    y[:, 1] = 0
    weight = (64 - y.sum(0)) / y.sum(0)
    return call(nn.BCEWithLogitsLoss(pos_weight=weight), x, y)


@wrong_later("kl-input")
def heat_maps_as_probabilities():
    x, y = torch.randn(2, 4, 64).softmax(-1).reshape(2, 4, 8, 8)
    return call(nn.KLDivLoss(reduction="sum"), x, y)


@wrong_later("non-finite-target")
def missing_targets_in_a_loader():
    x, y = table_of("diabetes")
    y = y.float()[:, None] / 100
    y[::50] = torch.nan
    return call(mlp(10, 1), nn.MSELoss(), loader(x, y))


@wrong_later("label-range")
def five_classes_for_a_head_of_three():
    x, y = rows(64, 5)
    return call(nn.NLLLoss(), x[:, :3].log_softmax(1), y)


@wrong_later("double-sigmoid")
def sigmoid_of_a_segmentation_without_its_graph():
    x, y = yes_or_no(2, 1, 8, 8)
    return call(F.binary_cross_entropy_with_logits, x.sigmoid(), y)


@wrong_later("sentinel-target")
def missing_regression_targets_as_minus_1():
    y = torch.rand(64).masked_fill(torch.rand(64) < 0.2, -1.0)
    return call(nn.MSELoss(), torch.rand(64), y)


@wrong_later("target-scale")
def house_prices_in_full():
    x, y = table_of("diabetes")
    return call(mlp(10, 1), nn.L1Loss(), loader(x, y.float()[:, None] * 1000 + 300000))


@right_later
def recurrent():
    x, y = table_of("digits")
    return call(Recurrent(), nn.CrossEntropyLoss(), loader(x.reshape(-1, 8, 8), y))


@right_later
def dice():
    def dice(x: Tensor, y: Tensor) -> Tensor:
        p = x.sigmoid()
        return 1 - 2 * (p * y).sum() / (p + y).sum()

    return call(dice, *yes_or_no(2, 1, 8, 8))


@right_later
def ordinal_as_cumulative_yes_or_no():
    y = (torch.randint(0, 5, (64, 1)) > torch.arange(4)).float()
    return call(nn.BCEWithLogitsLoss(), torch.randn(64, 4), y)


@right_later
def rows_of_other_weight():
    x, y = torch.randn(2, 32, 2)
    return call(neglog.functional.mse_loss, x, y, weight=torch.rand(32, 2))


@right_later
def smoothed_translation_with_padding():
    target = torch.full((24, 12), 0.01).scatter(1, torch.randint(0, 12, (24, 1)), 0.89)
    target[20:] = 0
    return call(nn.KLDivLoss(reduction="sum"), torch.randn(24, 12).log_softmax(1), target)


@right_later
def variational():
    def variational(x: Tensor, y: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
        divergence = 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum()
        return F.binary_cross_entropy_with_logits(x, y, reduction="sum") + divergence

    return call(variational, *yes_or_no(8, 64), *torch.randn(2, 8, 4))


@right_later
def trained_tagger_with_as_many_steps_as_tags():
    y = torch.randint(0, 8, (6, 8))
    x = 5 * F.one_hot(y, 8).float() + torch.randn(6, 8, 8)
    return call(nn.CrossEntropyLoss(), x.transpose(1, 2).contiguous(), y)


@right_later
def counts_of_zero():
    return call(nn.PoissonNLLLoss(), torch.randn(64) - 3, torch.zeros(64))


@right_later
def mask_as_weight():
    x, y = yes_or_no(16, 5)
    return call(nn.BCELoss(weight=(torch.rand(16, 5) < 0.5).float()), x.sigmoid(), y)


@right_later
def soft_segmentation():
    target = torch.randn(2, 3, 8, 8).softmax(1)
    return call(nn.CrossEntropyLoss(), torch.randn(2, 3, 8, 8), target)


@right_later
def logits_between_0_and_1():
    return call(nn.CrossEntropyLoss(), torch.rand(64, 3), rows(64, 3)[1])


@right_later
def sums_over_uneven_batches():
    batches = [rows(count, 4) for count in (50, 3, 70, 20)]
    return call(nn.Identity(), nn.CrossEntropyLoss(reduction="sum"), batches)


@right_later
def confident_float16():
    x, y = rows(scale=100.0)
    return call(nn.CrossEntropyLoss(), x.half(), y)


@right_later
def gaussian_of_small_noise():
    x, var = torch.randn(64) * 1e-2, torch.full((64,), 1e-4)
    return call(nn.GaussianNLLLoss(), x, x + 1e-2 * torch.randn(64), var)


@right_later
def a_mean_of_nothing_but_one_column():
    return call(nn.L1Loss(), torch.randn(1), torch.randn(1))


@wrong_later("rounded-loss")
def variance_by_cancellation():
    def variance(x: Tensor, y: Tensor) -> Tensor:
        error = x - y
        return error.square().mean() - error.mean() ** 2

    x = torch.randn(256).bfloat16() + 8
    return call(variance, x, torch.zeros(256).bfloat16())

"""Right set-ups of a model, a loss and a loader."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import MeanAndVariance, Tagger, call, loader, mlp, right, table_of, trained


@right
def digits_untrained():
    x, y = table_of("digits")
    return call(mlp(64, 10), nn.CrossEntropyLoss(), loader(x, y))


@right
def digits_trained():
    x, y = table_of("digits")
    criterion = neglog.CrossEntropyLoss()
    return call(trained(mlp(64, 10), criterion, x, y), criterion, loader(x, y, 64), batches=40)


@right
def iris_with_a_smaller_last_batch():
    x, y = table_of("iris")
    return call(mlp(4, 3), nn.CrossEntropyLoss(), loader(x, y))


@right
def wine_with_batch_norm():
    x, y = table_of("wine")
    model = nn.Sequential(nn.Linear(13, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    return call(model, nn.CrossEntropyLoss(), loader(x, y))


@right
def wine_in_eval_mode_with_dropout():
    x, y = table_of("wine")
    criterion = nn.CrossEntropyLoss()
    model = trained(nn.Sequential(nn.Dropout(0.5), mlp(13, 3)), criterion, x, y)
    return call(model.eval(), criterion, loader(x, y))


@right
def cancer_binary():
    x, y = table_of("breast_cancer")
    return call(mlp(30, 1), nn.BCEWithLogitsLoss(), loader(x, y.float()[:, None]))


@right
def cancer_trained_flat_head():
    x, y = table_of("breast_cancer")
    criterion = neglog.BCEWithLogitsLoss()
    model = mlp(30, 1, nn.Flatten(0))
    return call(trained(model, criterion, x, y.float()), criterion, loader(x, y.float()))


@right
def cancer_with_two_logits():
    x, y = table_of("breast_cancer")
    return call(mlp(30, 2), nn.CrossEntropyLoss(weight=torch.tensor([1.7, 1.0])), loader(x, y))


@right
def diabetes_standardised():
    x, y = table_of("diabetes")
    y = ((y - y.mean()) / y.std()).float()[:, None]
    return call(mlp(10, 1), nn.MSELoss(), loader(x, y))


@right
def diabetes_trained_unscaled():
    x, y = table_of("diabetes")
    y = y.float()[:, None]
    criterion = nn.L1Loss()
    return call(trained(mlp(10, 1), criterion, x, y, 0.3), criterion, loader(x, y))


@right
def diabetes_with_variance():
    x, y = table_of("diabetes")
    y = ((y - y.mean()) / y.std()).float()[:, None]
    return call(MeanAndVariance(10), nn.GaussianNLLLoss(), loader(x, y))


@right
def log_softmax_head():
    x, y = table_of("iris")
    return call(mlp(4, 3, nn.LogSoftmax(1)), neglog.NLLLoss(), loader(x, y))


@right
def language_model_shifted_once():
    tokens = torch.randint(0, 30, (16, 13))
    batches = [(part[:, :-1], part[:, 1:]) for part in tokens.split(4)]
    return call(Tagger(30, 30), nn.CrossEntropyLoss(), batches)


@right
def tagger_with_as_many_steps_as_tags():
    x, y = torch.randint(0, 30, (16, 6)), torch.randint(0, 6, (16, 6))
    return call(Tagger(30, 6), nn.CrossEntropyLoss(), loader(x, y, 4))


@right
def frozen_model_that_is_evaluated():
    x, y = table_of("iris")
    return call(mlp(4, 3).requires_grad_(False).eval(), nn.CrossEntropyLoss(), loader(x, y))


@right
def regression_on_its_way():
    y = 1000 + 10 * torch.randn(64, 1)
    return call(nn.Identity(), nn.MSELoss(), [(0.5 * y, y)])


@right
def decibels_cut_off_at_minus_100():
    y = (torch.randn(64) * 30 - 70).clamp(min=-100)
    return call(nn.MSELoss(), y + torch.randn(64), y)


@right
def small_positive_logarithms_of_rates():
    x = torch.rand(64) * 0.6 + 0.9
    return call(nn.PoissonNLLLoss(), x, torch.poisson(x.exp()))


@right
def logarithms_of_one_hot_targets():
    target = F.one_hot(torch.arange(16) % 10, 10).float().log()
    x = torch.randn(16, 10).log_softmax(1)
    return call(neglog.functional.kl_div, x, target, reduction="batchmean", log_target=True)


@right
def at_the_minimum_of_soft_targets():
    return call(nn.BCEWithLogitsLoss(), torch.zeros(8), torch.full((8,), 0.5))


@right
def confident_and_wrong_sequences():
    return call(nn.CrossEntropyLoss(), 30 * torch.randn(1, 6, 9), torch.randint(0, 6, (1, 9)))

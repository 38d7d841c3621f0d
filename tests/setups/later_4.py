"""Set-ups around frozen models and class weights, written when their rules were finished."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import call, mlp, right_later, rows, wrong_later

UNEVEN = torch.tensor([0] * 160 + [1] * 30 + [2] * 10)


@wrong_later("frozen-model")
def head_frozen_with_the_backbone():
    model = nn.Sequential(mlp(6, 8), nn.ReLU(), nn.Linear(8, 3))
    for parameter in model.parameters():
        parameter.requires_grad = False
    return call(model, neglog.CrossEntropyLoss(), [(torch.randn(32, 6), rows(32, 3)[1])])


@wrong_later("frozen-model")
def adapters_frozen_by_the_name_of_the_layers():
    class Adapted(nn.Module):
        def __init__(self):
            super().__init__()
            self.base, self.down, self.up = nn.Linear(6, 4), nn.Linear(6, 2), nn.Linear(2, 4)

        def forward(self, x):
            return self.base(x) + self.up(self.down(x))

    model = Adapted()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "lora" in name
    return call(model, nn.MSELoss(), [(torch.randn(32, 6), torch.randn(32, 4))])


@right_later
def backbone_frozen_and_head_trained():
    model = nn.Sequential(mlp(6, 8).requires_grad_(False), nn.ReLU(), nn.Linear(8, 3))
    return call(model, nn.CrossEntropyLoss(), [(torch.randn(32, 6), rows(32, 3)[1])])


@right_later
def frozen_encoder_with_trained_prototypes():
    class Prototypes(nn.Module):
        def __init__(self):
            super().__init__()
            self.centres = nn.Parameter(torch.randn(3, 4))

        def forward(self, z, y):
            return F.cross_entropy(-torch.cdist(z, self.centres), y)

    encoder = mlp(6, 4).requires_grad_(False)
    return call(encoder, Prototypes(), [(torch.randn(32, 6), rows(32, 3)[1])])


@wrong_later("inverted-weight")
def counts_as_weights_of_log_probabilities():
    x = torch.randn(200, 3).log_softmax(1)
    return call(nn.NLLLoss(weight=UNEVEN.bincount().float()), x, UNEVEN)


@wrong_later("inverted-weight")
def shares_times_classes():
    weight = 3 * UNEVEN.bincount() / len(UNEVEN)
    return call(neglog.CrossEntropyLoss(weight=weight), torch.randn(200, 3), UNEVEN)


@wrong_later("inverted-weight")
def counts_of_pixels_as_weights():
    y = UNEVEN.reshape(2, 10, 10)
    weight = y.flatten().bincount().float()
    return call(nn.CrossEntropyLoss(weight=weight / weight.sum()), torch.randn(2, 3, 10, 10), y)


@wrong_later("inverted-weight")
def counts_as_weights_in_a_function():
    weight = UNEVEN.bincount() / len(UNEVEN)
    model = nn.Linear(6, 3)
    return call(
        model, lambda z, y: F.cross_entropy(z, y, weight=weight), [(torch.randn(200, 6), UNEVEN)]
    )


@right_later
def weights_that_fall_with_the_counts():
    weight = len(UNEVEN) / (3 * UNEVEN.bincount())
    return call(nn.CrossEntropyLoss(weight=weight), torch.randn(200, 3), UNEVEN)


@right_later
def background_that_weighs_less():
    weight = torch.tensor([0.1, 1.0, 1.0])
    return call(nn.CrossEntropyLoss(weight=weight), torch.randn(200, 3), UNEVEN)

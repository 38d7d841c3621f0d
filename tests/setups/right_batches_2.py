"""Right set-ups of one batch. Part 2 of 2."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from setups.parts import call, right


@right
def poisson_of_large_counts():
    x = torch.randn(128) * 0.2 + 7
    return call(nn.PoissonNLLLoss(full=True), x, torch.poisson(x.exp()))


@right
def gaussian_with_variance():
    x, var = torch.randn(64), torch.rand(64) + 0.1
    return call(nn.GaussianNLLLoss(), x, x + var.sqrt() * torch.randn(64), var)


@right
def divergence():
    target = torch.randn(16, 10).softmax(1)
    return call(nn.KLDivLoss(reduction="batchmean"), torch.randn(16, 10).log_softmax(1), target)


@right
def divergence_of_logs():
    x, y = torch.randn(16, 10).log_softmax(1), torch.randn(16, 10).log_softmax(1)
    return call(nn.KLDivLoss(reduction="batchmean", log_target=True), x, y)


@right
def divergence_of_sequences():
    target = F.one_hot(torch.randint(0, 10, (2, 5)), 10).float()
    return call(nn.KLDivLoss(reduction="sum"), torch.randn(2, 5, 10).log_softmax(-1), target)


@right
def triplets():
    return call(nn.TripletMarginLoss(), *(torch.randn(16, 8) for _ in range(3)))

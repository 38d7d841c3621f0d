"""Set-ups that were written when the rules were finished. Part 3 of 3."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from setups.parts import call, rows, wrong_later


@wrong_later("non-finite-gradient")
def root_of_a_perfect_fit():
    y = torch.randn(16)
    return call(lambda x, y: F.mse_loss(x, y).sqrt(), y.clone(), y)


@wrong_later("non-finite-loss")
def logarithm_of_zero():
    x = torch.eye(4)
    return call(lambda x, y: -(y * x.log()).sum(), x, torch.full((4, 4), 0.25))


@wrong_later("negative-loss")
def part_of_a_distribution():
    x = torch.tensor([0.9, 0.8]).log()
    return call(nn.KLDivLoss(reduction="sum"), x, torch.tensor([0.1, 0.1]))


@wrong_later("mean-of-means")
def means_over_uneven_batches():
    batches = [rows(count, 4) for count in (50, 3, 70, 20)]
    return call(nn.Identity(), nn.CrossEntropyLoss(), batches)


@wrong_later("double-softmax")
def perfect_probabilities():
    y = torch.randint(0, 10, (64,))
    return call(nn.CrossEntropyLoss(), F.one_hot(y, 10).float(), y)

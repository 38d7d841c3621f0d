"""Wrong set-ups modelled on public training scripts: graphs, weights, values. Part 2 of 2."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import Changed, call, mlp, rows, wrong_script
from setups.scripts_right_1 import Output, X, Y


@wrong_script("target-gradient")
def target_of_another_network():
    return call(neglog.SmoothL1Loss(), nn.Linear(6, 1)(X), nn.Linear(6, 1)(X))


@wrong_script("target-gradient")
def dqn_without_detach():
    q = mlp(6, 3)

    def loss(out, y):
        goal = y["reward"] + 0.99 * q(y["next"]).max(1).values
        return F.smooth_l1_loss(out.gather(1, Y[:, None])[:, 0], goal)

    return call(q, loss, [(X, {"reward": torch.rand(16), "next": X.flip(0)})])


@wrong_script("target-gradient")
def teacher_that_is_trained_too():
    class Pupils(nn.Module):
        def __init__(self):
            super().__init__()
            self.student, self.teacher = mlp(6, 3), mlp(6, 3)

        def forward(self, x):
            return self.student(x), self.teacher(x)

    def loss(out, _):
        return F.kl_div(out[0].log_softmax(1), out[1].softmax(1), reduction="batchmean")

    return call(Pupils(), loss, [(X, Y)])


@wrong_script("target-gradient")
def target_network_without_no_grad():
    target = mlp(6, 4)

    def loss(z, x):
        return neglog.functional.mse_loss(F.normalize(z), F.normalize(target(x)))

    return call(mlp(6, 4), loss, [(X, X)])


@wrong_script("target-gradient")
def value_bootstrap_with_a_graph():
    value = mlp(6, 1)
    return call(nn.MSELoss(), value(X), 1 + 0.9 * value(X.flip(0)))


@wrong_script("frozen-model")
def everything_frozen():
    return call(mlp(6, 3).requires_grad_(False), nn.CrossEntropyLoss(), [(X, Y)])


@wrong_script("frozen-model")
def everything_frozen_in_a_dict():
    model = Changed(mlp(6, 3), lambda z: {"logits": z})
    for parameter in model.parameters():
        parameter.requires_grad = False
    return call(model, lambda out, y: F.cross_entropy(out["logits"], y), [(X, Y)])


@wrong_script("no-gradient-path")
def forward_without_gradients():
    class Quiet(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(6, 3)

        @torch.no_grad()
        def forward(self, x):
            return Output(logits=self.body(x))

    return call(Quiet(), lambda out, y: F.cross_entropy(out.logits, y), [(X, Y)])


@wrong_script("no-gradient-path")
def loss_that_detaches():
    return call(mlp(6, 3), lambda z, y: F.cross_entropy(z.detach(), y), [(X, Y)])


@wrong_script("no-gradient-path")
def loss_of_data():
    return call(mlp(6, 6), lambda z, y: {"loss": F.mse_loss(z.data, y)}, [(X, X)])


@wrong_script("inverted-pos-weight")
def weight_of_the_frequent_class():
    y = (torch.arange(64) % 8 != 0).float()
    return call(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([7.0])), torch.randn(64), y)


@wrong_script("inverted-pos-weight")
def positives_over_negatives():
    y = (torch.arange(256) % 8 == 0).float()
    ratio = y.sum() / (1 - y).sum()
    return call(neglog.BCEWithLogitsLoss(pos_weight=ratio), torch.randn(256), y)


@wrong_script("inverted-pos-weight")
def one_column_of_several():
    y = (torch.arange(128)[:, None] % torch.tensor([2, 8, 16]) == 0).float()
    weight = (y.mean(0) / (1 - y.mean(0))).clamp(max=1)

    def loss(z, y):
        return F.binary_cross_entropy_with_logits(z, y, pos_weight=weight)

    return call(nn.Linear(6, 3), loss, [(torch.randn(128, 6), y)])


@wrong_script("inverted-weight")
def weights_that_are_frequencies():
    y = torch.tensor([0] * 80 + [1] * 15 + [2] * 5)
    return call(nn.CrossEntropyLoss(weight=y.bincount() / 100), torch.randn(100, 3), y)


@wrong_script("sample-weight-sum")
def normalised_advantages():
    x, y = rows(5, 3)
    advantage = torch.tensor([1.0, -2.0, 0.5, 0.0, 0.5])
    return call(neglog.CrossEntropyLoss(), x, y, sample_weight=advantage)


@wrong_script("sample-weight-sum")
def weights_of_a_negative_sum():
    weight = torch.tensor([1.0, -2.0, 0.5, -1.0])
    return call(neglog.MSELoss(), torch.randn(4), torch.randn(4), sample_weight=weight)


@wrong_script("sample-weight-sum")
def weights_that_cancel_in_a_binary_loss():
    y, weight = torch.tensor([0.0, 1.0]).repeat(4), torch.tensor([1.0, -1.0]).repeat(4)
    return call(
        neglog.functional.binary_cross_entropy_with_logits, y - 0.3, y, sample_weight=weight
    )


@wrong_script("normalizer-value")
def negative_normalizer():
    options = {"normalizer": torch.tensor(-3.0)}
    return call(neglog.functional.mse_loss, torch.ones(2), torch.zeros(2), **options)


@wrong_script("normalizer-value")
def count_of_no_rows():
    return call(neglog.CrossEntropyLoss(), *rows(), normalizer=torch.tensor(0.0))


@wrong_script("label-range")
def too_few_classes_in_a_dict():
    model = Changed(mlp(6, 3), lambda z: {"logits": z})
    return call(model, lambda out, y: F.cross_entropy(out["logits"], y), [(X, Y + 1)])


@wrong_script("shape-mismatch")
def broadcast_in_an_own_loss():
    def loss(q, batch):
        return F.mse_loss(q, batch["goal"]), {"n": len(q)}

    return call(mlp(6, 1), loss, [(X, {"goal": torch.rand(16)})])


@wrong_script("target-range")
def masks_of_255_in_a_dict():
    batch = {"image": X, "mask": 255.0 * (X > 0)}
    return call(mlp(6, 6), F.binary_cross_entropy_with_logits, [batch, batch])


@wrong_script("model-raises")
def features_of_another_size_in_a_dict():
    return call(mlp(5, 3), nn.CrossEntropyLoss(), [{"image": X, "label": Y}])


@wrong_script("model-raises")
def built_in_loss_of_a_model_output():
    model = Changed(mlp(6, 3), lambda z: Output(logits=z))
    return call(model, neglog.CrossEntropyLoss(), [(X, Y)])


@wrong_script("non-finite-loss")
def logarithm_of_zero_in_a_dict():
    model = Changed(mlp(6, 3, nn.Softplus()), lambda z: {"p": z})
    return call(model, lambda out, _: {"loss": -(0 * out["p"]).log().mean()}, [(X, Y)])


@wrong_script("criterion-raises")
def a_key_that_is_not_there():
    model = Changed(mlp(6, 3), lambda z: {"p": z})
    return call(model, lambda out, y: F.cross_entropy(out["logits"], y), [(X, Y)])

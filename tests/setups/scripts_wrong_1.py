"""Wrong set-ups modelled on public training scripts: activations, dimensions, views. Part 1."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import Changed, call, mlp, rows, wrong_script
from setups.scripts_right_1 import X, Y

PIXELS, MASKS = torch.randn(2, 3, 8, 8), torch.randint(0, 5, (2, 8, 8))


def binary(columns=3):
    return torch.randint(0, 2, (16, columns)).float()


@wrong_script("squashed-logits")
def sigmoid_before_cross_entropy():
    return call(mlp(6, 3, nn.Sigmoid()), neglog.CrossEntropyLoss(), [(X, Y)])


@wrong_script("squashed-logits")
def tanh_before_binary_cross_entropy():
    return call(mlp(6, 3, nn.Tanh()), neglog.BCEWithLogitsLoss(), [(X, binary())])


@wrong_script("squashed-logits")
def tanh_of_pixels_before_cross_entropy():
    model = nn.Sequential(nn.Conv2d(3, 5, 1), nn.Tanh(), nn.Flatten(2))
    return call(model, nn.CrossEntropyLoss(), [(PIXELS, MASKS.flatten(1))])


@wrong_script("squashed-logits")
def sigmoid_inside_the_loss():
    def loss(out, y):
        return F.cross_entropy(torch.sigmoid(out["logits"]), y)

    return call(Changed(mlp(6, 3), lambda z: {"logits": z}), loss, [(X, Y)])


@wrong_script("squashed-logits")
def clipped_logits():
    return call(mlp(6, 3, nn.Hardtanh()), nn.CrossEntropyLoss(), [(X, Y)])


@wrong_script("double-sigmoid")
def discriminator_with_a_sigmoid():
    def loss(p, y):
        bce = nn.BCEWithLogitsLoss()
        return bce(p[:8], torch.ones(8, 1)) + bce(p[8:], torch.zeros(8, 1)), {"n": 16}

    return call(mlp(6, 1, nn.Sigmoid()), loss, [(X, Y)])


@wrong_script("rectified-logits")
def relu_inside_the_loss():
    return call(mlp(6, 3), lambda z, y: F.cross_entropy(F.relu(z), y), [(X, Y)])


@wrong_script("rectified-logits")
def softplus_before_cross_entropy():
    return call(mlp(6, 3, nn.Softplus()), nn.CrossEntropyLoss(), [(X, Y)])


@wrong_script("double-softmax")
def softmax_inside_the_loss():
    return call(mlp(6, 3), lambda z, y: F.cross_entropy(z.softmax(1), y), [(X, Y)])


@wrong_script("double-softmax")
def softmax_in_a_dict_before_neglogs_loss():
    model = Changed(mlp(6, 3), lambda z: {"p": z.softmax(-1)})
    criterion = neglog.CrossEntropyLoss()
    return call(model, lambda out, y: criterion(out["p"], y), [(X, Y)])


@wrong_script("double-softmax")
def softmax_before_neglogs_function():
    def loss(z, y):
        return neglog.functional.cross_entropy(z.softmax(-1), y, label_smoothing=0.1)

    return call(loss, *rows())


@wrong_script("double-softmax")
def sigmoid_then_softmax():
    return call(mlp(6, 3, nn.Sigmoid(), nn.Softmax(1)), nn.CrossEntropyLoss(), [(X, Y)])


@wrong_script("double-softmax")
def softmax_over_the_batch_before_cross_entropy():
    return call(nn.CrossEntropyLoss(), rows()[0].softmax(0), rows()[1])


@wrong_script("double-sigmoid")
def sigmoid_inside_the_loss_of_masks():
    def loss(z, y):
        return {"loss": F.binary_cross_entropy_with_logits(z.sigmoid(), y)}

    return call(mlp(6, 3), loss, [(X, binary())])


@wrong_script("nll-logits")
def logits_in_an_own_nll():
    return call(mlp(6, 3), lambda z, y: (F.nll_loss(z, y), z), [(X, Y)])


@wrong_script("nll-probabilities")
def probabilities_in_an_own_nll():
    return call(mlp(6, 3), lambda z, y: F.nll_loss(F.softmax(z, 1), y), [(X, Y)])


@wrong_script("kl-dimension")
def target_over_the_batch():
    s, t = torch.randn(2, 32, 50)
    return call(neglog.KLDivLoss(reduction="batchmean"), s.log_softmax(1), t.softmax(0))


@wrong_script("kl-dimension")
def both_over_the_batch():
    s, t = torch.randn(2, 32, 50)
    return call(nn.KLDivLoss(reduction="batchmean"), s.log_softmax(0), t.softmax(0))


@wrong_script("kl-dimension")
def input_over_the_batch():
    s, t = torch.randn(2, 32, 50)
    return call(nn.KLDivLoss(reduction="sum"), s.log_softmax(0), t.softmax(1))


@wrong_script("kl-dimension")
def distillation_over_the_batch():
    def loss(z, y):
        return F.kl_div(F.log_softmax(z, 0), F.softmax(y, 0), reduction="batchmean")

    return call(mlp(6, 3), loss, [(X, torch.randn(16, 3))])


@wrong_script("kl-dimension")
def tokens_against_steps():
    s, t = torch.randn(2, 4, 7, 11)
    log_target = t.log_softmax(1)
    return call(nn.KLDivLoss(reduction="sum", log_target=True), s.log_softmax(2), log_target)


@wrong_script("kl-input")
def probabilities_in_an_own_distillation():
    def loss(out, y):
        return F.kl_div(out[0].softmax(1), y.softmax(1), reduction="batchmean")

    return call(Changed(mlp(6, 3), lambda z: (z, z)), loss, [(X, torch.randn(16, 3))])


@wrong_script("scrambled-view")
def pixels_as_rows_without_a_permute():
    def loss(z, y):
        return F.cross_entropy(z.view(-1, 5), y.view(-1))

    return call(nn.Conv2d(3, 5, 1), loss, [(PIXELS, MASKS)])


@wrong_script("scrambled-view")
def reshape_in_the_model():
    model = Changed(nn.Conv2d(3, 4, 1), lambda z: z.reshape(-1, 4))
    return call(model, nn.CrossEntropyLoss(), [(PIXELS, MASKS.flatten() % 4)])


@wrong_script("scrambled-view")
def sequence_of_a_convolution_as_rows():
    model = Changed(nn.Conv1d(6, 5, 1), lambda z: torch.relu(z).neg().reshape(-1, 5))
    y = torch.randint(0, 5, (32,))
    return call(model, neglog.CrossEntropyLoss(), [(torch.randn(4, 6, 8), y)])


@wrong_script("scrambled-view")
def view_as_classes_last():
    def loss(z, y):
        return F.cross_entropy(z.view(2, 8, 8, 5).reshape(-1, 5), y.reshape(-1))

    return call(nn.Conv2d(3, 5, 1), loss, [(PIXELS, MASKS)])


@wrong_script("scrambled-view")
def view_without_a_graph():
    return call(nn.CrossEntropyLoss(), torch.randn(2, 5, 8, 8).view(-1, 5), MASKS.view(-1))

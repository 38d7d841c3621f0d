"""Neighbours of the set-ups in scripts_right_3 and scripts_wrong_3: each guards one condition."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import LATER, Changed, call, mlp, right_later, wrong, wrong_later
from setups.scripts_right_1 import X, Y
from setups.scripts_right_3 import IMAGES, WORDS, Gpt

YES = (Y > 0).float()
COUNTS = Y.float()


class Autoencoder(nn.Module):
    """Emits the sentence that it has read as a whole: its labels are its input, and right."""

    def __init__(self):
        super().__init__()
        self.embed, self.read = nn.Embedding(17, 8), nn.GRU(8, 8, batch_first=True)
        self.write, self.head = nn.GRU(8, 8, batch_first=True), nn.Linear(8, 17)

    def forward(self, tokens):
        _, state = self.read(self.embed(tokens))
        sentence = state.transpose(0, 1).expand(-1, tokens.shape[1], -1)
        return self.head(self.write(sentence)[0])


@right_later
def sentences_encoded_and_decoded():
    model = Changed(Autoencoder(), lambda z: z.transpose(1, 2))
    return call(model, nn.CrossEntropyLoss(), [(WORDS, WORDS)])


@wrong_later("unshifted-labels")
def sentences_in_a_dict_with_classes_last():
    class Causal(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(17, 8), nn.GRU(8, 8, batch_first=True)
            self.drop, self.head = nn.Dropout(0.5), nn.Linear(8, 17)

        def forward(self, input_ids):
            return SimpleNamespace(logits=self.head(self.drop(self.rnn(self.embed(input_ids))[0])))

    ce = neglog.CrossEntropyLoss(class_dim=-1)
    batch = {"input_ids": WORDS, "labels": WORDS}
    return call(Causal(), lambda out, y: ce(out.logits, y), [batch])


@right_later
def token_labels_passed_to_the_model():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(17, 8), nn.Linear(8, 5)

        def forward(self, input_ids, labels):
            logits = self.head(self.embed(input_ids))
            return F.cross_entropy(logits.view(-1, 5), labels.view(-1)), logits

    batch = {"input_ids": WORDS, "labels": WORDS % 5}
    return call(Tagger(), lambda out: out[0], [batch])


@right_later
def a_loss_only_where_the_model_is_given_the_targets():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(6, 3)

        def forward(self, x, y=None):
            z = self.body(x)
            return {"logits": z, "loss": None if y is None else F.cross_entropy(z, y)}

    return call(Model(), lambda out, y: out["loss"], [(X, Y)])


@wrong_later("criterion-raises")
def a_loss_that_is_a_number():
    return call(mlp(6, 3), lambda out, y: F.cross_entropy(out, y).item(), [(X, Y)])


@wrong_later("shape-mismatch")
def a_column_in_a_batch_of_dicts():
    def loss(out, batch):
        return F.binary_cross_entropy_with_logits(out, batch["y"])

    return call(mlp(6, 1), loss, [{"x": X, "y": YES, "id": Y}])


@wrong_later("label-range")
def labels_from_one_in_a_loss_of_parts():
    def loss(first, second, y):
        return F.cross_entropy(first, y + 1) + second.square().mean()

    return call(Changed(mlp(6, 4), lambda z: (z[:, :3], z[:, 3])), loss, [(X, Y)])


@wrong_later("rate-as-logarithm")
def rectified_log_rates():
    return call(mlp(6, 1, nn.ReLU(), nn.Flatten(0)), nn.PoissonNLLLoss(), [(X, COUNTS)])


@wrong_later("rate-as-logarithm")
def log_rates_of_a_sigmoid():
    loss = neglog.PoissonNLLLoss(full=True)
    return call(mlp(6, 1, nn.Sigmoid(), nn.Flatten(0)), loss, [(X, COUNTS)])


@right_later
def clamped_log_rates():
    model = Changed(mlp(6, 1), lambda z: z.squeeze(1).clamp(0, 8))
    return call(model, nn.PoissonNLLLoss(), [(X, COUNTS)])


@right_later
def rates_of_an_exponential():
    model = Changed(mlp(6, 1), lambda z: z.squeeze(1).exp())
    return call(model, nn.PoissonNLLLoss(log_input=False), [(X, COUNTS)])


@wrong_later("unreachable-target")
def softmax_with_squared_errors_of_labels():
    def loss(out, y):
        return F.mse_loss(out.softmax(1)[:, 0], y["grade"])

    return call(mlp(6, 3), loss, [(X, {"grade": COUNTS})])


@wrong_later("unreachable-target")
def normalised_pixels_of_a_sigmoid():
    model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Sigmoid())
    return call(model, nn.SmoothL1Loss(), [(IMAGES, IMAGES)])


@wrong_later("unreachable-target")
def a_positive_mean_of_signed_targets():
    def loss(out, y):
        return F.gaussian_nll_loss(F.softplus(out[:, :1]), y, out[:, 1:].exp())

    return call(mlp(6, 2), loss, [(X, X[:, :1])])


@right_later
def rectified_targets_with_a_few_below():
    y = X.square().flatten(0)[:, None].clone()
    y[5] = -0.2
    return call(mlp(6, 1, nn.ReLU()), nn.MSELoss(), [(X.repeat(6, 1), y)])


@right_later
def tanh_of_actions():
    return call(mlp(6, 6, nn.Tanh()), nn.MSELoss(), [(X, X)])


@wrong("one-class", "zero-gradient", into=LATER)
def softmax_of_a_mask_of_one_channel():
    model = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Softmax(dim=1))
    return call(model, lambda p, y: 0.5 * F.mse_loss(p, y), [(IMAGES, (IMAGES[:, :1] > 0).float())])


@right_later
def the_second_of_two_probabilities():
    model = Changed(mlp(6, 2), lambda z: z.softmax(1)[:, 1])
    return call(model, nn.BCELoss(), [(X, YES)])


@wrong_later("scrambled-view")
def anchors_of_a_signal_viewed_without_a_permute():
    model = nn.Sequential(nn.Conv1d(3, 12, 1), nn.BatchNorm1d(12))

    def loss(out, y):
        return F.cross_entropy(out.reshape(-1, 4), y.reshape(-1))

    return call(model, loss, [(IMAGES.flatten(2), torch.arange(4 * 192).view(4, 192) % 4)])


@right_later
def anchors_of_a_signal_moved():
    model = nn.Sequential(nn.Conv1d(3, 12, 1), nn.BatchNorm1d(12))

    def loss(out, y):
        rows = out.view(4, 3, 4, 64).permute(0, 1, 3, 2).reshape(-1, 4)
        return F.cross_entropy(rows, y.reshape(-1))

    return call(model, loss, [(IMAGES.flatten(2), torch.arange(4 * 192).view(4, 192) % 4)])


@wrong_later("squashed-logits")
def tanh_before_a_log_softmax():
    return call(mlp(6, 3, nn.Tanh(), nn.LogSoftmax(1)), nn.NLLLoss(), [(X, Y)])


@wrong_later("double-softmax")
def softmax_before_a_log_softmax():
    return call(mlp(6, 3, nn.Softmax(1), nn.LogSoftmax(1)), nn.NLLLoss(), [(X, Y)])


@wrong_later("double-softmax")
def softmax_before_a_log_softmax_in_a_divergence():
    teacher = mlp(6, 3).requires_grad_(False)

    def loss(out, _):
        return F.kl_div(out["p"].log_softmax(-1), teacher(X).softmax(-1), reduction="batchmean")

    return call(Changed(mlp(6, 3), lambda z: {"p": z.softmax(-1)}), loss, [(X, Y)])


@wrong_later("double-sigmoid")
def sigmoid_twice_before_bce():
    model = mlp(6, 1, nn.Sigmoid(), nn.Flatten(0))
    return call(model, lambda out, y: F.binary_cross_entropy(out.sigmoid(), y), [(X, YES)])


@wrong_later("rectified-logits")
def relu_before_a_log_softmax():
    return call(mlp(6, 3, nn.ReLU(), nn.LogSoftmax(1)), nn.NLLLoss(), [(X, Y)])


@right_later
def rectified_features_compared_by_a_divergence():
    teacher = mlp(6, 8, nn.ReLU()).requires_grad_(False)

    def loss(out, _):
        return F.kl_div(out.log_softmax(1), teacher(X).softmax(1), reduction="batchmean")

    return call(mlp(6, 8, nn.ReLU()), loss, [(X, Y)])


@wrong("rectified-logits", "sigmoid-before-loss", into=LATER)
def relu_before_a_sigmoid():
    return call(mlp(6, 1, nn.ReLU(), nn.Sigmoid(), nn.Flatten(0)), nn.BCELoss(), [(X, YES)])


@wrong_later("softmax-dimension")
def softmax_over_the_batch_before_bce():
    return call(mlp(6, 3, nn.Softmax(0)), nn.BCELoss(), [(X, F.one_hot(Y, 3).float())])


@wrong_later("softmax-dimension")
def softmax_over_the_batch_before_squared_errors():
    def loss(out, y):
        return F.mse_loss(F.softmax(out["z"], dim=0), F.one_hot(y, 3).float())

    return call(Changed(mlp(6, 3), lambda z: {"z": z}), loss, [(X, Y)])


@right_later
def softmax_over_the_classes_before_squared_errors():
    def loss(out, y):
        return F.mse_loss(F.softmax(out, dim=1), F.one_hot(y, 3).float())

    return call(mlp(6, 3), loss, [(X, Y)])


@right_later
def attention_over_the_rows_of_a_bag():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.attend, self.head = nn.Linear(6, 1), nn.Linear(6, 1)

        def forward(self, x):
            return self.head((self.attend(x).softmax(0) * x).sum(0))

    return call(Bag(), nn.BCEWithLogitsLoss(), [(X, torch.ones(1))])


@wrong_later("unshifted-labels")
def a_transformer_without_a_shift():
    def loss(out, batch):
        return F.cross_entropy(out[0].flatten(0, 1), batch["input_ids"].flatten())

    class Model(Gpt):
        def forward(self, input_ids):
            return (self.head(self.embed(input_ids)),)

    return call(Model(), loss, [{"input_ids": WORDS, "attention_mask": WORDS > 0}])


@right_later
def probabilities_over_the_first_dimension_of_what_was_turned():
    model = Changed(nn.Conv1d(3, 1, 1), lambda z: z[:, 0].T.softmax(0))
    return call(model, lambda p, y: F.mse_loss(p, y), [(IMAGES.flatten(2), torch.rand(64, 4))])


@right_later
def a_loss_that_takes_the_target_first():
    def loss(y_true, y_pred):
        return F.cross_entropy(y_pred, y_true)

    return call(mlp(6, 3), loss, [(X, Y)])


@wrong_later("label-range")
def labels_from_one_in_a_loss_that_takes_the_target_first():
    class Loss(nn.Module):
        def forward(self, target, output):
            return F.cross_entropy(output, target + 1)

    return call(mlp(6, 3), Loss(), [(X, Y)])

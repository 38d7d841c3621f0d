"""Wrong set-ups modelled on public training scripts, written when the rules above were finished."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

import neglog
from setups.parts import Changed, call, mlp, wrong_script
from setups.scripts_right_1 import X, Y
from setups.scripts_right_3 import IMAGES, REAL, WORDS, Classifier, Gpt, Pairs

YES = (Y > 0).float()


@wrong_script("double-softmax")
def probabilities_in_a_dict():
    model = Changed(mlp(6, 3), lambda z: {"probs": F.softmax(z, dim=-1), "logits": z})
    return call(model, lambda out, y: F.cross_entropy(out["probs"], y), [(X, Y)])


@wrong_script("double-sigmoid")
def vae_with_a_sigmoid_and_logits():
    class Vae(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.Linear(6, 4), nn.Linear(2, 6)

        def forward(self, x):
            mu, log_var = self.encode(x).chunk(2, 1)
            return self.decode(mu + torch.randn_like(mu)).sigmoid(), mu, log_var

    def elbo(out, x):
        recon, mu, log_var = out
        bce = F.binary_cross_entropy_with_logits(recon, x, reduction="sum")
        return bce - 0.5 * (1 + log_var - mu**2 - log_var.exp()).sum()

    return call(Vae(), elbo, [(X.sigmoid(), X.sigmoid())])


@wrong_script("double-sigmoid")
def discriminator_with_a_sigmoid_and_logits():
    def loss(out, real):
        return nn.BCEWithLogitsLoss()(out["score"].view(-1), real)

    model = Changed(mlp(6, 1, nn.Sigmoid()), lambda z: {"score": z})
    return call(model, loss, [(REAL, YES)])


@wrong_script("shape-mismatch")
def least_squares_gan_of_one_column():
    def loss(out, _):
        return 0.5 * (F.mse_loss(out, torch.ones(len(out))) + F.mse_loss(out, torch.zeros(16)))

    return call(mlp(6, 1), loss, [(REAL, Y)])


@wrong_script("shape-mismatch")
def dqn_whose_values_are_a_column():
    class Agent(nn.Module):
        def __init__(self):
            super().__init__()
            self.policy = mlp(6, 3)
            self.target = copy.deepcopy(self.policy).requires_grad_(False)

        def forward(self, state, action, following, reward):
            value = self.policy(state).gather(1, action[:, None])
            return value, reward + 0.99 * self.target(following).max(1).values

    batch = {"state": X, "action": Y, "following": X.flip(0), "reward": torch.ones(16)}
    return call(Agent(), lambda out: F.smooth_l1_loss(*out), [batch])


@wrong_script("target-gradient")
def dqn_that_bootstraps_with_a_graph():
    class Agent(nn.Module):
        def __init__(self):
            super().__init__()
            self.policy = mlp(6, 3)

        def forward(self, state, action, following, reward):
            value = self.policy(state).gather(1, action[:, None]).squeeze(1)
            return value, reward + 0.99 * self.policy(following).max(1)[0]

    batch = {"state": X, "action": Y, "following": X.flip(0), "reward": torch.ones(16)}
    return call(Agent(), lambda out: nn.MSELoss()(*out), [batch])


@wrong_script("target-gradient")
def mean_teacher_with_a_graph():
    class MeanTeacher(nn.Module):
        def __init__(self):
            super().__init__()
            self.student, self.teacher = mlp(6, 3), mlp(6, 3)

        def forward(self, x):
            return self.student(x), self.teacher(x)

    def loss(out, y):
        student, teacher = out
        agree = F.mse_loss(student.softmax(1), teacher.softmax(1))
        return F.cross_entropy(student, y) + agree

    return call(MeanTeacher(), loss, [(X, Y)])


@wrong_script("label-shape", "criterion-raises")
def masks_with_a_channel():
    masks = (IMAGES[:, :1] > 0).long()
    return call(nn.Conv2d(3, 2, 1), nn.CrossEntropyLoss(), [(IMAGES, masks)])


@wrong_script("label-range", "criterion-raises")
def masks_of_a_palette():
    def loss(out, y):
        return F.cross_entropy(out["out"], y)

    model = Changed(nn.Conv2d(3, 2, 1), lambda z: {"out": z})
    return call(model, loss, [(IMAGES, (IMAGES[:, 0] > 0).long() * 255)])


@wrong_script("class-dimension")
def queries_for_classes():
    labels = torch.arange(64).reshape(16, 4) % 4
    model = Changed(mlp(6, 16), lambda z: {"pred_logits": nn.Linear(4, 4)(z.view(-1, 4, 4))})
    return call(model, lambda out, y: F.cross_entropy(out["pred_logits"], y), [(X, labels)])


@wrong_script("unshifted-labels")
def language_model_whose_own_loss_does_not_shift():
    class Causal(Gpt):
        def forward(self, input_ids, labels=None):
            logits = self.head(self.embed(input_ids))
            loss = F.cross_entropy(logits.view(-1, 17), labels.view(-1))
            return SimpleNamespace(loss=loss, logits=logits)

    batch = {"input_ids": WORDS, "labels": WORDS.clone()}
    return call(Causal(), lambda out: out.loss, [batch])


@wrong_script("unshifted-labels")
def language_model_trained_on_its_own_input():
    def loss(out, words):
        return F.cross_entropy(out[0].reshape(-1, 17), words.reshape(-1))

    return call(Gpt(), loss, [(WORDS, WORDS)])


@wrong_script("kl-input")
def distillation_of_probabilities():
    teacher = mlp(6, 3).requires_grad_(False)
    model = Changed(mlp(6, 3), lambda z: (z, teacher(X)))

    def loss(out, y):
        student, wanted = (z.div(4).softmax(1) for z in out)
        return nn.KLDivLoss(reduction="batchmean")(student, wanted) + F.cross_entropy(out[0], y)

    return call(model, loss, [(X, Y)])


@wrong_script("kl-log-target")
def distillation_to_logarithms():
    teacher = mlp(6, 3).requires_grad_(False)

    def loss(out, y):
        wanted = F.log_softmax(teacher(X) / 2, 1)
        soft = F.kl_div(F.log_softmax(out / 2, 1), wanted, reduction="batchmean")
        return 4 * soft + F.cross_entropy(out, y)

    return call(mlp(6, 3), loss, [(X, Y)])


@wrong_script("swapped-arguments")
def divergence_of_the_student_from_the_teacher():
    teacher = mlp(6, 3).requires_grad_(False)

    def loss(out, _):
        return F.kl_div(teacher(X).log_softmax(1), out.softmax(1), reduction="batchmean")

    return call(mlp(6, 3), loss, [(X, Y)])


@wrong_script("input-range", "criterion-raises")
def logits_into_bce_in_a_dict():
    model = Changed(mlp(6, 1), lambda z: {"pred": 9 * z})
    return call(model, lambda out, y: nn.BCELoss()(out["pred"].squeeze(1), y), [(X, YES)])


@wrong_script("soft-targets")
def several_labels_into_cross_entropy():
    tags = (X > 0).float()
    batch = {"image": X, "target": tags}
    return call(mlp(6, 6), lambda out, y: F.cross_entropy(out, y), [batch])


@wrong_script("nll-probabilities")
def softmax_into_nll_as_in_old_tutorials():
    def loss(out, y):
        return F.nll_loss(F.softmax(out, dim=1), y)

    return call(mlp(6, 3), loss, [(X, Y)])


@wrong_script("label-range", "criterion-raises")
def labels_from_one_in_a_batch_of_dicts():
    return call(
        Classifier(),
        lambda out, batch: F.cross_entropy(out.logits, batch["labels"] + 1),
        DataLoader(Pairs(), 4),
    )


@wrong_script("rate-as-logarithm")
def small_rates_of_an_exponential_as_logarithms():
    model = Changed(mlp(6, 1), lambda z: z.squeeze(1).exp())
    return call(model, nn.PoissonNLLLoss(), [(X, Y.float())])


@wrong_script("rate-as-logarithm")
def rates_of_a_softplus_as_logarithms():
    model = mlp(6, 1, nn.Softplus(), nn.Flatten(0))
    return call(model, lambda out, y: F.poisson_nll_loss(out, y), [(X, Y.float())])


@wrong_script("unreachable-target")
def sigmoid_of_standardised_targets():
    y = (X[:, :1] - X[:, :1].mean()) / X[:, :1].std()
    return call(mlp(6, 1, nn.Sigmoid()), nn.MSELoss(), [(X, y)])


@wrong_script("unreachable-target")
def relu_of_standardised_targets():
    return call(mlp(6, 1, nn.ReLU()), nn.L1Loss(), [(X, X[:, :1])])


@wrong_script("unreachable-target")
def tanh_of_pixels_up_to_255():
    y = (IMAGES * 127 + 128).round()
    model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh())
    return call(model, lambda out, y: F.mse_loss(out, y), [(y / 255, y)])


@wrong_script("one-class", "zero-gradient", "worse-than-chance")
def softmax_of_one_column():
    return call(mlp(6, 1, nn.Softmax(dim=1)), nn.BCELoss(), [(X, YES[:, None])])


@wrong_script("no-gradient-path")
def accuracy_as_a_loss():
    def loss(out, y):
        return F.mse_loss(out.argmax(1).float(), y.float())

    return call(mlp(6, 3), loss, [(X, Y)])


@wrong_script("no-gradient-path")
def features_of_a_frozen_trunk_and_the_head_too():
    class Probe(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk, self.head = mlp(6, 8), nn.Linear(8, 3)

        @torch.no_grad()
        def forward(self, x):
            return {"logits": self.head(self.trunk(x))}

    return call(Probe(), lambda out, y: F.cross_entropy(out["logits"], y), [(X, Y)])


@wrong_script("zero-gradient")
def decisions_into_bce():
    model = Changed(mlp(6, 1), lambda z: z.sigmoid().round().squeeze(1))
    return call(model, lambda p, y: F.mse_loss(p, y), [(X, YES)])


@wrong_script("scrambled-view")
def anchors_viewed_without_a_permute():
    def loss(out, y):
        return F.cross_entropy(out["cls"].view(4, -1, 5).view(-1, 5), y.view(-1))

    model = Changed(nn.Conv2d(3, 15, 1), lambda z: {"cls": z})
    return call(model, loss, [(IMAGES, torch.arange(4 * 192).view(4, 192) % 5)])


@wrong_script("shape-mismatch")
def multi_task_whose_regression_broadcasts():
    def loss(out, y):
        return F.cross_entropy(out[:, :3], y["kind"]) + F.mse_loss(out[:, 3:], y["size"])

    return call(mlp(6, 4), loss, [(X, {"kind": Y, "size": X[:, 0]})])


@wrong_script("target-range")
def unlabelled_as_minus_1_in_a_binary_loss():
    y = torch.where(X > 0.8, -1.0, (X > 0).float())
    bce = nn.BCEWithLogitsLoss()
    return call(mlp(6, 6), lambda out, y: {"loss": bce(out, y)}, [(X, y)])


@wrong_script("negative-variance", "criterion-raises")
def logarithms_of_variances():
    model = Changed(mlp(6, 2), lambda z: {"mean": z[:, :1], "log_var": z[:, 1:]})

    def loss(out, y):
        return F.gaussian_nll_loss(out["mean"], y, out["log_var"])

    return call(model, loss, [(X, X[:, :1])])


@wrong_script("rectified-logits")
def last_relu_of_a_token_classifier():
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(17, 8), nn.Linear(8, 5)

        def forward(self, words):
            return F.relu(self.head(self.embed(words)))

    def loss(out, tags):
        return F.cross_entropy(out.view(-1, out.shape[-1]), tags.view(-1))

    return call(Tagger(), loss, [(WORDS, WORDS % 5)])


@wrong_script("one-class")
def one_label_into_cross_entropy():
    model = Changed(mlp(6, 1), lambda z: SimpleNamespace(logits=z))
    return call(model, lambda out, y: F.cross_entropy(out.logits, y * 0), [(X, Y)])


@wrong_script("frozen-model")
def adapters_that_nobody_unfroze():
    class Lora(nn.Module):
        def __init__(self):
            super().__init__()
            self.base, self.lora_a, self.lora_b = mlp(6, 3), nn.Linear(6, 2), nn.Linear(2, 3)

        def forward(self, x, y=None):
            logits = self.base(x) + self.lora_b(self.lora_a(x))
            return {"loss": F.cross_entropy(logits, y), "logits": logits}

    model = Lora()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "adapter" in name
    return call(model, lambda out: out["loss"], [{"x": X, "y": Y}])


@wrong_script("inverted-weight")
def counts_as_weights_inside_a_trainer():
    labels = torch.tensor([0] * 60 + [1] * 12 + [2] * 8)
    ce = neglog.CrossEntropyLoss(weight=labels.bincount().float())
    x = torch.linspace(-1, 1, 480).reshape(80, 6)
    model = Changed(mlp(6, 3), lambda z: SimpleNamespace(logits=z))
    return call(model, lambda out, y: ce(out.logits, y), [(x, labels)])


@wrong_script("label-shape", "criterion-raises")
def floats_for_classes_of_a_numpy_table():
    return call(mlp(6, 3), lambda out, y: F.cross_entropy(out, y), [(X, Y.double())])


@wrong_script("log-softmax-dimension")
def log_softmax_over_the_batch():
    return call(mlp(6, 3, nn.LogSoftmax(dim=0)), nn.NLLLoss(), [(X, Y)])

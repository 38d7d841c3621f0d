"""Right set-ups modelled on public training scripts: language, reinforcement, metric. Part 2."""

from __future__ import annotations

import dataclasses
import operator
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import Changed, Tagger, call, mlp, right_script
from setups.scripts_right_1 import Heads, Output, Pair, X, Y


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = Tagger(20, 20, moved=False)

    def forward(self, input_ids, attention_mask=None, labels=None):
        logits = self.body(input_ids)
        if labels is None:
            return Output(logits=logits)
        loss = F.cross_entropy(logits[:, :-1].reshape(-1, 20), labels[:, 1:].reshape(-1))
        return Output(loss=loss, logits=logits)


def words(*shape):
    return torch.randint(1, 20, shape)


@right_script
def model_output_with_logits():
    model = Changed(mlp(6, 3), lambda z: Output(logits=z))
    return call(model, lambda out, y: F.cross_entropy(out.logits, y), [(X, Y)])


@right_script
def transformer_with_its_own_loss():
    ids = words(4, 9)
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    return call(Transformer(), lambda out, _: out.loss, [batch, batch])


@right_script
def transformer_with_a_loss_of_the_output_alone():
    ids = words(4, 9)
    batch = {"input_ids": ids, "labels": ids.clone()}
    return call(Transformer(), operator.attrgetter("loss"), [batch])


@right_script
def fine_tuning_with_frozen_layers():
    model = mlp(6, 3)
    model[0].requires_grad_(False)
    return call(model, nn.CrossEntropyLoss(), [(X, Y)])


@right_script
def translation_with_padding():
    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 8), nn.Linear(8, 20)

        def forward(self, source, target):
            return self.head(self.embed(target) + self.embed(source).mean(1, keepdim=True))

    def loss(z, y):
        return F.cross_entropy(z.reshape(-1, 20), y.reshape(-1), ignore_index=0)

    y = words(4, 7)
    y[:, 5:] = 0
    return call(Translator(), loss, [((words(4, 6), y[:, :-1]), y[:, 1:])])


@right_script
def logits_with_a_soft_cap():
    model = Changed(mlp(6, 3), lambda z: 30 * torch.tanh(z / 30))
    return call(model, nn.CrossEntropyLoss(), [(X, Y)])


@right_script
def distillation_from_a_frozen_teacher():
    class Pupils(nn.Module):
        def __init__(self):
            super().__init__()
            self.student, self.teacher = mlp(6, 3), mlp(6, 3).requires_grad_(False)

        def forward(self, x):
            return {"student": self.student(x), "teacher": self.teacher(x)}

    def loss(out, y):
        soft = F.log_softmax(out["student"] / 4, 1), F.softmax(out["teacher"] / 4, 1)
        return F.cross_entropy(out["student"], y) + 16 * F.kl_div(*soft, reduction="batchmean")

    return call(Pupils(), loss, [(X, Y)])


@right_script
def two_passes_with_dropout_that_agree():
    def loss(out, y):
        a, b = out
        logs, shares = [z.log_softmax(-1) for z in out], [z.softmax(-1) for z in out]
        agreement = F.kl_div(logs[0], shares[1], reduction="sum")
        agreement = agreement + F.kl_div(logs[1], shares[0], reduction="sum")
        return F.cross_entropy(a, y) + F.cross_entropy(b, y) + agreement / 16

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Dropout(0.3), mlp(6, 3))

        def forward(self, x):
            return self.body(x), self.body(x)

    return call(Twice(), loss, [(X, Y)])


@right_script
def two_views_whose_embeddings_agree():
    class Views(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(6, 4)

        def forward(self, views):
            return tuple(map(self.body, views))

    def loss(out, _):
        a, b = out
        return F.mse_loss(a, b) + F.relu(1 - a.var(0).sqrt()).mean()

    return call(Views(), loss, [((X, X + 0.1), None)])


@right_script
def online_and_target_networks():
    class Byol(nn.Module):
        def __init__(self):
            super().__init__()
            self.online, self.target = mlp(6, 4), mlp(6, 4)

        def forward(self, x):
            with torch.no_grad():
                goal = F.normalize(self.target(x), dim=1)
            return F.normalize(self.online(x), dim=1), goal

    return call(Byol(), lambda out, _: F.mse_loss(*out), [(X, None)])


@right_script
def simclr():
    def loss(z, _):
        z = F.normalize(z, dim=1)
        scores = (z @ z.T / 0.5).masked_fill(torch.eye(16, dtype=torch.bool), -9e15)
        return F.cross_entropy(scores, torch.arange(16).roll(8))

    return call(mlp(6, 4), loss, [(X, Y)])


@right_script
def images_and_texts_in_one_dict():
    class Clip(nn.Module):
        def __init__(self):
            super().__init__()
            self.image, self.text = nn.Linear(6, 4), nn.Linear(6, 4)

        def forward(self, batch):
            a, b = self.image(batch["pixels"]), self.text(batch["words"])
            return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T * 14

    def loss(scores, _):
        y = torch.arange(len(scores))
        return (F.cross_entropy(scores, y) + F.cross_entropy(scores.T, y)) / 2

    return call(Clip(), loss, [({"pixels": X, "words": X.cos()}, None)])


@right_script
def triplets_in_a_tuple():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(6, 4)

        def forward(self, anchor, positive, negative):
            return self.body(anchor), self.body(positive), self.body(negative)

    return call(Shared(), lambda out, _: F.triplet_margin_loss(*out), [((X, X + 0.1, -X), None)])


@right_script
def margin_softmax_with_a_frozen_backbone():
    class Margin(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 4))

        def forward(self, z, y):
            cosines = F.linear(F.normalize(z), F.normalize(self.weight))
            return F.cross_entropy(30 * (cosines - 0.3 * F.one_hot(y, 3)), y)

    return call(mlp(6, 4).requires_grad_(False), Margin(), [(X, Y)])


@right_script
def centres_of_classes():
    centres = nn.Embedding(3, 4)
    return call(mlp(6, 4), lambda z, y: F.mse_loss(z, centres(y)), [(X, Y)])


@right_script
def dqn():
    target_network = mlp(6, 3)

    def loss(q, batch):
        with torch.no_grad():
            best = target_network(batch["next"]).max(1).values
        goal = batch["reward"] + 0.99 * best
        return F.smooth_l1_loss(q.gather(1, batch["action"][:, None])[:, 0], goal)

    return call(mlp(6, 3), loss, [(X, {"next": X, "reward": torch.rand(16), "action": Y})])


@right_script
def dqn_with_a_detached_goal():
    q = mlp(6, 3)

    def loss(out, y):
        goal = (y.reward + 0.99 * q(y.next).max(1).values).detach()
        return F.mse_loss(out[torch.arange(16), Y], goal)

    return call(q, loss, [(X, SimpleNamespace(next=X, reward=torch.rand(16)))])


@right_script
def policy_gradient():
    def loss(z, y):
        action, advantage = y
        return (F.cross_entropy(z, action, reduction="none") * advantage).mean()

    return call(mlp(6, 3), loss, [(X, [Y, torch.randn(16)])])


@right_script
def actor_and_critic_in_a_dataclass():
    model = Changed(mlp(6, 4), lambda z: Heads(z[:, :3], z[:, 3]))

    def loss(out, y):
        action, returns = y
        advantage = (returns - out.value).detach()
        chosen = torch.distributions.Categorical(logits=out.logits).log_prob(action)
        return -(chosen * advantage).mean() + F.mse_loss(out.value, returns)

    return call(model, loss, [(X, Pair(Y, torch.randn(16)))])


@right_script
def bounded_actions():
    return call(mlp(6, 2, nn.Tanh()), nn.MSELoss(), [(X, X[:, :2].tanh())])


class Uncertain(nn.Module):
    """Several tasks, weighted by learnt variances."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(2))

    def forward(self, out, y):
        parts = F.cross_entropy(out["class"], y["class"]), F.mse_loss(out["size"], y["size"])
        total = (torch.stack(parts) * (-self.scale).exp() + self.scale).sum()
        return total, {"class": float(parts[0]), "size": float(parts[1])}


@right_script
def several_tasks():
    model = Changed(mlp(6, 4), lambda z: {"class": z[:, :3], "size": z[:, 3]})
    return call(model, Uncertain(), [(X, {"class": Y, "size": torch.randn(16)})])


@right_script
def graph_network():
    @dataclasses.dataclass
    class Graph:
        x: torch.Tensor
        edges: torch.Tensor
        y: torch.Tensor

    class Gcn(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(6, 3)

        def forward(self, data):
            return self.head(data.x.index_add(0, data.edges[0], data.x[data.edges[1]]))

    graph = Graph(X, torch.randint(0, 16, (2, 30)), Y)
    return call(Gcn(), lambda out, data: F.cross_entropy(out[:8], data.y[:8]), [graph])


@right_script
def forecast_of_quantiles():
    levels = torch.tensor([0.1, 0.5, 0.9])

    def pinball(q, y):
        error = y[..., None] - q
        return torch.maximum(levels * error, (levels - 1) * error).mean()

    return call(mlp(6, 3), pinball, [(X, torch.randn(16))])


@right_script
def rare_positives_with_their_weight():
    y = (torch.arange(64) % 8 == 0).float()
    return call(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([7.0])), torch.randn(64), y)


@right_script
def speech_with_ctc():
    class Spelled(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(6, 5)

        def forward(self, x):
            return self.head(x).log_softmax(-1).transpose(0, 1)

    def loss(out, y):
        lengths = torch.full((2,), 8), torch.full((2,), 3)
        return F.ctc_loss(out, y, *lengths)

    return call(Spelled(), loss, [(X.reshape(2, 8, 6), torch.randint(1, 5, (2, 3)))])


class Trainer:
    def loss(self, out, y):
        return {"loss": neglog.functional.cross_entropy(out[0], y), "n": len(y)}


@right_script
def a_method_of_a_trainer():
    return call(Changed(mlp(6, 3), lambda z: [z]), Trainer().loss, [(X, Y)])

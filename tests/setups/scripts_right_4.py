"""Right set-ups modelled on public examples: graphs, generation, ranking, control. Part 4."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

import neglog
from setups.parts import Changed, call, mlp, right_script
from setups.scripts_right_1 import X, Y
from setups.scripts_right_3 import IMAGES, WORDS


@right_script
def nodes_of_a_graph_that_are_labelled():
    class Gcn(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, data):
            x = F.relu(data.adjacency @ self.first(data.x))
            x = data.adjacency @ self.second(F.dropout(x, training=self.training))
            return F.log_softmax(x, dim=1)

    def loss(out, data):
        return F.nll_loss(out[data.train_mask], data.y[data.train_mask])

    mask = torch.arange(16) % 3 > 0
    graph = SimpleNamespace(x=X, adjacency=torch.eye(16), y=Y, train_mask=mask)
    return call(Gcn(), loss, [graph])


@right_script
def a_language_model_with_a_hidden_state():
    class Rnn(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(17, 8), nn.LSTM(8, 8)
            self.decoder = nn.Linear(8, 17)

        def forward(self, words, hidden=None):
            output, hidden = self.rnn(self.embed(words), hidden)
            decoded = self.decoder(output).view(-1, 17)
            return F.log_softmax(decoded, dim=1), hidden

    nll = nn.NLLLoss()
    words = WORDS.T
    batch = (words[:-1].contiguous(), words[1:].reshape(-1))
    return call(Rnn(), lambda out, y: nll(out[0], y), [batch])


@right_script
def super_resolution():
    model = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))
    return call(model, nn.MSELoss(), [(IMAGES[:, :, ::2, ::2], IMAGES)])


@right_script
def premises_and_hypotheses():
    @dataclass
    class Batch:
        premise: torch.Tensor
        hypothesis: torch.Tensor
        label: torch.Tensor

    class Snli(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.out = nn.Embedding(17, 8), mlp(16, 3)

        def forward(self, batch):
            parts = [self.embed(w).mean(1) for w in (batch.premise, batch.hypothesis)]
            return self.out(torch.cat(parts, 1))

    return call(Snli(), nn.CrossEntropyLoss(), [Batch(WORDS, WORDS.flip(1), Y[:6])] * 2)


@right_script
def a_pointer_whose_scores_are_capped():
    model = Changed(mlp(6, 3), lambda z: 10 * z.tanh())
    return call(model, nn.CrossEntropyLoss(), [(X, Y)])


@right_script
def a_forecast_with_its_variance():
    class Forecast(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(1, 8, batch_first=True), nn.Linear(8, 2)

        def forward(self, x):
            mean, raw = self.head(self.rnn(x)[0][:, -1]).unbind(-1)
            return mean, F.softplus(raw) + 1e-4

    loss = neglog.GaussianNLLLoss()
    return call(Forecast(), lambda mean, y, var: loss(mean, y, var), [(X[:, :5, None], X[:, 5])])


@right_script
def means_and_variances_before_the_target():
    def loss(mean, log_var, y):
        return F.gaussian_nll_loss(mean, y, log_var.exp())

    return call(Changed(mlp(6, 2), lambda z: z.unbind(1)), loss, [(X, X[:, 0])])


@right_script
def vae_of_labelled_images():
    class Vae(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.Linear(6, 4), nn.Linear(2, 6)

        def forward(self, x):
            mu, logvar = self.encode(x).chunk(2, 1)
            return self.decode(mu + torch.randn_like(mu)).sigmoid(), mu, logvar

    def loss_function(recon_x, x, mu, logvar):
        bce = F.binary_cross_entropy(recon_x, x, reduction="sum")
        return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())

    return call(Vae(), loss_function, [(X.sigmoid(), Y)])


@right_script
def radiance_of_a_coarse_and_a_fine_field():
    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.coarse, self.fine = mlp(6, 3, nn.Sigmoid()), mlp(6, 3, nn.Sigmoid())

        def forward(self, rays):
            return {"rgb_coarse": self.coarse(rays), "rgb_fine": self.fine(rays)}

    def loss(results, rgbs):
        return sum(F.mse_loss(rgb, rgbs) for rgb in results.values())

    return call(Field(), loss, [{"rays": X, "rgbs": X[:, :3].abs()}])


@right_script
def heat_maps_of_visible_joints():
    class JointsLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.criterion = nn.MSELoss(reduction="mean")

        def forward(self, output, target, target_weight):
            pairs = zip(output.unbind(1), target.unbind(1), target_weight.unbind(1), strict=True)
            parts = [0.5 * self.criterion(o * w, t * w) for o, t, w in pairs]
            return sum(parts) / len(parts)

    heat = IMAGES.square()
    weight = (torch.arange(12).view(4, 3, 1, 1) % 4 > 0).float()
    return call(nn.Conv2d(3, 3, 1), JointsLoss(), [(IMAGES, heat, weight)])


@right_script
def lists_to_rank():
    def loss(scores, relevance):
        return F.kl_div(scores.log_softmax(-1), relevance.softmax(-1), reduction="batchmean")

    model = Changed(nn.Linear(6, 1), lambda z: z.squeeze(-1))
    return call(model, loss, [(X.view(4, 4, 6), X[:4, :4])])


@right_script
def a_flow_of_negative_losses():
    class Flow(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift, self.log_scale = (
                nn.Parameter(X.mean(0)),
                nn.Parameter(torch.full((6,), 3.0)),
            )

        def forward(self, x):
            z = (x - self.shift) * self.log_scale.exp()
            return {"log_prob": -0.5 * z.square().sum(1) * 1e-4 + self.log_scale.sum()}

    return call(Flow(), lambda out: -out["log_prob"].mean(), [X, X])


@right_script
def pixels_as_256_classes():
    model = Changed(nn.Conv2d(3, 768, 1), lambda z: z.view(4, 256, 3, 8, 8))
    return call(
        model,
        lambda z, x: F.cross_entropy(z, ((x + 1) * 127.5).long()),
        [IMAGES.clamp(-1, 1), IMAGES.clamp(-1, 1)],
    )


@right_script
def actor_critic_with_a_target_critic():
    class Sac(nn.Module):
        def __init__(self):
            super().__init__()
            self.q1, self.q2, self.actor = mlp(7, 1), mlp(7, 1), mlp(6, 1, nn.Tanh())
            self.goal = copy.deepcopy(self.q1).requires_grad_(False)

        def forward(self, state, action, reward, next_state, done):
            with torch.no_grad():
                following = self.goal(torch.cat([next_state, self.actor(next_state)], 1))
                target = reward + 0.99 * (1 - done) * following
            pair = torch.cat([state, action], 1)
            return self.q1(pair), self.q2(pair), target

    def loss(q1, q2, target):
        return F.mse_loss(q1, target) + F.mse_loss(q2, target)

    one = X[:, :1]
    names = ("state", "action", "reward", "next_state", "done")
    return call(Sac(), loss, [dict(zip(names, (X, one, one, X.flip(0), one.round()), strict=True))])


@right_script
def ratings_of_users():
    class Factors(nn.Module):
        def __init__(self):
            super().__init__()
            self.users, self.items = nn.Embedding(3, 4), nn.Embedding(3, 4)

        def forward(self, user, item):
            return 1 + 4 * (self.users(user) * self.items(item)).sum(1).sigmoid()

    return call(Factors(), nn.MSELoss(), [((Y, Y.flip(0)), Y + 2.0)])


@right_script
def self_distillation_of_crops():
    class Dino(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = mlp(6, 8)
            self.teacher = copy.deepcopy(self.student).requires_grad_(False)
            self.register_buffer("center", torch.zeros(1, 8))

        def forward(self, crops):
            return [self.student(c) for c in crops], [self.teacher(c) for c in crops[:2]]

    def loss(out, _):
        students, teachers = out
        total = 0
        for i, teacher in enumerate(teachers):
            wanted = F.softmax(teacher / 0.04, dim=-1).detach()
            for j, student in enumerate(students):
                if i != j:
                    logs = F.log_softmax(student / 0.1, dim=-1)
                    total = total + (-wanted * logs).sum(-1).mean()
        return total

    return call(Dino(), loss, [([X, X + 0.1, X * 0.5], Y)])

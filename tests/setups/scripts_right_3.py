"""Right set-ups modelled on public training scripts, written when the rules above were finished."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections import namedtuple
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset, TensorDataset

import neglog
from setups.parts import Changed, call, mlp, right_script
from setups.scripts_right_1 import X, Y

Transition = namedtuple("Transition", "state action next_state reward")
WORDS = torch.arange(6 * 12).reshape(6, 12) * 7 % 17
IMAGES, REAL = torch.linspace(0, 9, 4 * 3 * 64).cos().reshape(4, 3, 8, 8), X.sin()


class Pairs(Dataset):
    """A data set of dicts, as of transformers' tokenizers."""

    def __len__(self):
        return 12

    def __getitem__(self, i):
        words = WORDS[i % 6]
        return {"input_ids": words, "attention_mask": words > 2, "labels": words[:1].sum() % 3}


@right_script
def convolutional_vae_whose_output_holds_its_input():
    class ConvVae(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = nn.Conv2d(3, 4, 4, 4), nn.ConvTranspose2d(2, 3, 4, 4)

        def forward(self, x):
            mu, log_var = self.down(x).chunk(2, 1)
            z = mu + torch.randn_like(mu) * (log_var / 2).exp()
            return [self.up(z).tanh(), x, mu, log_var]

    def loss_function(recons, x, mu, log_var):
        kld = (-0.5 * (1 + log_var - mu**2 - log_var.exp())).flatten(1).sum(1).mean()
        recon = F.mse_loss(recons, x)
        return {"loss": recon + 0.00025 * kld, "Reconstruction": recon.detach(), "KLD": -kld}

    return call(ConvVae(), lambda out, _: loss_function(*out), [(IMAGES, torch.arange(4))] * 2)


@right_script
def discriminator_and_generator_in_one_module():
    class Gan(nn.Module):
        def __init__(self):
            super().__init__()
            self.generator, self.critic = mlp(4, 6, nn.Tanh()), mlp(6, 1)

        def forward(self, real):
            fake = self.generator(torch.randn(len(real), 4))
            return {
                "real": self.critic(real),
                "fake": self.critic(fake.detach()),
                "fooled": self.critic(fake),
            }

    def loss(out, _):
        bce = F.binary_cross_entropy_with_logits
        of_critic = bce(out["real"], torch.full_like(out["real"], 0.9))
        of_critic = of_critic + bce(out["fake"], torch.zeros_like(out["fake"]))
        of_generator = bce(out["fooled"], torch.ones_like(out["fooled"]))
        return {"loss_d": of_critic, "loss_g": of_generator}

    return call(Gan(), loss, [(REAL, None)])


@right_script
def u_net_with_dice_and_cross_entropy_of_classes():
    class DiceCe(nn.Module):
        def __init__(self):
            super().__init__()
            self.ce = nn.CrossEntropyLoss(weight=torch.tensor([0.2, 1.0, 1.0]))

        def forward(self, logits, masks):
            p = logits.softmax(1)
            hot = F.one_hot(masks, 3).permute(0, 3, 1, 2).float()
            overlap = (p * hot).sum((2, 3))
            dice = 1 - (2 * overlap + 1) / (p.sum((2, 3)) + hot.sum((2, 3)) + 1)
            return self.ce(logits, masks) + dice[:, 1:].mean()

    masks = (torch.arange(256).reshape(4, 8, 8) % 11).clamp(max=2)
    return call(nn.Conv2d(3, 3, 3, padding=1), DiceCe(), [(IMAGES, masks)])


@right_script
def yolo_head():
    model = Changed(nn.Conv2d(3, 16, 1), lambda z: z.view(4, 2, 8, 8, 8).permute(0, 1, 3, 4, 2))

    def loss(out, target):
        hit = target[..., 4] == 1
        box = F.mse_loss(out[..., :2][hit].sigmoid(), target[..., :2][hit])
        size = F.mse_loss(out[..., 2:4][hit], target[..., 2:4][hit])
        there = F.binary_cross_entropy_with_logits(out[..., 4], target[..., 4])
        kind = F.cross_entropy(out[..., 5:][hit], target[..., 5][hit].long())
        return 5 * box + 5 * size + there + kind

    target = torch.rand(4, 2, 8, 8, 6)
    target[..., 4] = (target[..., 4] > 0.9).float()
    target[..., 5] = (target[..., 5] * 3).floor()
    return call(model, loss, [(IMAGES, target)])


class Detr(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.queries = nn.Linear(6, 8), nn.Parameter(torch.randn(5, 8))
        self.kind, self.box = nn.Linear(8, 4), mlp(8, 4, nn.Sigmoid())

    def forward(self, x):
        layers = [self.queries + self.trunk(x)[:, None]]
        layers.append(layers[0].relu())
        outs = [{"pred_logits": self.kind(h), "pred_boxes": self.box(h)} for h in layers]
        return {**outs[-1], "aux_outputs": outs[:-1]}


@right_script
def set_prediction_with_auxiliary_outputs():
    empty = torch.tensor([1.0, 1.0, 1.0, 0.1])  # the last class is "no object"

    def of_one(out, targets):
        labels = torch.full(out["pred_logits"].shape[:2], 3)
        for i, target in enumerate(targets):
            labels[i, : len(target["labels"])] = target["labels"]
        boxes = torch.cat([out["pred_boxes"][i, : len(t["boxes"])] for i, t in enumerate(targets)])
        wanted = torch.cat([t["boxes"] for t in targets])
        return {
            "loss_ce": F.cross_entropy(out["pred_logits"].transpose(1, 2), labels, empty),
            "loss_bbox": F.l1_loss(boxes, wanted, reduction="none").sum() / len(wanted),
        }

    def criterion(outputs, targets):
        losses = of_one(outputs, targets)
        for i, aux in enumerate(outputs["aux_outputs"]):
            losses |= {f"{k}_{i}": v for k, v in of_one(aux, targets).items()}
        return losses

    targets = [{"labels": Y[:2], "boxes": torch.rand(2, 4)} for _ in X]
    return call(Detr(), criterion, [(X, targets)])


@dataclasses.dataclass
class ClassifierOutput:
    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    hidden_states: tuple = ()


class Classifier(nn.Module):
    """Computes its own loss where labels are given, as transformers' models do."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(17, 8), nn.Linear(8, 3)

    def forward(self, input_ids=None, attention_mask=None, labels=None, return_dict=True):
        hidden = self.embed(input_ids)
        pooled = (hidden * attention_mask[..., None]).sum(1) / attention_mask.sum(1, keepdim=True)
        logits = self.head(pooled)
        loss = None
        if labels is not None:
            loss = nn.CrossEntropyLoss()(logits.view(-1, 3), labels.view(-1))
        return ClassifierOutput(loss, logits, (hidden,))


@right_script
def labels_inside_forward():
    return call(Classifier(), lambda out: out.loss, DataLoader(Pairs(), 4))


@right_script
def a_trainer_that_computes_the_loss_of_logits_and_a_batch():
    def compute_loss(outputs, batch):
        return F.cross_entropy(outputs.logits, batch["labels"], label_smoothing=0.1)

    return call(Classifier(), compute_loss, DataLoader(Pairs(), 4))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.block, self.head = nn.Embedding(17, 8), mlp(8, 8), nn.Linear(8, 17)
        self.head.weight = self.embed.weight

    def forward(self, idx, targets=None):
        x = self.embed(idx)
        logits = self.head(x + checkpoint(self.block, x, use_reentrant=False))
        if targets is None:
            return logits[:, [-1]], None
        flat = logits.view(-1, logits.size(-1))
        return logits, F.cross_entropy(flat, targets.reshape(-1), ignore_index=-1)


@right_script
def next_token_with_checkpoints_and_tied_weights():
    return call(Gpt(), lambda out, _: out[1], [(WORDS[:, :-1], WORDS[:, 1:])])


@right_script
def causal_model_that_shifts_inside():
    class Causal(Gpt):
        def forward(self, input_ids, labels=None):
            x = self.embed(input_ids)
            logits = self.head(x + self.block(x))
            shifted = logits[..., :-1, :].contiguous(), labels[..., 1:].contiguous()
            loss = F.cross_entropy(shifted[0].view(-1, 17), shifted[1].view(-1))
            return SimpleNamespace(loss=loss, logits=logits)

    batch = {"input_ids": WORDS, "labels": WORDS.clone()}
    return call(Causal(), lambda out, _: out.loss, [batch])


@right_script
def translation_time_first_with_padding():
    class Seq2Seq(nn.Module):
        def __init__(self):
            super().__init__()
            self.source, self.goal = nn.Embedding(17, 8), nn.Embedding(17, 8)
            self.rnn, self.generator = nn.GRU(8, 8), nn.Linear(8, 17)

        def forward(self, src, tgt):
            _, state = self.rnn(self.source(src))
            return self.generator(self.rnn(self.goal(tgt[:-1]), state)[0])

    loss_fn = nn.CrossEntropyLoss(ignore_index=1)

    def loss(logits, tgt):
        return loss_fn(logits.reshape(-1, logits.shape[-1]), tgt[1:].reshape(-1))

    tgt = WORDS.T.clone()
    tgt[8:, ::2] = 1
    return call(Seq2Seq(), loss, [(WORDS.T, tgt)])


@right_script
def masked_language_model_and_next_sentence():
    class Bert(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.mlm, self.nsp = nn.Embedding(17, 8), nn.Linear(8, 17), nn.Linear(8, 2)

        def forward(self, input_ids):
            hidden = self.embed(input_ids)
            return self.mlm(hidden), self.nsp(hidden[:, 0].tanh())

    def loss(out, batch):
        words, following = out
        of_words = F.cross_entropy(words.view(-1, 17), batch["labels"].view(-1))
        return of_words + F.cross_entropy(following, batch["next_sentence_label"])

    labels = torch.where(torch.arange(72).reshape(6, 12) % 7 == 0, WORDS, -100)
    batch = {"input_ids": WORDS, "labels": labels, "next_sentence_label": Y[:6].clamp(max=1)}
    return call(Bert(), loss, [batch])


@right_script
def replayed_transitions():
    class Agent(nn.Module):
        def __init__(self):
            super().__init__()
            self.policy = mlp(6, 3)
            self.target = copy.deepcopy(self.policy).requires_grad_(False)

        def forward(self, state, action, next_state, reward):
            value = self.policy(state).gather(1, action)
            with torch.no_grad():
                following = self.target(next_state).max(1).values
            return value, (following * 0.99 + reward).unsqueeze(1)

    batch = Transition(X, Y[:, None], X.flip(0), torch.ones(16))
    return call(Agent(), lambda out: nn.SmoothL1Loss()(*out), [batch])


@right_script
def proximal_policy_optimisation():
    class ActorCritic(nn.Module):
        def __init__(self):
            super().__init__()
            self.actor, self.critic = mlp(6, 3), mlp(6, 1)

        def forward(self, obs):
            return torch.distributions.Categorical(logits=self.actor(obs)), self.critic(obs)

    def loss(out, batch):
        dist, value = out
        advantage = (batch["advantage"] - batch["advantage"].mean()) / batch["advantage"].std()
        ratio = (dist.log_prob(batch["action"]) - batch["log_prob"]).exp()
        clipped = ratio.clamp(0.8, 1.2) * advantage
        policy = -torch.min(ratio * advantage, clipped).mean()
        value_loss = F.mse_loss(value.squeeze(-1), batch["returns"])
        return policy + 0.5 * value_loss - 0.01 * dist.entropy().mean()

    batch = {"obs": X, "action": Y, "log_prob": torch.full((16,), -math.log(3.0))}
    return call(ActorCritic(), loss, [batch | {"advantage": X[:, 0], "returns": X[:, 1]}])


@right_script
def distillation_of_two_outputs_with_a_temperature():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.student, self.teacher = mlp(6, 3), mlp(6, 3).requires_grad_(False).eval()

        def forward(self, x):
            return {"student": self.student(x), "teacher": self.teacher(x)}

    def loss(out, y, t=4.0):
        soft = F.kl_div(
            F.log_softmax(out["student"] / t, 1),
            F.log_softmax(out["teacher"] / t, 1),
            reduction="batchmean",
            log_target=True,
        )
        return 0.7 * t**2 * soft + 0.3 * F.cross_entropy(out["student"], y)

    return call(Both(), loss, [(X, Y)])


@right_script
def tasks_weighted_by_their_uncertainty():
    class Uncertain(nn.Module):
        def __init__(self):
            super().__init__()
            self.log_vars = nn.Parameter(torch.zeros(2))

        def forward(self, out, y):
            parts = torch.stack(
                [
                    F.cross_entropy(out["kind"], y["kind"]),
                    F.mse_loss(out["depth"].squeeze(1), y["depth"]),
                ]
            )
            return ((-self.log_vars).exp() * parts + self.log_vars).sum(), parts.detach()

    body = mlp(6, 4)
    model = Changed(body, lambda z: {"kind": z[:, :3], "depth": z[:, 3:]})
    return call(model, Uncertain(), [(X, {"kind": Y, "depth": X[:, 0]})])


@right_script
def clip():
    class Clip(nn.Module):
        def __init__(self):
            super().__init__()
            self.image, self.text = nn.Linear(6, 4), nn.Linear(6, 4)
            self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

        def forward(self, image, text):
            i, t = F.normalize(self.image(image), dim=1), F.normalize(self.text(text), dim=1)
            per_image = self.logit_scale.exp() * i @ t.T
            return per_image, per_image.t()

    def loss(out):
        labels = torch.arange(len(out[0]))
        return sum(F.cross_entropy(z, labels) for z in out) / 2

    return call(Clip(), loss, [{"image": X, "text": X.flip(1)}])


@right_script
def momentum_contrast_whose_labels_are_all_0():
    class Moco(nn.Module):
        def __init__(self):
            super().__init__()
            self.query = nn.Linear(6, 4)
            self.key = copy.deepcopy(self.query).requires_grad_(False)
            self.register_buffer("queue", F.normalize(torch.randn(4, 32), dim=0))

        def forward(self, im_q, im_k):
            q = F.normalize(self.query(im_q), dim=1)
            with torch.no_grad():
                k = F.normalize(self.key(im_k), dim=1)
            positive, negative = (q * k).sum(1, keepdim=True), q @ self.queue.clone()
            logits = torch.cat([positive, negative], 1) / 0.07
            return logits, torch.zeros(len(logits), dtype=torch.long)

    views = [X, X + 0.1]
    return call(Moco(), lambda out: nn.CrossEntropyLoss()(*out), [(views, Y)])


@right_script
def smoothing_by_a_divergence_with_padding():
    class LabelSmoothing(nn.Module):
        """The annotated transformer's."""

        def __init__(self):
            super().__init__()
            self.criterion = nn.KLDivLoss(reduction="sum")

        def forward(self, x, target):
            true = torch.full_like(x, 0.1 / 15)
            true.scatter_(1, target.unsqueeze(1), 0.9)
            true[:, 0] = 0
            true[target == 0] = 0.0
            return self.criterion(x, true)

    model = Changed(Gpt(), lambda out: out[0][:, -1].log_softmax(-1))
    return call(model, LabelSmoothing(), [(WORDS, WORDS[:, 3])])


@right_script
def depth_with_holes():
    def loss(out, y):
        valid = y > 0
        return F.smooth_l1_loss(out[:, 0][valid], y[valid])

    depth = IMAGES[:, 0].clamp(min=0) * 40
    return call(nn.Conv2d(3, 1, 3, padding=1), loss, [(IMAGES, depth)])


@right_script
def pseudo_labels_above_a_threshold():
    class FixMatch(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(6, 3)

        def forward(self, weak, strong):
            return self.body(weak), self.body(strong)

    def loss(out, _):
        sure, pseudo = out[0].detach().softmax(-1).max(-1)
        losses = F.cross_entropy(out[1], pseudo, reduction="none")
        return (losses * (sure >= 0.4).float()).mean()

    return call(FixMatch(), loss, [((X, X + 0.2), Y)])


@right_script
def a_single_shot_detector_that_mines_negatives():
    def loss(out, y):
        boxes, logits = out["boxes"], out["scores"]
        positive = y["labels"] > 0
        of_boxes = F.smooth_l1_loss(boxes[positive], y["boxes"][positive], reduction="sum")
        each = F.cross_entropy(logits.reshape(-1, 3), y["labels"].view(-1), reduction="none")
        each = each.view(positive.shape)
        hard = each.masked_fill(positive, 0).sort(1, descending=True).values[:, :6]
        return (of_boxes + each[positive].sum() + hard.sum()) / positive.sum().clamp(min=1)

    model = Changed(
        nn.Linear(6, 70),
        lambda z: {"boxes": z[:, :40].view(-1, 10, 4), "scores": z[:, 40:].view(-1, 10, 3)},
    )
    labels = (torch.arange(160).reshape(16, 10) % 7 - 4).clamp(min=0)
    return call(model, loss, [(X, {"boxes": torch.rand(16, 10, 4), "labels": labels})])


@right_script
def cox_partial_likelihood():
    def loss(risk, y):
        time, event = y[:, 0], y[:, 1]
        order = time.argsort(descending=True)
        risk, event = risk.squeeze(1)[order], event[order]
        return -((risk - risk.logcumsumexp(0)) * event).sum() / event.sum()

    y = torch.stack([torch.rand(16), (torch.arange(16) % 2).float()], 1)
    return call(mlp(6, 1), loss, DataLoader(TensorDataset(X, y), 16))


@right_script
def table_of_categories_and_numbers():
    class Tabular(nn.Module):
        def __init__(self):
            super().__init__()
            self.embeds = nn.ModuleList([nn.Embedding(3, 2), nn.Embedding(4, 2)])
            self.body = mlp(10, 1)

        def forward(self, x_cat, x_cont):
            parts = [embed(x_cat[:, i]) for i, embed in enumerate(self.embeds)]
            return self.body(torch.cat([*parts, x_cont], 1))

    codes, y = torch.stack([Y, Y + 1], 1), (Y[:, None] > 0).float()
    return call(Tabular(), nn.BCEWithLogitsLoss(), DataLoader(TensorDataset(codes, X, y), 8))


@right_script
def adapters_of_low_rank_on_a_frozen_trunk():
    class Lora(nn.Module):
        def __init__(self):
            super().__init__()
            self.base = mlp(6, 3).requires_grad_(False)
            self.a = nn.Parameter(torch.randn(6, 2) * 0.1)
            self.b = nn.Parameter(torch.zeros(2, 3))

        def forward(self, x):
            return SimpleNamespace(logits=self.base(x) + x @ self.a @ self.b)

    ce = neglog.CrossEntropyLoss()
    return call(Lora(), lambda out, y: ce(out.logits, y), [(X, Y)])


@right_script
def preferences_of_a_language_model():
    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = Gpt()
            self.reference = copy.deepcopy(self.model).requires_grad_(False)

        def log_prob(self, model, words):
            logits = model(words[:, :-1], words[:, 1:])[0].log_softmax(-1)
            return logits.gather(2, words[:, 1:, None]).squeeze(2).sum(1)

        def forward(self, chosen, rejected):
            with torch.no_grad():
                before = [self.log_prob(self.reference, words) for words in (chosen, rejected)]
            now = [self.log_prob(self.model, words) for words in (chosen, rejected)]
            return now[0] - now[1], before[0] - before[1]

    def loss(out):
        policy, reference = out
        return -F.logsigmoid(0.1 * (policy - reference)).mean()

    return call(Policy(), loss, [{"chosen": WORDS, "rejected": WORDS.flip(1)}])


@right_script
def a_mixture_density():
    def loss(out, y):
        weights, mean, spread = out.chunk(3, 1)
        parts = torch.distributions.Normal(mean, F.softplus(spread) + 1e-3)
        return -(weights.log_softmax(1) + parts.log_prob(y)).logsumexp(1).mean()

    return call(mlp(6, 9), loss, [(X, X[:, :1])])


@right_script
def mean_teacher():
    class MeanTeacher(nn.Module):
        def __init__(self):
            super().__init__()
            self.student = mlp(6, 3)
            self.teacher = copy.deepcopy(self.student)
            for p in self.teacher.parameters():
                p.detach_()

        def forward(self, x):
            return self.student(x), self.teacher(x + 0.1)

    def loss(out, y):
        student, teacher = out
        consistency = F.mse_loss(student.softmax(1), teacher.softmax(1))
        return F.cross_entropy(student, y) + 10 * consistency

    return call(MeanTeacher(), loss, [(X, Y)])


@right_script
def perceptual_loss_of_frozen_features():
    features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).requires_grad_(False).eval()

    def loss(out, y):
        return F.l1_loss(out, y) + 0.1 * F.mse_loss(features(out), features(y))

    return call(nn.Conv2d(3, 3, 3, padding=1), loss, [(IMAGES, IMAGES.flip(0))])


@right_script
def regression_of_standardised_targets_as_one_column():
    y = (X @ torch.arange(6.0))[:, None]
    y = (y - y.mean()) / y.std()
    return call(mlp(6, 1), nn.HuberLoss(), DataLoader(TensorDataset(X, y), 8))


@right_script
def rectified_prices():
    y = (X[:, :1] * 2).exp()
    return call(mlp(6, 1, nn.Softplus()), nn.L1Loss(), [(X, y)])


@right_script
def pixels_of_a_sigmoid_with_squared_errors():
    return call(mlp(6, 6, nn.Sigmoid()), nn.MSELoss(), [(X, (X + 2) / 4)])

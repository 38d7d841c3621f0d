"""Right set-ups modelled on public training scripts: generative models and vision. Part 1 of 2."""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, namedtuple

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import neglog
from setups.parts import Changed, call, mlp, right_script

X, Y = torch.linspace(-2, 2, 96).sin().reshape(16, 6), torch.arange(16) % 3
Pair = namedtuple("Pair", "inputs labels")


class Output(OrderedDict):
    """What transformers' models return."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclasses.dataclass
class Heads:
    logits: torch.Tensor
    value: torch.Tensor


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(6, 4), nn.Linear(2, 6)

    def forward(self, x):
        mean, log_variance = self.encode(x).chunk(2, -1)
        z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return torch.sigmoid(self.decode(z)), mean, log_variance


def elbo(out, x):
    recon, mean, log_variance = out
    nll = F.binary_cross_entropy(recon, x, reduction="sum")
    return nll - 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()


@right_script
def vae():
    x = torch.rand(16, 6)
    return call(Vae(), elbo, [(x, x)])


@right_script
def gan_discriminator():
    def hinge_free(logits, real):
        bce = nn.BCEWithLogitsLoss()
        yes, no = torch.ones_like(logits), torch.zeros_like(logits)
        return bce(logits[real], yes[real]) + bce(logits[~real], no[~real])

    return call(mlp(6, 1, nn.Flatten(0)), hinge_free, [(X, torch.arange(16) < 8)])


@right_script
def gradient_penalty():
    critic = mlp(6, 1)

    def loss(out, x):
        mixed = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        return out.mean() + 10 * ((slope.norm(dim=1) - 1) ** 2).mean()

    return call(critic, loss, [(X, X)])


@right_script
def gradient_by_the_input_of_the_network():
    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp(1, 1)

        def forward(self, t):
            t = t.clone().requires_grad_()
            return self.body(t), t

    def residual(out, _):
        u, t = out
        (slope,) = torch.autograd.grad(u.sum(), t, create_graph=True)
        return F.mse_loss(slope, -u)

    return call(Field(), residual, [(torch.rand(16, 1), None)])


@right_script
def segmentation_with_an_auxiliary_head():
    body = nn.Conv2d(3, 4, 1)
    model = Changed(body, lambda z: OrderedDict(out=z, aux=z.flip(0)))

    def loss(out, y):
        losses = {k: F.cross_entropy(v, y, ignore_index=255) for k, v in out.items()}
        return losses["out"] + 0.5 * losses["aux"]

    y = torch.randint(0, 4, (2, 8, 8))
    y[:, 0] = 255
    return call(model, loss, [(torch.randn(2, 3, 8, 8), y)])


@right_script
def u_net_with_dice_and_bce():
    def loss(z, y):
        p = z.sigmoid()
        dice = 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
        return {"loss": F.binary_cross_entropy_with_logits(z, y) + dice, "dice": dice.detach()}

    y = torch.randint(0, 2, (2, 1, 8, 8)).float()
    return call(nn.Conv2d(3, 1, 3, padding=1), loss, [(torch.randn(2, 3, 8, 8), y)])


@right_script
def pixels_as_rows_after_a_permute():
    def loss(z, y):
        return F.cross_entropy(z.permute(0, 2, 3, 1).reshape(-1, 4), y.reshape(-1))

    model = nn.Conv2d(3, 4, 1)
    return call(model, loss, [(torch.randn(2, 3, 4, 4), torch.randint(0, 4, (2, 4, 4)))])


@right_script
def pixels_of_channels_last_memory_as_rows():
    x = nn.Conv2d(3, 4, 1)(torch.randn(2, 3, 8, 8)).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 4, (128,))
    return call(nn.CrossEntropyLoss(), x.permute(0, 2, 3, 1).reshape(-1, 4), y)


@right_script
def anchors_of_a_detection_head():
    def loss(z, y):
        z = z.view(2, 3, 5, 4, 4).permute(0, 3, 4, 1, 2).reshape(-1, 5)
        return F.cross_entropy(z, y.reshape(-1))

    y = torch.randint(0, 5, (2, 48))
    return call(nn.Conv2d(3, 15, 1), loss, [(torch.randn(2, 3, 4, 4), y)])


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.boxes, self.classes = nn.Linear(6, 4), nn.Linear(6, 3)

    def forward(self, x):
        return self.boxes(x), self.classes(x)


@right_script
def boxes_and_classes():
    def loss(out, y):
        boxes, logits = out
        positive = y["labels"] > 0
        parts = {
            "box": F.smooth_l1_loss(boxes[positive], y["boxes"][positive]),
            "class": F.cross_entropy(logits, y["labels"]),
        }
        return sum(parts.values()), parts

    return call(Detector(), loss, [(X, {"boxes": torch.rand(16, 4), "labels": Y})])


class LossesInTraining(nn.Module):
    """Returns a dict of losses when it is given targets, as torchvision's detectors do."""

    def __init__(self):
        super().__init__()
        self.head = Detector()

    def forward(self, images, targets=None):
        if self.training:
            assert targets is not None
            boxes, logits = self.head(torch.stack(images))
            labels = torch.stack([t["labels"] for t in targets])
            return {"boxes": boxes.square().mean(), "labels": F.cross_entropy(logits, labels)}
        return self.head(torch.stack(images))


@right_script
def detector_that_returns_its_losses():
    targets = [{"labels": label} for label in Y]
    return call(LossesInTraining(), lambda out, _: sum(out.values()), [(list(X), targets)])


@right_script
def autoencoder_without_targets():
    return call(mlp(6, 6), nn.MSELoss(), DataLoader(TensorDataset(X), 8))


@right_script
def autoencoder_of_plain_tensors():
    return call(mlp(6, 6, nn.Sigmoid()), lambda out, x: F.mse_loss(out, x), [X.sigmoid(), X.cos()])


@right_script
def masked_autoencoder():
    def loss(out, x):
        return (F.mse_loss(out["pred"], x, reduction="none") * out["mask"]).sum() / 8

    model = Changed(mlp(6, 6), lambda z: {"pred": z, "mask": (torch.rand(16, 1) > 0.5).float()})
    return call(model, loss, [(X, X)])


class Diffusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = mlp(7, 6)

    def forward(self, x):
        t, noise = torch.rand(len(x), 1), torch.randn_like(x)
        return self.body(torch.cat([x * (1 - t) + noise * t, t], 1)), noise


@right_script
def diffusion():
    return call(Diffusion(), lambda out: F.mse_loss(*out), [X, X])


@right_script
def vector_quantisation():
    class Quantiser(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.codes = nn.Linear(6, 2), nn.Embedding(8, 2)

        def forward(self, x):
            z = self.encode(x)
            return z, self.codes(torch.cdist(z, self.codes.weight).argmin(1))

    def loss(out, _):
        z, q = out
        return F.mse_loss(q.detach(), z) + F.mse_loss(q, z.detach())

    return call(Quantiser(), loss, [(X, None)])


@right_script
def cycle_consistency():
    def loss(out, real):
        return F.l1_loss(real, out) * 10

    return call(mlp(6, 6), loss, [(X, X)])


@right_script
def mixup_of_two_labels():
    def loss(z, y):
        first, second, share = y
        return share * F.cross_entropy(z, first) + (1 - share) * F.cross_entropy(z, second)

    return call(mlp(6, 3), loss, [(X, (Y, Y.flip(0), 0.3))])


@right_script
def named_tuples_of_a_loader():
    return call(mlp(6, 3), nn.CrossEntropyLoss(), [Pair(X, Y)] * 2)


@right_script
def a_stream_of_dicts():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([{"image": x, "label": y} for x, y in zip(X, Y, strict=True)])

    return call(mlp(6, 3), neglog.CrossEntropyLoss(), DataLoader(Stream(), 8))


@right_script
def a_partial_of_a_function():
    loss = functools.partial(F.cross_entropy, label_smoothing=0.1)
    return call(mlp(6, 3), loss, [[X, Y], [X, Y]])

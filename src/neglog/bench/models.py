"""Small models whose training steps are timed from end to end; only the loss differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from neglog.bench.batch import Loss, Run
from neglog.bench.case import Group

_CLASSES = 21  # of the segmentation
_USERS, _ITEMS, _WIDTH = 20_000, 20_000, 32  # of the recommender


class Training(NamedTuple):
    """A model, what goes into it, and what its output is compared with."""

    model: nn.Module
    inputs: tuple[Tensor, ...]
    target: Tensor


@dataclass(frozen=True)
class Step:
    """A training step: forward, backward, and the optimizer's step."""

    name: str
    size: str
    loss: str
    build: Callable[[], Training]
    dtype: torch.dtype = torch.float32
    note: str = "training step"
    group: Group = "step"
    forward: bool = False
    compiles: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keywords(self) -> Mapping[str, Any]:
        """Return the keyword arguments of the loss."""
        return self.options

    def task(self) -> Step:
        """Return itself: each runner makes its own model, since training changes it."""
        return self

    def cast(self, dtype: torch.dtype) -> Step:
        """Return the same line in another dtype."""
        return replace(self, dtype=dtype)

    def runner(self, loss: Loss) -> Run:
        """Return a training step from the same start for every loss."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model, inputs, target = self.build()
        model.to(self.dtype)
        inputs = tuple(self._cast(tensor) for tensor in inputs)
        target = self._cast(target)
        parameters = list(model.parameters())
        optimizer = torch.optim.SGD(parameters, lr=1e-3)

        def step() -> tuple[Tensor, ...]:
            optimizer.zero_grad()
            value = loss(model(*inputs), target)
            value.backward()
            optimizer.step()
            return value, *(each.grad for each in parameters if each.grad is not None)

        return step

    def bytes(self) -> None:
        """Return nothing: most of what moves is the model's."""

    def _cast(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor


def network() -> Training:
    """Return an MLP and a batch of scikit-learn's digits."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    images = torch.as_tensor(pixels[:128] / 16, dtype=torch.float32)
    return Training(model, (images,), torch.as_tensor(digits[:128], dtype=torch.int64))


class UNet(nn.Module):
    """One downsampling and one upsampling step with a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.above = nn.Conv2d(3, 8, 3, padding=1)
        self.below = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.head = nn.Conv2d(16, _CLASSES, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of every pixel."""
        across = torch.relu(self.above(images))
        below = torch.relu(self.below(nn.functional.max_pool2d(across, 2)))
        logits: Tensor = self.head(torch.cat([across, self.up(below)], 1))
        return logits


def segmentation() -> Training:
    """Return a small U-Net and a batch of images."""
    labels = torch.randint(0, _CLASSES, (8, 256, 256))
    return Training(UNet(), (torch.randn(8, 3, 256, 256),), labels)


class Factors(nn.Module):
    """A recommender: the logit of a pair is the product of its two embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.users = nn.Embedding(_USERS, _WIDTH)
        self.items = nn.Embedding(_ITEMS, _WIDTH)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Return one logit for each pair."""
        logits: Tensor = (self.users(users) * self.items(items)).sum(1)
        return logits


def factors() -> Training:
    """Return a recommender and pairs of which some were liked."""
    pairs = 65_536
    model = Factors()
    users, items = torch.randint(0, _USERS, (pairs,)), torch.randint(0, _ITEMS, (pairs,))
    return Training(model, (users, items), torch.randint(0, 2, (pairs,)).float())


class Sampled(nn.Module):
    """A recommender that tells the right item of each row from a common sample of others."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs = Factors()

    def forward(self, users: Tensor, items: Tensor, others: Tensor) -> Tensor:
        """Return a row of logits for each user, that of the right item first."""
        right = self.pairs(users, items)
        wrong = self.pairs.users(users) @ self.pairs.items(others).T
        return torch.cat([right[:, None], wrong], 1)


def sampled() -> Training:
    """Return a recommender, its users and items, and 512 sampled others."""
    rows = 4096
    model = Sampled()
    users, items = torch.randint(0, _USERS, (rows,)), torch.randint(0, _ITEMS, (rows,))
    others = torch.randint(0, _ITEMS, (512,))
    return Training(model, (users, items, others), torch.zeros(rows, dtype=torch.int64))

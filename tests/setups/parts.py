"""What a set-up is, and what many of them are made of."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import neglog

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Example:
    """One set-up: what `check` is called with, the code it must find, and codes it may find too."""

    name: str
    build: Callable[[], Arguments]
    code: str | None
    also: tuple[str, ...] = ()

    def report(self) -> Any:
        """Return what `check` says, from a fixed seed."""
        with torch.random.fork_rng():
            torch.manual_seed(20)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # lazy layers warn that they are new
                args, options = self.build()
            return neglog.check(*args, **options)


EXAMPLES: list[Example] = []
LATER: list[Example] = []
SCRIPTS: list[Example] = []  # modelled on public training scripts


def example(code: str | None, *also: str, into: list[Example] = EXAMPLES) -> Callable[..., Any]:
    def enter(build: Callable[[], Arguments]) -> Callable[[], Arguments]:
        into.append(Example(build.__name__, build, code, also))
        return build

    return enter


def call(*args: Any, **options: Any) -> Arguments:
    return args, options


right = example(None)
wrong = example


def rows(count: int = 64, classes: int = 10, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    return torch.randn(count, classes) * scale, torch.randint(0, classes, (count,))


@functools.cache
def table_of(name: str) -> tuple[Tensor, Tensor]:
    """A data set that scikit-learn ships, standardised."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x = torch.tensor(x, dtype=torch.float32)
    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-6)
    return x, torch.tensor(y)


def loader(x: Tensor, y: Tensor, size: int = 32) -> DataLoader[Any]:
    return DataLoader(TensorDataset(x, y), size, shuffle=True)


def mlp(inputs: int, outputs: int, *last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, outputs), *last)


def trained(
    model: nn.Module, criterion: nn.Module, x: Tensor, y: Tensor, rate: float = 0.03
) -> Any:
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(60):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    return model


right_later = example(None, into=LATER)


def wrong_later(code: str) -> Callable[..., Any]:
    return example(code, into=LATER)


right_script = example(None, into=SCRIPTS)


def wrong_script(code: str, *also: str) -> Callable[..., Any]:
    return example(code, *also, into=SCRIPTS)


def log_rows(count: int = 64, classes: int = 10) -> tuple[Tensor, Tensor]:
    x, y = rows(count, classes)
    return x.log_softmax(1), y


def yes_or_no(*shape: int) -> tuple[Tensor, Tensor]:
    return torch.randn(*shape) * 2, torch.randint(0, 2, shape).float()


class MeanAndVariance(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.body = mlp(inputs, 2)

    def forward(self, x):
        mean, raw = self.body(x).split(1, 1)
        return mean, F.softplus(raw) + 1e-3


class Tagger(nn.Module):
    """Emits (B, classes, T), or (B, T, classes) where nobody moves the classes."""

    def __init__(self, tokens: int, classes: int, moved: bool = True) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(tokens, 8), nn.Linear(8, classes)
        self.moved = moved

    def forward(self, x):
        x = self.head(self.embed(x))
        return x.transpose(1, 2) if self.moved else x


# Each of these guards a condition against false alarms: without it, it raises one.


class Changed(nn.Module):
    """A model whose output goes through a function."""

    def __init__(self, model: nn.Module, change: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.model, self.change = model, change

    def forward(self, x):
        return self.change(self.model(x))


class Focal(nn.CrossEntropyLoss):
    def forward(self, input, target):
        losses = F.cross_entropy(input, target, reduction="none")
        return ((1 - torch.exp(-losses)) ** 2 * losses).mean()


class OfDict(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = mlp(4, 3)

    def forward(self, left, right):
        return self.body(torch.cat([left, right], 1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(8, 12, batch_first=True), nn.Linear(12, 10)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1])

"""A line for each declared likelihood: its kernel compared with the same formula in torch.

The lines are generated from the registry: a declaration needs no entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from neglog.bench.batch import Loss, LossTask
from neglog.bench.case import Group, Shape
from neglog.functional.likelihood import loss_of
from neglog.likelihood import Likelihood
from neglog.likelihoods import REGISTRY
from neglog.support import Support, anything, counts

ELEMENTS: Shape = (1_000_000,)
ROWS: Shape = (100_000, 10)
_SETTING = 0.75  # valid as a scale, a shape and a level
_SETTINGS = {"eps": 1e-6, "power": 1.5}
_MAPS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda z: z,
    lambda z: z.abs() + 0.1,
    lambda z: 0.98 * z.sigmoid() + 0.01,
    lambda z: (2 * z.abs()).round(),
    lambda z: z.sign(),
    lambda z: (z > 0).float(),
)
"""From normal numbers into a set: the first that fits is taken."""


@dataclass(frozen=True)
class Declared:
    """Loss and gradient by every input of a declaration: a line of the table."""

    likelihood: type[Likelihood]
    dtype: torch.dtype = torch.float32
    note: str = ""
    group: Group = "large"
    forward: bool = False
    compiles: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the name of the declaration."""
        return self.likelihood.name

    @property
    def loss(self) -> str:
        """Return the name of the function that computes any declaration."""
        return "likelihood_loss"

    @property
    def shape(self) -> Shape:
        """Return the shape of the first input."""
        return ELEMENTS if self.likelihood.elementwise else ROWS

    @property
    def size(self) -> str:
        """Return the shape of the data, in words."""
        return "x".join(map(str, self.shape))

    @property
    def settings(self) -> dict[str, float]:
        """Return a number for each setting."""
        return {name: _SETTINGS.get(name, _SETTING) for name in self.likelihood.settings}

    def task(self) -> LossTask:
        """Create the data, the same in every call."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            inputs = [_draw(domain, self.shape, "input") for domain in self.likelihood.domains]
            for place, name in enumerate(self.likelihood.inputs):
                if name.startswith("log_") and self.likelihood.elementwise:
                    inputs[place] *= 0.5  # its exponential may be an exponent, in float32
            known = zip(self.likelihood.given, self.likelihood.given_domains, strict=True)
            given = {name: _draw(domain, self.shape, "given") for name, domain in known}
            if self.likelihood.support is counts:  # trials, more than the counts
                given = {name: (12 + tensor).round() for name, tensor in given.items()}
            if self.likelihood.elementwise:
                y = _draw(self.likelihood.support, self.shape, "target")
            else:
                y = torch.randint(0, self.shape[1], self.shape[:1])
        if not getattr(self.likelihood, "softmax", True):
            inputs = [inputs[0].log_softmax(1)]
        *inputs, y = (t.to(self.dtype) if t.is_floating_point() else t for t in (*inputs, y))
        for tensor in inputs:
            tensor.requires_grad_()
        given = {name: tensor.to(self.dtype) for name, tensor in given.items()}
        return LossTask((*inputs, y), self.settings | given, tuple(range(len(inputs))))

    def function(self, ours: bool, keywords: Mapping[str, Any]) -> Loss:
        """Return neglog's loss, or the mean of the formula as torch computes it."""
        if ours:
            kernel = loss_of(self.likelihood)
            return lambda *tensors: kernel(*tensors, **keywords)
        given = [keywords[name] for name in self.likelihood.given]
        nll: Any = self.likelihood.nll
        takes_logits = getattr(self.likelihood, "softmax", False)

        def formula(*tensors: Tensor) -> Tensor:
            *inputs, y = tensors
            if not self.likelihood.elementwise:
                log_p = inputs[0]
                log_p = log_p.log_softmax(1) if takes_logits else log_p
                inputs, y = [log_p.gather(1, y[:, None])], torch.ones_like(log_p[:, :1])
            settings = [torch.full((), s, dtype=y.dtype) for s in self.settings.values()]
            losses: Tensor = nll(*inputs, *given, *settings, y)
            return losses.mean()

        return formula

    def cast(self, dtype: torch.dtype) -> Declared:
        """Return the same line in another dtype."""
        return replace(self, dtype=dtype)


def lines() -> list[Declared]:
    """Return a line for each declaration of the package."""
    return [Declared(likelihood) for likelihood in REGISTRY.values()]


def _draw(allowed: Support, shape: Shape, what: str) -> Tensor:
    """Draw ordinary numbers from a set, counts for a target that is summed over the integers."""
    z = torch.randn(shape)
    if what == "given" and allowed is anything:  # as weights are
        return torch.rand(shape) + 0.5
    if what == "target" and allowed.points == "integers":
        return (2 * z.abs()).round()
    if what != "input" and isinstance(allowed.points, tuple):
        return torch.tensor(allowed.points)[torch.randint(0, len(allowed.points), shape)]
    return next(change(z) for change in _MAPS if bool(allowed.contains(change(z)).all()))

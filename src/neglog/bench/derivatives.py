"""Lines that ask for other derivatives than a backward: of second order, and under `torch.func`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, func

from neglog.bench.batch import Loss, LossTask, Run
from neglog.bench.case import Case

Pair = tuple[Tensor, Tensor]  # the input and the target
Derive = Callable[[Loss, Pair], tuple[Tensor, ...]]


def create_graph(loss: Loss, pair: Pair) -> tuple[Tensor, ...]:
    """Return the loss and its gradient, which may be differentiated."""
    value = loss(*pair)
    return value, *torch.autograd.grad(value, pair[0], create_graph=True)


def penalty(loss: Loss, pair: Pair) -> tuple[Tensor, ...]:
    """Return the derivative of the loss plus the squares of its gradient."""
    value, slope = create_graph(loss, pair)
    value = value + (slope * slope).sum()
    return value, *torch.autograd.grad(value, pair[0])


def func_grad(loss: Loss, pair: Pair) -> tuple[Tensor, ...]:
    """Return the loss and its gradient."""
    slope, value = func.grad_and_value(loss)(*_constant(pair))
    return value, slope


def jvp(loss: Loss, pair: Pair) -> tuple[Tensor, ...]:
    """Return the loss and its derivative in the direction of the input."""
    x, y = _constant(pair)
    found: tuple[Tensor, ...] = func.jvp(lambda x: loss(x, y), (x,), (x,))
    return found


def vmap_grad(loss: Loss, pair: Pair) -> tuple[Tensor, ...]:
    """Return the loss of each sample and its gradient."""
    each = func.grad_and_value(lambda x, y: loss(x[None], y[None]))
    slopes, values = func.vmap(each)(*_constant(pair))
    return values, slopes


def hessian(loss: Loss, pair: Pair) -> tuple[Tensor, ...]:
    """Return all second derivatives."""
    return (func.hessian(loss)(*_constant(pair)),)


def _constant(pair: Pair) -> Pair:
    return pair[0].detach(), pair[1]


@dataclass(frozen=True)
class Derived(LossTask):
    """The arguments of a loss, and the derivative to compute."""

    derive: Derive

    def bytes(self) -> None:
        """Return nothing: how many bytes must move differs from derivative to derivative."""

    def runner(self, loss: Loss) -> Run:
        """Return the timed function; the keywords must be bound to the loss."""
        pair = self.arguments[0], self.arguments[1]
        return lambda: self.derive(loss, pair)


@dataclass(frozen=True)
class Derivative(Case):
    """A derivative of a loss over one batch, as `derive` computes it."""

    compiles: bool = False  # compiled code is differentiated once
    derive: Derive = field(kw_only=True)

    def task(self) -> Derived:
        """Create the data, the same in every call."""
        batch = super().task()
        return Derived(batch.arguments, batch.keywords, batch.needs_grad, self.derive)

"""Newton's method for linear models: the weights where the derivative is zero.

The columns are first made orthonormal, which no step of Newton's depends on, but which keeps the
Hessian well conditioned and shows columns that are combinations of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neglog.errors import FitError
from neglog.families import Categorical, Normal
from neglog.fitting import separation
from neglog.fitting.objective import Objective
from neglog.fitting.outcome import Outcome, at_infinity
from neglog.fitting.table import listed

STEPS = 100
_DECREMENT = 1e-12
_GRADIENT = 1e-8
_ALIASED = 1e-9
_MOST_WEIGHTS = 5000
_STEPS_BEFORE_DOUBT = 10
_FLAT = 1e-10


@dataclass(frozen=True)
class Basis:
    """Orthonormal columns that span the design.

    Attributes:
        q: (N, R), with qᵀq = N.
        back: (P + 1, R), from weights for q to those for the columns and the intercept.
        aliased: the columns that are combinations of those before them.
    """

    q: Tensor
    back: Tensor
    aliased: list[str]

    @classmethod
    def of(cls, x: Tensor, names: Sequence[str]) -> Basis:
        """Find the basis of standardised columns and an intercept."""
        z = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        r = torch.linalg.qr(z, mode="r").R
        _, size, v = torch.linalg.svd(r)
        rank = int((size > _ALIASED * size[0]).sum())
        back = v[:rank].T / size[:rank] * len(z) ** 0.5
        aliased = [] if rank == z.shape[1] else _aliased(r, names)
        return cls(z @ back, back, aliased)


def _aliased(r: Tensor, names: Sequence[str]) -> list[str]:
    """Name the columns that the intercept and the columns before them make up."""
    first = r[:, -1:]
    known = first / first.norm()
    found = []
    for j, name in enumerate(names):
        column = r[:, j : j + 1]
        rest = column
        for _ in range(2):
            rest = rest - known @ (known.T @ rest)
        if rest.norm() < 10 * _ALIASED * column.norm():
            found.append(name)
        else:
            known = torch.cat([known, rest / rest.norm()], 1)
    return found


class Newton:
    """Solves a linear model; each step of the iteration leaves its weights in the layer."""

    limit: int

    def __init__(
        self,
        layer: nn.Linear,
        objective: Objective,
        x: Tensor,
        y: Tensor,
        names: Sequence[str],
        limit: int = STEPS,
    ) -> None:
        self.layer, self.objective, self.y, self.limit = layer, objective, y, limit
        self.x, self.names = x, names
        self.free = max(1, objective.outputs - 1)
        weights = self.free * (x.shape[1] + 1)
        if weights > _MOST_WEIGHTS:
            raise FitError(
                f"newton would need the second derivatives of {weights} weights, more than "
                f"{_MOST_WEIGHTS}; pass --optimizer lbfgs."
            )
        self.basis = Basis.of(x, names)
        self.weights = torch.zeros(self.basis.q.shape[1], self.free, dtype=torch.float64)

    def steps(self) -> Iterator[Outcome | None]:
        """Step until the derivative is zero, yielding None after each step, then the outcome."""
        loss = self._loss(self.weights)
        for step in range(1, self.limit + 1):
            gradient, hessian = self._derivatives()
            direction, curvature = _solve(hessian, gradient)
            decrement = float(gradient @ direction) / 2
            loss = self._step(direction, loss)
            self._write()
            yield None
            separated = self._separated(program=step == _STEPS_BEFORE_DOUBT)
            if separated:
                yield at_infinity(separated, step, "step")
                return
            if decrement < _DECREMENT and float(gradient.norm()) < _GRADIENT:
                yield self._done(step, curvature)
                return
        text = f"the derivative is not zero after {self.limit} steps; pass more with --epochs"
        yield Outcome(False, f"{text}.", self._notes())

    def _done(self, step: int, curvature: float) -> Outcome:
        steps = f"{step} step{'s' * (step > 1)}"
        if curvature < _FLAT:
            text = (
                f"the derivative is zero to rounding after {steps}, but so is the curvature: some "
                "weights go on to infinity, as where a part of the rows is separated."
            )
            return Outcome(False, text, self._notes())
        return Outcome(True, f"the derivative is zero, after {steps}.", self._notes())

    def _notes(self) -> list[str]:
        if not self.basis.aliased:
            return []
        return [
            f"combinations of other columns: {listed(self.basis.aliased, 20)}; the weights are "
            "not unique, and the smallest are given."
        ]

    def _output(self, weights: Tensor) -> Tensor:
        output = self.basis.q @ weights
        if self.objective.likelihood is not Categorical:
            return output
        return torch.cat([output, torch.zeros_like(output[:, :1])], 1)

    def _loss(self, weights: Tensor) -> float:
        return float(self.objective.loss(self._output(weights), self.y))

    def _derivatives(self) -> tuple[Tensor, Tensor]:
        """Return the mean loss's gradient and Hessian by the weights, laid out class by class."""
        q, output = self.basis.q, self._output(self.weights)
        if self.objective.likelihood is Categorical:
            return _categorical_derivatives(q, output, self.y)
        likelihood = self.objective.likelihood
        slope = likelihood.grad(output, self.y)
        curvature = likelihood.curvature(output, self.y)
        return (q.T @ slope)[:, 0] / len(q), q.T @ (curvature * q) / len(q)

    def _step(self, direction: Tensor, loss: float) -> float:
        """Go along the direction, half as far for as long as the loss rises."""
        way = direction.reshape(self.free, -1).T
        for _ in range(30):
            reached = self._loss(self.weights - way)
            if reached <= loss * (1 + 1e-15):
                self.weights = self.weights - way
                return reached
            way = way / 2
        return loss

    def _write(self) -> None:
        """Put the weights into the layer; softmax weights are centred over the classes."""
        full = self.basis.back @ self.weights
        if self.objective.likelihood is Categorical:
            full = torch.cat([full, torch.zeros_like(full[:, :1])], 1)
            full = full - full.mean(1, keepdim=True)
        with torch.no_grad():
            self.layer.weight.copy_(full[:-1].T)
            self.layer.bias.copy_(full[-1])

    def _separated(self, program: bool) -> str:
        """Say what separates the classes; the linear program is run only when asked for."""
        if self.objective.likelihood is Normal:
            return ""
        return separation.found(
            self.x,
            self.y,
            self._output(self.weights),
            self.layer.weight,
            self.names,
            self.objective.labels,
            program,
        )


def _categorical_derivatives(q: Tensor, output: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return them for all classes but the last, whose weights are pinned to 0."""
    rows, width = q.shape
    free = output.shape[1] - 1
    p = torch.softmax(output, 1)[:, :-1]
    truth = nn.functional.one_hot(y, free + 1)[:, :-1]
    hessian = torch.zeros(free * width, free * width, dtype=q.dtype)
    chunk = max(1, 4_000_000 // (free * width))
    for start in range(0, rows, chunk):
        part, weight = q[start : start + chunk], p[start : start + chunk]
        u = (weight[:, :, None] * part[:, None, :]).reshape(len(part), -1)
        own = (u.T @ part).reshape(free, width, width)
        hessian += _block_diagonal(own) - u.T @ u
    return (q.T @ (p - truth)).T.reshape(-1) / rows, hessian / rows


def _block_diagonal(blocks: Tensor) -> Tensor:
    count, width, _ = blocks.shape
    whole = blocks.new_zeros(count, width, count, width)
    whole[range(count), :, range(count)] = blocks
    return whole.reshape(count * width, count * width)


def _solve(hessian: Tensor, gradient: Tensor) -> tuple[Tensor, float]:
    """Return the Newton direction and the least curvature (the Cholesky factor's least pivot).

    A Hessian that is singular, to rounding, is lifted off zero.
    """
    size = float(hessian.diagonal().mean())
    lift = 0.0
    while True:
        lifted = hessian + lift * torch.eye(len(hessian), dtype=hessian.dtype)
        factor, failed = torch.linalg.cholesky_ex(lifted)
        if not failed:
            direction = torch.cholesky_solve(gradient[:, None], factor)[:, 0]
            return direction, float(factor.diagonal().min()) ** 2
        lift = max(10 * lift, 1e-14 * size, 1e-300)

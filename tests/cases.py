"""Inputs for any declaration of the registry, made from what it says of itself."""

from __future__ import annotations

import several
import torch
from torch import Tensor

from neglog import REGISTRY
from neglog.engine import ElementwiseProblem
from neglog.likelihood import Elementwise, Likelihood, Rows
from neglog.support import Support, anything, nonnegative, positive

ELEMENTWISE = [*(c for c in REGISTRY.values() if issubclass(c, Elementwise)), several.Several]
ROWS = [c for c in REGISTRY.values() if issubclass(c, Rows)]
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
REDUCTIONS = ["none", "mean", "sum"]


def half_of(name: str) -> torch.dtype:
    """Return one of the half precisions: losses take turns, since each is a kernel."""
    return DTYPES[2 + len(name) % 2]


# Where exact forms differ from naive ones: ordinary, near zero, saturated, huge.
EXTREMES = [0.0, -0.0, 1e-30, -1e-6, 0.5, -3.0, 17.0, -20.0, 88.0, -90.0, 104.0, 1e4, -1e4]


def draw(support: Support, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Draw numbers from a set: its named members first, then some at random between."""
    if support.words == "any number":
        values = 3 * torch.randn(shape, dtype=torch.float64)
        if values.numel() >= len(EXTREMES):
            values.view(-1)[: len(EXTREMES)] = torch.tensor(EXTREMES, dtype=torch.float64)
        return values.to(dtype)
    finite = [m for m in support.members if abs(m) <= torch.finfo(dtype).max ** 0.25]
    spread = 2 * torch.randn(shape, dtype=torch.float64)
    values = spread if min(finite) < 0 else spread.sigmoid() * max(finite)
    if not support.contains(values).all():  # there is nothing between the members
        values = torch.tensor(finite, dtype=torch.float64)[(spread > 0).long()]
    if values.numel() >= len(finite):
        values.view(-1)[-len(finite) :] = torch.tensor(finite, dtype=torch.float64)
    cast = values.to(dtype)  # which may round to an end that the set does not contain
    return torch.where(support.contains(cast), cast, finite[len(finite) // 2])


# Their errors would be those of a huge target alone, or their intervals empty. The sine of a huge
# angle is NaN in the kernels.
OF_HUGE_TARGETS = ("several", "censored_normal", "beta_weighted_normal", "von_mises")


def overflows(likelihood: type[Elementwise]) -> bool:
    """Return whether the loss of an extreme input exceeds every dtype, as exp(x) does."""
    if likelihood.domains != (anything,):
        return False
    x = torch.tensor([-1e4, 1e4], dtype=torch.float64)
    given = [torch.ones_like(x) for _ in likelihood.given]
    fixed = [torch.full_like(x, number) for number in settings(likelihood)]
    losses = likelihood.nll(x, *given, *fixed, torch.ones_like(x))
    return not losses.isfinite().all()


def elementwise(
    likelihood: type[Elementwise], shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0
) -> ElementwiseProblem:
    """Return valid inputs, targets and given tensors."""
    torch.manual_seed(seed)
    inputs = tuple(draw(domain, shape, dtype) for domain in likelihood.domains)
    if overflows(likelihood):  # infinite losses have tests of their own
        inputs = (inputs[0].clamp(-10, 10),)
    if {nonnegative, positive} & {*likelihood.domains}:  # a variance at its floor has its own tests
        inputs = tuple(
            x.clamp(-100, 100) if domain is anything else x.clamp(min=0.125)
            for x, domain in zip(inputs, likelihood.domains, strict=True)
        )
    inputs = tuple(x.roll(3 * i) for i, x in enumerate(inputs))  # not all extreme in one place
    y = draw(likelihood.support, shape, dtype)
    if likelihood.inputs[0] == "log_rate" and len(inputs) > 1:
        inputs = (inputs[0].clamp(-10, 10), *inputs[1:])
    if likelihood.name == "weibull":  # an exponential of an exponential
        inputs = tuple(x.clamp(-1, 1) for x in inputs)
    if likelihood.name == "relative_entropy_of_log":
        y = y.clamp(-200, 3)
    if likelihood.name in OF_HUGE_TARGETS:
        y = y.clamp(-100, 100)
    given = tuple(_given(name, y) for name in likelihood.given)
    return ElementwiseProblem(likelihood, inputs, y, given, settings(likelihood))


def _given(name: str, y: Tensor) -> Tensor:
    """Draw a given tensor: some hold one of a few numbers, or depend on the target."""
    shape, dtype = y.shape, y.dtype
    if name == "upper":
        return y + 1 + torch.rand(shape, dtype=dtype)
    if name == "total_count":
        return y + torch.randint(0, 3, shape)
    codes = {"event": (0.0, 1.0), "censoring": (-1.0, 0.0, 1.0, 2.0)}.get(name)
    if codes is None:
        return torch.rand(shape, dtype=dtype) + 0.5
    return torch.tensor(codes, dtype=dtype)[torch.randint(0, len(codes), shape)]


def given(likelihood: type[Likelihood]) -> list[float]:
    """Return a number for each of a declaration's given tensors."""
    return [7.5 if name == "total_count" else 1.7 for name in likelihood.given]


# Numbers of few digits, which every dtype holds.
SETTINGS = {
    "delta": 1.25, "eps": 2.0**-20, "level": 0.375, "shape": 2.5, "dispersion": 0.75,
    "df": 3.5, "beta": 0.5, "exponent": 1.375,
    "gamma": 1.5, "epsilon": 0.75, "q": 0.625, "alpha": 0.375, "gamma_neg": 3.0, "gamma_pos": 1.5,
    "clip": 0.0625, "smoothing": 0.125, "share": 2.0**-6, "shift": -0.75, "scale": 8.0,
    "margin": 0.3125,
}  # fmt: skip


def settings(likelihood: type[Likelihood]) -> tuple[float, ...]:
    """Return a number for each of a declaration's settings."""
    return tuple(SETTINGS[name] for name in likelihood.settings)


def rows(
    likelihood: type[Rows], size: int, classes: int, dtype: torch.dtype, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Return rows of the kind the declaration takes, and labels; some rows nearly certain."""
    torch.manual_seed(seed)
    x = 3 * torch.randn(size, classes, dtype=torch.float64)
    if size > 4:
        x[0] = 0.0  # all tied
        x[1, 0] += 40.0
        x[2] = -1e4
        x[3, -1] += 100.0
    x = x if likelihood.softmax else x.log_softmax(1)
    labels = torch.randint(0, classes, (size,))
    if size > 4:
        labels[1], labels[3] = 0, 0
    return x.to(dtype), labels

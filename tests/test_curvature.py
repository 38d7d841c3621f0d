"""`engine/cpu/curvature.py`: the kernel's second derivatives equal the formulas."""

from __future__ import annotations

import math

import pytest
import torch
from losses import COMPOSED, LOSSES

from neglog import functional
from neglog.engine.cpu import curvature as curvature_cpu

UNIT = (0.0, 0.25, 0.5, 0.875, 1.0, 1e-30)
REAL = (0.0, 0.25, 1e-30, -1e30, -800.0, -90.0, -3.0, 3.0, 90.0, 800.0, 1e30, math.inf, -math.inf)
UNSERVED = (
    "quantiles",
    "sse",
    "mse",
    "mse weighted",
    "l1",
    "bce weighted",
    "multilabel",
    "hinge",
    "margin ranking",
)  # a constant, weights, or two inputs
MOVES = (0.0, 1.0, -3.0, 1e-20, 1e20)
# One input: with two inputs there is no single curvature.
ELEMENTS = [
    n
    for n, (_, kind) in LOSSES.items()
    if kind != "rows" and "gaussian" not in n and n not in COMPOSED
]


def second(name: str, grid: torch.Tensor, reduction: str, again: bool) -> torch.Tensor:
    """Return how the slopes change; as formulas of torch if it is differentiated again."""
    x = grid[:, :1].expand(-1, 3).clone().requires_grad_()
    loss = LOSSES[name][0](x, reduction=reduction)
    (slope,) = torch.autograd.grad(loss, x, create_graph=True)
    move = grid[:, 1:].expand(-1, 3)
    return torch.autograd.grad(slope, x, move, create_graph=again)[0].detach()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ELEMENTS)
def test_the_kernel_s_second_derivatives_are_the_formulas_in_float64(
    name, dtype, reduction, monkeypatch
) -> None:
    """Also where the curvature is infinite and the move along it is 0."""
    points = UNIT if LOSSES[name][1] == "unit" else REAL
    grid = torch.cartesian_prod(torch.tensor(points), torch.tensor(MOVES)).to(dtype)
    served = []
    change = curvature_cpu.change
    monkeypatch.setattr(
        curvature_cpu, "change", lambda *given: served.append(change(*given)) or served[-1]
    )
    found = second(name, grid, reduction, again=False)
    expected = second(name, grid.double(), reduction, again=True)
    rtol, atol = (4e-6, 1e-37) if dtype == torch.float32 else (1e-14, 1e-300)
    torch.testing.assert_close(found, expected.to(dtype), rtol=rtol, atol=atol, equal_nan=True)
    assert any(result is not None for result in served) or name in UNSERVED


def test_an_upstream_scales_the_change_and_zero_stops_it() -> None:
    x = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1.0, 0.0], dtype=torch.float64)
    for above in (0.0, -2.5):
        loss = functional.binary_cross_entropy_with_logits(x, y, reduction="sum")
        (slope,) = torch.autograd.grad(loss, x, torch.tensor(above).double(), create_graph=True)
        (found,) = torch.autograd.grad(slope, x, torch.ones(2).double())
        p = x.detach().sigmoid()
        torch.testing.assert_close(found, above * p * (1 - p))


@pytest.mark.parametrize("name", ["binary_cross_entropy_with_logits", "poisson_nll_loss"])
def test_a_batch_of_moves_gives_the_whole_matrix(name) -> None:
    """A kernel sees no batch, whose tensors have no memory of their own."""
    x = torch.linspace(-2, 2, 5, dtype=torch.float64, requires_grad=True)
    y = torch.linspace(0, 1, 5, dtype=torch.float64)
    found, expected = (
        torch.autograd.grad(
            torch.autograd.grad(getattr(library, name)(x, y), x, create_graph=True)[0],
            x, torch.eye(5, dtype=torch.float64), is_grads_batched=True,
        )[0]
        for library in (functional, torch.nn.functional)
    )  # fmt: skip
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=0)

"""Derivatives at extreme numbers: both modes and both orders keep 0 · ∞ = 0."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.func import hessian, jacfwd, jacrev

from neglog import functional as F

INF, NAN = math.inf, math.nan
REAL = [-INF, INF, -1e38, 1e38, 0.0, 0.5, -700.0]
LOG = [-INF, -1e38, -1.0, 0.0]
SHARES, SIGNS = [0.0, 0.3, 1.0], [-1.0, 1.0]
ROWS = [[-INF, 0.3, 0.0], [-INF, -INF, 1.0], [1e38, -1e38, 0.0], [40.0, 0.0, -700.0]]
SOFT = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
LABELS = torch.tensor([1, 2, 0, 0])
LOSSES = {  # each with its inputs and targets, every input meeting every target
    "bce logits": (F.binary_cross_entropy_with_logits, REAL, SHARES),
    "bce": (F.binary_cross_entropy, [0.0, 0.5, 1.0], SHARES),
    "soft margin": (F.soft_margin_loss, REAL, SIGNS),
    "kl": (F.kl_div, LOG, SHARES),
    "kl log": (lambda x, y, **o: F.kl_div(x, y, log_target=True, **o), LOG, LOG),
    "mse": (F.mse_loss, REAL, SHARES),
    "l1": (F.l1_loss, REAL, SHARES),
    "huber": (F.huber_loss, REAL, SHARES),
    "poisson": (F.poisson_nll_loss, REAL, [1.0, 2.0]),
    "gaussian": (lambda x, y, **o: F.gaussian_nll_loss(x, y, x * 0 + 1, **o), REAL[2:], SHARES),
    "soft classes": (F.cross_entropy, ROWS, SOFT),
    "labels": (lambda x, _, **o: F.cross_entropy(x, LABELS, **o), ROWS, SOFT),
    "nll": (lambda x, _, **o: F.nll_loss(x, LABELS, **o), ROWS, SOFT),
    "multilabel": (F.multilabel_soft_margin_loss, ROWS, SOFT),
}
losses = pytest.mark.parametrize("name", LOSSES)


def arguments(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    _, xs, ys = LOSSES[name]
    pairs = zip(xs, ys, strict=True) if xs is ROWS else itertools.product(xs, ys)
    x, y = zip(*pairs, strict=True)
    return torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-15, equal_nan=True)


@losses
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_both_modes_have_the_slopes_of_the_kernels(name, reduction) -> None:
    x, y = arguments(name)
    loss = lambda x: LOSSES[name][0](x, y, reduction=reduction)  # noqa: E731
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(leaf).sum(), leaf)
    assert not expected.isnan().any()
    forward = jacfwd(loss)(x)
    close(forward, jacrev(loss)(x))
    close(jacfwd(lambda x: loss(x).sum())(x), expected)


@losses
def test_second_derivatives_agree(name) -> None:
    x, y = arguments(name)
    total = lambda x: LOSSES[name][0](x, y, reduction="sum")  # noqa: E731
    second = hessian(total)(x)
    assert not second.isnan().any()
    close(jacrev(jacrev(total))(x), second)
    close(torch.autograd.functional.hessian(total, x), second)


def test_the_limits_of_logits_that_cost_nothing() -> None:
    x, y = torch.tensor([[-INF, 0.3, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    p = 1 / (1 + math.exp(-0.3))
    expected = torch.tensor([[0.0, p - 1, 1 - p]])
    torch.testing.assert_close(jacfwd(lambda x: F.cross_entropy(x, y))(x), expected)
    bias, label = torch.tensor([-INF, 0.3, 0.0]), torch.tensor([1])
    linear = lambda b: F.linear_cross_entropy(  # noqa: E731
        torch.ones(1, 2), torch.zeros(3, 2), label, linear_bias=b
    )
    torch.testing.assert_close(jacfwd(linear)(bias), expected[0])


@pytest.mark.parametrize("by", ["labels", "probabilities"])
def test_masked_rows_may_hold_nan_in_both_modes(by) -> None:
    x = torch.tensor([[NAN, NAN], [0.1, 0.2]], dtype=torch.float64)
    shares = torch.tensor([[NAN, 1.0], [0.0, 1.0]], dtype=torch.float64)
    y = torch.tensor([-100, 1]) if by == "labels" else shares
    options = {} if by == "labels" else {"mask": torch.tensor([False, True])}
    loss = lambda x: F.cross_entropy(x, y, **options)  # noqa: E731
    close(jacfwd(loss)(x), jacrev(loss)(x))
    for derivative in (jacfwd(loss)(x), hessian(loss)(x)):
        assert not derivative.isnan().any()
        assert (derivative[0] == 0).all()


def test_the_gradient_by_a_soft_target_is_minus_the_log_probability() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(5, 4), torch.rand(5, 4).softmax(1)
    share, weight = torch.tensor([0.0, 1.0, 2.0, 0.5, 1.0]), torch.tensor([0.5, 2.0, 1.0, 0.0])
    x[0] = NAN
    x[1, 3] = -INF
    leaf = y.clone().requires_grad_()
    options = {"sample_weight": share, "weight": weight, "label_smoothing": 0.25}
    loss = F.cross_entropy(x, leaf, reduction="mean", **options)
    (slope,) = torch.autograd.grad(loss, leaf)
    log_p = torch.where(share[:, None] == 0, 0.0, x.log_softmax(1))
    log_p = torch.where(weight == 0, 0.0, log_p)
    torch.testing.assert_close(slope, -0.75 * share[:, None] * weight * log_p / share.sum())


def test_the_second_derivative_of_a_linear_loss_is_zero() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(F.nll_loss(x, LABELS), x, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), x)
    assert torch.equal(second, torch.zeros(4, 3))

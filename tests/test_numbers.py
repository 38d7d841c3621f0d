"""Losses of numbers, positive targets and lifetimes against scipy, statsmodels and torch."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
import torch
from scipy import integrate, special, stats
from torch import distributions as D

import neglog
from neglog import functional as F
from neglog.errors import ArgumentError, ShapeError, SupportError

N = 40


def draw(seed=0):
    torch.manual_seed(seed)
    return torch.randn(N, dtype=torch.float64), torch.rand(N, dtype=torch.float64) + 0.3


X, SCALE = draw()
Y, POSITIVE = draw(1)
EVENT = POSITIVE > 0.8


def censored(kind, upper):
    x, scale, y, upper = (t.numpy() for t in (X, SCALE, Y, upper))
    z, end = (y - x) / scale, (upper - x) / scale
    losses = {
        0: -stats.norm.logpdf(y, x, scale),
        -1: -special.log_ndtr(z),
        1: -special.log_ndtr(-z),
        2: -np.log(special.ndtr(end) - special.ndtr(z)),
    }
    return torch.as_tensor(losses[kind])


def survival(distribution):
    """Return the losses of times, from a distribution of scipy's."""
    observed, after = (f(POSITIVE.numpy()) for f in (distribution.logpdf, distribution.logsf))
    return -torch.where(EVENT, torch.as_tensor(observed), torch.from_numpy(after))


def crps(x, scale, y):
    def below(t):
        return special.ndtr((t - x) / scale) ** 2

    def above(t):
        return special.ndtr((x - t) / scale) ** 2

    return integrate.quad(below, -60, y)[0] + integrate.quad(above, y, 60)[0]


def cases():
    """Return each loss with what it is, by another program."""
    upper, each = Y + SCALE, {"reduction": "none"}
    mean, shape = X.exp(), 2.5
    gaussian = D.Normal(X, SCALE.sqrt()).log_prob(Y) + 0.9189385332046727
    cases = {
        "log cosh": (F.log_cosh_loss(X, Y, **each), (X - Y).cosh().log()),
        "log cosh full": (
            F.log_cosh_loss(X, Y, full=True, **each),
            -torch.as_tensor(stats.hypsecant.logpdf((Y - X).numpy())),
        ),
        "student t": (
            F.student_t_nll_loss(X, SCALE, Y, df=3.5, full=True, **each),
            -D.StudentT(3.5, X, SCALE).log_prob(Y),
        ),
        "laplace": (
            F.laplace_nll_loss(X, SCALE, Y, full=True, **each),
            -D.Laplace(X, SCALE).log_prob(Y),
        ),
        "beta": (
            F.beta_nll_weighted_gaussian(X, SCALE, Y, beta=0.75, **each),
            -gaussian * SCALE**0.75,
        ),
        "crps": (
            F.crps_loss(X, SCALE, Y, **each),
            torch.tensor(
                [crps(*map(float, point)) for point in zip(X, SCALE, Y, strict=True)],
                dtype=torch.float64,
            ),
        ),
        "gamma": (
            F.gamma_nll_loss(X, POSITIVE, shape, full=True, **each),
            -D.Gamma(shape, shape / mean).log_prob(POSITIVE),
        ),
        "inverse gaussian": (
            F.inverse_gaussian_nll_loss(X, POSITIVE, shape, full=True, **each),
            -torch.as_tensor(
                stats.invgauss(mean.numpy() / shape, scale=shape).logpdf(POSITIVE.numpy())
            ),
        ),
        "log normal": (
            F.log_normal_nll_loss(X, SCALE, POSITIVE, full=True, **each),
            -D.LogNormal(X, SCALE).log_prob(POSITIVE),
        ),
        "exponential": (
            F.exponential_nll_loss(X, POSITIVE, EVENT, **each),
            survival(stats.expon(scale=(-X).exp().numpy())),
        ),
        "weibull": (
            F.weibull_nll_loss(X, SCALE.log(), POSITIVE, EVENT, **each),
            survival(stats.weibull_min(SCALE.numpy(), scale=mean.numpy())),
        ),
        "tweedie": (
            F.tweedie_loss(X, POSITIVE, 1.3, dispersion=0.7, full="exact", **each),
            -torch.as_tensor(
                sm.families.Tweedie(var_power=1.3, eql=False).loglike_obs(
                    POSITIVE.numpy(), mean.numpy(), scale=0.7
                )
            ),
        ),
        "tweedie deviance": (
            F.tweedie_loss(X, POSITIVE, 1.3, dispersion=0.7, full=True, **each),
            torch.as_tensor(
                sm.families.Tweedie(var_power=1.3)._resid_dev(POSITIVE.numpy(), mean.numpy()) / 1.4
            ),
        ),
    }
    for kind in (-1, 0, 1, 2):
        code = torch.full((N,), kind)
        found = F.censored_normal_nll_loss(X, SCALE, Y, code, upper, **each)
        cases[f"censored {kind}"] = (found, censored(kind, upper))
    return cases


@pytest.fixture(scope="module")
def found():
    return cases()


NAMES = (
    "log cosh", "log cosh full", "student t", "laplace", "beta", "crps", "gamma",
    "inverse gaussian", "log normal", "exponential", "weibull", "tweedie", "tweedie deviance",
    "censored -1", "censored 0", "censored 1", "censored 2",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_those_of_other_programs(name, found) -> None:
    got, expected = found[name]
    # Those integrate, sum, or subtract two probabilities.
    tolerance = 1e-8 if name in ("crps", "tweedie", "censored 2") else 1e-12
    torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)


def test_a_tweedie_density_integrates_to_1() -> None:
    """With the probability of 0, at a mean of 1 and of a large number of terms."""
    for exponent, dispersion in ((1.1, 0.01), (1.5, 1.0), (1.7, 0.2)):
        y = torch.logspace(-9, 3, 20001, dtype=torch.float64)
        settings = (exponent, dispersion, "exact", "none")
        density = (-F.tweedie_loss(torch.zeros_like(y), y, *settings)).exp()
        at_0 = (-F.tweedie_loss(torch.zeros(1).double(), torch.zeros(1).double(), *settings)).exp()
        total = at_0 + torch.trapezoid(density * y, y.log())
        torch.testing.assert_close(total, torch.ones(1).double(), rtol=1e-6, atol=0)


def test_the_weight_of_beta_nll_has_no_gradient() -> None:
    x, var = X.clone().requires_grad_(), SCALE.clone().requires_grad_()
    got = torch.autograd.grad(F.beta_nll_weighted_gaussian(x, var, Y), (x, var))
    loss = torch.nn.functional.gaussian_nll_loss(x, Y, var, eps=1e-12, reduction="none")
    expected = torch.autograd.grad((loss * var.detach() ** 0.5).mean(), (x, var))
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-15)


def test_several_quantiles_are_one_loss_each() -> None:
    levels, x = [0.1, 0.5, 0.9], X.reshape(10, 4)[:, :3].clone().requires_grad_()
    y = Y[:10]
    loss = F.quantile_loss(x, y, levels, reduction="none")
    columns = [
        F.quantile_loss(x[:, k], y, level, reduction="none") for k, level in enumerate(levels)
    ]
    assert torch.equal(loss, torch.stack(columns, 1))
    expected = torch.autograd.grad(torch.stack(columns, 1).mean(), x)
    torch.testing.assert_close(torch.autograd.grad(F.quantile_loss(x, y, levels), x), expected)
    mask = y > 0
    masked = F.quantile_loss(x, y, levels, mask=mask)
    torch.testing.assert_close(masked, loss[mask].mean())


def test_quantiles_do_not_cross() -> None:
    x, y = X.reshape(10, 4).clone().requires_grad_(), Y[:10]
    ordered = torch.cat([x[:, :1], torch.nn.functional.softplus(x[:, 1:])], 1).cumsum(1)
    levels = (0.1, 0.4, 0.6, 0.9)
    module = neglog.QuantileLoss(levels, non_crossing=True)
    expected = F.quantile_loss(ordered, y, levels)
    torch.testing.assert_close(module(x, y), expected)
    gradients = (torch.autograd.grad(loss, x)[0] for loss in (module(x, y), expected))
    torch.testing.assert_close(*gradients)


def test_a_shared_scale_is_learned() -> None:
    scale = torch.nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
    (got,) = torch.autograd.grad(F.student_t_nll_loss(X, scale, Y, reduction="sum"), scale)
    every = torch.full_like(X, 0.5, requires_grad=True)
    (each,) = torch.autograd.grad(F.student_t_nll_loss(X, every, Y, reduction="sum"), every)
    torch.testing.assert_close(got, each.sum())
    assert neglog.LaplaceNLLLoss()(X, 0.5, Y) == neglog.LaplaceNLLLoss()(X, every, Y)


WRONG = [
    (
        lambda: F.quantile_loss(X, Y, 1.5),
        ArgumentError,
        "quantile must lie between 0 and 1, but it",
    ),
    (lambda: F.quantile_loss(X, Y, [0.1, 2.0]), ArgumentError, "quantile must lie between 0 and 1"),
    (lambda: F.quantile_loss(X, Y, []), ArgumentError, "must hold a level, but it is empty"),
    (
        lambda: F.quantile_loss(X, Y, [0.1, 0.9]),
        ShapeError,
        r"the target's shape and 2 quantiles, \(40, 2\), but it is \(40,\)",
    ),
    (
        lambda: F.quantile_loss(X.reshape(20, 2), Y[:20], [0.9, 0.1], non_crossing=True),
        ArgumentError,
        r"levels must rise with non_crossing, but they are \[0.9, 0.1\]",
    ),
    (lambda: F.quantile_loss(X, Y, 0.5, True), ArgumentError, "of several levels, but quantile is"),
    (
        lambda: F.expectile_loss(X, Y, 0.0),
        ArgumentError,
        "level must lie between 0 and 1, but it is",
    ),
    (lambda: F.student_t_nll_loss(X, SCALE, Y, df=0), ArgumentError, "df must be above 0"),
    (lambda: F.tweedie_loss(X, POSITIVE, 2.0), ArgumentError, "exponent must lie between 1 and 2"),
    (lambda: F.tweedie_loss(X, POSITIVE, full="all"), ArgumentError, "full must be one of"),
    (lambda: F.gamma_nll_loss(X, POSITIVE, -1.0), ArgumentError, "shape must be above 0"),
    (
        lambda: F.exponential_nll_loss(X, POSITIVE, SCALE),
        SupportError,
        "event must hold 0 or 1 everywhere, but 40 of 40 values are not, the first",
    ),
    (
        lambda: F.censored_normal_nll_loss(X, SCALE, Y, torch.full((N,), 3), Y),
        SupportError,
        "censoring must hold -1, 0, 1 or 2 everywhere, but 40 of 40 values are not",
    ),
    (
        lambda: F.censored_normal_nll_loss(X, SCALE, Y, torch.full((N,), 2)),
        ArgumentError,
        "upper must hold the ends of the intervals, where censoring is 2, but it is None",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), WRONG, ids=[w[2][:30] for w in WRONG])
def test_wrong_options_are_named(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call()

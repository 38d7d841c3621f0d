"""Losses of counts, trials, shares and angles against torch.distributions and sixty digits."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import oracle
import pytest
import torch
from torch import distributions

import neglog
from neglog import functional
from neglog.errors import SupportError

COUNTS = torch.tensor([0.0, 1.0, 2.0, 7.0, 40.0, 0.0], dtype=torch.float64)
FIRST = torch.tensor([-3.0, -0.5, 0.3, 2.0, 4.0, 5.0], dtype=torch.float64)
SECOND = torch.tensor([-6.0, 2.0, 0.0, -1.0, 4.0, 1.0], dtype=torch.float64)
ABOVE = torch.tensor([0.1, 0.7, 3.0, 20.0, 300.0, 1.5], dtype=torch.float64)
TRIALS = COUNTS + torch.tensor([0.0, 2.0, 0.0, 30.0, 1.0, 4.0], dtype=torch.float64)


def _negative_binomial(mean, count):
    return distributions.NegativeBinomial(count, logits=mean - count.log())


def _inflated(count, zi_logits, y):
    extra, other = map(torch.nn.functional.logsigmoid, (zi_logits, -zi_logits))
    counted = count.log_prob(y) + other
    return torch.where(y == 0, torch.logaddexp(counted, extra), counted)


def _hurdle(rate, zero_logits, y):
    zero, other = map(torch.nn.functional.logsigmoid, (zero_logits, -zero_logits))
    positive = distributions.Poisson(rate).log_prob(y) - torch.log(-torch.expm1(-rate))
    return torch.where(y == 0, zero, other + positive)


def _beta_binomial(one, zero, y, n):
    orders = torch.lgamma(n + 1) - torch.lgamma(y + 1) - torch.lgamma(n - y + 1)

    def log_beta(a, b):
        return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)

    return orders + log_beta(y + one, n - y + zero) - log_beta(one, zero)


# Each: the function, its inputs, target and options; the log-probability in torch.
LOSSES = {
    "negative_binomial_nll_loss": (
        (FIRST, ABOVE), COUNTS, {"full": True}, lambda m, r, y: _negative_binomial(m, r).log_prob(y)
    ),
    "negative_binomial_nll_loss of logits": (
        (FIRST, ABOVE), COUNTS, {"full": True, "from_logits": True},
        lambda z, r, y: distributions.NegativeBinomial(r, logits=z).log_prob(y),
    ),
    "zero_inflated_poisson_nll_loss": (
        (FIRST, SECOND), COUNTS, {"full": True},
        lambda m, g, y: _inflated(distributions.Poisson(m.exp()), g, y),
    ),
    "zero_inflated_negative_binomial_nll_loss": (
        (FIRST, ABOVE, SECOND), COUNTS, {"full": True},
        lambda m, r, g, y: _inflated(_negative_binomial(m, r), g, y),
    ),
    "poisson_hurdle_nll_loss": (
        (FIRST, SECOND), COUNTS, {"full": True}, lambda m, g, y: _hurdle(m.exp(), g, y)
    ),
    "binomial_nll_loss": (
        (FIRST,), COUNTS, {"full": True, "total_count": TRIALS},
        lambda z, y: distributions.Binomial(TRIALS, logits=z).log_prob(y),
    ),
    "beta_binomial_nll_loss": (
        (ABOVE, ABOVE.flip(0)), COUNTS, {"full": True, "total_count": TRIALS},
        lambda a, b, y: _beta_binomial(a, b, y, TRIALS),
    ),
    "beta_nll_loss": (
        (ABOVE, ABOVE.flip(0)), SECOND.sigmoid(), {},
        lambda a, b, y: distributions.Beta(a, b).log_prob(y),
    ),
    "von_mises_nll_loss": (
        (FIRST, ABOVE), SECOND, {"full": True},
        lambda loc, k, y: (
            k * torch.cos(y - loc) - torch.log(2 * math.pi * torch.special.i0e(k)) - k
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_losses_and_gradients_are_those_of_torch_s_distributions(name, dtype) -> None:
    inputs, y, options, log_prob = LOSSES[name]
    function = getattr(functional, name.partition(" ")[0])
    inputs = [x.to(dtype).double().requires_grad_() for x in inputs]
    y = y.to(dtype)
    expected = -log_prob(*inputs, y.double())
    slopes = torch.autograd.grad(expected.sum(), inputs)
    leaves = [x.detach().to(dtype).requires_grad_() for x in inputs]
    found = function(*leaves, y, reduction="none", **options)
    exact = {"rtol": 1e-6, "atol": 1e-6} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(found.double(), expected, **exact)
    for slope, true in zip(torch.autograd.grad(found.sum(), leaves), slopes, strict=True):
        torch.testing.assert_close(slope.double(), true, **exact)


def test_a_shared_dispersion_gets_the_sum_of_its_gradients() -> None:
    log_theta = torch.tensor(0.3, requires_grad=True)
    mean, y = FIRST.float(), COUNTS.float()
    loss = neglog.NegativeBinomialNLLLoss(reduction="sum")(mean, log_theta.exp(), y)
    (shared,) = torch.autograd.grad(loss, log_theta)
    theta = torch.full_like(mean, 0.3, requires_grad=True)
    every = functional.negative_binomial_nll_loss(mean, theta.exp(), y, reduction="sum")
    torch.testing.assert_close(loss, every)
    torch.testing.assert_close(shared, torch.autograd.grad(every, theta)[0].sum())


def test_the_two_parametrisations_agree() -> None:
    mean, count = FIRST, ABOVE
    by_mean = functional.negative_binomial_nll_loss(mean, count, COUNTS)
    logits = mean - count.log()
    by_logits = functional.negative_binomial_nll_loss(logits, count, COUNTS, from_logits=True)
    torch.testing.assert_close(by_mean, by_logits)


REGIMES = {
    "negative_binomial_mean": [(m, r, y) for m in (-9, -3, 5, 60) for r in (0.01, 3, 900)
                               for y in (0, 1, 20)],
    "zero_inflated_poisson": [(m, g, y) for m in (-40, -3, 2, 6) for g in (-60, -2, 3, 60)
                              for y in (0, 1, 20)],
    "zero_inflated_negative_binomial": [(m, r, g, y) for m in (-9, -3, 5) for r in (0.01, 3)
                                        for g in (-60, 0.5, 60) for y in (0, 1, 20)],
    "poisson_hurdle": [(m, g, y) for m in (-2, 1, 6) for g in (-60, -2, 60) for y in (0, 1, 20)],
    "von_mises": [(m, k, y) for m in (0, 2) for k in (1e-3, 0.5, 3, 1e4) for y in (-3, 0.25, 2.5)],
    "beta": [(a, b, y) for a in (0.01, 1.5, 300) for b in (0.2, 40) for y in (0.001, 0.5, 0.97)],
}  # fmt: skip


@pytest.mark.parametrize("name", REGIMES)
def test_float32_losses_are_exact_in_every_regime(name) -> None:
    """To 2 units in the last place forward and 4 backward, as for the other losses.

    Means far below the total count are left out: there, the gradient by that one is the small
    difference of its terms.
    """
    likelihood = neglog.REGISTRY[name]
    *inputs, y = torch.tensor(REGIMES[name], dtype=torch.float32).unbind(1)
    leaves = [x.clone().requires_grad_() for x in inputs]
    found = functional.likelihood_loss(likelihood, tuple(leaves), y, reduction="none")
    slopes = torch.autograd.grad(found.sum(), leaves)
    nll, grad = oracle.formula(likelihood, "nll"), oracle.formula(likelihood, "grad")
    for i, point in enumerate(torch.stack([*inputs, y], 1).tolist()):
        numbers = list(map(mp.mpf, point))
        assert oracle.ulps(found[i].item(), nll(*numbers), np.float32) <= 2.0, point
        for slope, true in zip(slopes, grad(*numbers), strict=True):
            assert oracle.ulps(slope[i].item(), true, np.float32) <= 4.0, point


def test_limits_are_no_nan() -> None:
    inf = math.inf
    far = torch.tensor([-inf, inf, -1e4, 1e4])
    for y in (0.0, 3.0):
        target = torch.full_like(far, y)
        for loss in (
            functional.negative_binomial_nll_loss(far, 2.0, target, reduction="none"),
            functional.zero_inflated_poisson_nll_loss(far, 0.5, target, reduction="none"),
            functional.zero_inflated_negative_binomial_nll_loss(
                far, 2.0, 0.5, target, reduction="none"
            ),
            functional.poisson_hurdle_nll_loss(far, 0.5, target, reduction="none"),
        ):
            assert not loss.isnan().any()


def test_a_count_above_its_trials_is_refused_unless_it_is_masked() -> None:
    logits, y = torch.zeros(3), torch.tensor([1.0, 4.0, 2.0])
    with pytest.raises(SupportError, match=r"must not exceed total_count.*target\[1\] is 4"):
        functional.binomial_nll_loss(logits, y, 3.0)
    with pytest.raises(SupportError, match="must not exceed total_count"):
        functional.beta_binomial_nll_loss(logits + 1, logits + 1, y, torch.tensor(3.0))
    loss = functional.binomial_nll_loss(logits, y, 3.0, mask=torch.tensor([True, False, True]))
    torch.testing.assert_close(loss, torch.tensor(3 * math.log(2)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_slope_of_a_hurdle_at_a_count_of_1_keeps_its_digits(dtype) -> None:
    """It is λ / (1 − e^−λ) − 1, which is about λ / 2 at small rates."""
    log_rate = torch.tensor([-80.0, -36.0, -3.0, -1.7, -1.5, 0.0, 3.6, 3.7], dtype=dtype)
    x = log_rate.clone().requires_grad_()
    loss = functional.poisson_hurdle_nll_loss(
        x, torch.zeros_like(x), torch.ones_like(x), reduction="sum"
    )
    (slope,) = torch.autograd.grad(loss, x)
    with mp.workdps(60):
        rates = [mp.exp(mp.mpf(v)) for v in log_rate.tolist()]
        exact = [float(rate / -mp.expm1(-rate) - 1) for rate in rates]
    wanted = torch.tensor(exact, dtype=torch.float64).to(dtype)
    torch.testing.assert_close(slope, wanted, rtol=8 * torch.finfo(dtype).eps, atol=0)

"""Every declaration says one thing in several ways; here the ways are held against each other."""

from __future__ import annotations

import math

import cases
import mpmath as mp
import oracle
import pytest
import torch

from neglog import REGISTRY
from neglog.likelihood import Elementwise, Rows

LOGITS = [-90, -17, -1.5, -1e-8, 0.3, 2, 20, 88]
PROBABILITIES = [1e-10, 1e-3, 0.3, 0.5, 0.875, 1 - 1e-10]  # below 1e-12 torch's floor holds
TARGETS = [0, 0.25, 0.5, 1]


def points(likelihood: type[Elementwise]) -> list[tuple[mp.mpf, mp.mpf]]:
    """Return (x, y) inside the declared sets, away from the ends of the domain."""
    xs = LOGITS if likelihood.domain.words == "any number" else PROBABILITIES
    return [(mp.mpf(x), mp.mpf(y)) for x in xs for y in TARGETS]


elementwise = pytest.mark.parametrize("likelihood", cases.ELEMENTWISE)
rows = pytest.mark.parametrize("likelihood", cases.ROWS)


def test_the_registry_knows_every_declaration() -> None:
    import neglog.families as families

    assert {c.__name__ for c in REGISTRY.values()} == set(families.__all__)
    assert all(issubclass(c, (Elementwise, Rows)) for c in REGISTRY.values())


@elementwise
def test_nll_is_minus_the_log_probability(likelihood) -> None:
    nll, constant = oracle.formula(likelihood, "nll"), oracle.formula(likelihood, "constant")
    ones = [mp.mpf(1)] * len(likelihood.given)
    for x, y in points(likelihood):
        truth = -oracle.log_prob(likelihood, x, *ones)(y)
        assert mp.almosteq(nll(x, *ones, y) + constant(y), truth, 1e-15), (x, y)


@elementwise
@pytest.mark.parametrize(
    "fact, derivative, by",
    [("nll", "grad", 0), ("grad", "curvature", 0), ("nll", "grad_target", 1)],
)
def test_declared_derivatives_are_derivatives(likelihood, fact, derivative, by) -> None:
    f, slope = oracle.formula(likelihood, fact), oracle.formula(likelihood, derivative)
    given = [mp.mpf("1.7")] * len(likelihood.given)
    for x, y in points(likelihood):
        if by == 1 and y in (0, 1):
            continue  # an end of the support: no derivative from both sides

        def line(t, x=x, y=y):
            return f(t, *given, y) if by == 0 else f(x, *given, t)

        truth = mp.diff(line, (x, y)[by], h=mp.mpf(10) ** -45 * max(1, abs(x)))
        scale = max(abs(truth), mp.mpf(10) ** -40)
        assert abs(slope(x, *given, y) - truth) < scale * mp.mpf(10) ** -8, (x, y)


@elementwise
def test_score_has_mean_zero_and_the_variance_of_the_curvature(likelihood) -> None:
    if likelihood.given:
        pytest.skip("a weighted likelihood is no normalised distribution")
    torch.manual_seed(0)
    x = torch.rand(400_000, dtype=torch.float64) * 0.8 + 0.1
    y = likelihood.distribution(x).sample()
    score = likelihood.grad(x, y)
    curvature = torch.as_tensor(likelihood.curvature(x, y), dtype=torch.float64).expand_as(x)
    assert abs(score.mean()) < 5 * score.std() / math.sqrt(x.numel())
    difference = score.square() - curvature
    assert abs(difference.mean()) <= 5 * difference.std() / math.sqrt(x.numel())


@rows
def test_rows_nll_is_minus_the_log_probability(likelihood) -> None:
    nll = oracle.formula(likelihood, "nll")
    for logits in ([0, 0, 0], [1, -2, 0.5], [60, 0, 1]):
        row = [mp.mpf(z) for z in logits]
        log_p = [oracle.log_prob(likelihood, row)(k) for k in range(3)]
        for k in range(3):
            parts = [mp.mpf(int(j == k)) for j in range(3)]
            total = sum(nll(lp, part) for lp, part in zip(log_p, parts, strict=True))
            assert mp.almosteq(total, -log_p[k], 1e-40)


@rows
def test_a_class_without_target_contributes_nothing(likelihood) -> None:
    nll, grad = oracle.formula(likelihood, "nll"), oracle.formula(likelihood, "grad")
    for log_p in (mp.mpf(-1), mp.mpf(-1e4), -mp.inf):
        assert nll(log_p, mp.mpf(0)) == 0
        assert grad(log_p, mp.mpf(0)) == 0


@rows
@pytest.mark.parametrize("fact, derivative", [("nll", "grad"), ("grad", "curvature")])
def test_rows_derivatives_are_derivatives(likelihood, fact, derivative) -> None:
    f, slope = oracle.formula(likelihood, fact), oracle.formula(likelihood, derivative)
    for log_p in (mp.mpf(-0.01), mp.mpf(-3)):
        for y in (mp.mpf("0.3"), mp.mpf(1)):
            truth = mp.diff(lambda t, y=y: f(t, y), log_p)
            assert abs(slope(log_p, y) - truth) < mp.mpf(10) ** -12


@rows
def test_rows_target_derivative(likelihood) -> None:
    nll, slope = oracle.formula(likelihood, "nll"), oracle.formula(likelihood, "grad_target")
    truth = mp.diff(lambda t: nll(mp.mpf(-2), t), mp.mpf("0.3"))
    assert abs(slope(mp.mpf(-2), mp.mpf("0.3")) - truth) < mp.mpf(10) ** -12


@pytest.mark.parametrize("likelihood", REGISTRY.values(), ids=lambda c: c.__name__)
def test_support_names_its_members(likelihood) -> None:
    for support in (likelihood.support, likelihood.domain):
        assert support.contains(torch.tensor(support.members)).all()
        assert not support.contains(torch.tensor(support.outsiders)).any()

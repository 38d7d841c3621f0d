"""Intervals at their ends: infinite, empty, narrow, turned round; by the kernel and by torch."""

from __future__ import annotations

import math

import backends
import pytest
import torch

from neglog import engine
from neglog.engine import ElementwiseProblem
from neglog.likelihoods import Bernoulli, LogisticInterval

INF = math.inf
POINTS = [-800.0, -30.0, -1.0, 0.0, 0.3, 7.0, 800.0]


@pytest.fixture(params=["kernel", "reference"], autouse=True)
def _by(request, monkeypatch) -> None:
    if request.param == "reference":
        backends.only(monkeypatch)


def parts(likelihood, inputs, y):
    """Return the loss of numbers in float64, and its derivatives by the inputs."""
    leaves = tuple(torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs)
    target = torch.tensor(y, dtype=torch.float64).expand_as(leaves[0]).contiguous()
    loss = engine.loss(ElementwiseProblem(likelihood, leaves, target, reduction="none"))
    return [loss.detach(), *torch.autograd.grad(loss.sum(), leaves)]


def same(got, expected) -> None:
    # A sum of terms of one sign, each a few roundings from the truth.
    torch.testing.assert_close(got, expected, rtol=2e-15, atol=1e-300)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_an_interval_without_one_end_is_a_bernoulli(y) -> None:
    """The outermost classes of an ordinal model."""
    loss, by_logit = parts(Bernoulli, [POINTS], y)
    below, by_end, by_upper = parts(LogisticInterval, [[-INF] * len(POINTS), POINTS], y)
    same([below, by_end, by_upper], [loss, torch.zeros_like(loss), by_logit])
    turned = [[-z for z in POINTS], [INF] * len(POINTS)]
    above, by_lower, by_end = parts(LogisticInterval, turned, y)
    same([above, by_lower, by_end], [loss, -by_logit, torch.zeros_like(loss)])


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_so_is_its_curvature(y) -> None:
    z, target = torch.tensor(POINTS, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
    nothing, end = torch.zeros_like(z), torch.full_like(z, INF)
    of_logit = Bernoulli.curvature(z, target)
    same(LogisticInterval.curvature(-end, z, target), (nothing, nothing, of_logit))
    same(LogisticInterval.curvature(z, end, target), (of_logit, nothing, nothing))


def test_the_whole_line_holds_every_number() -> None:
    loss, *gradient = parts(LogisticInterval, [[-INF], [INF]], 1.0)
    assert [loss.item(), *(g.item() for g in gradient)] == [0.0, 0.0, 0.0]
    assert parts(LogisticInterval, [[-INF], [INF]], 0.0)[0].item() == INF


@pytest.mark.parametrize("at", [*POINTS, -INF, INF])
def test_nothing_falls_into_an_empty_interval(at) -> None:
    loss, *gradient = parts(LogisticInterval, [[at], [at]], 0.0)
    assert loss.item() == 0.0
    assert all(g.isfinite() for g in gradient)
    assert parts(LogisticInterval, [[at], [at]], 1.0)[0].item() == INF


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_the_ends_may_come_in_either_order(y) -> None:
    lower, upper = POINTS[:-1], POINTS[1:]
    loss, by_lower, by_upper = parts(LogisticInterval, [lower, upper], y)
    assert all(p.isfinite().all() for p in (loss, by_lower, by_upper))
    turned = parts(LogisticInterval, [upper, lower], y)
    assert all(map(torch.equal, turned, [loss, by_upper, by_lower]))


@pytest.mark.parametrize("width", [1e-3, 1e-9, 1e-15])
def test_a_narrow_interval_holds_the_density_times_its_width(width) -> None:
    ends = torch.tensor([-width / 2, width / 2], dtype=torch.float64)
    loss, by_lower, by_upper = parts(LogisticInterval, [[e.item()] for e in ends], 1.0)
    bend = width * width  # what the density changes by within the interval
    assert loss.item() == pytest.approx(-math.log(width / 4), rel=1e-15 + bend)
    assert by_lower.item() == -by_upper.item() == pytest.approx(1 / width, rel=1e-14 + bend)


@pytest.mark.parametrize("width", [1e-9, 1e-15, 1e-200])
def test_what_a_narrow_interval_leaves_out_is_all_but_certain(width) -> None:
    loss, by_lower, by_upper = parts(LogisticInterval, [[0.0], [width]], 0.0)
    assert loss.item() == pytest.approx(width / 4, rel=1e-15 + width)
    density = pytest.approx(1 / 4, rel=1e-15 + width)
    assert [by_upper.item(), -by_lower.item()] == [density, density]


@pytest.mark.parametrize("end", [20.0, 40.0, 300.0])
def test_what_a_wide_interval_holds_is_all_but_certain(end) -> None:
    loss, by_lower, by_upper = parts(LogisticInterval, [[-end], [end]], 1.0)
    tail = math.exp(-end)  # each side's, but for its square
    assert loss.item() == pytest.approx(2 * tail, rel=1e-15 + tail)
    assert by_lower.item() == -by_upper.item() == pytest.approx(tail, rel=1e-15 + tail)


def test_a_number_that_is_none_shows() -> None:
    for inputs in ([[math.nan], [1.0]], [[1.0], [math.nan]]):
        for y in (0.0, 1.0):
            assert parts(LogisticInterval, inputs, y)[0].isnan().all()

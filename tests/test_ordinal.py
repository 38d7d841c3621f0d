"""Intervals between thresholds: infinite, empty, narrow, turned round; both backends."""

from __future__ import annotations

import math

import backends
import limits
import pytest
import torch

from neglog import engine
from neglog import functional as F
from neglog.engine import ElementwiseProblem
from neglog.likelihoods import Bernoulli, LogisticInterval, OrderedLogit

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_ordinal_losses_of_narrow_classes_at_extreme_scores_are_exact(dtype) -> None:
    """score − threshold rounds a gap of 1e-6 to 0 at a score of 200."""
    edges = torch.tensor([0.0, 1e-6, 1e-6 + 1e-9, 5.0], dtype=dtype, requires_grad=True)
    z = torch.tensor([-200.0, -30.0, 0.0, 5e-7, 30.0, 200.0], dtype=dtype)
    z, y = torch.cartesian_prod(z, torch.arange(5.0, dtype=dtype)).T
    z = z.clone().requires_grad_()
    losses = F.ordinal_loss(z, y.long(), edges, reduction="none")
    by_score = torch.autograd.grad(losses.sum(), z, retain_graph=True)[0]
    ends = [-INF, *edges.tolist(), INF]
    by_edges = torch.zeros(6, dtype=torch.float64)
    for i, k in enumerate(y.long().tolist()):
        point = (z[i].item(), ends[k], ends[k + 1], float(k))
        loss, slope, *rest, _ = map(float, limits.exact(OrderedLogit, point))
        eps, tiny = torch.finfo(dtype).eps, torch.finfo(dtype).tiny
        torch.testing.assert_close(losses[i].item(), loss, rtol=4 * eps, atol=tiny)
        # Within a class the slope is a difference of sigmoids: its error is one of theirs.
        torch.testing.assert_close(by_score[i].item(), slope, rtol=4 * eps, atol=eps)
        by_edges[k : k + 2] += torch.tensor(rest, dtype=torch.float64)
    got = torch.autograd.grad(losses.sum(), edges)[0].double()
    torch.testing.assert_close(got, by_edges[1:-1], rtol=16 * eps, atol=0.0)

"""Losses of the largest and smallest numbers against mpmath: infinite only where the result is."""

from __future__ import annotations

import itertools
import math

import cases
import limits
import pytest
import running_error
import torch
from mpmath import mp

from neglog import engine, likelihoods
from neglog import functional as F
from neglog.engine import ElementwiseProblem, fast_path, memory
from neglog.engine.cpu import elementwise
from neglog.support import (
    anything,
    binary,
    counts,
    ends_of_unit_interval,
    nonnegative,
    positive,
    real,
    signs,
    unit_interval,
)

INF = math.inf
LARGEST = {torch.float64: torch.finfo(torch.float64).max, torch.float32: torch.finfo().max}
SIZES = {
    torch.float64: [1e-300, 0.7, 709.5, 711.0, 1e150, 1e300, LARGEST[torch.float64]],
    torch.float32: [1e-37, 0.7, 88.6, 89.5, 1e18, 1e37, LARGEST[torch.float32]],
}
SETTINGS = {
    likelihoods.Huber: [(1.5,), (2.0**500,)],
    likelihoods.Quantile: [(0.125,)],
    likelihoods.Expectile: [(0.125,)],
    likelihoods.StudentT: [(3.0,)],
    likelihoods.ScaledLaplace: [(2.0**-20,)],
    likelihoods.InverseGaussian: [(2.0,)],
    likelihoods.HeteroscedasticNormal: [(2.0**-20,)],
    likelihoods.PoissonRate: [(2.0**-27,)],
    likelihoods.NegativeBinomial: [(0.5,), (2.0**20,)],
    likelihoods.Gamma: [(2.0**-10,), (2.0,)],
}
MOST = 200  # the approximate number of points per likelihood, evenly chosen
DTYPES = pytest.mark.parametrize("dtype", SIZES, ids=str)


def numbers(support, dtype: torch.dtype) -> list[float]:
    """Return members of a set, the extreme ones among them."""
    sizes = SIZES[dtype]
    sets = {
        anything: [0.0, *sizes, *(-s for s in sizes)],
        real: [0.0, *sizes, *(-s for s in sizes)],
        counts: [0.0, *sizes],
        nonnegative: [0.0, *sizes],
        positive: sizes,
        binary: [0.0, sizes[0], 0.3, 1.0],
        unit_interval: [0.0, sizes[0], 0.3, 1.0],
        ends_of_unit_interval: [0.0, 1.0],
        signs: [-1.0, 1.0],
    }
    return sets.get(support, [*support.members])


def problem_of(likelihood, settings: tuple[float, ...], dtype: torch.dtype) -> ElementwiseProblem:
    """Return combinations of extreme inputs and targets, all of them leaves."""
    sides = [numbers(domain, dtype) for domain in likelihood.domains]
    known = likelihood.given_domains
    sides += [SIZES[dtype][:3] if d is anything else numbers(d, dtype) for d in known]
    points = list(itertools.product(*sides, numbers(likelihood.support, dtype)))
    empty = limits.EMPTY.get(likelihood, lambda *_: False)
    points = [p for p in points if not empty(*p)]
    points = points[:: len(points) // MOST | 1]
    columns = [torch.tensor(c, dtype=dtype) for c in zip(*points, strict=True)]
    n = len(likelihood.inputs)
    leaves = [columns[i].requires_grad_() for i in (*range(n), -1)]
    given = tuple(columns[n:-1])
    return ElementwiseProblem(
        likelihood, tuple(leaves[:-1]), leaves[-1], given, settings, reduction="none"
    )


def points_of(problem: ElementwiseProblem) -> list[tuple[float, ...]]:
    columns = [t.tolist() for t in (*problem.inputs, *problem.given)]
    settings = [[s] * problem.y.numel() for s in problem.settings]
    return list(zip(*columns, *settings, problem.y.tolist(), strict=True))


def bounds_of(likelihood, point: tuple[float, ...], dtype: torch.dtype) -> list[float]:
    """Return how far rounding may take the loss and its slopes."""
    facts = [getattr(likelihood, fact) for fact in ("nll", "grad", "grad_target")]
    eps, tiny = torch.finfo(dtype).eps, torch.finfo(dtype).tiny
    exact = [mp.mpf(v) for v in point]
    found = [r for fact in facts for r in running_error.of(fact, exact, eps)]
    return [4 * r.error + 16 * tiny for r in found]


def agree(found: float, exact, bound, dtype: torch.dtype) -> bool:
    """Return whether a result is right: infinite if the dtype cannot represent the exact one."""
    if abs(exact) > mp.mpf(LARGEST[dtype]) * (1 - 4 * torch.finfo(dtype).eps):
        return found == math.copysign(INF, exact) or abs(found - exact) <= bound
    return math.isfinite(found) and abs(found - exact) <= bound


def results_of(problem: ElementwiseProblem, by_target: bool) -> list[list[float]]:
    if not by_target:
        problem = problem._replace(y=problem.y.detach())
    loss = engine.loss(problem)
    leaves = (*problem.inputs, *[problem.y] * by_target)
    slopes = torch.autograd.grad(loss.sum(), leaves)
    return list(zip(loss.tolist(), *(s.tolist() for s in slopes), strict=True))


@DTYPES
@pytest.mark.parametrize("likelihood", limits.EXACT, ids=lambda c: c.__name__)
def test_losses_and_slopes_of_extreme_numbers(likelihood, dtype) -> None:
    """The slope by the target is another kernel: in float32, every second likelihood has it."""
    by_target = dtype == torch.float64 or [*limits.EXACT].index(likelihood) % 2 == 0
    for settings in SETTINGS.get(likelihood, [cases.settings(likelihood)]):
        problem = problem_of(likelihood, settings, dtype)
        for point, found in zip(points_of(problem), results_of(problem, by_target), strict=True):
            exact, bounds = limits.exact(likelihood, point), bounds_of(likelihood, point, dtype)
            assert len(found) == len(exact) - (not by_target)
            for i, (value, true, bound) in enumerate(zip(found, exact, bounds, strict=False)):
                assert agree(value, true, bound, dtype), (point, i, value, mp.nstr(true, 9))


@pytest.mark.parametrize("likelihood", limits.EXACT, ids=lambda c: c.__name__)
def test_means_of_losses_that_overflow(likelihood) -> None:
    """Losses of up to 64 times the largest number, whose mean fits."""
    dtype = torch.float64
    for settings in SETTINGS.get(likelihood, [cases.settings(likelihood)]):
        problem = problem_of(likelihood, settings, dtype)
        points = points_of(problem)
        exact = [limits.exact(likelihood, p) for p in points]
        kept = torch.tensor([abs(e[0]) < mp.mpf(2) ** 1030 for e in exact])
        leaves = [t.detach()[kept].requires_grad_() for t in (*problem.inputs, problem.y)]
        given = tuple(t[kept] for t in problem.given)
        facts = {"inputs": tuple(leaves[:-1]), "y": leaves[-1], "given": given}
        mean = engine.loss(problem._replace(**facts, reduction="mean"))
        slopes = torch.autograd.grad(mean, leaves)
        rows = [(p, e) for p, e, keep in zip(points, exact, kept, strict=True) if keep]
        count = len(rows)
        bounds = [bounds_of(likelihood, p, dtype) for p, _ in rows]
        total = sum(e[0] for _, e in rows) / count
        assert mean.isfinite() == (abs(total) < LARGEST[dtype])
        assert agree(mean.item(), total, sum(b[0] for b in bounds) / count, dtype)
        for i, ((point, true), bound) in enumerate(zip(rows, bounds, strict=True)):
            for j, slope in enumerate(slopes, start=1):
                found, size = slope[i].item(), abs(true[j] / count) * 2.0**-50
                assert agree(found, true[j] / count, bound[j] / count + size, dtype), (point, j)


GAUSSIAN = lambda x, y, **o: F.gaussian_nll_loss(x, y, 0.5, **o)  # noqa: E731
FUNCTIONS = {  # loss, its options, exact loss and slopes, the factor of those, inputs, targets
    "mse": (F.mse_loss, {}, limits.normal, 2, [1e200, 3e160, 1.0], [0.0, -1e160, 1e154]),
    "l1": (F.l1_loss, {}, limits.laplace, 1, [1.7e308, -1.7e308, 1.0], [-1e308, 1e308, 1.0]),
    "smooth l1": (
        F.smooth_l1_loss,
        {"beta": 2.0**500},
        lambda x, y: limits.huber(x, mp.mpf(2) ** 500, y),
        2.0**-500,
        [1e250, 1e149, -1.7e308],
        [0.0, -1e150, 1e308],
    ),
    "huber": (
        F.huber_loss,
        {"delta": 0.5},
        lambda x, y: limits.huber(x, mp.mpf(0.5), y),
        1,
        [1.7e308, 1e9, -1e200],
        [-1e308, 1.0, 1e300],
    ),
    "poisson": (F.poisson_nll_loss, {}, limits.poisson, 1, [720.0, 710.0, 1e300], [9.0, 1.0, 1e9]),
    "bce": (
        F.binary_cross_entropy_with_logits,
        {},
        limits.bernoulli,
        1,
        [1.7e308, -1.7e308, 1e300],
        [0.0, 1.0, 0.5],
    ),
    "gaussian": (
        GAUSSIAN,
        {},
        lambda x, y: limits.heteroscedastic(x, mp.mpf(0.5), 0, y),
        1,
        [1e160, 1e154, 0.0],
        [-1e155, -1e154, 1.0],
    ),
}
TINY = 2.0**-700
OPTIONS = {  # and the weight of each loss, and what their sum is divided by
    "mean": ({}, [1, 1, 1], 3),
    "mask": ({"mask": torch.tensor([False, True, True])}, [0, 1, 1], 2),
    "normalizer": ({"normalizer": 2.0**500}, [1, 1, 1], mp.mpf(2) ** 500),
    "weights": ({"sample_weight": [TINY, TINY, 1.0]}, [TINY, TINY, 1], 1 + 2 * mp.mpf(TINY)),
    "sum of weights": (
        {"sample_weight": [TINY, TINY, 1.0], "reduction": "sum"},
        [TINY, TINY, 1],
        1,
    ),
    "batchmean": ({"reduction": "batchmean"}, [1, 1, 1], 3),
}


@pytest.mark.parametrize("chosen", OPTIONS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_reduced_losses_that_overflow(name, chosen) -> None:
    loss, options, exact, factor, xs, ys = FUNCTIONS[name]
    more, weights, divisor = OPTIONS[chosen]
    x, y = (torch.tensor(v, dtype=torch.float64) for v in (xs, ys))
    named = {k: x.new_tensor(v) if isinstance(v, list) else v for k, v in more.items()}
    leaf = x.clone().requires_grad_()
    found = loss(leaf, y, **options, **named)
    (slope,) = torch.autograd.grad(found, leaf)
    parts = [mp.mpf(w) * factor / divisor for w in weights]
    truth = [exact(mp.mpf(a), mp.mpf(b)) for a, b in zip(xs, ys, strict=True)]
    terms = [part * t[0] for part, t in zip(parts, truth, strict=True)]
    bound = 2.0**-50 * sum(abs(t) for t in terms)
    assert agree(found.item(), sum(terms), bound, torch.float64), mp.nstr(sum(terms), 9)
    for value, part, true in zip(slope.tolist(), parts, truth, strict=True):
        assert agree(value, part * true[1], abs(part * true[1]) * 2.0**-50, torch.float64)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_means_that_overflow_under_transforms(name) -> None:
    loss, options, _, _, xs, ys = FUNCTIONS[name]
    x, y = (torch.tensor(v, dtype=torch.float64) for v in (xs, ys))
    f = lambda x: loss(x, y, **options)  # noqa: E731
    expected, slope = f(x), torch.autograd.functional.jacobian(f, x)
    assert torch.equal(torch.func.jvp(f, (x,), (torch.ones_like(x),))[0], expected)
    torch.testing.assert_close(torch.func.grad(f)(x), slope, rtol=1e-15, atol=0.0)
    torch.testing.assert_close(torch.vmap(f)(x[None])[0], expected, rtol=1e-15, atol=0.0)


def test_a_constant_is_part_of_a_mean_that_overflows() -> None:
    y = torch.full((4,), 2e305, dtype=torch.float64)
    found = F.poisson_nll_loss(torch.zeros_like(y), y, full="exact")
    y = mp.mpf(2e305)
    assert abs(found.item() / (1 + mp.loggamma(y + 1)) - 1) < 1e-14


ROWS = [[1.7e308, -1.7e308, 0.0], [-1e308, 1.7e308, 1.0], [1.0, 2.0, 3.0]]
TARGETS = {
    "labels": (torch.tensor([1, 0, 2]), {}),
    "smoothed": (torch.tensor([1, 0, 2]), {"label_smoothing": 0.25}),
    "soft": (torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]).double(), {}),
}


@pytest.mark.parametrize("weights", [None, [2.0**-300, 2.0**-10, 1.0]], ids=["plain", "weights"])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("name", TARGETS)
def test_rows_whose_logits_are_far_apart(name, reduction, weights) -> None:
    y, options = TARGETS[name]
    x = torch.tensor(ROWS, dtype=torch.float64)
    share = None if weights is None else x.new_tensor(weights)
    found = F.cross_entropy(x, y, reduction=reduction, sample_weight=share, **options)
    smoothing = options.get("label_smoothing", 0.0)
    shares = torch.eye(3).double()[y] if y.dim() == 1 else y
    shares = (1 - smoothing) * shares + smoothing / 3
    terms = []
    for row, part, w in zip(ROWS, shares.tolist(), weights or [1.0] * 3, strict=True):
        total = mp.log(sum(mp.exp(mp.mpf(z)) for z in row))
        terms.append(w * sum(p * (total - mp.mpf(z)) for p, z in zip(part, row, strict=True)))
    exact = terms if reduction == "none" else [sum(terms)]
    exact = [sum(terms) / sum(weights or [1.0] * 3)] if reduction == "mean" else exact
    for value, true in zip(found.reshape(-1).tolist(), exact, strict=True):
        assert agree(value, true, abs(true) * 2.0**-49, torch.float64), mp.nstr(true, 9)


@pytest.mark.parametrize("options", [{"normalizer": 8.0}, {"empty": "zero"}], ids=str)
def test_a_mean_of_rows_is_finite_where_the_sum_is_not(options) -> None:
    x = torch.tensor([[-1.5e308, 0.0]] * 8, dtype=torch.float64)
    y = torch.zeros(8, dtype=torch.long)
    assert F.nll_loss(x, y, **options) == 1.5e308
    assert F.cross_entropy(x, y, **options) == 1.5e308
    assert F.nll_loss(x, y, reduction="sum") == INF


@pytest.mark.parametrize("options", [{"normalizer": 8.0}, {"empty": "zero"}], ids=str)
def test_every_pixel_counts_in_such_a_mean_of_soft_targets(options) -> None:
    y = torch.zeros(1, 3, 2, 4, dtype=torch.float64)
    y[:, 0] = 1.0
    x = (-1.5e308 * y).requires_grad_()
    loss = F.cross_entropy(x, y, **options)
    (gradient,) = torch.autograd.grad(loss, x)
    assert loss == 1.5e308
    torch.testing.assert_close(gradient, (0.5 - 1.5 * y) / 8)


@pytest.fixture
def filled_memory(monkeypatch):
    """Fill the kernels' fresh memory with 7, since NaN is what the test expects."""
    allocator = memory.allocator
    monkeypatch.setattr(
        memory, "allocator", lambda size: lambda tensor: allocator(size)(tensor).fill_(7.0)
    )
    fast_path.plans.clear()
    elementwise.forget()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("options", [{}, {"sample_weight": 2.0}], ids=str)
@pytest.mark.parametrize("bad", [math.nan, INF])
@pytest.mark.parametrize("size", [1, 8192, 8193, 20000])  # a block of the kernel holds 8192
@pytest.mark.usefixtures("filled_memory")
def test_an_invalid_input_of_any_size_shows_in_the_loss(size, bad, options, reduction) -> None:
    options = {name: torch.full((size,), value) for name, value in options.items()}
    x, y = torch.ones(size), torch.zeros(size)
    x[-1] = bad
    for leaf in (x, x.clone().requires_grad_()):
        found = F.mse_loss(leaf, y, reduction=reduction, **options)
        assert found.isnan() if math.isnan(bad) else found == bad

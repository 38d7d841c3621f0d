"""Kernel, reference, custom operator and sixty digits: one loss, whoever computes it."""

from __future__ import annotations

import cases
import numpy as np
import oracle
import pytest
import torch
from oracle import mp

from neglog import engine
from neglog.engine import elementwise_cpu, values

elementwise = pytest.mark.parametrize("likelihood", cases.ELEMENTWISE)
rows = pytest.mark.parametrize("likelihood", cases.ROWS)
dtypes = pytest.mark.parametrize("dtype", cases.DTYPES, ids=str)
reductions = pytest.mark.parametrize("reduction", cases.REDUCTIONS)
REALS = {torch.float64: np.float64, torch.float32: np.float32}
ROUNDING = {torch.float64: 1e-13, torch.float32: 2e-6, torch.bfloat16: 8e-3, torch.float16: 1e-3}


def loss_and_gradient(call, x, **options):
    """Return the loss of a fresh leaf and its gradient for an upstream of ones."""
    x = x.detach().clone().requires_grad_()
    loss = call(x, **options)
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    return loss.detach(), gradient


def by_reference(monkeypatch, call, x, **options):
    with monkeypatch.context() as patch:
        patch.setattr(values, "kernel_serves", lambda x, y: False)
        return loss_and_gradient(call, x, **options)


def assert_same(got, expected, dtype):
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == b.dtype == dtype
        scale = ROUNDING[dtype]
        torch.testing.assert_close(a, b, rtol=scale, atol=scale, equal_nan=True)


@elementwise
@dtypes
@reductions
@pytest.mark.parametrize("shape", [(), (0,), (1,), (15,), (3, 7, 5), (9001,)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_elementwise_kernel_agrees_with_reference(
    likelihood, dtype, reduction, shape, weighted, monkeypatch
) -> None:
    x, y, given = cases.elementwise(likelihood, shape, dtype)
    weight = torch.rand(shape, dtype=dtype) if weighted else None

    def call(x, **options):
        return engine.elementwise(likelihood, x, y, given=given, weight=weight, **options)

    options = {"reduction": reduction, "factor": 2.0}
    got = loss_and_gradient(call, x, **options)
    assert_same(got, by_reference(monkeypatch, call, x, **options), dtype)


@rows
@dtypes
@reductions
@pytest.mark.parametrize("size, classes", [(0, 3), (1, 1), (1, 2), (7, 3), (50, 1025), (4000, 9)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["labels", "ignored", "all ignored", "smoothed", "probabilities"])
def test_rows_kernel_agrees_with_reference(
    likelihood, dtype, reduction, size, classes, weighted, kind, monkeypatch
) -> None:
    x, y = cases.rows(likelihood, size, classes, dtype)
    weight = torch.rand(classes, dtype=dtype) + 0.5 if weighted else None
    smoothing = 0.1 if kind in ("smoothed", "ignored") else 0.0
    if kind == "ignored":
        y[::3] = -7
    if kind == "all ignored":
        y[:] = -7
    if kind == "probabilities":
        y = torch.rand(size, classes, dtype=torch.float64).softmax(1).to(dtype)

    def call(x, **options):
        return engine.rows(likelihood, x, y, weight=weight, ignored=-7, **options)

    options = {"reduction": reduction, "smoothing": smoothing}
    got = loss_and_gradient(call, x, **options)
    assert_same(got, by_reference(monkeypatch, call, x, **options), dtype)


@elementwise
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_elementwise_is_exact_in_every_regime(likelihood, dtype) -> None:
    x, y, given = cases.elementwise(likelihood, (120,), dtype, seed=1)
    real, eps = REALS[dtype], torch.finfo(dtype).eps

    def call(x):
        return engine.elementwise(likelihood, x, y, given=given, reduction="none")

    for fact, results in zip(("nll", "grad"), loss_and_gradient(call, x), strict=True):
        f = oracle.formula(likelihood, fact)
        for i, value in enumerate(results.tolist()):
            point = [mp.mpf(t[i].item()) for t in (x, *given, y)]
            true = f(*point)
            if y[i] in (0.0, 1.0):
                assert oracle.ulps(value, true, real) <= 4, (fact, point)
            else:  # a difference of two numbers up to max(1, |point|): its rounding remains
                size = max(1, *(abs(v) for v in point), abs(true))
                assert abs(mp.mpf(value) - true) <= 4 * eps * size, (fact, point)


@rows
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_rows_are_exact_in_every_regime(likelihood, dtype) -> None:
    x, y = cases.rows(likelihood, 40, 6, dtype, seed=2)

    def call(x):
        return engine.rows(likelihood, x, y, reduction="none")

    loss, gradient = loss_and_gradient(call, x)
    for i in range(40):
        row = [mp.mpf(v) for v in x[i].tolist()]
        total = sum(mp.exp(z) for z in row) if likelihood.softmax else mp.mpf(1)
        label = int(y[i])
        # The difference of two logits is rounded, and its exponential magnifies that.
        bound = 4 + max(row) - min(row) if likelihood.softmax else 1
        assert oracle.ulps(loss[i].item(), mp.log(total) - row[label], REALS[dtype]) <= bound
        for k in range(6):
            p = mp.exp(row[k]) / total if likelihood.softmax else mp.mpf(0)
            others = sum(mp.exp(z) for j, z in enumerate(row) if j != k) / total
            true = (-others if likelihood.softmax else mp.mpf(-1)) if k == label else p
            assert oracle.ulps(gradient[i, k].item(), true, REALS[dtype]) <= bound, (i, k)


@pytest.mark.parametrize("size", [18, 100, 1500])
def test_the_same_bits_wherever_the_memory_lies(size) -> None:
    """Adjacent buffers once took another loop, which added in another order."""
    torch.manual_seed(0)
    values = torch.randn(2, size), torch.rand(2, size)
    seen = set()
    for gap in range(0, 512, 37):
        room = torch.empty(4 * size + 3 * gap)
        x, y = room[:size], room[size + gap : 2 * size + gap]
        x.copy_(values[0][0]), y.copy_(values[1][0])
        loop = elementwise_cpu.kernel(cases.ELEMENTWISE[0], np.float32)
        gradient = room[2 * size + 2 * gap : 3 * size + 2 * gap]
        sums, outside = np.zeros(1), np.zeros(1)
        arrays = ((x.numpy(),), y.numpy(), None, np.float32(1), None, gradient.numpy())
        loop(*arrays, sums, outside, 0, 1)
        seen.add((sums[0], gradient.sum().item()))
    assert len(seen) == 1

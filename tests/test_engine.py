"""Kernel, reference, custom operator and sixty digits: one loss, whoever computes it."""

from __future__ import annotations

import itertools

import backends
import cases
import numpy as np
import oracle
import pytest
import running_error
import torch
from oracle import mp

from neglog import REGISTRY, engine
from neglog.engine import ElementwiseProblem, RowwiseProblem, memory
from neglog.engine.cpu import elementwise as elementwise_cpu
from neglog.engine.cpu import rows as rows_kernels
from neglog.support import ends_of_unit_interval

elementwise = pytest.mark.parametrize("likelihood", cases.ELEMENTWISE)
rows = pytest.mark.parametrize("likelihood", cases.ROWS)
# Halves take the way of float32, so one size of them will do.
WIDE, HALF = cases.DTYPES[:2], cases.DTYPES[2:]
SHAPES = [(), (0,), (1,), (15,), (3, 7, 5), (9001,)]
SIZES = [(0, 3), (1, 1), (1, 2), (7, 3), (50, 1025), (4000, 9)]
DTYPES_AND_SIZES = [*itertools.product(WIDE, SIZES), *((d, (7, 3)) for d in HALF)]
KINDS = ["labels", "ignored", "all ignored", "smoothed", "probabilities"]
REALS = {torch.float64: np.float64, torch.float32: np.float32}
ROUNDING = {torch.float64: 1e-13, torch.float32: 2e-6, torch.bfloat16: 8e-3, torch.float16: 1e-3}


def loss_and_gradients(problem, **options):
    """Return the loss about fresh leaves, and its gradients for an upstream of ones."""
    problem = problem._replace(**options)
    tensors = list(problem.tensors())
    count = len(problem.inputs) if isinstance(problem, ElementwiseProblem) else 1
    for i in range(count):
        tensors[i] = tensors[i].detach().clone().requires_grad_()
    problem = problem.with_tensors(tensors)
    loss = engine.loss(problem)
    return [loss.detach(), *torch.autograd.grad(loss.sum(), tensors[:count])]


def by_reference(monkeypatch, problem, **options):
    """Return the results of torch's operations; of elements in float64, then rounded."""
    dtype, problem = problem.dtype, problem._replace(**options)
    if isinstance(problem, ElementwiseProblem):
        problem = problem.each(torch.Tensor.double)
    with monkeypatch.context() as patch:
        backends.only(patch)
        return [result.to(dtype) for result in loss_and_gradients(problem)]


def assert_same(got, expected, dtype, case=()):
    scale = ROUNDING[dtype]
    close = {"rtol": scale, "atol": scale, "equal_nan": True, "msg": lambda m: f"{case}: {m}"}
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == b.dtype == dtype
        torch.testing.assert_close(a, b, **close)


# Each is a kernel. Only in float32 do weights decide which precision it computes in; a half
# precision is loaded into float32, so that one shape of a few likelihoods will do.
ELEMENTS = [
    (likelihood, dtype, weighted)
    for i, likelihood in enumerate(cases.ELEMENTWISE)
    for dtype, weighted in [
        (torch.float32, False), (torch.float32, True), (torch.float64, False),
        *([(cases.half_of(likelihood.name), i // 4 % 4 > 1)] if i % 4 == 0 else []),
        *([(torch.float64, True)] if i % 8 == 0 else []),
    ]
]  # fmt: skip


@pytest.mark.parametrize(
    "likelihood, dtype, weighted", ELEMENTS, ids=lambda fact: getattr(fact, "name", str(fact))
)
def test_elementwise_kernel_agrees_with_reference(likelihood, dtype, weighted, monkeypatch) -> None:
    kinds = ["weighted", "masked"] if weighted else ["plain"]
    shapes = SHAPES if dtype in WIDE else [(3, 7, 5)]
    for shape, reduction, kind in itertools.product(shapes, cases.REDUCTIONS, kinds):
        problem = cases.elementwise(likelihood, shape, dtype)
        weight = torch.rand(shape, dtype=dtype) if weighted else None
        if kind == "masked":
            weight = torch.where(weight < 0.5, 0.0, weight)
        options = {"reduction": reduction, "factor": 2.0, "weight": weight}
        options["masked"] = kind == "masked"
        got = loss_and_gradients(problem, **options)
        expected = by_reference(monkeypatch, problem, **options)
        assert_same(got, expected, dtype, (shape, reduction, kind))


@elementwise
def test_the_kernels_gradient_by_the_target_is_the_reference_s(likelihood, monkeypatch) -> None:
    """Together with those by the inputs: torch's own test data asks the same kernels for both."""
    problem = cases.elementwise(likelihood, (50,), torch.float64)
    results = []
    for names in (["cpu"], []):
        backends.only(monkeypatch, *names)
        *inputs, y = leaves = [t.clone().requires_grad_() for t in (*problem.inputs, problem.y)]
        loss = engine.loss(problem._replace(inputs=tuple(inputs), y=y, factor=2.0))
        results.append(torch.autograd.grad(loss, leaves))
    assert_same(*results, torch.float64)


@pytest.mark.parametrize("name", ["laplace", "heteroscedastic_normal"])
def test_the_gradient_by_the_target_alone_is_the_same(name) -> None:
    problem = cases.elementwise(REGISTRY[name], (50,), torch.float64)
    gradients = []
    for leaves in ((problem.y,), (*problem.inputs, problem.y)):
        for leaf in leaves:
            leaf.requires_grad_()
        gradients.append(torch.autograd.grad(engine.loss(problem), problem.y)[0])
    assert torch.equal(*gradients)


@elementwise
@pytest.mark.parametrize("by", ["kernel", "reference"])
def test_masked_values_are_not_checked(likelihood, by, monkeypatch) -> None:
    if by == "reference":
        backends.only(monkeypatch)
    problem = cases.elementwise(likelihood, (40,), torch.float32)
    weight = torch.arange(40.0) % 3
    options = {"weight": weight, "masked": True, "reduction": "sum"}
    clean = loss_and_gradients(problem, **options)
    for stranger in (float("nan"), float("inf"), -1e30):
        spoiled = problem.each(lambda t, s=stranger: torch.where(weight == 0, s, t))
        got = loss_and_gradients(spoiled, **options)
        assert_same(got, clean, torch.float32)  # a hidden target may decide the precision
        assert all((g[weight == 0] == 0).all() for g in got[1:])


def falls_to(dtype, size, likelihood, reduction, weighted, kind, shared) -> bool:
    """Return whether a dtype takes a combination, each of which is a kernel that takes seconds.

    The two wide dtypes divide them, and so do the two of half precision. Every four of the facts
    still meet in every dtype, and no loop reads more than three of them in one place. Of the half
    precisions a formula meets one, but the first meets both. The first also meets both wide dtypes
    with few classes and with many, which are different kernels; the others meet one of each.
    """
    turn = cases.ROWS.index(likelihood)
    if turn and dtype in HALF and dtype != HALF[turn % 2]:
        return False
    if turn and dtype in WIDE and (WIDE.index(dtype) + (size[1] > 9)) % 2 != turn % 2:
        return False
    smoothed = kind in ("ignored", "smoothed")
    odd = sum((likelihood.softmax, reduction == "none", weighted, smoothed, shared)) % 2
    return odd == (WIDE if dtype in WIDE else HALF).index(dtype)


ROWS = [
    (likelihood, *dtype_and_size, *facts)
    for likelihood, dtype_and_size, *facts in itertools.product(
        cases.ROWS, DTYPES_AND_SIZES, cases.REDUCTIONS, [False, True], KINDS, [False, True]
    )
    if falls_to(*dtype_and_size, likelihood, *facts)
]


@pytest.mark.parametrize(
    "likelihood, dtype, size, reduction, weighted, kind, shared",
    ROWS,
    ids=lambda fact: getattr(fact, "name", str(fact)),
)
def test_rows_kernel_agrees_with_reference(
    likelihood, dtype, size, reduction, weighted, kind, shared, monkeypatch
) -> None:
    problem = rows_problem(likelihood, dtype, size, reduction, weighted, kind, shared)
    got = loss_and_gradients(problem)
    assert_same(got, by_reference(monkeypatch, problem), dtype)


def rows_problem(likelihood, dtype, size, reduction, weighted, kind, shared) -> RowwiseProblem:
    size, classes = size
    x, y = cases.rows(likelihood, size, classes, dtype)
    weight = torch.rand(classes, dtype=dtype) + 0.5 if weighted else None
    smoothing = 0.1 if kind in ("smoothed", "ignored") else 0.0
    if kind == "ignored":
        y[::3] = -7
    if kind == "all ignored":
        y[:] = -7
    if kind == "probabilities":
        y = torch.rand(size, classes, dtype=torch.float64).softmax(1).to(dtype)
    share = None
    if shared:
        share = (torch.rand(size) * 3 - 1).clamp(min=0).to(dtype)
        x[share == 0] = float("nan")
        if y.dim() == 1:
            y[share == 0] = -55
    facts = (-7, smoothing, reduction, cases.settings(likelihood))
    return RowwiseProblem(likelihood, x, y, weight, share, *facts)


@elementwise
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_elementwise_is_exact_in_every_regime(likelihood, dtype) -> None:
    problem = cases.elementwise(likelihood, (120,), dtype, seed=1)
    real, eps, y = REALS[dtype], torch.finfo(dtype).eps, problem.y
    tensors = (*problem.inputs, *problem.given)
    settings = [mp.mpf(float(real(s))) for s in problem.settings]
    loss, *gradients = loss_and_gradients(problem, reduction="none")
    for fact, results in (("nll", [loss]), ("grad", gradients)):
        f = oracle.formula(likelihood, fact)
        for i in range(120):
            point = [*(mp.mpf(t[i].item()) for t in tensors), *settings, mp.mpf(y[i].item())]
            truths, bounds = f(*point), running_error.of(getattr(likelihood, fact), point, eps)
            truths = truths if isinstance(truths, tuple) else (truths,)
            values = (r[i].item() for r in results)
            for value, true, bound in zip(values, truths, bounds, strict=True):
                if likelihood.well_conditioned is ends_of_unit_interval and y[i] in (0.0, 1.0):
                    assert oracle.ulps(value, true, real) <= 4, (fact, point)
                else:
                    assert abs(mp.mpf(value) - true) <= bound.error, (fact, point)


@rows
@pytest.mark.parametrize("dtype", REALS, ids=str)
def test_rows_are_exact_in_every_regime(likelihood, dtype) -> None:
    x, y = cases.rows(likelihood, 40, 6, dtype, seed=2)

    numbers = cases.settings(likelihood)
    problem = RowwiseProblem(likelihood, x, y, reduction="none", settings=numbers)
    loss, gradient = loss_and_gradients(problem)
    nll, grad = (oracle.formula(likelihood, fact) for fact in ("nll", "grad"))
    settings = [mp.mpf(s) for s in numbers]
    for i in range(40):
        row = [mp.mpf(v) for v in x[i].tolist()]
        total = sum(mp.exp(z) for z in row) if likelihood.softmax else mp.mpf(1)
        label = int(y[i])
        # The difference of two logits is rounded, and its exponential magnifies that.
        bound = 4 + max(row) - min(row) if likelihood.softmax else 1
        point = (row[label] - mp.log(total), *settings, mp.mpf(1))
        assert oracle.ulps(loss[i].item(), nll(*point), REALS[dtype]) <= bound
        for k in range(6):
            p = mp.exp(row[k]) / total if likelihood.softmax else mp.mpf(0)
            others = sum(mp.exp(z) for j, z in enumerate(row) if j != k) / total
            not_p = others if likelihood.softmax else mp.mpf(1)
            true = grad(*point) * (not_p if k == label else -p)
            assert oracle.ulps(gradient[i, k].item(), true, REALS[dtype]) <= bound, (i, k)


@pytest.mark.parametrize("size", [18, 100, 1500])
def test_the_same_bits_wherever_the_memory_lies(size, monkeypatch) -> None:
    """Adjacent buffers once took another loop, which added in another order."""
    torch.manual_seed(0)
    values = torch.randn(2, size), torch.rand(2, size)
    problem = ElementwiseProblem(REGISTRY["bernoulli"], (None,), None, reduction="sum")
    seen = set()
    for gap in range(0, 512, 37):
        room = torch.empty(4 * size + 3 * gap)
        x, y = room[:size], room[size + gap : 2 * size + gap]
        x.copy_(values[0][0]), y.copy_(values[1][0])
        gradient = room[2 * size + 2 * gap : 3 * size + 2 * gap]
        places = {4: torch.empty_like, 4 * size: lambda _, gradient=gradient: gradient}
        monkeypatch.setattr(memory, "allocator", places.get)
        elementwise_cpu.forget()
        loss, _ = elementwise_cpu.run(problem, (x, y, None), (True, False, False))
        seen.add((loss.item(), gradient.sum().item()))
    elementwise_cpu.forget()
    assert len(seen) == 1


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_options_of_rows_share_a_kernel(smoothing) -> None:
    """Another option in the middle of a training must not wait for a compiler."""
    x, labels = cases.rows(REGISTRY["categorical"], 12, 5, torch.float32)
    plain = RowwiseProblem(REGISTRY["categorical"], x, labels, smoothing=smoothing)
    loss_and_gradients(plain)
    compiled = rows_kernels.kernel.cache_info().misses
    weight, rows = torch.rand(5), torch.arange(12.0)
    targets = {"y": torch.rand(12, 5).softmax(1)} if smoothing else {}
    image = {"x": x.T[None], "y": labels[None]}
    for options in (
        {"reduction": "none"}, {"weight": weight}, {"sample_weight": rows}, {"ignored": 1},
        {"weight": weight, "sample_weight": rows, "ignored": 1}, targets, image,
    ):  # fmt: skip
        loss_and_gradients(plain, **options)
        engine.loss(plain._replace(**options))  # without a gradient
    assert rows_kernels.kernel.cache_info().misses == compiled

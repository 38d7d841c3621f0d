"""Elementwise problems of any number of inputs, given tensors and settings."""

from __future__ import annotations

import inspect
import itertools

import backends
import cases
import pytest
import several
import torch

from neglog import engine
from neglog.engine import ElementwiseProblem
from neglog.likelihood import Elementwise
from neglog.primitives.unrolled import unrolled
from neglog.support import real


class Four(Elementwise):
    """y ~ Normal(a + b + c + d, 1): a declaration whose derivatives are derived."""

    inputs, support = ("a", "b", "c", "d"), real

    def nll(a, b, c, d, y):
        error = a + b + c + d - y
        return 0.5 * error * error


def problem_of(shape=(40,), **options):
    return cases.elementwise(several.Several, shape, torch.float64)._replace(**options)


def test_any_subset_of_gradients(monkeypatch) -> None:
    problem = problem_of(reduction="sum")
    tensors = (*problem.inputs, problem.y)
    results = []
    for names in (("cpu",), ()):
        backends.only(monkeypatch, *names)
        for wanted in ((0,), (1, 2), (3,), (0, 2, 3)):
            leaves = [t.clone().requires_grad_(i in wanted) for i, t in enumerate(tensors)]
            *inputs, y = leaves
            loss = engine.loss(problem._replace(inputs=tuple(inputs), y=y))
            results.append(torch.autograd.grad(loss, [leaves[i] for i in wanted]))
    for got, expected in zip(results[:4], results[4:], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-13, atol=1e-13)


def test_four_inputs_have_the_derivatives_of_their_sum() -> None:
    torch.manual_seed(0)
    inputs = [torch.randn(50, dtype=torch.float64, requires_grad=True) for _ in range(4)]
    y = torch.randn(50, dtype=torch.float64)
    loss = engine.loss(ElementwiseProblem(Four, tuple(inputs), y, reduction="sum"))
    error = sum(inputs) - y
    torch.testing.assert_close(loss, 0.5 * (error * error).sum(), rtol=1e-14, atol=0)
    slopes = torch.autograd.grad(loss, inputs, create_graph=True)
    for slope in slopes:
        torch.testing.assert_close(slope, error, rtol=1e-14, atol=1e-15)
    for slope, x in itertools.product(slopes, inputs):
        (second,) = torch.autograd.grad(slope.sum(), x, retain_graph=True)
        assert torch.equal(second, torch.ones_like(x))


@pytest.mark.parametrize("reduction", cases.REDUCTIONS)
def test_compiled_is_eager(reduction) -> None:
    problem = problem_of(reduction=reduction, weight=torch.rand(40, dtype=torch.float64))

    def loss(*inputs):
        return engine.loss(problem._replace(inputs=inputs))

    results = []
    for f in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        leaves = [t.clone().requires_grad_() for t in problem.inputs]
        value = f(*leaves)
        results.append([value.detach(), *torch.autograd.grad(value.sum(), leaves)])
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("shape", [(), (5,), (4, 1)])
def test_the_gradient_of_a_repeated_input_is_the_sum(place, shape) -> None:
    problem = problem_of((4, 5), reduction="sum")
    short = torch.rand(shape, dtype=torch.float64) + 0.5
    gradients = []
    for repeat in (lambda t: t.expand(4, 5), lambda t: t.expand(4, 5).contiguous()):
        leaf = short.clone().requires_grad_()
        inputs = [*problem.inputs]
        inputs[place] = repeat(leaf)
        gradients += torch.autograd.grad(engine.loss(problem._replace(inputs=tuple(inputs))), leaf)
    assert torch.equal(*gradients)


def _template(x_n, y):
    total = y
    total = total + x_n
    if FLAG_n:
        total = total * (n + 1)
    return max(*x_n, total)


FLAG_n = n = None
FLAG_0, FLAG_1 = False, True


def test_a_template_is_written_out_for_a_number() -> None:
    written = unrolled(_template, {"n": 2})
    assert list(inspect.signature(written).parameters) == ["x_0", "x_1", "y"]
    assert written(1, 2, 4) == max(1, 2, (4 + 1 + 2) * 2)
    assert written.__code__.co_firstlineno == _template.__code__.co_firstlineno

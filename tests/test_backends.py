"""The interface of a backend: a folder adds one, and every way to a loss uses it."""

from __future__ import annotations

import sys
import textwrap

import backends
import cases
import pytest
import torch
from torch.func import grad, jvp, vmap

from neglog import engine, functional
from neglog.engine import ElementwiseProblem, RowwiseProblem, selection
from neglog.likelihoods import Bernoulli, Categorical, Normal

TOY = """
    from torch import Tensor

    from neglog.engine import reference
    from neglog.engine.backend import Backend


    class Toy(Backend):
        name = "toy"
        priority = 2
        calls = []

        def serves(self, problem):
            return all(t is None or type(t) is Tensor for t in problem.tensors()) and hasattr(
                problem, "likelihood"
            )

        def run(self, problem, needs_grad, into=None):
            self.calls.append(problem.likelihood.name)
            return reference.backend.BACKEND.run(problem, needs_grad)


    BACKEND = Toy()
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Add a folder of a backend to the engine for a test."""
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "backend.py").write_text(textwrap.dedent(TOY), "utf-8")
    monkeypatch.setattr(engine, "__path__", [*engine.__path__, str(tmp_path)])
    backends.use(monkeypatch, selection.found())
    yield selection.BACKENDS[0]
    for name in ("neglog.engine.toy.backend", "neglog.engine.toy"):
        sys.modules.pop(name, None)
    vars(engine).pop("toy", None)


def data(likelihood):
    torch.manual_seed(0)
    x = torch.randn(6, 4, dtype=torch.float64)
    if likelihood is Categorical:
        return x, torch.tensor([0, 1, 2, 3, 1, 2])
    return x, torch.rand(6, 4, dtype=torch.float64)


def loss_of(likelihood, reduction="mean"):
    def loss(x, y):
        if likelihood is Categorical:
            return engine.loss(RowwiseProblem(likelihood, x, y, reduction=reduction))
        return engine.loss(ElementwiseProblem(likelihood, (x,), y, reduction=reduction))

    return loss


def derivatives(loss, x, y):
    """Return the loss and its derivatives of both orders and modes."""
    leaf = x.clone().requires_grad_()
    value = loss(leaf, y)
    (gradient,) = torch.autograd.grad(value, leaf, torch.full_like(value, 3.0), create_graph=True)
    (second,) = torch.autograd.grad(gradient.sin().sum(), leaf)
    tangents = jvp(lambda a: loss(a, y), (x,), (x.cos(),))
    stacked = torch.stack([x, 0.5 * x])
    each = vmap(grad(lambda a: loss(a, y).sum()))(stacked)
    hessian = jvp(grad(lambda a: loss(a, y).sum()), (x,), (x.cos(),))[1]
    return [value, gradient, second, *tangents, each, hessian]


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("likelihood", [Bernoulli, Normal, Categorical])
def test_a_folder_adds_a_backend_that_every_transform_uses(likelihood, reduction, toy, monkeypatch):
    loss, (x, y) = loss_of(likelihood, reduction), data(likelihood)
    found = derivatives(loss, x, y)
    assert toy.calls == [likelihood.name] * 4  # eager, jvp, vmap of grad, jvp of grad
    backends.only(monkeypatch)
    toy.calls.clear()
    for mine, expected in zip(found, derivatives(loss, x, y), strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-12, atol=1e-14)
    assert toy.calls == []


def test_a_loss_a_plan_and_a_compiled_function_use_it(toy) -> None:
    x, y = torch.randn(5), torch.rand(5)
    for _ in range(3):
        leaf = x.clone().requires_grad_()
        functional.binary_cross_entropy_with_logits(leaf, y).backward()
        torch.testing.assert_close(leaf.grad, (x.sigmoid() - y) / 5)
    assert toy.calls == ["bernoulli"] * 3
    compiled = torch.compile(lambda a: 2 * functional.mse_loss(a, y), backend="eager")
    torch.testing.assert_close(compiled(x), 2 * (x - y).square().mean())
    assert toy.calls[3:] == ["normal"]


def test_it_is_gone_afterwards() -> None:
    assert [b.name for b in selection.found()] == ["cpu", "gpu", "reference"]


def problems():
    """Return problems that the CPU's kernels and the reference serve."""
    elements = cases.elementwise(Bernoulli, (7,), torch.float64)
    weight = torch.rand(7, dtype=torch.float64)
    rows = RowwiseProblem(Categorical, *cases.rows(Categorical, 5, 4, torch.float64))
    soft = rows._replace(y=torch.rand(5, 4, dtype=torch.float64), smoothing=0.1)
    masked = elements._replace(weight=(weight > 0.5).double(), masked=True)
    return [elements, elements._replace(weight=weight, factor=2.0), masked, rows, soft]


@pytest.mark.parametrize("reduction", cases.REDUCTIONS)
@pytest.mark.parametrize("number", range(5))
def test_backends_agree_on_run_vjp_jvp_and_hvp(number, reduction) -> None:
    problem = problems()[number]._replace(reduction=reduction)
    n = problem.input_count
    tensors = problem.tensors()
    needs_grad = [t is not None and i < n for i, t in enumerate(tensors)]
    tangents = [t.cos() if needed else None for t, needed in zip(tensors, needs_grad, strict=True)]
    results = []
    for name in ("cpu", "reference"):
        (backend,) = (b for b in selection.BACKENDS if b.name == name)
        assert backend.serves(problem)
        loss, gradients = backend.run(problem, needs_grad)
        upstream = loss.detach().cos()
        scaled = backend.vjp(problem, needs_grad, upstream)
        along = backend.jvp(problem, tangents, loss, gradients)
        with torch.no_grad():
            second = backend.hvp(problem, tangents[: n + 1], needs_grad, upstream)
        results.append([loss, gradients[0], scaled[0], along, second[0]])
    for mine, expected in zip(*results, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-12, atol=1e-14)

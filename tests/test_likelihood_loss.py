"""The loss of a user's declaration, as a function and as a module."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor

import neglog
from neglog import functional as F
from neglog import support
from neglog.errors import ArgumentError, DeclarationError, ShapeError, SupportError
from neglog.primitives import exp, log, log1p


class StudentT(neglog.Elementwise):
    """Heavy-tailed errors: y ~ location + scale · t(df)."""

    inputs, settings, support = ("location", "log_scale"), ("df",), support.real

    def nll(location, log_scale, df, y):
        z = (y - location) * exp(-log_scale)
        return log_scale + 0.5 * (df + 1.0) * log1p(z * z / df)


class Soft(neglog.Rows):
    """A row whose loss is that of cross-entropy, written anew."""

    inputs, softmax, support = ("logits",), True, support.classes

    def nll(log_p, y):
        return -y * log_p


class Exposed(neglog.Elementwise):
    """A count with a given exposure."""

    inputs, given, support = ("log_rate",), ("exposure",), support.counts

    def nll(log_rate, exposure, y):
        return exposure * exp(log_rate) - y * (log_rate + log(exposure))


def drawn(dtype=torch.float64) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(5, 3, dtype=dtype) for _ in range(3)]


def expected(location: Tensor, log_scale: Tensor, y: Tensor, df: float = 4.0) -> Tensor:
    df = torch.tensor(df, dtype=y.dtype)
    law = torch.distributions.StudentT(df, location, log_scale.exp())
    return torch.distributions.StudentT(df).log_prob(torch.zeros_like(df)) - law.log_prob(y)


def test_function_and_module_are_the_likelihood_in_every_option():
    location, log_scale, y = drawn()
    true = expected(location, log_scale, y)
    criterion = neglog.LikelihoodLoss(StudentT, df=4.0)
    assert criterion(location, log_scale, y).item() == pytest.approx(true.mean().item(), rel=1e-14)
    each = F.likelihood_loss(StudentT, (location, log_scale), y, df=4.0, reduction="none")
    torch.testing.assert_close(each, true)
    mask = y > 0
    found = criterion(location, log_scale, y, mask=mask)
    torch.testing.assert_close(found, true[mask].mean())
    weight = torch.rand(5, 1, dtype=y.dtype)
    found = criterion(location, log_scale, y, sample_weight=weight, normalizer=7.0)
    torch.testing.assert_close(found, (true * weight).sum() / 7)
    total, count = criterion.sum_and_count(location, log_scale, y)
    torch.testing.assert_close(total / count, true.mean())
    assert neglog.LikelihoodLoss(StudentT, df=4.0, empty="zero")(*[t[:0] for t in drawn()]) == 0


def test_gradients_of_both_orders_are_those_of_autograd():
    leaves = [t.requires_grad_() for t in drawn()]
    criterion = neglog.LikelihoodLoss(StudentT, df=4.0)
    ours = torch.autograd.grad(criterion(*leaves), leaves, create_graph=True)
    theirs = torch.autograd.grad(expected(*leaves).mean(), leaves, create_graph=True)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)
    ours, theirs = (torch.autograd.grad(sum(g.sum() for g in gs), leaves) for gs in (ours, theirs))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_a_shared_parameter_gets_the_sum_of_its_gradients():
    location, _, y = drawn()
    for shape in ((), (1,), (3,), (5, 1)):
        shared = torch.zeros(shape, dtype=y.dtype, requires_grad=True)
        loss = F.likelihood_loss(StudentT, (location, shared), y, df=4.0)
        (ours,) = torch.autograd.grad(loss, shared)
        (theirs,) = torch.autograd.grad(expected(location, shared, y).mean(), shared)
        torch.testing.assert_close(ours, theirs)
    fixed = F.likelihood_loss(StudentT, (location, 0.0), y, df=4.0)
    torch.testing.assert_close(fixed, expected(location, torch.zeros_like(y), y).mean())


def test_given_tensors_are_passed_by_name():
    location, _, y = drawn()
    y, exposure = y.abs(), torch.rand_like(y) + 0.5
    criterion = neglog.LikelihoodLoss(Exposed)
    true = exposure * location.exp() - y * (location + exposure.log())
    torch.testing.assert_close(criterion(location, y, exposure=exposure), true.mean())
    true = 2 * location.exp() - y * (location + torch.tensor(2.0).log())
    torch.testing.assert_close(criterion(location, y, exposure=2.0), true.mean())
    with pytest.raises(ArgumentError, match="Exposed requires exposure: pass exposure="):
        criterion(location, y)
    with pytest.raises(ArgumentError, match="exposure is a constant, but it requires a gradient"):
        criterion(location, y, exposure=exposure.requires_grad_())


def test_a_declaration_of_rows_is_cross_entropy():
    torch.manual_seed(0)
    x, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, -100, 1])
    weight = [1.0, 2.0, 0.5, 1.0]
    criterion = neglog.LikelihoodLoss(Soft, weight=weight, label_smoothing=0.1)
    theirs = torch.nn.CrossEntropyLoss(torch.tensor(weight), label_smoothing=0.1)
    torch.testing.assert_close(criterion(x, labels), theirs(x, labels))
    assert list(criterion.state_dict()) == ["weight"]


def test_a_declaration_of_rows_is_computed_from_a_linear_layer():
    torch.manual_seed(0)
    x, layer = torch.randn(6, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 3, -100, 1])
    found = F.linear_likelihood_loss(Soft, x, layer, labels)
    true = torch.nn.functional.cross_entropy(x @ layer.T, labels)
    torch.testing.assert_close(found, true)
    ours, theirs = (torch.autograd.grad(loss, (x, layer)) for loss in (found, true))
    torch.testing.assert_close(ours, theirs)


def test_a_module_is_copied_pickled_and_shown():
    criterion = neglog.LikelihoodLoss(StudentT, df=4.0, full=True)
    assert repr(criterion) == "LikelihoodLoss(StudentT, df=4.0, reduction='mean', full=True)"
    for other in (copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion))):
        assert torch.equal(other(*drawn()), criterion(*drawn()))
    assert not criterion.state_dict()


def test_a_declaration_in_a_function_and_its_redefinition_are_two():
    def declare(factor: str):
        space: dict = {}
        lines = f"def nll(x, y):\n    return {factor} * (x - y) * (x - y)\n"
        import linecache

        file = f"<cell {factor}>"
        linecache.cache[file] = (len(lines), None, lines.splitlines(keepends=True), file)
        exec(compile(lines, file, "exec"), space)
        facts = {"inputs": ("x",), "support": support.real, "nll": space["nll"]}
        return type("Redefined", (neglog.Elementwise,), facts)

    x, y, _ = drawn()
    first, second = declare("0.5"), declare("2.0")
    for likelihood, factor in ((first, 0.5), (second, 2.0), (first, 0.5)):
        found = F.likelihood_loss(likelihood, x, y)
        torch.testing.assert_close(found, factor * (x - y).square().mean())
        compiled = torch.compile(F.likelihood_loss, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(likelihood, x, y), found)


X = torch.zeros(4)
MESSAGES = [
    (lambda: F.likelihood_loss(3, X, X), ArgumentError, "must be a class that derives from"),
    (lambda: neglog.LikelihoodLoss(neglog.Rows), ArgumentError, "must be a class that derives"),
    (lambda: neglog.LikelihoodLoss(StudentT), ArgumentError, "StudentT requires df: pass df="),
    (
        lambda: neglog.LikelihoodLoss(StudentT, df=torch.ones(())),
        ArgumentError,
        "df of StudentT must be a number, but it is a tensor; to learn it, declare df as an input",
    ),
    (
        lambda: neglog.LikelihoodLoss(StudentT, df="4"),
        ArgumentError,
        "df of StudentT must be a number, but it is '4'",
    ),
    (
        lambda: neglog.LikelihoodLoss(StudentT, df=4.0, dof=3.0),
        ArgumentError,
        "StudentT has no setting 'dof': it has df",
    ),
    (
        lambda: F.likelihood_loss(StudentT, X, X, df=4.0),
        ArgumentError,
        "StudentT takes location, log_scale and a target, but got 2 tensors, the target included",
    ),
    (
        lambda: F.likelihood_loss(StudentT, (X, torch.zeros(3)), X, df=4.0),
        ShapeError,
        r"log_scale must have the input's shape \(4,\), or broadcast into it, but it is \(3,\)",
    ),
    (
        lambda: F.likelihood_loss(StudentT, (X, X), X / 0, df=4.0),
        SupportError,
        "target must hold a finite number everywhere",
    ),
    (
        lambda: F.likelihood_loss(StudentT, (X, X), X, df=4.0, reduction="avg"),
        ArgumentError,
        "reduction must be one of",
    ),
]


@pytest.mark.parametrize("call, error, words", MESSAGES, ids=range(len(MESSAGES)))
def test_a_wrong_call_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_name_of_an_option_is_refused_as_a_setting():
    facts = {"inputs": ("x",), "settings": ("mask",), "support": support.real, "nll": StudentT.nll}
    with pytest.raises(DeclarationError, match="names 'mask', which is a name of every loss's"):
        type("Masked", (neglog.Elementwise,), facts)

"""Torch's losses compared with ours, over the whole signature."""

from __future__ import annotations

import inspect

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as theirs

import neglog
from neglog import functional as ours
from neglog.compatibility import is_torch_compatible

NAMES = [name for name in ours.__all__ if hasattr(theirs, name)]
MODULES = [name for name in dir(neglog) if isinstance(getattr(torch.nn, name, None), type)]
TOLERANCE = {
    torch.float64: {"rtol": 1e-10, "atol": 1e-12},
    torch.float32: {"rtol": 2e-5, "atol": 2e-6},
    torch.bfloat16: {"rtol": 3e-2, "atol": 3e-2},
    torch.float16: {"rtol": 5e-3, "atol": 5e-3},
}
dtypes = st.sampled_from(list(TOLERANCE))
reductions = st.sampled_from(["none", "mean", "sum"])


def without_keywords(signature: inspect.Signature) -> list[tuple]:
    """Return what torch's signatures have: neglog adds keywords, and types of its own."""
    parameters = signature.parameters.values()
    kind = inspect.Parameter.KEYWORD_ONLY
    return [(p.name, p.default, p.kind) for p in parameters if p.kind != kind]


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_torchs(name) -> None:
    mine, torchs = (inspect.signature(getattr(m, name)) for m in (ours, theirs))
    assert without_keywords(mine) == without_keywords(torchs)


@pytest.mark.parametrize("name", MODULES)
def test_constructors_are_torchs(name) -> None:
    mine, torchs = getattr(neglog, name), getattr(torch.nn, name)
    assert issubclass(mine, torchs)
    theirs = inspect.signature(torchs).parameters
    given = inspect.signature(mine).parameters
    assert {n: p.default for n, p in theirs.items()}.items() <= {
        n: p.default for n, p in given.items()
    }.items()
    assert without_keywords(inspect.signature(mine)) == without_keywords(inspect.signature(torchs))


def test_every_loss_of_torch_is_here() -> None:
    ends = ("_loss", "cross_entropy", "_with_logits", "kl_div")
    functions = {name for name in dir(theirs) if name.endswith(ends)}
    modules = {*torch.nn.modules.loss.__all__, "AdaptiveLogSoftmaxWithLoss"} - {"NLLLoss2d"}
    assert functions <= {*ours.__all__}
    assert modules <= {*dir(neglog)}


def compare(name: str, x: torch.Tensor, y: torch.Tensor, **options) -> None:
    """Compare value, gradient, dtype and shape for a random upstream gradient."""
    results = []
    for module in (ours, theirs):
        leaf = x.detach().clone().requires_grad_()
        loss = getattr(module, name)(leaf, y, **options)
        torch.manual_seed(1)
        upstream = torch.randn(loss.shape, dtype=torch.float64).to(loss.dtype)
        loss.backward(upstream)
        results.append((loss.detach(), leaf.grad))
    for mine, torchs in zip(*results, strict=True):
        torch.testing.assert_close(mine, torchs, equal_nan=True, **TOLERANCE[x.dtype])


@st.composite
def shapes(draw, least: int = 0):
    return tuple(draw(st.lists(st.integers(0, 5), min_size=least, max_size=4)))


@given(shapes(), dtypes, reductions, st.booleans())
def test_mse_loss(shape, dtype, reduction, weighted) -> None:
    torch.manual_seed(0)
    weight = torch.rand(shape).to(dtype) + 0.5 if weighted else None
    x, y = torch.randn(shape).to(dtype), torch.randn(shape).to(dtype)
    compare("mse_loss", x, y, reduction=reduction, weight=weight)


@given(shapes(), dtypes, reductions, st.sampled_from([None, "full", "last"]))
def test_binary_cross_entropy(shape, dtype, reduction, weighting) -> None:
    torch.manual_seed(0)
    weight = None
    if weighting and shape:
        weight = torch.rand(shape if weighting == "full" else shape[-1:]).to(dtype)
    x, y = torch.rand(shape).to(dtype) * 0.98 + 0.01, torch.rand(shape).to(dtype)
    compare("binary_cross_entropy", x, y, reduction=reduction, weight=weight)


@given(shapes(), dtypes, reductions, st.booleans(), st.booleans())
def test_binary_cross_entropy_with_logits(shape, dtype, reduction, weighted, positive) -> None:
    torch.manual_seed(0)
    weight = torch.rand(shape).to(dtype) if weighted else None
    pos_weight = torch.rand(shape[-1:]).to(dtype) * 3 if positive else None
    x, y = 3 * torch.randn(shape).to(dtype), torch.rand(shape).to(dtype)
    options = {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}
    compare("binary_cross_entropy_with_logits", x, y, **options)


@st.composite
def class_problems(draw):
    """Return logits and labels of (C,), (N, C) or (N, C, d₁, …), and options for both."""
    torch.manual_seed(draw(st.integers(0, 9)))
    dtype, classes = draw(dtypes), draw(st.integers(2, 6))
    rest = draw(st.none() | st.lists(st.integers(0, 4), min_size=1, max_size=4))
    shape = () if rest is None else tuple(rest)
    logits_shape = (classes,) if rest is None else (*shape[:1], classes, *shape[1:])
    x = 2 * torch.randn(logits_shape).to(dtype)
    y = torch.randint(0, classes, shape)
    options = {
        "reduction": draw(reductions),
        "weight": (torch.rand(classes) + 0.5).to(dtype) if draw(st.booleans()) else None,
    }
    ignored = draw(st.sampled_from([-100, 0, 1, 77]))
    if ignored == 77 and y.numel():
        y.view(-1)[0] = 77
    return x, y, options, ignored


@given(class_problems())
def test_nll_loss(problem) -> None:
    x, y, options, ignored = problem
    compare("nll_loss", x, y, ignore_index=ignored, **options)


@given(class_problems(), st.sampled_from([0.0, 0.1, 1.0]))
def test_cross_entropy_of_labels(problem, smoothing) -> None:
    x, y, options, ignored = problem
    compare("cross_entropy", x, y, ignore_index=ignored, label_smoothing=smoothing, **options)


@given(class_problems(), st.sampled_from([0.0, 0.1]))
def test_cross_entropy_of_probabilities(problem, smoothing) -> None:
    x, _, options, _ = problem
    y = torch.rand(x.shape).to(x.dtype)
    compare("cross_entropy", x, y, label_smoothing=smoothing, **options)


@given(shapes(1), dtypes, st.integers(-1, 0))
def test_log_softmax(shape, dtype, dim) -> None:
    torch.manual_seed(0)
    compare_log_softmax(3 * torch.randn(shape).to(dtype), dim)


def compare_log_softmax(x: torch.Tensor, dim: int) -> None:
    compare("log_softmax", x, dim)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_labels_of_any_integer_width(dtype) -> None:
    x, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    assert torch.equal(ours.cross_entropy(x, y.to(dtype)), ours.cross_entropy(x, y))


@pytest.mark.parametrize("size_average", [None, True, False])
@pytest.mark.parametrize("reduce", [None, True, False])
def test_the_deprecated_switches(size_average, reduce) -> None:
    x, y = torch.randn(4), torch.rand(4)
    options = {"size_average": size_average, "reduce": reduce}
    mine = ours.binary_cross_entropy_with_logits(x, y, **options)
    if size_average is None and reduce is None:
        torchs = theirs.binary_cross_entropy_with_logits(x, y)
    else:
        with pytest.warns(UserWarning, match="deprecated"):
            torchs = theirs.binary_cross_entropy_with_logits(x, y, **options)
    torch.testing.assert_close(mine, torchs)


def test_probabilities_of_a_wider_dtype_widen_the_loss() -> None:
    x, y = torch.randn(4, 3).half(), torch.rand(4, 3)
    mine, torchs = ours.cross_entropy(x, y), theirs.cross_entropy(x, y)
    assert mine.dtype == torchs.dtype == torch.float32
    torch.testing.assert_close(mine, torchs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_one_row_takes_one_label(reduction) -> None:
    x = torch.randn(3)
    for name in ("cross_entropy", "nll_loss"):
        for y in (torch.tensor([1]), torch.tensor(1)):
            results = [getattr(m, name)(x, y, reduction=reduction) for m in (ours, theirs)]
            torch.testing.assert_close(*results)


def test_smooth_l1_loss_of_a_tiny_beta() -> None:
    x, y = torch.randn(9), torch.randn(9)
    for beta in (0.0, 1e-42, 1e-31, 1e-29):
        mine, torchs = (m.smooth_l1_loss(x, y, beta=beta) for m in (ours, theirs))
        torch.testing.assert_close(mine, torchs)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_the_mean_of_weighted_losses(name) -> None:
    torch.manual_seed(0)
    x, y, weight = torch.randn(5), torch.randn(5), torch.rand(5)
    for reduction in ("mean", "sum", "none"):
        results = [
            getattr(m, name)(x, y, weight=weight, reduction=reduction) for m in (ours, theirs)
        ]
        torch.testing.assert_close(*results)


def test_torch_compatible_raises_what_torch_raises() -> None:
    with neglog.torch_compatible():
        for m in (ours, theirs):
            with pytest.raises((RuntimeError, ValueError)):
                m.binary_cross_entropy(torch.tensor([1.5]), torch.ones(1))
            with pytest.raises(ValueError):
                m.gaussian_nll_loss(torch.ones(2), torch.ones(2), torch.tensor([-1.0, 1.0]))
        x, y, var = torch.tensor([0.0, 1, 2]), torch.zeros(3, 3), torch.tensor([1.0, 2, 3])
        with pytest.warns(UserWarning, match="they are broadcast"):
            mine = ours.gaussian_nll_loss(x, y, var)
        torch.testing.assert_close(mine, theirs.gaussian_nll_loss(x, y, var))


def test_torch_compatible_may_be_entered_again() -> None:
    switch = neglog.torch_compatible()
    for _ in range(2):
        with switch:
            assert is_torch_compatible()
        assert not is_torch_compatible()


def test_log_softmax_of_a_number() -> None:
    assert ours.log_softmax(torch.tensor(3.0), 0) == 0
    with pytest.raises(IndexError):
        ours.log_softmax(torch.tensor(3.0), 1)


def test_mse_loss_takes_integer_and_wider_targets_as_torch_does() -> None:
    x = torch.randn(4)
    for y in (torch.arange(4), torch.arange(4).double()):
        mine, torchs = ours.mse_loss(x, y), theirs.mse_loss(x, y)
        assert mine.dtype == torchs.dtype
        torch.testing.assert_close(mine, torchs)

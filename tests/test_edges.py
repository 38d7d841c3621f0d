"""Limits, huge arguments and weights that cancel: right values at the ends of the ranges."""

from __future__ import annotations

import math

import mpmath
import pytest
import torch

import neglog
from neglog import functional

F = functional
INF = math.inf
T = torch.tensor
ONES = torch.ones(4, requires_grad=True)  # so that most tests share the kernels of a training
WEIGHED = {
    "mse": lambda **o: F.mse_loss(ONES, torch.zeros(4), **o),
    "huber": lambda **o: F.huber_loss(ONES, torch.zeros(4), **o),
    "bce": lambda **o: F.binary_cross_entropy_with_logits(ONES, torch.zeros(4), **o),
    "gaussian": lambda **o: F.gaussian_nll_loss(ONES, torch.zeros(4), 1.0, **o),
    "cross entropy": lambda **o: F.cross_entropy(torch.eye(4), T([0, 1, 2, 0]), **o),
    "soft": lambda **o: F.cross_entropy(torch.eye(4), torch.eye(4), **o),
    "nll": lambda **o: F.nll_loss(torch.eye(4), T([0, 1, 2, 0]), **o),
    "linear": lambda **o: F.linear_cross_entropy(torch.eye(4), torch.eye(4), T([0, 1, 2, 0]), **o),
    "linear binary": lambda **o: F.linear_binary_cross_entropy_with_logits(
        torch.eye(4), torch.eye(4), torch.eye(4), **o
    ),
}


@pytest.mark.parametrize("empty", ["nan", "zero"])
@pytest.mark.parametrize("name", WEIGHED)
def test_weights_that_cancel_are_refused(name, empty) -> None:
    advantages = T([1.0, -2.0, 0.5, 0.3])
    for weights in (
        T([1.0, -1.0, 1.0, -1.0]),
        advantages - advantages.mean(),
        T([-1.0, -1.0, 0.0, 0.0]),
    ):
        options = {"sample_weight": weights, "empty": empty}
        with pytest.raises(neglog.NeglogError, match=r"sample_weight.*normalizer=len\(batch\)"):
            WEIGHED[name](**options)
        each = WEIGHED[name](reduction="none")
        each = each.mean(1) if each.dim() == 2 else each
        found = WEIGHED[name](**options, normalizer=16.0 if name == "linear binary" else 4.0)
        torch.testing.assert_close(found, (each * weights).mean())


@pytest.mark.parametrize("name", WEIGHED)
def test_weights_that_do_not_cancel_are_taken(name) -> None:
    weights = T([1.0, -0.25, 2.0, 0.5])
    each = WEIGHED[name](reduction="none")
    each = each.mean(1) if each.dim() == 2 else each
    expected = (each * weights).sum() / weights.sum()
    torch.testing.assert_close(WEIGHED[name](sample_weight=weights), expected)
    assert WEIGHED[name](sample_weight=torch.zeros(4)).isnan()
    assert WEIGHED[name](sample_weight=torch.zeros(4), empty="zero") == 0
    assert WEIGHED[name](sample_weight=T([1.0, -1.0, 1.0, -1.0]), reduction="sum").isfinite()


def test_class_weights_that_cancel_are_refused() -> None:
    weight, labels = T([1.0, -1.0, 3.0]), T([0, 1, 0, 1])
    x = torch.randn(4, 3)
    for call in (
        lambda y: F.cross_entropy(x, y, weight),
        lambda y: F.nll_loss(x, y, weight),
        lambda y: F.linear_cross_entropy(x, torch.eye(3), y, weight=weight),
    ):
        with pytest.raises(neglog.NeglogError, match=r"weight.*normalizer=len\(batch\)"):
            call(labels)
        assert call(T([0, 2, 2, 1])).isfinite()
    with pytest.raises(neglog.NeglogError, match=r"of weight.*normalizer=len\(batch\)"):
        F.mse_loss(torch.ones(2), torch.zeros(2), weight=T([1.0, -1.0]))


@pytest.mark.parametrize("value", [-3.0, 0.0, math.nan, math.inf])
def test_a_tensor_normalizer_is_checked_as_a_number_is(value) -> None:
    for call in WEIGHED.values():
        for normalizer in (value, T(value)):
            with pytest.raises(neglog.NeglogError, match="normalizer must be a finite number"):
                call(normalizer=normalizer)


def test_values_are_not_looked_at_in_transforms() -> None:
    x, y = torch.ones(3, 4), torch.zeros(4)
    found = torch.vmap(lambda x, n: F.mse_loss(x, y, normalizer=n))(x, T([1.0, -2.0, 4.0]))
    torch.testing.assert_close(found, T([4.0, -2.0, 1.0]))


VARIANCES = [T(2.0), T([2.0]), 2.0, 2, torch.full((5, 1), 2.0), torch.full((1, 3), 2.0)]


@pytest.mark.parametrize("var", VARIANCES, ids=str)
def test_one_variance_for_all_learns(var) -> None:
    x, y = torch.randn(5, 3), torch.randn(5, 3)
    expected = torch.nn.functional.gaussian_nll_loss(x, y, torch.full((5, 3), 2.0))
    torch.testing.assert_close(F.gaussian_nll_loss(x, y, var), expected)
    if isinstance(var, torch.Tensor):
        leaf, full = var.clone().requires_grad_(), torch.full((5, 3), 2.0, requires_grad=True)
        F.gaussian_nll_loss(x, y, leaf).backward()
        torch.nn.functional.gaussian_nll_loss(x, y, full).backward()
        torch.testing.assert_close(leaf.grad, full.grad.sum_to_size(leaf.shape))


def test_bool_labels_of_a_linear_layer() -> None:
    x, w, y = torch.randn(3, 4), torch.randn(2, 4), T([True, False, True])
    expected = torch.nn.functional.cross_entropy(x @ w.T, y.long())
    torch.testing.assert_close(F.linear_cross_entropy(x, w, y), expected)
    torch.testing.assert_close(F.linear_cross_entropy(x, w, y.to(torch.uint8)), expected)


LIMITS = [  # loss, options, input, target, value, slope
    (F.poisson_nll_loss, {}, -INF, 0.0, 0.0, 0.0),
    (F.poisson_nll_loss, {}, -INF, 2.0, INF, -2.0),
    (F.poisson_nll_loss, {}, INF, 0.0, INF, INF),
    (F.poisson_nll_loss, {}, INF, 3.0, INF, INF),
    (F.poisson_nll_loss, {"log_input": False, "eps": 0.0}, 0.0, 0.0, 0.0, 1.0),
    (F.poisson_nll_loss, {"log_input": False}, 0.0, 0.0, 0.0, 1.0),
    (F.poisson_nll_loss, {"log_input": False, "eps": 0.0}, 0.0, 1.0, INF, -INF),
    (F.poisson_nll_loss, {"log_input": False}, INF, 2.0, INF, 1.0),
    (F.binary_cross_entropy, {}, 0.0, 0.0, 0.0, 0.0),
    (F.binary_cross_entropy, {}, 1.0, 1.0, 0.0, 0.0),
    (F.binary_cross_entropy_with_logits, {}, INF, 1.0, 0.0, 0.0),
    (F.binary_cross_entropy_with_logits, {}, -INF, 0.0, 0.0, 0.0),
    (F.binary_cross_entropy_with_logits, {}, INF, 0.0, INF, 1.0),
    (F.soft_margin_loss, {}, INF, 1.0, 0.0, 0.0),
    (F.soft_margin_loss, {}, -INF, 1.0, INF, -1.0),
    (F.kl_div, {}, -INF, 0.0, 0.0, 0.0),
    (F.kl_div, {}, -INF, 0.5, INF, -0.5),
    (F.kl_div, {"log_target": True}, -1.0, -INF, 0.0, 0.0),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("number", range(len(LIMITS)))
def test_limits(number, dtype) -> None:
    loss, options, x, y, value, slope = LIMITS[number]
    x, y = torch.full((3,), x, dtype=dtype), torch.full((3,), y, dtype=dtype)
    expected = torch.full_like(x, value), torch.full_like(x, slope)
    leaf = x.clone().requires_grad_()
    each = loss(leaf, y, reduction="none", **options)
    each.backward(torch.ones_like(x))
    torch.testing.assert_close((each.detach(), leaf.grad), expected)
    each, pull = torch.func.vjp(lambda x: loss(x, y, reduction="none", **options), x)
    torch.testing.assert_close((each, pull(torch.ones_like(x))[0]), expected)


def exact_gaussian(error: float, variance: float) -> list[float]:
    e, v = mpmath.mpf(error), mpmath.mpf(variance)
    loss, by_mean = (mpmath.log(v) + e * e / v) / 2, e / v
    by_variance = (v - e * e) / (2 * v * v)
    second = [1 / v, -e / v**2, (e * e / v - mpmath.mpf(1) / 2) / v**2]
    return [float(number) for number in (loss, by_mean, by_variance, *second)]


SCALES = [1e-300, 1e-160, 1e-20, 1e-3, 1.0, 3.0, 1e20, 1e100, 1e160, 1e300]


@pytest.mark.parametrize("variance", [v for v in SCALES if v > 1e-200])
def test_gaussian_of_huge_errors_and_variances(variance) -> None:
    """Against mpmath, by the kernels and by the reference, to the second order."""
    errors = torch.tensor(SCALES, dtype=torch.float64)
    exact = T([exact_gaussian(e, variance) for e in SCALES], dtype=torch.float64)
    y, options = torch.zeros_like(errors), {"eps": 1e-200, "reduction": "none"}
    leaves = errors.clone().requires_grad_(), torch.full_like(errors, variance).requires_grad_()
    each = F.gaussian_nll_loss(leaves[0], y, leaves[1], **options)
    ones = torch.ones_like(errors)
    first = torch.autograd.grad(each, leaves, ones, retain_graph=True)
    close(torch.stack([each.detach(), *first], 1), exact[:, :3])

    slopes = torch.func.vjp(lambda x, v: F.gaussian_nll_loss(x, y, v, **options), *leaves)[1](ones)
    close(torch.stack(slopes, 1).detach(), exact[:, 1:3])
    second = torch.autograd.grad(each, leaves, ones, create_graph=True)
    by_mean = torch.autograd.grad(second[0], leaves, ones, retain_graph=True)
    by_variance = torch.autograd.grad(second[1], leaves, ones)
    kept = exact[:, 5].isfinite()  # else torch multiplies it by an upstream gradient of 0
    close(torch.stack([*by_mean, by_variance[1]], 1)[kept], exact[kept, 3:])


def close(found: torch.Tensor, exact: torch.Tensor) -> None:
    torch.testing.assert_close(found, exact, rtol=1e-13, atol=1e-300)


HUGE = 1e154  # its square is 1e308, and four of them are too large a sum


@pytest.mark.parametrize("size", [4, 20000])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"normalizer": 4.0},
        {"mask": True},
        {"sample_weight": True},
        {"empty": "zero"},
        {"reduction": "batchmean"},
    ],
    ids=str,
)
def test_a_mean_is_finite_where_the_sum_is_not(options, size) -> None:
    y = torch.zeros(size, dtype=torch.float64)
    filled = {"mask": y == 0, "sample_weight": y + 1}
    options = {k: filled.get(k, v) for k, v in options.items()}
    if "normalizer" in options:
        options["normalizer"] = float(size)
    for loss, x in (
        (F.mse_loss, HUGE),
        (F.l1_loss, 1e308),
        (F.smooth_l1_loss, 1e308),
        (F.binary_cross_entropy_with_logits, 1e308),
        (lambda x, y, **o: F.gaussian_nll_loss(x, y, 0.5, **o), HUGE),
    ):
        x = torch.full_like(y, x).requires_grad_()
        found = loss(x, y, **options)
        expected = loss(x[:1], y[:1], reduction="sum")
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0.0)
        (slope,) = torch.autograd.grad(found, x)
        (one,) = torch.autograd.grad(expected, x)
        torch.testing.assert_close(slope.sum(), one.sum(), rtol=1e-12, atol=0.0)


def test_a_mean_beyond_the_dtype_is_infinite() -> None:
    x = torch.full((4,), 1e200, dtype=torch.float64)
    assert F.mse_loss(x, torch.zeros_like(x)) == INF
    assert F.mse_loss(x, -x, normalizer=4) == INF


def test_smooth_l1_of_a_beta_that_only_float64_holds() -> None:
    y = torch.tensor([0.0, 1e-100, 3.0], dtype=torch.float64)
    x = torch.tensor([2.5e-101, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    each = F.smooth_l1_loss(x, y, beta=1e-100, reduction="none")
    (slope,) = torch.autograd.grad(each.sum(), x)
    torch.testing.assert_close(slope, T([0.25, -1.0, -1.0]).double(), rtol=1e-15, atol=0.0)
    expected = T([3.125e-102, 5e-101, 2.0], dtype=torch.float64)
    torch.testing.assert_close(each.detach(), expected, rtol=1e-15, atol=0.0)

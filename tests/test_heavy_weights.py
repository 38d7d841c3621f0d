"""Means of huge weights, whose sum overflows; and the dtype of what moves with a weight."""

from __future__ import annotations

import functools

import pytest
import torch
from losses import LOSSES, inputs

from neglog import functional as F

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
# How far from each other: a mean of weights rounds the weights as well.
SLACK = {torch.float32: 1e-6, torch.float64: 1e-14}


def with_gradient(loss, x):
    value = loss(x)
    return value, torch.autograd.grad(value, x)[0]


def huge(shape, dtype):
    """Weights of the order of the largest number, all different by a power of two or none."""
    weight = torch.full(shape, torch.finfo(dtype).max / 2, dtype=dtype)
    weight.flatten()[0] /= 4
    return weight


def alike(result, wanted, dtype):
    for one, other in zip(result, wanted, strict=True):
        assert bool(one.isfinite().all())
        torch.testing.assert_close(one, other, rtol=SLACK[dtype], atol=SLACK[dtype])


# Every loss meets float32, and every third also float64: the two share all code but the kernel.
LOSSES_AND_DTYPES = [(name, torch.float32) for name in LOSSES]
LOSSES_AND_DTYPES += [(name, torch.float64) for name in list(LOSSES)[::3]]


@pytest.mark.filterwarnings("ignore:kl_div")
@pytest.mark.parametrize("options", [{}, {"empty": "zero"}], ids=["plain", "empty"])
@pytest.mark.parametrize(("name", "dtype"), LOSSES_AND_DTYPES, ids=str)
def test_a_mean_does_not_depend_on_the_scale_of_its_weights(name, options, dtype) -> None:
    loss, x = LOSSES[name][0], inputs(name, dtype)
    shape = loss(x, reduction="none").shape
    heavy, scale = huge(shape, dtype), torch.finfo(dtype).max / 2
    options = {"reduction": "mean"} | options
    wanted = with_gradient(lambda x: loss(x, sample_weight=heavy / scale, **options), x)
    alike(with_gradient(lambda x: loss(x, sample_weight=heavy, **options), x), wanted, dtype)


@DTYPES
@pytest.mark.parametrize(
    "loss",
    [
        lambda x, w: F.cross_entropy(x, LABELS, w),
        lambda x, w: F.cross_entropy(x, LABELS, w, label_smoothing=0.1),
        lambda x, w: F.cross_entropy(x, LABELS, w, sample_weight=w.repeat(2)),
        lambda x, w: F.nll_loss(x.log_softmax(1), LABELS, w, empty="zero"),
        lambda x, w: F.mse_loss(x, x.detach() + 1, weight=w.expand(6, 3)),
        lambda x, w: F.l1_loss(x, x.detach() + 1, weight=w.expand(6, 3), sample_weight=w.repeat(2)),
        lambda x, w: F.linear_cross_entropy(x, torch.eye(3, dtype=x.dtype), LABELS, weight=w),
    ],
    ids=["classes", "smoothed", "both", "nll", "mse", "l1 of both", "linear"],
)
def test_a_mean_does_not_depend_on_the_scale_of_the_class_weights(loss, dtype) -> None:
    x, heavy = inputs("cross entropy", dtype), huge((3,), dtype)
    wanted = with_gradient(lambda x: loss(x, heavy / (torch.finfo(dtype).max / 2)), x)
    alike(with_gradient(lambda x: loss(x, heavy), x), wanted, dtype)


def test_small_losses_of_huge_weights_are_not_divided_by_infinity() -> None:
    x, y = torch.tensor([[1e-20, 0.0], [0.0, 0.0]]), torch.zeros(2, 2)
    loss = F.mse_loss(x, y, sample_weight=torch.tensor([3e38, 3e38]))
    torch.testing.assert_close(loss, torch.tensor(2.5e-41), rtol=1e-4, atol=0)  # subnormal
    weight = torch.tensor([1.7e308, 1.7e308], dtype=torch.float64)
    loss = F.cross_entropy(torch.tensor([[40.0, 0.0]] * 2).double(), torch.zeros(2).long(), weight)
    torch.testing.assert_close(loss, torch.tensor(-40.0).double().exp(), rtol=1e-14, atol=0)


def test_infinite_weights_are_left_as_they_are() -> None:
    weight = torch.full((4,), torch.inf)
    assert F.mse_loss(torch.ones(4), torch.zeros(4), sample_weight=weight).isnan()


@pytest.mark.parametrize("name", ["cross entropy", "nll", "mse", "smoothed", "huber", "poisson"])
def test_a_tangent_by_a_weight_has_the_dtype_of_the_loss(name) -> None:
    loss, x = LOSSES[name][0], inputs(name, torch.float32).detach()
    weight = torch.rand(loss(x, reduction="none").shape)

    def mean(weight):
        return loss(x, sample_weight=weight)

    move = torch.rand_like(weight)
    value, tangent = torch.func.jvp(mean, (weight,), (move,))
    assert value.dtype == tangent.dtype == torch.float32
    slope = (torch.func.jacrev(mean)(weight) * move).sum()
    torch.testing.assert_close(tangent, slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["cross entropy", "mse", "bce weighted", "gaussian full"])
def test_a_tangent_of_a_mean_with_a_number_for_divisor_has_the_dtype_of_the_loss(name) -> None:
    loss, x = LOSSES[name][0], inputs(name, torch.float32).detach()
    for options in ({"normalizer": 3.0, "reduction": "mean"}, {"reduction": "batchmean"}):
        mean = functools.partial(loss, **options)
        tangent = torch.func.jvp(mean, (x,), (torch.ones_like(x),))[1]
        assert tangent.dtype == torch.float32
        torch.testing.assert_close(tangent, torch.func.grad(mean)(x).sum(), rtol=1e-5, atol=1e-6)

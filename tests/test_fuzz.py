"""Losses of tensors that lie in memory in every way, against the reference, which reads any.

`NEGLOG_FUZZ=10000` takes that many cases, and tensors of 2³¹ elements.
"""

from __future__ import annotations

import os

import backends
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neglog import functional as F
from neglog.engine import fast_path

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("NEGLOG_FUZZ", "150"))
fuzz = settings(
    max_examples=CASES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
# A half's gradient is rounded, and multiplied by what comes from above, and rounded again.
NEAR = {torch.float64: 1e-12, torch.float32: 4e-6, torch.bfloat16: 1.6e-2, torch.float16: 2e-3}
REAL, UNIT, COUNTS, SIGNS = "real", "unit", "counts", "signs"
ELEMENTWISE = {
    "mse": (F.mse_loss, REAL, REAL),
    "sse": (F.sse_loss, REAL, REAL),
    "l1": (F.l1_loss, REAL, REAL),
    "huber": (lambda x, y, **o: F.huber_loss(x, y, delta=0.7, **o), REAL, REAL),
    "smooth": (lambda x, y, **o: F.smooth_l1_loss(x, y, beta=0.4, **o), REAL, REAL),
    "gaussian": (lambda x, y, **o: F.gaussian_nll_loss(x, y, y.abs() + 0.5, **o), REAL, REAL),
    "poisson": (lambda x, y, **o: F.poisson_nll_loss(x, y, full=True, **o), REAL, COUNTS),
    "logits": (F.binary_cross_entropy_with_logits, REAL, UNIT),
    "bce": (F.binary_cross_entropy, UNIT, UNIT),
    "margin": (F.soft_margin_loss, REAL, SIGNS),
    "kl": (lambda x, y, **o: divergence(x, y, **o), REAL, UNIT),
    "kl of logs": (lambda x, y, **o: divergence(x, y, log_target=True, **o), REAL, REAL),
}


def divergence(x, y, reduction, **options):
    """Return the relative entropy, whose mean is by the batch: the other one warns."""
    if reduction == "mean" and "normalizer" not in options:
        reduction = "batchmean" if x.dim() else "sum"
    return F.kl_div(x, y, reduction=reduction, **options)


def dense(shape):
    return shape, lambda t: t


# How a tensor of some shape is cut out of a larger one: the larger shape, and the cut.
LAYOUTS = {
    "dense": dense,
    "transposed": lambda s: (s[::-1], lambda t: t.permute(*range(t.dim())[::-1])),
    "sliced": lambda s: ((*s[:-1], 3 * s[-1] + 2), lambda t: t[..., 2 : 2 + 3 * s[-1] : 3]),
    "offset": lambda s: ((s[0] + 5, *s[1:]), lambda t: t[5:]),
    "gaps": lambda s: ((2 * s[0], *s[1:]), lambda t: t[::2]),
    "expanded": lambda s: ((1, *s[1:]), lambda t: t.expand(s)),
    "wide": lambda s: ((*s[:-1], 1), lambda t: t.expand(s)),
    "negative": lambda s: (s, lambda t: torch.imag(torch.complex(t, -t).conj())),
    "negative and sliced": lambda s: (
        (*s[:-1], 2 * s[-1]),
        lambda t: torch.imag(torch.complex(t, -t).conj())[..., ::2],
    ),
    "channels last": lambda s: (
        s,
        lambda t: t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t,
    ),
    "flipped": lambda s: (s, lambda t: t.flip(0).flip(0)),
}


def numbers(kind, shape, dtype, generator):
    raw = torch.randn(shape, generator=generator, dtype=torch.float64)
    if kind == UNIT:
        raw = (2 * raw).sigmoid()
    if kind == COUNTS:
        raw = (raw.abs() * 3).round()
    if kind == SIGNS:
        raw = torch.where(raw < 0, -1.0, 1.0)
    return raw.to(dtype)


def lay(kind, layout, shape, dtype, generator):
    """Return numbers of a kind that lie in memory as the layout says, without a history."""
    if not shape:
        return numbers(kind, shape, dtype, generator)
    if dtype in DTYPES[2:] and layout.startswith("negative"):
        layout = "gaps"  # there is no complex half precision with a negative bit
    larger, cut = LAYOUTS[layout](tuple(shape))
    return cut(numbers(kind, larger, dtype, generator))


@st.composite
def shapes(draw):
    count = draw(st.integers(0, 4))
    if draw(st.integers(0, 9)) == 0:
        return (draw(st.sampled_from([8191, 8192, 8193, 41_003])),)
    return tuple(draw(st.integers(0, 6) | st.just(33)) for _ in range(count))


def are_alike(one, other):
    return torch.equal(one.nan_to_num(7), other.nan_to_num(7))


def outcome(loss, x, tensors, upstream_of):
    """Return loss and gradient for an upstream that is not 1, or the text of the error."""
    leaf = x.detach().requires_grad_()
    fast_path.plans.clear()
    value = loss(leaf, *tensors)
    again = loss(leaf, *tensors)  # by the short way, if there is one
    assert are_alike(value, again)
    (slope,) = torch.autograd.grad(value, leaf, upstream_of(value))
    return value.detach(), slope


def assert_as_the_reference(loss, x, tensors, dtype, monkeypatch):
    kept = [t.clone() for t in (x, *tensors)]
    ways = []
    for names in (("cpu",), ()):
        with monkeypatch.context() as patch:
            backends.only(patch, *names)
            ways.append(outcome(loss, x, tensors, lambda v: torch.full_like(v, 1.5)))
    fast_path.plans.clear()
    assert all(are_alike(a, b) for a, b in zip(kept, (x, *tensors), strict=True))
    for mine, other in zip(*ways, strict=True):
        assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
        torch.testing.assert_close(mine, other, rtol=NEAR[dtype], atol=NEAR[dtype], equal_nan=True)


layouts = st.sampled_from([*LAYOUTS])
generators = st.integers(0, 2**32).map(lambda seed: torch.Generator().manual_seed(seed))
reductions = st.sampled_from(["none", "mean", "sum"])
extras = st.sampled_from(["", "mask", "sample_weight", "normalizer", "both"])


def added(extra, shape, reduction, generator):
    """Return what a caller may add."""
    options = {"reduction": reduction}
    if extra in ("mask", "both"):
        options["mask"] = torch.rand(shape, generator=generator) < 0.7
        options["mask"].view(-1)[:1] = True  # the mean of nothing has a test of its own
    if extra in ("sample_weight", "both"):
        options["sample_weight"] = torch.rand(shape, generator=generator)
    if extra == "normalizer" and reduction == "mean":
        options["normalizer"] = 3.0
    return options


def spoil(x, options):
    """Write NaN where a mask says that nobody looks, if the tensor's elements are its own."""
    mask = options.get("mask")
    if mask is None or x.numel() == 0 or 0 in x.stride():
        return x
    mask = mask.reshape(mask.shape + (1,) * (x.dim() - mask.dim()))
    return torch.where(mask, x, float("nan")) if x.is_contiguous() else x


@fuzz
@given(st.data(), st.sampled_from([*ELEMENTWISE]), st.sampled_from(DTYPES), generators)
def test_elements_of_any_memory_layout(monkeypatch, data, name, dtype, generator) -> None:
    function, x_kind, y_kind = ELEMENTWISE[name]
    shape, reduction = data.draw(shapes(), "shape"), data.draw(reductions, "reduction")
    x = lay(x_kind, data.draw(layouts, "x"), shape, dtype, generator)
    y = lay(y_kind, data.draw(layouts, "y"), shape, dtype, generator)
    options = added(data.draw(extras, "extra"), shape, reduction, generator)

    def loss(x, y):
        return function(x, y, **options)

    assert_as_the_reference(loss, spoil(x, options), (y,), dtype, monkeypatch)


@st.composite
def class_shapes(draw):
    rows, classes = draw(st.integers(0, 9)), draw(st.integers(2, 40) | st.just(1030))
    places = draw(st.sampled_from([(), (), (4,), (3, 5), (2, 3, 2), (1,), (0,)]))
    return (rows, classes, *places)


@fuzz
@given(st.data(), class_shapes(), st.sampled_from(DTYPES), generators)
def test_rows_of_any_memory_layout(monkeypatch, data, shape, dtype, generator) -> None:
    reduction, classes = data.draw(reductions, "reduction"), shape[1]
    outer = (shape[0], *shape[2:])
    x = lay(REAL, data.draw(layouts, "x"), shape, dtype, generator)
    options = added(data.draw(extras, "extra"), outer, reduction, generator)
    if data.draw(st.booleans(), "weighted"):
        options["weight"] = torch.rand(2 * classes, generator=generator)[::2].to(dtype)
    soft = data.draw(st.booleans(), "soft")
    function = data.draw(st.sampled_from([F.cross_entropy] + [F.nll_loss] * (not soft)), "loss")
    if function is F.cross_entropy and data.draw(st.booleans(), "smoothed"):
        options["label_smoothing"] = 0.2
    if soft:
        y = lay(UNIT, data.draw(layouts, "y"), shape, dtype, generator)
    else:
        kind = data.draw(st.sampled_from([torch.int64, torch.int32, torch.uint8, torch.int16]))
        y = torch.randint(0, min(classes, 200), (*outer, 2), generator=generator).to(kind)[..., 1]
        options["ignore_index"] = data.draw(st.sampled_from([-100, 0, 1]), "ignored")

    def loss(x, y):
        return function(x, y, **options)

    assert_as_the_reference(loss, x, (y,), dtype, monkeypatch)


large = pytest.mark.skipif(
    CASES < 10_000, reason="set NEGLOG_FUZZ=10000: it takes 9 GiB and a minute"
)


@large
def test_more_elements_than_an_integer_of_32_bits_counts() -> None:
    size = 2**31 + 3
    x, y = torch.ones(size, dtype=torch.bfloat16), torch.zeros(size, dtype=torch.bfloat16)
    assert F.mse_loss(x, y) == 1.0
    x[-1] = 2.0**20  # the last element counts
    assert F.sse_loss(x, y) == 2.0**40


@large
def test_a_label_beyond_an_address_of_32_bits() -> None:
    classes = 2**15
    x = torch.zeros(2**16 + 1, classes, dtype=torch.bfloat16)
    x[-1, -1] = 30.0
    labels = torch.full((len(x),), classes - 1)
    each = F.cross_entropy(x, labels, reduction="none")
    assert each[-1] == 0.0 or each[-1] < 1e-8
    assert (each[:-1] == each[0]).all()

"""Cross-entropy whose target spreads over the classes, however its tensors lie in memory."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from oracle import mp

import neglog.functional as F
from neglog import REGISTRY, engine
from neglog.engine import RowwiseProblem, fast_path
from neglog.engine.cpu import rows as rows_cpu
from neglog.engine.cpu.kernels import spread

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
# How far a result may be from the exact one, in units of its last place.
LOSS = {torch.float64: 4, torch.float32: 2, torch.float16: 1, torch.bfloat16: 1}
GRADIENT = {torch.float64: 8, torch.float32: 4, torch.float16: 1.5, torch.bfloat16: 1.5}
OPTIONS = ["plain", "mask", "ignore_index", "weight", "sample_weight", "all"]


def image(x):
    return x


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


def slice_of_a_batch(x):
    return torch.cat([x, x.flip(0)])[: len(x)]


def every_other_of_a_batch(x):
    return x.repeat_interleave(2, 0)[::2]


def part_of_an_image(x):
    return torch.nn.functional.pad(x, (1, 2, 2, 1))[:, :, 2:-1, 1:-2]


def some_of_the_classes(x):
    return torch.cat([x, x], 1)[:, : x.shape[1]]


def part_of_the_last_classes(x):
    return torch.cat([x, x], 1).movedim(1, -1).contiguous().movedim(-1, 1)[:, : x.shape[1]]


def shorter_sequences(x):
    """Rows of a slice like z[:, :-1] of (N, L, K), here with the class second."""
    return torch.cat([x, x], 2).movedim(1, -1).contiguous()[:, : x.shape[2]].movedim(-1, 1)


def permuted(x):
    return x.permute(3, 1, 0, 2).contiguous().permute(2, 1, 3, 0)


LAYOUTS = [
    image, channels_last, slice_of_a_batch, every_other_of_a_batch, part_of_an_image,
    some_of_the_classes, part_of_the_last_classes, shorter_sequences, permuted,
]  # fmt: skip
layouts = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
kinds = pytest.mark.parametrize("kind", ["soft", "smoothed"])


def tensors_of(kind, dtype, shape):
    """Return logits, some rows nearly certain or tied, a target, and the options of a call."""
    torch.manual_seed(0)
    n, classes, *inner = shape
    x = 3 * torch.randn(shape, dtype=torch.float64)
    if x.numel():
        some = x.view(n, classes, -1)
        some[0, :, 0] = 0.0
        some[0, 0, 1:2] += 40.0
        some[-1, -1, -1] += 300.0
        some[0, -1, -1] = -math.inf if kind == "soft" else -5.0  # a class that is ruled out
    if kind == "smoothed":
        return x.to(dtype), torch.randint(0, classes, (n, *inner)), {"label_smoothing": 0.1}
    y = torch.rand(shape, dtype=torch.float64)
    y = torch.where(x == -math.inf, 0.0, y)
    return x.to(dtype), (y / y.sum(1, keepdim=True)).to(dtype), {}


def with_options(option, x, y, options):
    """Add an option, and return the weight of each row and of each class in float64."""
    classes, rows = x.shape[1], x[:, 0].shape
    share, weight = torch.ones(rows, dtype=torch.float64), torch.ones(classes).double()
    kept = torch.rand(rows) > 0.3
    if option in ("mask", "all"):
        options["mask"], share = kept, share * kept
    if option in ("sample_weight", "all"):
        each = ((torch.rand(rows) * 8).round() / 4).to(torch.float32)
        options["sample_weight"], share = each, share * each.double()
    if option in ("weight", "all"):
        options["weight"] = (torch.rand(classes) + 0.5).to(x.dtype)
        weight = options["weight"].double()
    if option in ("ignore_index", "all") and not y.is_floating_point():
        y = torch.where(torch.rand(rows) > 0.3, y, -7)
        options["ignore_index"], share = -7, share * (y != -7)
    return y, share, weight


def expected(x, y, share, weight, reduction, label_smoothing=0.0):
    """Return the loss and the gradient in float64, as the definition says it, and its mean's."""
    z = torch.where(share[:, None] == 0, 0.0, x.detach().double()).requires_grad_()
    classes = x.shape[1]
    if y.is_floating_point():
        target, by_label = y.double(), 1.0
    else:
        label = torch.where(y == -7, 0, y)
        target = torch.nn.functional.one_hot(label, classes).movedim(-1, 1).double()
        by_label = weight[label]
    target = (1 - label_smoothing) * target + label_smoothing / classes
    each = weight.reshape(-1, *[1] * (x.dim() - 2))
    log_p = z.log_softmax(1)
    ruled_out = (target == 0) | (log_p == -math.inf)
    losses = torch.where(ruled_out, 0.0, -each * target * log_p).sum(1) * share
    count = (share * by_label).sum() if reduction == "mean" else 1.0
    (gradient,) = torch.autograd.grad(losses.sum() / count, z)
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / count}[reduction], gradient


def ulps(got, true):
    """Return the largest distance in units of the last place of what was got."""
    info = torch.finfo(got.dtype)
    unit = torch.exp2(true.abs().clamp(min=info.tiny).log2().floor()) * info.eps
    return ((got.double() - true) / unit).abs().nan_to_num(nan=math.inf)


def assert_exact(got, true, limit):
    """Allow for what the expected values, in float64, lose in a difference."""
    off = ulps(got, true)
    lost = (got.double() - true).abs() <= 1e-14
    assert bool(((off <= limit) | lost).all()), off.max()


def call(x, y, **options):
    x = x.detach().requires_grad_()
    loss = F.cross_entropy(x, y, **options)
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    return loss.detach(), gradient


@dtypes
@kinds
@layouts
def test_every_layout_is_exact(layout, kind, dtype) -> None:
    for option, reduction in [
        *itertools.product(OPTIONS, ["none"]),
        ("all", "sum"),
        ("all", "mean"),
    ]:
        x, y, options = tensors_of(kind, dtype, (3, 4, 5, 7))
        smoothing = options.get("label_smoothing", 0.0)
        y, share, weight = with_options(option, x, y, options)
        loss, slope = expected(x, y, share, weight, reduction, smoothing)
        x = torch.where(share[:, None] == 0, math.nan, x)  # what does not count may hold anything
        x = layout(x)
        y = layout(y) if y.is_floating_point() and option != "plain" else y
        got, gradient = call(x, y, reduction=reduction, **options)
        assert got.shape == loss.shape and gradient.dtype == got.dtype == dtype
        assert bool((gradient[(share == 0)[:, None].expand_as(x)] == 0).all())
        assert_exact(got, loss, LOSS[dtype])
        assert_exact(gradient, slope, GRADIENT[dtype])


@dtypes
@kinds
@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 3, 0), (1, 3, 1), (1, 2, 9), (5, 40, 3), (7, 33)])
def test_every_size_is_exact(shape, kind, dtype) -> None:
    x, y, options = tensors_of(kind, dtype, shape)
    share, weight = torch.ones(x[:, 0].shape, dtype=torch.float64), torch.ones(shape[1]).double()
    for reduction in ("none", "sum"):
        loss, slope = expected(x, y, share, weight, reduction, **options)
        got, gradient = call(x, y, reduction=reduction, **options)
        assert_exact(got, loss, LOSS[dtype])
        assert_exact(gradient, slope, GRADIENT[dtype])


@kinds
def test_expanded_tensors(kind) -> None:
    x, y, options = tensors_of(kind, torch.float32, (1, 4, 5, 7))
    whole = call(x.repeat(3, 1, 1, 1), y.repeat(3, *[1] * (y.dim() - 1)), **options)
    alike = call(x.expand(3, -1, -1, -1), y.expand(3, *[-1] * (y.dim() - 1)), **options)
    assert all(torch.equal(a, b) for a, b in zip(whole, alike, strict=True))


@dtypes
@kinds
@pytest.mark.parametrize("layout", [image, channels_last, shorter_sequences])
def test_the_same_bits_at_any_number_of_threads(layout, kind, dtype) -> None:
    x, y, options = tensors_of(kind, dtype, (2, 3, 120, 130))
    assert x[0].numel() > 2 * spread.BLOCK
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(call(layout(x), y, **options))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@dtypes
def test_one_class_loses_nothing(dtype) -> None:
    x, y = torch.tensor([[3.0], [-2.0]], dtype=dtype), torch.tensor([[1.0], [0.5]], dtype=dtype)
    x.requires_grad_()
    for target, smoothing in ((y, 0.0), (torch.tensor([0, 0]), 0.3)):
        options = {"smoothing": smoothing, "reduction": "sum"}
        loss = engine.loss(RowwiseProblem(REGISTRY["categorical"], x, target, **options))
        (gradient,) = torch.autograd.grad(loss, x)
        assert loss == 0 and bool((gradient == 0).all())


@dtypes
@kinds
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_row_without_a_loss_is_nan_and_no_other(bad, kind, dtype) -> None:
    x, y, options = tensors_of(kind, dtype, (2, 3, 40))
    clean = call(x, y, reduction="none", **options)
    x[1, 2, 7] = bad
    loss, gradient = call(x, y, reduction="none", **options)
    spoiled = torch.zeros_like(loss, dtype=torch.bool)
    spoiled[1, 7] = True
    assert torch.equal(loss.isnan(), spoiled)
    assert torch.equal(gradient.isnan(), spoiled[:, None].expand_as(x))
    assert torch.equal(loss[~spoiled], clean[0][~spoiled])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("classes", [2, 4, 19])
def test_next_to_the_optimum_the_gradient_keeps_its_digits(classes, dtype) -> None:
    torch.manual_seed(1)
    x = (3 * torch.randn(6, classes, 1)).to(dtype)
    y = (x.double().softmax(1) * (1 + 1e-3 * torch.randn(x.shape).double())).to(dtype)
    loss, gradient = call(x, y, reduction="none")
    unit = torch.finfo(dtype).eps
    for i in range(6):
        row = [mp.mpf(z) for z in x[i, :, 0].tolist()]
        target = [mp.mpf(t) for t in y[i, :, 0].tolist()]
        norm = mp.log(sum(mp.exp(z) for z in row))
        true = sum(t * (norm - z) for t, z in zip(target, row, strict=True))
        assert abs(loss[i].item() - true) <= LOSS[dtype] * unit * true
        for k in range(classes):
            p = mp.exp(row[k] - norm)
            slope = p * sum(target) - target[k]
            bound = GRADIENT[dtype] * unit * (abs(slope) if dtype == torch.float32 else p)
            assert abs(gradient[i, k, 0].item() - slope) <= bound


@kinds
@layouts
def test_no_layout_copies_the_logits(layout, kind, monkeypatch) -> None:
    """Copying an image takes as long as its loss."""
    x, y, options = tensors_of(kind, torch.float32, (3, 4, 5, 7))
    seen = []

    def watched(plan, tensors, *rest):
        seen.append(tensors[0])
        return run(plan, tensors, *rest)

    run = rows_cpu.Plan.run
    monkeypatch.setattr(rows_cpu.Plan, "run", watched)
    monkeypatch.setattr(fast_path, "plans", {})  # which may hold the method as it was
    x = layout(x)
    call(x, layout(y) if kind == "soft" else y, **options)
    scattered = (every_other_of_a_batch, part_of_an_image, part_of_the_last_classes, permuted)
    if layout not in scattered:
        assert seen[0].data_ptr() == x.data_ptr()


@pytest.mark.parametrize("layout", [image, channels_last, shorter_sequences])
def test_derivatives_of_every_order(layout) -> None:
    """Against the reference, which torch differentiates."""
    torch.manual_seed(2)
    x = layout(torch.randn(2, 3, 2, 2, dtype=torch.float64)).requires_grad_()
    y = layout(torch.rand(2, 3, 2, 2, dtype=torch.float64)).requires_grad_()
    for reduction in ("none", "mean"):
        options = {"reduction": reduction, "weight": torch.rand(3).double()}

        def loss(x, y, options=options):
            return F.cross_entropy(x, y, **options)

        assert torch.autograd.gradcheck(loss, (x, y))
        assert torch.autograd.gradgradcheck(loss, (x, y))
        fixed = y.detach()
        assert torch.autograd.gradgradcheck(lambda x, f=fixed, g=loss: g(x, f), (x,))

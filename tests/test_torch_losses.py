"""Torch's losses that are no likelihoods, and CTC and adaptive softmax, with neglog's options."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as theirs
from torch.utils.flop_counter import FlopCounterMode

import neglog
from neglog import functional as F

torch.manual_seed(0)
LOG_PROBS = torch.randn(20, 4, 6, dtype=torch.float64).log_softmax(-1)
LABELS = torch.tensor([[1, 2, 2, 3], [5, 4, 0, 0], [1, 1, 1, 0], [3, 0, 0, 0]])
FRAMES, LENGTHS = torch.tensor([20, 12, 9, 20]), torch.tensor([4, 2, 3, 0])
KEEP = torch.tensor([True, False, True, True])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("form", ["padded", "in a row", "numbers", "one"])
def test_ctc_is_torchs(form, reduction) -> None:
    arguments = [LOG_PROBS, LABELS, FRAMES, LENGTHS]
    if form == "in a row":
        arguments[1] = torch.cat([y[:n] for y, n in zip(LABELS, LENGTHS, strict=True)])
    if form == "numbers":
        arguments[2:] = tuple(FRAMES.tolist()), tuple(LENGTHS.tolist())
    if form == "one":
        arguments = [LOG_PROBS[:, 0], LABELS[0], FRAMES[0], LENGTHS[0]]
    results = []
    for module in (F, theirs):
        x = arguments[0].clone().requires_grad_()
        loss = module.ctc_loss(x, *arguments[1:], reduction=reduction)
        loss.sum().backward()
        results.append((loss, x.grad))
    torch.testing.assert_close(*results)


def test_a_mask_excludes_sequences_whatever_they_hold() -> None:
    x = LOG_PROBS.clone()
    x[:, 1] = float("nan")
    x.requires_grad_()
    labels = torch.where(KEEP[:, None], LABELS, 99)
    loss = F.ctc_loss(x, labels, FRAMES, LENGTHS, mask=KEEP)
    loss.backward()
    expected = theirs.ctc_loss(LOG_PROBS[:, KEEP], LABELS[KEEP], FRAMES[KEEP], LENGTHS[KEEP])
    torch.testing.assert_close(loss, expected)
    assert (x.grad[:, ~KEEP] == 0).all()
    total, count = F.sum_and_count(F.ctc_loss, x, labels, FRAMES, LENGTHS, mask=KEEP)
    torch.testing.assert_close(total / count, expected)
    weights = KEEP.double()
    torch.testing.assert_close(
        F.ctc_loss(x, labels, FRAMES, LENGTHS, sample_weight=weights), expected
    )


def test_infinite_losses_are_asked_for() -> None:
    short = torch.tensor([3, 12, 9, 20])
    with pytest.raises(neglog.errors.SupportError, match="requires 5 frames"):
        F.ctc_loss(LOG_PROBS, LABELS, short, LENGTHS)
    loss = F.ctc_loss(LOG_PROBS, LABELS, short, LENGTHS, reduction="none", zero_infinity=True)
    assert loss[0] == 0
    with neglog.torch_compatible():
        assert F.ctc_loss(LOG_PROBS, LABELS, short, LENGTHS) == float("inf")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_ctc_of_half_precision_is_computed_in_float32(dtype) -> None:
    x = LOG_PROBS.to(dtype)
    loss = neglog.CTCLoss()(x, LABELS, FRAMES, LENGTHS)
    expected = theirs.ctc_loss(x.float(), LABELS, FRAMES, LENGTHS).to(dtype)
    assert torch.equal(loss, expected)


def test_ctc_of_no_sequences() -> None:
    nothing = LOG_PROBS[:, :0], LABELS[:0], FRAMES[:0], LENGTHS[:0]
    assert F.ctc_loss(*nothing).isnan()
    assert F.ctc_loss(*nothing, empty="zero") == 0
    assert F.ctc_loss(*nothing, reduction="none").shape == (0,)


def test_adaptive_softmax_is_torchs_and_takes_a_mask() -> None:
    torch.manual_seed(0)
    criterion, x = neglog.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10]), torch.randn(4, 16)
    torchs = torch.nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 10])
    torchs.load_state_dict(criterion.state_dict())
    labels = torch.tensor([0, 19, 7, 3], dtype=torch.int32)
    expected, kept = torchs(x, labels.long()), torchs(x[KEEP], labels[KEEP].long())
    torch.testing.assert_close(tuple(criterion(x, labels)), tuple(expected))
    spoiled = torch.where(KEEP[:, None], x, float("nan")).requires_grad_()
    output, loss = criterion(spoiled, torch.where(KEEP, labels, -1), mask=KEEP)
    loss.backward()
    torch.testing.assert_close((output[KEEP], loss), tuple(kept))
    assert (output[~KEEP] == 0).all()
    assert (spoiled.grad[~KEEP] == 0).all()
    torch.testing.assert_close(criterion(x, labels, normalizer=8.0).loss, expected.loss / 2)
    zero = neglog.AdaptiveLogSoftmaxWithLoss(16, 20, [5], empty="zero")
    assert zero(x[:0], labels[:0]).loss == 0
    one, label = criterion(x[0], labels[0]), expected.output[0]
    torch.testing.assert_close(one.output, label)


@pytest.mark.parametrize("bias", [False, True])
def test_adaptive_softmax_has_torchs_gradients_with_small_and_empty_clusters(bias) -> None:
    torch.manual_seed(0)
    sizes = 32, 20, [5, 6, 12], 2.0, bias  # the first cluster has one class
    criterion = neglog.AdaptiveLogSoftmaxWithLoss(*sizes)
    torchs = torch.nn.AdaptiveLogSoftmaxWithLoss(*sizes)
    torchs.load_state_dict(criterion.state_dict())
    labels = torch.tensor([4, 5, 19, 0, 5, 13])  # the second cluster has no row
    x, results = torch.randn(6, 32), []
    for layer in (criterion, torchs):
        rows = x.clone().requires_grad_()
        output, loss = layer(rows, labels)
        (loss + output.square().sum()).backward()
        results.append((output, loss, rows.grad, [p.grad for p in layer.parameters()]))
    assert results[0][3][3 + bias] is None
    torch.testing.assert_close(*results)


def test_adaptive_softmax_finds_labels_out_of_range_that_a_tracer_sees() -> None:
    criterion = neglog.AdaptiveLogSoftmaxWithLoss(8, 20, [5])
    with (
        FlopCounterMode(display=False),
        pytest.raises(neglog.errors.SupportError, match="1 of 2 values outside"),
    ):
        criterion(torch.randn(2, 8), torch.tensor([3, 20]))


def test_adaptive_softmax_ignores_a_label_and_sums() -> None:
    criterion = neglog.AdaptiveLogSoftmaxWithLoss(8, 20, [5], ignore_index=-1)
    x, y = torch.randn(4, 8), torch.tensor([0, -1, 19, 7])
    kept = y >= 0
    expected = criterion(x[kept], y[kept])
    found = criterion(x, y)
    torch.testing.assert_close(found.loss, expected.loss)
    torch.testing.assert_close(found.output[kept], expected.output)
    total, count = criterion.sum_and_count(x, y)
    torch.testing.assert_close(total, -expected.output.sum())
    assert count == 3


def test_a_distance_of_ones_own() -> None:
    a, b, c = torch.randn(3, 5, 2)

    def distance(x, y):
        return (x - y).abs().amax(-1)

    for swap in (False, True):
        options = {"distance_function": distance, "swap": swap, "margin": 0.5}
        expected = theirs.triplet_margin_with_distance_loss(a, b, c, **options)
        criterion = neglog.TripletMarginWithDistanceLoss(**options)
        torch.testing.assert_close(criterion(a, b, c), expected)
        torch.testing.assert_close(criterion(a[:0], b[:0], c[:0], normalizer=1.0).item(), 0.0)


def _gradients(module, name, tensors, count, dtype, **options):
    """Return the losses, and the gradients by the first tensors for different upstream ones."""
    tensors = [t.to(dtype) if t.is_floating_point() else t for t in tensors]
    leaves = [t.clone().requires_grad_() for t in tensors[:count]]
    losses = getattr(module, name)(*leaves, *tensors[count:], **options)
    upstream = torch.linspace(-1, 2, max(losses.numel(), 1), dtype=dtype).reshape(losses.shape)
    return losses, *torch.autograd.grad(losses, leaves, upstream)


def _agree(name, tensors, count, **options):
    """Compare the kernel with torch's operations in both dtypes and every reduction."""
    for dtype in (torch.float32, torch.float64):
        for reduction in ("none", "sum", "mean"):
            both = [
                _gradients(module, name, tensors, count, dtype, reduction=reduction, **options)
                for module in (F, theirs)
            ]
            torch.testing.assert_close(*both, equal_nan=True)


def _embeddings():
    """Return three rows of each kind: ordinary, 0, equal, opposite, ∞, NaN; and an expanded one."""
    torch.manual_seed(0)
    a, b, c = 0.2 * torch.randn(3, 40, 20, dtype=torch.float64)
    a[0], b[1], c[2] = 0, 0, 0
    a[3], b[3] = 0, 0
    a[4], b[5], a[6] = b[4], c[5], c[6]
    a[7] = b[7] = c[7]
    b[8] = -a[8]
    a[9, 0], b[10, 3] = torch.inf, torch.nan
    return a, b, c[:, :1].expand(c.shape)


@pytest.mark.parametrize(("p", "swap"), [(2, False), (2, True), (1, False), (math.inf, True)])
def test_triplets_are_torchs_at_ties_zeros_and_infinities(p, swap) -> None:
    for eps in (1e-6, 0.0):
        _agree("triplet_margin_loss", _embeddings(), 3, p=p, swap=swap, eps=eps)
    _agree("triplet_margin_loss", [t[0] for t in _embeddings()], 3, p=p, swap=swap)
    _agree("triplet_margin_with_distance_loss", _embeddings(), 3, swap=swap, margin=0.5)


def test_cosines_are_torchs_at_ties_zeros_and_infinities() -> None:
    a, b, _ = _embeddings()
    for sign in (1, -1):
        y = torch.full((len(a),), sign)
        for margin in (0.0, 0.25):
            _agree("cosine_embedding_loss", (a, b, y), 2, margin=margin)
        _agree("cosine_embedding_loss", (a[0], b[0], y[0].double()), 2)


def test_hinges_of_classes_are_torchs() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(40, 20, dtype=torch.float64), torch.randint(0, 20, (40,))
    x[0, 3], x[1, 4], x[2] = torch.inf, torch.nan, 0
    for p in (1, 2):
        for margin in (1.0, 0.0, -0.5):
            _agree("multi_margin_loss", (x, y), 1, p=p, margin=margin)
    _agree("multi_margin_loss", (x[3], y[3]), 1)
    lists = torch.rand(40, 20).argsort(1)
    lists = lists.where(torch.arange(20) < torch.randint(0, 21, (40, 1)), -1)
    lists[5, 1] = lists[5, 0]  # counts twice
    _agree("multilabel_margin_loss", (x, lists), 1)
    _agree("multilabel_margin_loss", (x[3], lists[3]), 1)


BLOCKS = {
    "multi_margin_loss": lambda x: (x[:, :20], torch.arange(len(x)) % 20),
    "triplet_margin_loss": lambda x: x.split(20, 1),
    "mixture_density_loss": lambda x: (
        x[:, :4], x[:, 4:16].unflatten(1, (4, 3)), x[:, 16:28].unflatten(1, (4, 3)), x[:, 28:31]
    ),
    "discrete_hazard_loss": lambda x: (
        x[:, :20], torch.arange(len(x)) % 20, torch.arange(len(x)) % 2
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_the_rows_of_several_blocks_are_those_of_each(name) -> None:
    tensors = BLOCKS[name](torch.randn(3000, 60, dtype=torch.float64))
    whole = getattr(F, name)(*tensors, reduction="none")
    parts = [
        getattr(F, name)(*part, reduction="none")
        for part in zip(*(t.split(50) for t in tensors), strict=True)
    ]
    assert torch.equal(whole, torch.cat(parts))


def test_distances_of_images() -> None:
    images = torch.randn(3, 4, 2, 2)

    def distance(x, y):
        return (x - y).abs().sum((-1, -2))

    each = F.triplet_margin_with_distance_loss(
        *images, distance_function=distance, reduction="none"
    )
    assert each.shape == (4,)

    results = iter([torch.zeros(4, 2), torch.zeros(4)])
    with pytest.raises(neglog.errors.ShapeError, match="distance to the negative must have the"):
        F.triplet_margin_with_distance_loss(*images, distance_function=lambda a, b: next(results))


def test_ignored_labels_of_the_multiclass_hinge_loss() -> None:
    x, y = torch.randn(4, 3), torch.tensor([0, -1, 2, 1])
    expected = theirs.multi_margin_loss(x[KEEP], y[KEEP], p=2)
    torch.testing.assert_close(F.multi_margin_loss(x, y, p=2, ignore_index=-1), expected)
    weighted = neglog.MultiMarginLoss(weight=[1.0, 2.0, 3.0], ignore_index=-1)(x, y)
    expected = theirs.multi_margin_loss(x[KEEP], y[KEEP], weight=torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(weighted, expected)


def test_compiled_hinges_of_labels_ignore_the_padding() -> None:
    """The decomposition of torch's loss, which its compilers take, counts it as label 0."""
    torch.compiler.reset()
    torch.manual_seed(0)
    x, y = torch.randn(5, 4, requires_grad=True), torch.tensor([1, 3, -1, 0]).repeat(5, 1)
    expected = F.multilabel_margin_loss(x, y, reduction="none")
    (slope,) = torch.autograd.grad(expected.sum(), x)
    compiled = torch.compile(F.multilabel_margin_loss, fullgraph=True, backend="aot_eager")
    found = compiled(x, y, reduction="none")
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found.sum(), x)[0], slope)

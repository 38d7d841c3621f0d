"""The kernel of `ctc_loss` against torch and against all paths, one by one."""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import pytest
import torch
from torch.nn import functional as theirs

import neglog
from neglog import functional as F

FRAMES, LENGTHS = torch.tensor([9, 30, 12, 30, 1, 2]), torch.tensor([3, 12, 0, 1, 1, 2])


def _sequences(dtype=torch.float64, scale=1.0):
    """Return six sequences of ten classes, one without labels, some with repeated ones."""
    torch.manual_seed(0)
    x = (scale * torch.randn(30, 6, 10, dtype=torch.float64)).log_softmax(-1).to(dtype)
    labels = torch.randint(0, 9, (6, 12))
    labels[0, :3] = torch.tensor([4, 4, 4])
    labels[5, :2] = torch.tensor([1, 2])
    return x, labels.where(labels != 2, 9)


def _both(loss, x, *arguments, **options):
    """Return a loss, and its gradients for different upstream ones."""
    x = x.detach().requires_grad_()
    found = loss(x, *arguments, **options)
    upstream = torch.linspace(-1, 2, found.numel(), dtype=found.dtype).reshape(found.shape)
    return found, *torch.autograd.grad(found, x, upstream if found.dim() else None)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("form", ["padded", "in a row", "numbers", "batch first", "slice", "short"])
def test_all_forms_are_torchs(form, reduction) -> None:
    x, labels = _sequences()
    arguments = [labels, FRAMES, LENGTHS]
    if form == "in a row":
        arguments[0] = torch.cat([y[:n] for y, n in zip(labels, LENGTHS, strict=True)]).int()
    if form == "numbers":
        arguments[1:] = FRAMES.tolist(), tuple(LENGTHS.tolist())
    if form == "batch first":
        x = x.transpose(0, 1).contiguous().transpose(0, 1)
    if form == "slice":
        x = torch.cat([x, x], 2)[:, :, :10]
        arguments[0] = labels.T.contiguous().T
    if form == "short":
        arguments[1:] = FRAMES.int(), LENGTHS.short()
    options = {"blank": 2, "reduction": reduction}
    expected = _both(theirs.ctc_loss, x, labels, FRAMES, LENGTHS, **options)
    torch.testing.assert_close(_both(F.ctc_loss, x, *arguments, **options), expected)
    with torch.no_grad():
        torch.testing.assert_close(F.ctc_loss(x, *arguments, **options), expected[0])


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_float32_has_the_digits_of_float64(scale) -> None:
    x, labels = _sequences(torch.float32, scale)
    arguments, options = (labels, FRAMES, LENGTHS), {"blank": 2, "reduction": "none"}
    expected = _both(theirs.ctc_loss, x.double(), *arguments, **options)
    loss, gradient = _both(F.ctc_loss, x, *arguments, **options)
    torch.testing.assert_close(loss.double(), expected[0], rtol=1.2e-7, atol=0)
    torch.testing.assert_close(gradient.double(), expected[1], rtol=2.4e-7, atol=2.4e-7)


def test_long_sequences_leave_the_range_of_float64() -> None:
    torch.manual_seed(0)
    x = (6 * torch.randn(700, 2, 40, dtype=torch.float64)).log_softmax(-1)
    arguments = torch.randint(1, 40, (2, 150)), (700, 400), (150, 40)
    expected = _both(theirs.ctc_loss, x, *arguments, reduction="sum")
    assert expected[0] > 4000
    torch.testing.assert_close(_both(F.ctc_loss, x, *arguments, reduction="sum"), expected)


def _paths(x, labels):
    """Return the loss of a sequence and its gradient by the logits, from all paths."""
    total, parts = mp.mpf(0), {}
    for path in itertools.product(range(x.shape[1]), repeat=len(x)):
        if [c for c, _ in itertools.groupby(path) if c] == labels:
            p = mp.exp(sum(mp.mpf(x[t, c].item()) for t, c in enumerate(path)))
            total += p
            for cell in enumerate(path):
                parts[cell] = parts.get(cell, 0) + p
    if not total:
        return mp.inf, []
    rows = [[mp.exp(mp.mpf(z.item())) for z in frame] for frame in x]
    gradient = [
        [p - parts.get((t, c), 0) / total for c, p in enumerate(row)] for t, row in enumerate(rows)
    ]
    return -mp.log(total), gradient


SURE = [[-1e-20, -50.0, -60.0], [-60.0, -1e-12, -70.0], [-3e-15, -40.0, -80.0]]
FAR = [[-1e30, -1e30, -2e30], [-2e30, -1e30, 0.0], [0.0, -1e30, -3e30]]
IMPOSSIBLE = [[-math.inf, -1.0, -0.5], [-2.0, -math.inf, -0.2], [-1.0, -1.0, -math.inf]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("labels", [[1], [1, 2], [1, 1], []], ids=str)
@pytest.mark.parametrize("case", ["ordinary", "sure", "far", "impossible"])
def test_values_are_those_of_all_paths(case, labels, dtype) -> None:
    torch.manual_seed(0)
    ordinary = (2 * torch.randn(4, 3, dtype=torch.float64)).log_softmax(-1)
    given = {"ordinary": ordinary, "sure": SURE, "far": FAR, "impossible": IMPOSSIBLE}[case]
    x = torch.as_tensor(given, dtype=dtype)
    with mp.workdps(80):
        value, gradient = _paths(x, labels)
        padded = torch.tensor([[*labels, 1]])
        arguments = x[:, None], padded, (len(x),), (len(labels),)
        if not mp.isfinite(value):
            assert F.ctc_loss(*arguments, reduction="sum") == math.inf
            return
        found, by_x = _both(F.ctc_loss, *arguments, reduction="sum")
        unit = mp.mpf(torch.finfo(dtype).eps)
        # A nearly certain sequence is as exact as its likeliest path: other paths add up to less
        # than a unit in the last place of 1.
        assert abs(found.item() - value) <= 4 * unit * abs(value) + (case == "sure") * 2.0**-53
        for t, row in enumerate(gradient):
            for c, slope in enumerate(row):
                assert abs(by_x[t, 0, c].item() - slope) <= 4 * unit * max(map(abs, row)) + 2**-52


def test_a_certain_path_keeps_its_digits() -> None:
    x = torch.tensor([[-1e-20, -math.inf], [-math.inf, -3e-20]], dtype=torch.float64)
    found = F.ctc_loss(x[:, None], torch.tensor([[1]]), (2,), (1,), reduction="sum")
    assert found.item() == pytest.approx(4e-20, rel=1e-15)


def test_targets_that_do_not_fit_have_no_loss_and_no_gradient_if_allowed() -> None:
    x, labels = _sequences()
    frames = FRAMES.clone()
    frames[:2] = torch.tensor([4, 11])
    arguments, options = (labels, frames, LENGTHS), {"blank": 2, "zero_infinity": True}
    for reduction in ("none", "mean"):
        options["reduction"] = reduction
        expected = _both(theirs.ctc_loss, x, *arguments, **options)
        torch.testing.assert_close(_both(F.ctc_loss, x, *arguments, **options), expected)
    with pytest.raises(neglog.errors.SupportError, match="requires 5 frames"):
        F.ctc_loss(x, *arguments, blank=2)


def test_sequences_without_frames_or_labels() -> None:
    x, labels = _sequences()
    arguments = labels, (0, 0, 0, 4, 0, 7), (1, 0, 1, 0, 0, 1)
    options = {"blank": 2, "reduction": "none", "zero_infinity": True}
    expected = _both(theirs.ctc_loss, x, *arguments, **options)
    torch.testing.assert_close(_both(F.ctc_loss, x, *arguments, **options), expected)


def test_frames_beyond_a_sequence_hold_anything() -> None:
    x, labels = _sequences()
    for row, frames in enumerate(FRAMES):
        x[frames:, row] = torch.tensor([math.nan, 7.0]).repeat(5)
    _, gradient = _both(F.ctc_loss, x, labels, FRAMES, LENGTHS, blank=2)
    assert gradient.isfinite().all()
    weights = torch.ones(6)
    _, weighted = _both(F.ctc_loss, x, labels, FRAMES, LENGTHS, blank=2, sample_weight=weights)
    torch.testing.assert_close(weighted, gradient)


def test_logits_of_classes_that_no_target_holds_are_found() -> None:
    x, labels = _sequences()
    x[3, 1, 0] = 2.0
    with pytest.raises(neglog.errors.SupportError, match="largest of sequence 1 is 2"):
        F.ctc_loss(x.requires_grad_(), labels.clamp(min=1), FRAMES, LENGTHS, blank=2)


def test_labels_in_a_row_have_the_lengths_of_all_targets() -> None:
    x, labels = _sequences()
    for rest in (0, 2):
        row = labels.new_ones(int(LENGTHS.sum()) - 1 + rest)
        with pytest.raises(neglog.errors.ShapeError, match=r"targets must be \(6, S\), or \(19,\)"):
            F.ctc_loss(x, row, FRAMES, LENGTHS, blank=2)


def test_the_second_derivative_raises_as_torchs() -> None:
    x, labels = _sequences()
    x.requires_grad_()
    for loss in (F.ctc_loss, theirs.ctc_loss):
        found = loss(x, labels, FRAMES, LENGTHS, blank=2)
        (gradient,) = torch.autograd.grad(found, x, create_graph=True)
        with pytest.raises(RuntimeError, match="ctc_loss"):
            torch.autograd.grad(gradient.sum(), x)
    inner = torch.func.grad(lambda z: F.ctc_loss(z, labels, FRAMES, LENGTHS, blank=2))
    torch.testing.assert_close(inner(x.detach()), gradient.detach())

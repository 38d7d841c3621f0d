"""A weight that repeats along the first dimensions is read where it lies, and not written out."""

from __future__ import annotations

import pytest
import torch

from neglog import functional
from neglog.engine.layout import SHORT, pattern_of

SHAPES = [(7, 1), (5, 3), (1, 65), (300, 30), (3, 1024), (3, 1025), (2, 3000), (4, 6, 5)]


def outcome(x, y, **weights):
    x = x.clone().requires_grad_()
    loss = functional.binary_cross_entropy_with_logits(x, y, reduction="none", **weights)
    loss.sum().backward()
    return torch.cat([loss.detach().reshape(-1), x.grad.reshape(-1)])


@pytest.mark.parametrize("names", [["weight"], ["pos_weight"], ["weight", "pos_weight"]])
@pytest.mark.parametrize("dims", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_bits_as_written_out(shape, dims, names) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(shape), torch.rand(shape)
    small = {name: torch.rand(shape[len(shape) - dims :]) for name in names}
    full = {name: weight.expand(shape).contiguous() for name, weight in small.items()}
    assert torch.equal(outcome(x, y, **small), outcome(x, y, **full))


def test_one_may_repeat_and_the_other_not() -> None:
    torch.manual_seed(0)
    x, y, weight, positive = torch.randn(300, 7), torch.rand(300, 7), *torch.rand(2, 300, 7)
    for small in ({"weight": weight[0]}, {"pos_weight": positive[0]}):
        full = {name: w.expand(300, 7).contiguous() for name, w in small.items()}
        both = {"weight": weight, "pos_weight": positive}
        assert torch.equal(outcome(x, y, **both | small), outcome(x, y, **both | full))


@pytest.mark.parametrize("layout", ["transposed", "every other", "channels last"])
def test_inputs_in_another_order(layout) -> None:
    torch.manual_seed(0)
    x, y, weight = torch.randn(6, 4, 5, 8), torch.rand(6, 4, 5, 8), torch.rand(8)
    change = {
        "transposed": lambda t: t.transpose(0, 1).contiguous().transpose(0, 1),
        "every other": lambda t: t.repeat_interleave(2, 2)[:, :, ::2],
        "channels last": lambda t: t.contiguous(memory_format=torch.channels_last),
    }[layout]
    assert torch.equal(outcome(change(x), y, weight=weight), outcome(x, y, weight=weight))


def test_a_mask_and_a_weight_that_repeats() -> None:
    torch.manual_seed(0)
    x, y, weight, mask = torch.randn(9, 4), torch.rand(9, 4), torch.rand(4), torch.rand(9, 4) < 0.5
    y = torch.where(mask, y, torch.nan)
    full = weight.expand(9, 4).contiguous()
    assert torch.equal(
        outcome(x, y, weight=weight, mask=mask), outcome(x, y, weight=full, mask=mask)
    )


def test_the_pattern_is_what_lies_in_memory() -> None:
    weight = torch.rand(30)
    pattern = pattern_of(weight.expand(1000, 30))
    assert pattern.numel() == 3 * 30  # enough elements that the pattern pays off
    assert pattern.numel() >= SHORT
    assert torch.equal(pattern, weight.repeat(3))
    full = torch.rand(4, 5)
    assert pattern_of(full) is full
    along_rows = torch.rand(4, 1).expand(4, 5)
    assert pattern_of(along_rows) is along_rows
    assert pattern_of(None) is None


@pytest.mark.parametrize("classes", [4, 40])
def test_windows_that_overlap_are_read_as_their_copies(classes) -> None:
    """Their gradients do not overlap, so none is written where the window lies."""
    torch.manual_seed(0)
    windows = torch.randn(6 * classes + 12).as_strided((5, classes, 6), (3, 6, 1))
    labels = torch.randint(classes, (5, 6))
    results = []
    for x in (windows, windows.contiguous()):
        leaf = x.detach().requires_grad_()
        loss = functional.cross_entropy(leaf, labels, reduction="none")
        (gradient,) = torch.autograd.grad(loss, leaf, torch.arange(30.0).view(5, 6))
        results.append((loss, gradient))
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))

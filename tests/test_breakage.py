"""What a user may do between forward and backward, and what the loss does about it."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings

import backends
import losses
import pytest
import torch
from torch.utils.checkpoint import checkpoint

import neglog
from neglog import functional as F

every_loss = pytest.mark.parametrize("name", losses.LOSSES)


def gradient(loss, x):
    leaf = x.detach().clone().requires_grad_()
    loss(leaf).backward()
    return leaf.grad


@every_loss
def test_every_backward_through_one_graph_is_the_same(name) -> None:
    x, loss = losses.inputs(name), losses.LOSSES[name][0]
    value = loss(x, reduction="sum")
    expected = torch.autograd.grad(value, x, retain_graph=True)[0].clone()
    for upstream in (1.0, 2.0, -4.0, 1.0):  # exact factors
        scaled = torch.autograd.grad(upstream * value, x, retain_graph=True)[0]
        assert torch.equal(scaled, upstream * expected)
        scaled.fill_(float("nan"))  # whoever has a gradient may write to it
    value.backward(retain_graph=True)
    value.backward()
    assert torch.equal(x.grad, 2 * expected)
    with pytest.raises(RuntimeError, match="second time"):
        value.backward()


# An offset makes a tensor of its own, which nobody can write to.
@pytest.mark.parametrize(
    "name", [n for n in losses.LOSSES if n not in losses.COMPOSED and n != "offset"]
)
def test_an_input_that_is_written_to_before_the_backward_is_noticed(name) -> None:
    hidden = losses.inputs(name) * 1.0
    value = losses.LOSSES[name][0](hidden, reduction="sum")
    hidden.mul_(0.5)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


@every_loss
def test_hooks_checkpoints_and_saved_tensors_change_nothing(name) -> None:
    x, loss = losses.inputs(name, torch.float32), losses.LOSSES[name][0]

    def total(t):
        return loss(t, reduction="sum")

    expected = gradient(total, x)
    assert torch.equal(gradient(lambda t: checkpoint(total, t, use_reentrant=False), x), expected)
    assert torch.equal(gradient(lambda t: checkpoint(total, t, use_reentrant=True), x), expected)
    with torch.autograd.graph.save_on_cpu():
        assert torch.equal(gradient(total, x), expected)
    seen = []
    x.register_hook(lambda g: seen.append(g) or 2 * g)
    total(x).backward()
    assert torch.equal(x.grad, 2 * expected)
    assert torch.equal(seen[0], expected)


@every_loss
def test_a_backward_in_another_thread(name) -> None:
    x, loss = losses.inputs(name), losses.LOSSES[name][0]
    value = loss(x, reduction="sum")
    other = threading.Thread(target=value.backward)
    other.start()
    other.join()
    assert torch.equal(x.grad, gradient(lambda t: loss(t, reduction="sum"), x))


@every_loss
def test_under_inference_and_without_a_leaf(name) -> None:
    x, loss = losses.inputs(name, torch.float32), losses.LOSSES[name][0]
    expected = loss(x, reduction="sum")
    with torch.inference_mode():
        assert torch.equal(loss(x, reduction="sum"), expected)
    with torch.no_grad():
        assert not loss(x, reduction="sum").requires_grad
    assert torch.equal(loss(x.detach(), reduction="sum"), expected)


def test_criteria_are_copied_and_pickled_with_what_they_hold() -> None:
    x, y = torch.linspace(-2, 2, 12).reshape(4, 3), torch.tensor([0, 2, 1, 0])
    options = {"weight": torch.tensor([1.0, 2.0, 0.5]), "label_smoothing": 0.1, "class_dim": -1}
    criterion = neglog.CrossEntropyLoss(**options)
    expected = criterion(x, y)
    for other in (pickle.loads(pickle.dumps(criterion)), copy.deepcopy(criterion)):
        assert torch.equal(other(x, y), expected)


@pytest.mark.parametrize("kind", [torch.uint8, torch.int8, torch.int16, torch.int32])
@pytest.mark.parametrize("places", [(), (5,), (2, 3)])
def test_labels_of_any_integer_dtype_and_classes_in_any_place(kind, places) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(6, 4, *places), torch.randint(0, 4, (6, *places))
    options = {"weight": torch.rand(4) + 0.5, "ignore_index": 2}
    expected = torch.nn.functional.cross_entropy(x, y, **options)
    torch.testing.assert_close(F.cross_entropy(x, y.to(kind), **options), expected)
    last = F.cross_entropy(x.movedim(1, -1), y.to(kind), class_dim=-1, **options)
    torch.testing.assert_close(last, expected)


@pytest.mark.parametrize("size", [4, 60_000])
def test_sums_beyond_a_dtype_are_infinite_and_not_an_error(size) -> None:
    for dtype, huge in ((torch.float32, 1e30), (torch.float16, 6e4), (torch.float64, 1e200)):
        x = torch.full((size,), huge, dtype=dtype)
        assert F.mse_loss(x, torch.zeros_like(x), reduction="sum") == float("inf")
        x.requires_grad_()
        F.l1_loss(x, torch.zeros_like(x), reduction="sum").backward()
        assert (x.grad == 1).all()


def test_a_worker_of_the_compiler_sees_the_same() -> None:
    x, y = torch.linspace(-2, 2, 60_000).requires_grad_(), torch.zeros(60_000)
    compiled = torch.compile(lambda t: 3 * F.mse_loss(t, y), backend="eager", fullgraph=True)
    mine = gradient(lambda t: 3 * F.mse_loss(t, y), x)
    assert torch.equal(gradient(compiled, x), mine)


# The loss, the prediction, and a scale which in float32 saves the gradient from float16's limits.
SCALED = {
    "underflow": (lambda x: F.mse_loss(x, torch.zeros_like(x)), (1e-3, 2**16), 1024.0),
    "rounding": (lambda x: F.mse_loss(x, torch.zeros_like(x)), (1e-2, 2**16), 1024.0),
    "overflow": (lambda x: F.poisson_nll_loss(x, torch.ones_like(x)), (12.0, 1), 2.0**-7),
}


@pytest.mark.parametrize("limit", SCALED)
def test_scaling_the_loss_saves_a_gradient_of_float16(limit, monkeypatch) -> None:
    loss, (value, size), scale = SCALED[limit]
    x = torch.full((size,), value, dtype=torch.float16)
    slopes = []
    for names in (("cpu",), ()):
        backends.only(monkeypatch, *names)
        leaf = x.clone().requires_grad_()
        loss(leaf).backward(torch.tensor(scale, dtype=torch.float16))
        slopes.append(leaf.grad)
    torch.testing.assert_close(*slopes, rtol=2e-3, atol=0.0)


def test_the_mean_of_nothing_has_no_gradient() -> None:
    ones, none = torch.ones(3), torch.zeros(3, dtype=torch.bool)
    rows = F.cross_entropy, torch.zeros(3, 2), torch.tensor([0, 1, 1])
    for loss, x, y in (rows, (F.mse_loss, ones, ones)):
        slope = gradient(lambda t, f=loss, y=y: f(t, y, mask=none), x)
        assert torch.equal(slope, torch.zeros_like(x))


def test_a_warning_of_a_loss_is_given_by_every_call() -> None:
    p = torch.full((2, 2), 0.5)
    for _ in range(3):
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            F.kl_div(p.log(), p)
        assert len(given) == 1


def test_an_option_that_is_refused_is_refused_after_an_equal_one_was_taken() -> None:
    x, y = torch.zeros(3, 3), torch.arange(3)
    for _ in range(2):
        F.cross_entropy(x, y, ignore_index=1)
    with pytest.raises(neglog.errors.ArgumentError):
        F.cross_entropy(x, y, ignore_index=1.0)

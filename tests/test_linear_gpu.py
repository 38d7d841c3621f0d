"""The linear layer's losses as a GPU computes them: matrix units, compaction, CUDA graphs."""

from __future__ import annotations

import fake_gpu
import pytest
import test_linear
import test_linear_corners
import test_linear_derivatives
import torch
from hypothesis import given, settings

from neglog import functional as F
from neglog.engine import values
from neglog.engine.projection import passes, workspace

pytest.importorskip("triton", reason="Triton has no build for this system")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.is_available(), reason="benchmarks/gpu.py checks a real device"),
    pytest.mark.filterwarnings(fake_gpu.QUIET),
]


@pytest.fixture(autouse=True)
def _called(monkeypatch):
    fake_gpu.use(monkeypatch)
    return fake_gpu.use_tensor_cores(monkeypatch)


def data(dtype, rows=40, classes=60, features=16):
    torch.manual_seed(0)
    x = torch.randn(rows, features).to(dtype).requires_grad_()
    w = torch.randn(classes, features).to(dtype).requires_grad_()
    y = torch.randint(0, classes, (rows,))
    y[::3] = -100
    return x, w, y


@given(test_linear.calls())
@settings(max_examples=40)
def test_it_is_the_plain_computation(call) -> None:
    test_linear.test_it_is_the_plain_computation.hypothesis.inner_test(call)


@pytest.mark.parametrize("memory", [2**12, 2**20])
@pytest.mark.parametrize("biased", [False, True])
def test_half_precision_uses_the_matrix_units_and_is_rounded_once(memory, biased, _called) -> None:
    x, w, y = data(torch.bfloat16)
    b = torch.randn(60).bfloat16().requires_grad_() if biased else None
    leaves = [t for t in (x, w, b) if t is not None]
    F.linear_cross_entropy(x, w, y, linear_bias=b, reduction="sum", memory=memory).backward()
    wide = [t.detach().double().requires_grad_() for t in leaves]
    z = torch.nn.functional.linear(*wide)
    torch.nn.functional.cross_entropy(z, y, reduction="sum").backward()
    for leaf, true in zip(leaves, wide, strict=True):
        error = (leaf.grad.double() - true.grad).norm() / true.grad.norm()
        assert error < 2**-8, error
    assert set(_called) == ({"mm", "addmm"} if memory == 2**12 else {"mm"})


def float16_data():
    x, w, y = data(torch.float16)
    wide = [t.detach().double().requires_grad_() for t in (x, w)]
    return x, w, y, wide, torch.nn.functional.linear(*wide)


def assert_alike(leaves, wide) -> None:
    for leaf, true in zip(leaves, wide, strict=True):
        assert (leaf.grad.double() - true.grad).norm() < 2**-9 * true.grad.norm()


@pytest.mark.parametrize("factor", [1e-8, 1e-4, 1.0, 1e6])
def test_class_weights_do_not_overflow_float16(factor) -> None:
    x, w, y, wide, z = float16_data()
    options = {"weight": torch.full((60,), factor), "loss_dtype": torch.float32}
    F.linear_cross_entropy(x, w, y, **options).backward()
    torch.nn.functional.cross_entropy(z, y).backward()
    assert_alike((x, w), wide)


@pytest.mark.parametrize("factor", [1e-6, 1e5])
def test_pos_weight_does_not_overflow_float16(factor) -> None:
    x, w, _, wide, z = float16_data()
    yes = torch.ones(40, 60)
    options = {"pos_weight": torch.full((60,), factor), "loss_dtype": torch.float32}
    loss = F.linear_binary_cross_entropy_with_logits(x, w, yes, **options)
    (loss / factor).backward()
    torch.nn.functional.binary_cross_entropy_with_logits(z, yes.double()).backward()
    assert_alike((x, w), wide)


def test_what_comes_from_above_for_a_row_that_does_not_count_is_not_looked_at() -> None:
    x, w, y, wide, z = float16_data()
    loss = F.linear_cross_entropy(x, w, y, reduction="none", loss_dtype=torch.float32)
    loss.backward(torch.where(y == -100, 1e8, 1.0))
    torch.nn.functional.cross_entropy(z, y, reduction="sum").backward()
    assert_alike((x, w), wide)


def test_ignored_and_masked_rows_may_hold_anything() -> None:
    test_linear.test_ignored_and_masked_rows_may_hold_anything()


@pytest.mark.parametrize("compiled", [False])
def test_a_large_upstream_gradient_keeps_digits_of_half_precision(compiled) -> None:
    test = test_linear_corners.test_a_large_upstream_gradient_keeps_digits_of_half_precision
    test(compiled)


@pytest.mark.parametrize("options", [{}, {"reduction": "none"}], ids=str)
def test_a_second_backward_gives_the_same_and_nothing_is_mutated(options) -> None:
    test = test_linear_derivatives.test_a_second_backward_gives_the_same_and_nothing_is_mutated
    test(options)


STATISTICS = ("nll", "logsumexp", "entropy", "top1", "correct", "rank")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("options", [{}, {"z_loss": 0.1}, {"label_smoothing": 0.1}], ids=str)
def test_a_recorded_graph_computes_the_same_and_waits_for_nothing(
    dtype, options, monkeypatch
) -> None:
    """While it is recorded the rows that count cannot be picked out: all are treated."""

    def step():
        x, w, y = data(dtype)
        with torch.no_grad():
            x[0] = float("inf")  # which is ignored
        loss = F.linear_cross_entropy(x, w, y, memory=2**12, **options)
        loss.backward()
        lines = F.linear_statistics(x, w, y, outputs=STATISTICS)
        return [loss, x.grad, w.grad, *(getattr(lines, name) for name in STATISTICS)]

    plain = step()
    monkeypatch.setattr(passes, "_is_capturing_graph", lambda x: True)
    for got, expected in zip(step(), plain, strict=True):
        torch.testing.assert_close(got, expected)
    monkeypatch.setattr(values, "is_watched", lambda: False)
    x, w, y = data(dtype)
    with fake_gpu.SyncRecorder() as seen:
        F.linear_cross_entropy(x, w, y, reduction="none", **options).sum().backward()
    assert seen.waits == []


def test_the_workspace_of_use(monkeypatch) -> None:
    class Properties:
        total_memory = 80 * 2**30

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Properties)
    assert workspace.default(torch.device("cuda")) == workspace.MOST_ON_GPU
    Properties.total_memory = 4 * 2**30
    workspace.default.cache_clear()
    assert workspace.default(torch.device("cuda")) == 2**28
    assert workspace.default(torch.device("cpu")) <= workspace.MOST

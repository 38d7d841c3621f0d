"""The quarantine of `engine/fast_path.py`: what changes between two calls, the second sees."""

from __future__ import annotations

import sys
import warnings

import pytest
import torch
from torch.overrides import TorchFunctionMode

import neglog
from neglog import errors, functional
from neglog.engine import fast_path

X, Y = torch.linspace(-2, 2, 12).reshape(4, 3), torch.linspace(0, 1, 12).reshape(4, 3)
LABELS = torch.tensor([0, 2, 1, 0])
LOSSES = {
    "mse": lambda x: functional.mse_loss(x, Y.to(x.dtype)),
    "bce": lambda x: functional.binary_cross_entropy_with_logits(x, Y.to(x.dtype)),
    "huber": lambda x: functional.huber_loss(x, Y.to(x.dtype), delta=0.3, reduction="none").sum(),
    "poisson": lambda x: functional.poisson_nll_loss(x, Y.to(x.dtype), reduction="sum"),
    "cross entropy": lambda x: functional.cross_entropy(x, LABELS),
    "soft": lambda x: functional.cross_entropy(x, Y.to(x.dtype).softmax(1), label_smoothing=0.1),
    "nll": lambda x: functional.nll_loss(x, LABELS, ignore_index=2),
}
losses = pytest.mark.parametrize("name", LOSSES)


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(fast_path, "plans", {})


def measured(loss, x):
    x = x.clone().requires_grad_()
    value = loss(x)
    (slope,) = torch.autograd.grad(value, x, create_graph=True)
    (second,) = torch.autograd.grad(slope.square().sum(), x, allow_unused=True)
    return [t.detach() for t in (value, slope, second) if t is not None]


@losses
def test_the_second_call_takes_the_fast_path_and_returns_the_same(name) -> None:
    long = measured(LOSSES[name], X)
    assert len(fast_path.plans) == 1
    short = measured(LOSSES[name], X)
    assert len(fast_path.plans) == 1
    assert all(torch.equal(a, b) for a, b in zip(long, short, strict=True))


@losses
def test_other_numbers_shapes_and_dtypes_are_not_confused(name) -> None:
    plain = {}
    for again in range(2):
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            for scale in (1.0, -3.0):
                got = measured(LOSSES[name], X.to(dtype) * scale)
                expected = plain.setdefault((dtype, scale), got)
                assert again or got is expected
                assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
                assert got[0].dtype == dtype


def test_options_are_part_of_the_key() -> None:
    for delta in (0.1, 1.0, 0.1):
        got = functional.huber_loss(X, Y, delta=delta)
        assert got == torch.nn.functional.huber_loss(X, Y, delta=delta)
    sums = [functional.mse_loss(X, Y, reduction=r) for r in ("mean", "sum", "mean")]
    assert sums[0] == sums[2] != sums[1]


def test_unusual_arguments_skip_the_fast_path() -> None:
    weight = torch.full((3,), 2.0)
    for tensors in (
        (X, Y, {"weight": weight}),
        (X, Y, {"weight": 2.0}),
        (X.T, Y.T, {}),
        (X, Y, {"mask": Y > 0.5}),
        (X, Y, {"normalizer": 5}),
    ):
        functional.binary_cross_entropy_with_logits(*tensors[:2], **tensors[2])
    assert not fast_path.plans


def test_derivatives_by_the_target_and_transforms_have_tasks_of_their_own() -> None:
    for loss in (functional.binary_cross_entropy_with_logits, functional.cross_entropy):
        fast_path.plans.clear()
        seen = []
        for _ in range(3):
            x, y = X.clone().requires_grad_(), Y.clone().requires_grad_()
            seen.append(torch.autograd.grad(loss(x, y), (x, y)))
            seen.append(torch.func.grad(loss, (0, 1))(X, Y))
            x = X.clone().requires_grad_()
            assert torch.equal(torch.autograd.grad(loss(x, Y), x)[0], seen[0][0])
        assert len(fast_path.plans) == 3
        for slopes in seen[1:]:
            assert all(torch.equal(a, b) for a, b in zip(slopes, seen[0], strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1, "reduction": "sum"}], ids=str)
@pytest.mark.parametrize("class_dim", [1, -1])
@pytest.mark.parametrize("soft", [False, True])
def test_images_and_last_class_dims_take_the_fast_path(soft, class_dim, options, dtype):
    fast_path.plans.clear()
    torch.manual_seed(0)
    given = torch.randn(2, 3, 3, 3, dtype=dtype)
    target = torch.rand(2, 3, 3, 3).to(dtype) if soft else torch.randint(0, 3, (2, 3, 3))
    seen = []
    for _ in range(3):
        x = given.clone().requires_grad_()
        loss = functional.cross_entropy(x, target, class_dim=class_dim, **options)
        (slope,) = torch.autograd.grad(3 * loss, x, create_graph=True)
        (twice,) = torch.autograd.grad(slope.square().sum(), x)
        with torch.no_grad():
            alone = functional.cross_entropy(x, target, class_dim=class_dim, **options)
        seen.append((loss, slope, twice, alone))
    assert len(fast_path.plans) == 1
    assert seen[0][1].shape == given.shape
    for again in seen[1:]:
        assert all(torch.equal(a, b) for a, b in zip(again, seen[0], strict=True))
    with pytest.raises(errors.NeglogError):
        bad = target[:, :1] if soft else target + 3
        functional.cross_entropy(given, bad, class_dim=class_dim, **options)


def test_invalid_values_are_found_on_the_fast_path() -> None:
    for _ in range(2):
        functional.mse_loss(X, Y)
        functional.cross_entropy(X, LABELS)
    bad = Y.clone()
    bad[1, 1] = float("nan")
    with pytest.raises(errors.SupportError, match=r"first nan at index \(1, 1\)"):
        functional.mse_loss(X, bad)
    with pytest.raises(errors.SupportError, match="labels must lie in"):
        functional.cross_entropy(X, LABELS + 1)


def test_a_refused_call_is_refused_again_and_a_warning_is_given_again() -> None:
    one = torch.zeros(4, 1)
    with neglog.torch_compatible():
        for _ in range(2):
            functional.cross_entropy(one, torch.zeros(4, dtype=torch.long))
    with pytest.raises(errors.ShapeError, match="two classes or more"):
        functional.cross_entropy(one, torch.zeros(4, dtype=torch.long))
    with neglog.torch_compatible():
        for _ in range(2):
            with pytest.warns(UserWarning, match="they are broadcast"):
                functional.mse_loss(one, torch.zeros(4))


def test_an_option_without_a_hash_is_refused_as_ever() -> None:
    for _ in range(2):
        with pytest.raises(errors.ArgumentError, match="reduction must be one of"):
            functional.mse_loss(X, Y, reduction=["mean"])


def test_transforms_modes_and_autocast_skip_the_fast_path() -> None:
    for _ in range(2):
        functional.mse_loss(X, Y)
    per_row = torch.func.vmap(functional.mse_loss)(X, Y)
    assert torch.allclose(per_row, (X - Y).square().mean(1))
    slope = torch.func.grad(functional.mse_loss)(X, Y)
    assert torch.allclose(slope, (X - Y) / 6)
    for _ in range(2):
        functional.mse_loss(X.bfloat16(), Y.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert functional.mse_loss(X.bfloat16(), Y.bfloat16()).dtype == torch.float32

    seen = []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            seen.append(function)
            return function(*args, **(kwargs or {}))

    with Watch(), warnings.catch_warnings():
        functional.mse_loss(X, Y)
    assert any(getattr(f, "__name__", "") == "mse_loss" for f in seen)


def frames(call) -> list[str]:
    """Return the Python functions that a call enters, but for the call itself and the fixtures."""
    entered = []

    def note(frame, event, argument):
        codes = frame.f_code, frame.f_back.f_code
        if event == "call" and not any("conftest" in code.co_filename for code in codes):
            entered.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return entered[1:]


CRITERIA = {
    "mse": (neglog.MSELoss(), Y),
    "bce": (neglog.BCEWithLogitsLoss(), Y),
    "huber": (neglog.HuberLoss(delta=0.3, reduction="sum"), Y),
    "cross entropy": (neglog.CrossEntropyLoss(), LABELS),
    "smoothed": (neglog.CrossEntropyLoss(label_smoothing=0.1), LABELS),
    "soft": (neglog.CrossEntropyLoss(), Y.softmax(1)),
}


@pytest.mark.parametrize("name", CRITERIA)
def test_a_repeated_call_of_a_criterion_enters_ten_functions_at_most(name) -> None:
    """torch's own three or four included; a small loss consists of such calls."""
    criterion, y = CRITERIA[name]
    x = X.clone().requires_grad_()
    first = frames(lambda: criterion(x, y))
    assert len(fast_path.plans) == 1
    again = frames(lambda: criterion(x, y))
    assert len(again) <= 10 < len(first), " ".join(again)
    loss = criterion(x, y)
    assert frames(lambda: torch.autograd.grad(loss, x))[-1:] == ["backward"]
    with torch.no_grad():
        criterion(x, y)
        assert len(frames(lambda: criterion(x, y))) <= 10


def test_a_refusal_as_torch_s_is_repeated() -> None:
    p = torch.full((3,), 0.5)
    with neglog.torch_compatible():
        for _ in range(2):
            functional.binary_cross_entropy(p, p)
        with pytest.raises(errors.SupportError, match="input"):
            functional.binary_cross_entropy(p + 1, p)


def test_the_cache_of_signatures_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(fast_path, "MOST_PLANS", 3)
    for size in range(1, 9):
        functional.mse_loss(torch.ones(size), torch.zeros(size))
        assert 1 <= len(fast_path.plans) <= 3


def test_a_target_of_another_shape_is_refused_after_one_that_fits() -> None:
    x = torch.randn(4, 3)
    for _ in range(2):
        functional.mse_loss(x, torch.zeros(4, 3))
    with pytest.raises(errors.ShapeError):
        functional.mse_loss(x, torch.zeros(3))

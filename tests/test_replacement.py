"""`neglog.everywhere` replaces torch's losses wherever they are called, and reports each call."""

from __future__ import annotations

import json
import threading

import arguments
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.utils.checkpoint import checkpoint

import neglog
from neglog import functional

X, LABELS = arguments.X, arguments.LABELS
TORCH = sorted(name for name in arguments.CALLS if hasattr(nn.functional, name))
NAME = "tests/test_replacement.py"


@pytest.fixture(autouse=True)
def forget():
    """Forget the calls of other tests, and leave no replacement behind."""
    neglog.everywhere.clear()
    yield
    assert torch._C._len_torch_function_stack() == 0


def is_replaced() -> bool:
    """Return whether torch's loss is neglog's, which refuses to broadcast."""
    try:
        mse_loss(torch.zeros(3, 1), torch.ones(1, 3))
    except neglog.NeglogError:
        return True
    return False


pytestmark = pytest.mark.filterwarnings("ignore:Using a target size")


@pytest.mark.parametrize("name", [name for name in TORCH if name != "log_softmax"])
def test_functions_are_replaced(name) -> None:
    call = arguments.CALLS[name]
    with neglog.everywhere(measure=False):
        ours = getattr(nn.functional, name)(**call)
    assert torch.equal(ours, getattr(functional, name)(**call))
    assert [(c.loss, c.calls, c.reason) for c in neglog.everywhere.report()] == [(name, 1, "")]
    assert neglog.everywhere.report()[0].location.startswith(f"{NAME}:")


def test_every_loss_of_torch_is_replaced() -> None:
    losses = {name for name in dir(nn.functional) if name.endswith(("_loss", "entropy"))}
    losses |= {"kl_div", "binary_cross_entropy_with_logits"}
    assert losses - set(TORCH) == set()


@pytest.mark.parametrize(
    ("module", "target"),
    [
        (nn.CrossEntropyLoss(label_smoothing=0.1), LABELS),
        (nn.BCEWithLogitsLoss(reduction="sum"), arguments.BITS),
        (nn.HuberLoss(delta=0.5), arguments.BITS),
    ],
)
def test_modules_are_replaced(module, target) -> None:
    ours = getattr(neglog, type(module).__name__)(**{
        name: getattr(module, name)
        for name in ("label_smoothing", "reduction", "delta")
        if hasattr(module, name)
    })  # fmt: skip
    with neglog.everywhere():
        found = module(X, target)
    assert torch.equal(found, ours(X, target))
    assert len(neglog.everywhere.report()) == 1


def test_gradients_are_torchs() -> None:
    x, y = X.double().requires_grad_(), LABELS
    (theirs,) = torch.autograd.grad(cross_entropy(x, y), x)
    with neglog.everywhere():
        (ours,) = torch.autograd.grad(cross_entropy(x, y), x)
    torch.testing.assert_close(ours, theirs, rtol=1e-14, atol=1e-15)


def test_with_decorator_and_switch() -> None:
    assert not is_replaced()
    with neglog.everywhere():
        assert is_replaced()
        with neglog.everywhere():
            assert is_replaced()
        assert is_replaced()
    assert not is_replaced()
    decorated = neglog.everywhere()(is_replaced)
    assert decorated() and decorated.__name__ == "is_replaced"
    assert not is_replaced()
    neglog.everywhere(True)
    neglog.everywhere(True)
    assert is_replaced()
    neglog.everywhere(False)
    neglog.everywhere(False)
    assert not is_replaced()


def test_an_error_restores_torch() -> None:
    with pytest.raises(KeyError), neglog.everywhere():
        raise KeyError
    assert not is_replaced()


def test_the_switch_survives_other_modes() -> None:
    with torch.device("cpu"):
        neglog.everywhere(True)
    assert is_replaced()
    with torch.device("cpu"), neglog.everywhere():
        neglog.everywhere(False)
        assert is_replaced()
    assert not is_replaced()


def test_other_threads_are_not_affected() -> None:
    seen = []
    with neglog.everywhere():
        thread = threading.Thread(target=lambda: seen.append(is_replaced()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_compatible_behaves_as_torch() -> None:
    with (
        neglog.everywhere(compatible=True),
        pytest.warns(UserWarning, match="they are broadcast"),
    ):
        assert mse_loss(torch.zeros(3, 1), torch.ones(1, 3)) == 1
    assert not neglog.compatibility.is_torch_compatible()
    assert len(neglog.everywhere.report()) == 1


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_code_is_replaced(backend) -> None:
    criterion = nn.CrossEntropyLoss()

    def step(x, y):
        return criterion(2 * x, y) + mse_loss(x, x.detach() / 2)

    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True, backend=backend)
    x = X.clone().requires_grad_()
    plain = compiled(x, LABELS)
    assert len(neglog.everywhere.report()) == 0
    with neglog.everywhere(measure=False):
        found, again = compiled(x, LABELS), compiled(x, LABELS)
    assert torch.equal(found, again)
    torch.testing.assert_close(found, plain)
    seen = [(c.location, c.loss, c.calls) for c in neglog.everywhere.report()]
    assert seen == [("compiled", "cross_entropy", 1), ("compiled", "mse_loss", 1)]


class Marked(torch.Tensor):
    """A tensor subclass that neglog does not know."""


@pytest.mark.parametrize(
    ("input", "target", "reason"),
    [
        (X.as_subclass(Marked), X, "a tensor subclass, Marked"),
        (X.to(torch.cfloat), X.to(torch.cfloat), "a tensor of dtype torch.complex64"),
    ],
)
def test_what_neglog_does_not_serve_falls_to_torch(input, target, reason) -> None:
    theirs = nn.functional.l1_loss(input, target)
    with neglog.everywhere():
        assert torch.equal(nn.functional.l1_loss(input, target), theirs)
    (call,) = neglog.everywhere.report()
    assert call.reason == reason
    assert f"torch: {reason}" in str(neglog.everywhere.report())


def test_speed_ups_are_measured_at_the_second_call() -> None:
    x, y = X.clone().requires_grad_(), LABELS
    with neglog.everywhere():
        for times in range(3):
            cross_entropy(x, y).backward()
            call = neglog.everywhere.report()[0]
            assert (call.calls, call.speedup is None) == (times + 1, times == 0)
    assert x.grad is not None
    once = torch.autograd.grad(cross_entropy(x, y), x)[0]
    torch.testing.assert_close(x.grad, 3 * once)  # the copies added nothing


def test_nothing_is_measured_where_that_is_off_or_unsafe() -> None:
    with neglog.everywhere(measure=False):
        for _ in range(2):
            mse_loss(X, X + 1)
    with neglog.everywhere():
        for _ in range(2):
            torch.func.grad(lambda x: mse_loss(x, X + 1))(X)
        for _ in range(2):
            mse_loss(torch.zeros(()).expand(2**24 + 1), torch.zeros(()).expand(2**24 + 1))
    assert [call.speedup for call in neglog.everywhere.report()] == [None] * 3


def test_measuring_leaves_activation_checkpointing_alone() -> None:
    x = X.clone().requires_grad_()
    with neglog.everywhere():
        for _ in range(2):  # the second call, which is measured, is a recomputation
            checkpoint(lambda x: mse_loss(2 * x, X), x, use_reentrant=False).backward()
    assert neglog.everywhere.report()[0].speedup is not None


def test_the_report_is_a_table_and_a_list() -> None:
    assert str(neglog.everywhere.report()) == "no call of a torch loss was seen"
    with neglog.everywhere():
        mse_loss(X, X + 1)
    report = neglog.everywhere.report()
    heading, row = repr(report).splitlines()
    assert heading.split() == ["call", "loss", "calls", "computed", "by", "speed-up"]
    assert row.split()[1:] == ["mse_loss", "1", "neglog"]
    (held,) = json.loads(json.dumps(report.to_list()))
    assert held["loss"] == "mse_loss" and report[:1] == (report[0],)
    neglog.everywhere.clear()
    assert len(neglog.everywhere.report()) == 0 and len(report) == 1

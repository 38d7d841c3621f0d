"""The engines as custom operators: under `torch.compile`, without a graph break."""

from __future__ import annotations

import backends
import pytest
import torch
from torch.library import opcheck

import neglog
from neglog import functional
from neglog.engine import ops

X, Y = torch.randn(6, 4), torch.rand(6, 4)
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])
CALLS = {
    "mse": lambda x: functional.mse_loss(x, Y),
    "bce": lambda x: functional.binary_cross_entropy_with_logits(x, Y, reduction="none").sum(),
    "bce weighted": lambda x: functional.binary_cross_entropy_with_logits(
        x, Y, weight=torch.ones(4), pos_weight=torch.full((4,), 2.0)
    ),
    "nll": lambda x: functional.nll_loss(x, LABELS),
    "cross entropy": lambda x: functional.cross_entropy(
        x, LABELS, weight=torch.ones(4), label_smoothing=0.1
    ),
    "each row": lambda x: functional.cross_entropy(x, LABELS, reduction="none").square().sum(),
    "gaussian": lambda x: functional.gaussian_nll_loss(x[:3], Y[:3], x[3:].exp(), full=True),
    "huber masked": lambda x: functional.huber_loss(x, Y, delta=0.3, mask=Y > 0.3),
    "both": lambda x: functional.mse_loss(x, x.square()),
    "rows masked": lambda x: functional.cross_entropy(x, LABELS, mask=Y[:, 0] > 0.3, normalizer=3),
    "log softmax": lambda x: functional.log_softmax(x, 1).square().sum(),
}


# Dynamo itself instantiates an autograd function while it traces one.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("name", CALLS)
def test_compiled_is_eager(name) -> None:
    torch.compiler.reset()
    results = []
    compiled = torch.compile(CALLS[name], fullgraph=True, backend="aot_eager")
    for call in (CALLS[name], compiled):
        x = X.clone().requires_grad_()
        loss = call(x)
        loss.backward()
        results.append((loss.detach(), x.grad))
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.slow
def test_compiled_without_a_kernel_is_eager(name, monkeypatch) -> None:
    """As on a device that has no kernels."""
    backends.only(monkeypatch)
    test_compiled_is_eager(name)


SIGNS, LAYER = torch.where(Y > 0.5, 1.0, -1.0), torch.randn(4, 5)
EVERY = [
    {},
    {"reduction": "sum"},
    {"reduction": "none"},
    {"reduction": "batchmean"},
    {"mask": LABELS > 0},
    {"sample_weight": LABELS.float()},
    {"normalizer": 3.0},
    {"normalizer": torch.tensor(3.0)},
    {"empty": "zero"},
]
WEIGHED = {"weight": torch.rand(4)}
OLD = [{"size_average": True}, {"size_average": False}, {"reduce": False}]
OPTIONS = {
    "mse_loss": ([X, Y], [*OLD, {"weight": Y}]),
    "sse_loss": ([X, Y], []),
    "l1_loss": ([X, Y], [*OLD, {"weight": Y}]),
    "huber_loss": ([X, Y], [{"delta": 0.5}, {"weight": Y}]),
    "smooth_l1_loss": ([X, Y], [*OLD, {"beta": 0.5}, {"beta": 0.0}]),
    "gaussian_nll_loss": ([X, Y, Y + 1], [{"full": True}, {"eps": 1e-3}]),
    "poisson_nll_loss": ([Y, Y], [*OLD, {"log_input": False}, {"full": True}, {"full": "exact"}]),
    "kl_div": ([X, Y], [*OLD, {"log_target": True}]),
    "binary_cross_entropy": ([Y, Y.flip(0)], [*OLD, WEIGHED, {"ignore_index": 1}]),
    "binary_cross_entropy_with_logits": (
        [X, Y],
        [*OLD, WEIGHED, {"pos_weight": torch.rand(4)}, {"ignore_index": 1, "class_dim": 1}],
    ),
    "soft_margin_loss": ([X, SIGNS], [*OLD, {"ignore_index": 1}]),
    "multilabel_soft_margin_loss": ([X, Y], [*OLD, WEIGHED, {"class_dim": 0}]),
    "nll_loss": ([X.log_softmax(1), LABELS], [*OLD, WEIGHED, {"ignore_index": 1}]),
    "cross_entropy": (
        [X, LABELS],
        [*OLD, WEIGHED, {"ignore_index": 1}, {"label_smoothing": 0.1}, {"class_dim": -1}],
    ),
    "linear_cross_entropy": (
        [X[:, [0, 1, 2, 3, 0]], LAYER, LABELS],
        [WEIGHED, {"softcap": 5.0, "z_loss": 1e-3}, {"label_smoothing": 0.1}],
    ),
    "linear_binary_cross_entropy_with_logits": ([X[:, [0, 1, 2, 3, 0]], LAYER, Y], [WEIGHED]),
}


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:kl_div. 'mean':UserWarning")
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.slow
def test_every_option_of_every_loss_compiles_whole(name) -> None:
    (first, *others), more = OPTIONS[name]
    loss = getattr(functional, name)
    extras = [o for o in EVERY if not (name == "sse_loss" and "normalizer" in o)]

    def every(x):
        return torch.stack([loss(x, *others, **o).sum() for o in (*extras, *more)])

    torch.compiler.reset()
    results = []
    for call in (every, torch.compile(every, fullgraph=True, backend="aot_eager")):
        x = first.clone().requires_grad_()
        losses = call(x)
        losses.sum().backward()
        results.append((losses.detach(), x.grad))
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.parametrize("reduction", ["mean", "batchmean", "sum", "none"])
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_modules_that_warn_compile_whole(reduction) -> None:
    torch.compiler.reset()
    compiled = torch.compile(neglog.KLDivLoss(reduction=reduction), fullgraph=True, backend="eager")
    each = torch.nn.functional.kl_div(X, Y, reduction="none")
    expected = each if reduction == "none" else each.sum()
    divisor = {"mean": X.numel(), "batchmean": len(X)}.get(reduction, 1)
    torch.testing.assert_close(compiled(X, Y), expected / divisor)
    soft = torch.compile(neglog.LogSoftmax(), fullgraph=True, backend="eager")
    torch.testing.assert_close(soft(X), X.log_softmax(1))
    with neglog.torch_compatible():
        broad = torch.compile(functional.mse_loss, fullgraph=True, backend="eager")
        torch.testing.assert_close(broad(X, Y[:1]), (X - Y[:1]).square().mean())


def test_a_compiled_loss_still_checks_its_target() -> None:
    torch.compiler.reset()
    compiled = torch.compile(functional.cross_entropy, fullgraph=True, backend="aot_eager")
    with pytest.raises(ValueError, match="labels must lie in"):
        compiled(X, LABELS + 1)


def test_a_second_derivative_of_a_compiled_loss_raises() -> None:
    """It is not there; zeros would be a silent error."""
    torch.compiler.reset()
    x = X.clone().requires_grad_()
    loss = torch.compile(functional.cross_entropy, backend="eager")(x, LABELS)
    (slope,) = torch.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(RuntimeError, match=r"differentiate twice|does not require grad"):
        torch.autograd.grad(slope.square().sum(), x)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_operators_keep_their_promises(reduction) -> None:
    x = X.clone().requires_grad_()
    plain, weighted = (None, False, 1.0, reduction), (Y, True, 2.0, reduction)
    opcheck(ops.elementwise, ("bernoulli", [x], Y, [], [], *plain, [True, False]))
    opcheck(ops.elementwise, ("weighted_bernoulli", [x], Y, [Y + 1], [], *weighted, [True, False]))
    y = Y.clone().requires_grad_()
    both = ("heteroscedastic_normal", [x, Y + 1], y, [], [1e-6], *plain, [True, False, True])
    opcheck(ops.elementwise, both)
    rest = (-100, 0.0, [], reduction, [True])
    opcheck(ops.rows, ("categorical", x, LABELS, None, torch.rand(6), *rest))
    opcheck(ops.rows, ("categorical", x, Y, torch.ones(4), None, *rest))


def test_operators_under_vmap() -> None:
    batch, targets = torch.randn(3, 6, 4), torch.rand(3, 6, 4)

    def loss(x, y):
        options = (None, False, 1.0, "mean", [True, False])
        return ops.elementwise("bernoulli", [x], y, [], [], *options)[0]

    expected = torch.stack([loss(x, y) for x, y in zip(batch, targets, strict=True)])
    torch.testing.assert_close(torch.vmap(loss)(batch, targets), expected)

    def row_loss(x):
        return ops.rows("categorical", x, LABELS, None, None, -100, 0.0, [], "none", [True])[0]

    expected = torch.stack([row_loss(x) for x in batch])
    torch.testing.assert_close(torch.vmap(row_loss)(batch), expected)


def test_mixtures_of_any_number_of_rows_compile_once() -> None:
    torch.compiler.reset()
    loss = functional.mixture_density_loss
    compiled = torch.compile(loss, dynamic=True, fullgraph=True, backend="aot_eager")
    for rows in (3, 5):
        tensors = (torch.randn(rows, 4), *torch.randn(2, rows, 4, 2), torch.randn(rows, 2))
        torch.testing.assert_close(compiled(*tensors), loss(*tensors))

"""What every loss owes its caller, whatever it computes: no surprise in memory or in autograd."""

from __future__ import annotations

import copy
import inspect
import math
import pickle

import backends
import cases
import pytest
import torch
from losses import LOSSES
from losses import inputs as small_inputs
from torch.autograd import gradcheck, gradgradcheck

import neglog
from neglog import engine, functional

LOSSES = LOSSES | {"log softmax": (lambda x, **o: functional.log_softmax(x, 1), "rows")}
pytestmark = pytest.mark.filterwarnings("ignore:kl_div. 'mean':UserWarning")
losses = pytest.mark.parametrize("name", LOSSES)
# torch has no second derivative of these two, and others of the norms at 0 and of strided rows.
TORCHS = ("multi margin", "multilabel margin", "triplet", "cosine")
ours = pytest.mark.parametrize("name", [name for name in LOSSES if name not in TORCHS])
reductions = pytest.mark.parametrize("reduction", cases.REDUCTIONS)


def inputs(name: str, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return small_inputs("nll" if name == "log softmax" else name, dtype)


@ours
@reductions
def test_first_and_second_derivatives(name, reduction) -> None:
    call, x = LOSSES[name][0], inputs(name)
    options = {"check_forward_ad": True, "check_batched_grad": True}
    assert gradcheck(lambda x: call(x, reduction=reduction), (x,), **options)
    assert gradgradcheck(lambda x: call(x, reduction=reduction), (x,), check_fwd_over_rev=True)


@ours
def test_a_zero_logit_has_its_derivatives(name) -> None:
    """The exact forms have a kink at 0 that the losses have not."""
    x = torch.zeros(4, 3, dtype=torch.float64)
    x = (x + 0.5 if LOSSES[name][1] == "unit" else x).requires_grad_()
    assert gradcheck(LOSSES[name][0], (x,))
    assert gradgradcheck(LOSSES[name][0], (x,))


@losses
@reductions
def test_upstream_gradients_are_honoured(name, reduction) -> None:
    call, x = LOSSES[name][0], inputs(name)
    loss = call(x, reduction=reduction)
    upstream = torch.randn_like(loss)
    (got,) = torch.autograd.grad(loss, x, upstream, retain_graph=True)
    (tripled,) = torch.autograd.grad(loss, x, 3 * upstream, retain_graph=True)
    (expected,) = torch.autograd.grad((loss * upstream).sum(), x)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(tripled, 3 * got)
    assert got.abs().sum() > 0


@losses
def test_a_second_backward_gives_the_same_gradient(name) -> None:
    """Also when the first one's result was changed in place, as optimisers do.

    The view matters: its backward hides from autograd that the memory has two owners.
    """
    x = inputs(name, torch.float32)
    loss = LOSSES[name][0](x.view_as(x)).sum()
    loss.backward(retain_graph=True)
    first = x.grad.clone()
    x.grad.mul_(7.0)
    x.grad = None
    loss.backward()
    assert torch.equal(x.grad, first)


@losses
def test_inputs_are_left_alone(name) -> None:
    x = inputs(name, torch.float32)
    before = x.detach().clone()
    LOSSES[name][0](x).sum().backward()
    assert torch.equal(x.detach(), before)


@ours
def test_strides_do_not_matter(name) -> None:
    x = inputs(name, torch.float32).detach()
    holder = torch.zeros(3, 12).T[::2]
    holder.copy_(x)
    assert not holder.is_contiguous()
    results = []
    for leaf in (x.clone().requires_grad_(), holder.clone(memory_format=torch.preserve_format)):
        leaf = leaf.detach().requires_grad_()
        each = LOSSES[name][0](leaf, reduction="none").detach()
        loss = LOSSES[name][0](leaf)
        loss.sum().backward()
        results.append((each, leaf.grad.clone(), loss.detach()))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    torch.testing.assert_close(results[0][2], results[1][2])  # added up in the order of memory


@losses
def test_without_gradient_the_loss_is_the_same(name) -> None:
    x = inputs(name, torch.float32)
    with torch.no_grad():
        quiet = LOSSES[name][0](x)
    assert not quiet.requires_grad
    assert torch.equal(quiet, LOSSES[name][0](x).detach())


@ours
@reductions
def test_func_transforms(name, reduction) -> None:
    call, x = LOSSES[name][0], inputs(name).detach()
    total = lambda x: call(x, reduction=reduction).sum()  # noqa: E731
    leaf = x.clone().requires_grad_()
    total(leaf).backward()
    torch.testing.assert_close(torch.func.grad(total)(x), leaf.grad)
    batch = torch.stack([x, x.flip(0)])
    each = torch.stack([call(b, reduction=reduction) for b in batch])
    torch.testing.assert_close(torch.vmap(lambda b: call(b, reduction=reduction))(batch), each)
    slopes = torch.stack([torch.func.grad(total)(b) for b in batch])
    torch.testing.assert_close(torch.vmap(torch.func.grad(total))(batch), slopes)
    tangent = torch.randn_like(x)
    value, change = torch.func.jvp(total, (x,), (tangent,))
    torch.testing.assert_close(value, total(x))
    torch.testing.assert_close(change, (leaf.grad * tangent).sum())
    forward_over_reverse = torch.func.jvp(torch.func.grad(total), (x,), (tangent,))[1]
    (slope,) = torch.autograd.grad(total(leaf), leaf, create_graph=True)
    if slope.requires_grad:  # else the loss is linear
        (expected,) = torch.autograd.grad((slope * tangent).sum(), leaf)
        torch.testing.assert_close(forward_over_reverse, expected)


@ours
def test_forward_mode_inside_forward_mode(name) -> None:
    """Torch hides the inner tangent from the outer one: a second derivative was silently 0."""
    call, x = LOSSES[name][0], inputs(name).detach()
    x[0, 0] = 0.5 if LOSSES[name][1] == "unit" else 0.0  # the kink of the exact forms
    total = lambda x: call(x, reduction="sum").sum()  # noqa: E731
    twice = torch.func.jacfwd(torch.func.jacfwd(total))(x)
    torch.testing.assert_close(twice, torch.func.jacfwd(torch.func.jacrev(total))(x))


@ours
def test_a_pullback_serves_several_upstreams_and_is_not_changed_by_what_it_gave(name) -> None:
    """For an upstream of 1 the answer is what the kernel wrote, without a product."""
    call, x = LOSSES[name][0], inputs(name).detach()
    _, pull = torch.func.vjp(lambda x: call(x, reduction="sum").sum(), x)
    one, two = torch.ones((), dtype=x.dtype), torch.full((), 2.0, dtype=x.dtype)
    (first,), (doubled,), (again,) = pull(one), pull(two), pull(one)
    torch.testing.assert_close(first, again, rtol=0.0, atol=0.0)
    torch.testing.assert_close(doubled, 2 * first)
    expected = torch.func.grad(lambda x: call(x, reduction="sum").sum())(x)
    torch.testing.assert_close(first, expected, rtol=0.0, atol=0.0)
    expected.fill_(math.nan)  # whoever has a gradient may write to it
    torch.testing.assert_close(
        torch.func.grad(lambda x: call(x, reduction="sum").sum())(x), first, rtol=0.0, atol=0.0
    )
    derivative = torch.func.jvp(lambda u: pull(u)[0], (one,), (two,))[1]
    torch.testing.assert_close(derivative, doubled)


@pytest.mark.parametrize("retain", [True, False])
def test_errors_of_autograd_are_raised(retain) -> None:
    for loss in (functional.mse_loss, lambda x, y: functional.cross_entropy(x, y.argmax(1))):
        leaf = torch.randn(4, 3, requires_grad=True)
        x = leaf * 1
        value = loss(x, torch.zeros(4, 3))
        if retain:
            with torch.no_grad():
                x.mul_(2)
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                value.backward()
        else:
            value.backward(torch.tensor(2.0))
            with pytest.raises(RuntimeError, match="backward through the graph a second time"):
                value.backward()


def test_views_with_a_negative_bit() -> None:
    x = torch.randn(4, 3, dtype=torch.complex64).conj().imag
    assert x.is_neg()
    y = torch.zeros(4, 3)
    torch.testing.assert_close(functional.mse_loss(x, y), x.clone().square().mean())
    torch.testing.assert_close(functional.mse_loss(y, x), x.clone().square().mean())
    labels = torch.tensor([0, 1, 2, 0])
    expected = torch.nn.functional.cross_entropy(x, labels)
    torch.testing.assert_close(functional.cross_entropy(x, labels), expected)
    torch.testing.assert_close(functional.log_softmax(x, 1), torch.log_softmax(x, 1))


def test_targets_may_require_a_gradient() -> None:
    x, y = torch.randn(5, dtype=torch.float64), torch.rand(5, dtype=torch.float64)
    pair = (x.requires_grad_(), y.requires_grad_())
    forward = {"check_forward_ad": True}
    for loss in (
        functional.mse_loss,
        functional.huber_loss,
        functional.binary_cross_entropy_with_logits,
        functional.poisson_nll_loss,
        lambda x, y: functional.kl_div(x, y, reduction="sum"),
        lambda x, y: functional.gaussian_nll_loss(x, y, (x + y).exp(), full=True),
    ):
        assert gradcheck(loss, pair, **forward)
        assert gradgradcheck(loss, pair, check_fwd_over_rev=True)
    rows = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    target = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(functional.cross_entropy, (rows, target), **forward)
    assert gradgradcheck(functional.cross_entropy, (rows, target), check_fwd_over_rev=True)


@pytest.mark.parametrize(
    "name",  # the last dimension of some means something: labels, levels, codes
    [
        name
        for name in LOSSES
        if LOSSES[name][1] != "rows"
        and name not in ("multilabel", "quantiles", "censored gaussian")
    ],
)
def test_losses_keep_the_memory_layout_of_the_input(name) -> None:
    x = torch.randn(4, 3, 5, 6).abs().to(memory_format=torch.channels_last)
    x = (x.sigmoid() if LOSSES[name][1] == "unit" else x).detach().requires_grad_()
    loss = LOSSES[name][0](x, reduction="none")
    loss.sum().backward()
    assert loss.stride() == x.grad.stride() == x.stride()


def test_weights_may_require_a_gradient() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(4, 3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64)
    labels, share = torch.tensor([0, 2, 1, 1]), torch.rand(4, dtype=torch.float64)
    by_class, full = torch.rand(3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64)
    for weight, loss in (
        (full, lambda w: functional.mse_loss(x, y, weight=w)),
        (full, lambda w: functional.binary_cross_entropy_with_logits(x, y, weight=w)),
        (by_class, lambda w: functional.cross_entropy(x, labels, weight=w)),
        (by_class, lambda w: functional.cross_entropy(x, y, weight=w)),
        (share, lambda w: functional.cross_entropy(x, labels, sample_weight=w)),
        (share, lambda w: functional.huber_loss(x, y, sample_weight=w)),
        (full.round(), lambda w: functional.mse_loss(x, y, weight=w, mask=full > 0.3)),
        (full.round(), lambda w: functional.binary_cross_entropy(y, y, w, sample_weight=share)),
    ):
        assert gradcheck(loss, (weight.clone().requires_grad_(),))


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_the_same_bits_at_any_number_of_threads(threads) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(100_003), torch.rand(100_003)
    logits, labels = torch.randn(5001, 37), torch.randint(0, 37, (5001,))

    def everything():
        a, b = x.clone().requires_grad_(), logits.clone().requires_grad_()
        loss = functional.binary_cross_entropy_with_logits(a, y)
        loss = loss + functional.cross_entropy(b, labels)
        loss.backward()
        return loss.detach(), a.grad, b.grad

    torch.set_num_threads(1)
    alone = everything()
    torch.set_num_threads(threads)
    for one, many in zip(alone, everything(), strict=True):
        assert torch.equal(one, many)


def test_ignored_rows_may_hold_anything() -> None:
    x = torch.randn(6, 3)
    x[1], x[4] = float("nan"), float("inf")
    labels = torch.tensor([0, -100, 1, 2, -100, 0])
    keep = labels != -100
    for smoothing in (0.0, 0.1):
        leaf = x.clone().requires_grad_()
        loss = functional.cross_entropy(leaf, labels, label_smoothing=smoothing)
        loss.backward()
        expected = functional.cross_entropy(x[keep], labels[keep], label_smoothing=smoothing)
        torch.testing.assert_close(loss.detach(), expected)
        assert torch.equal(leaf.grad[~keep], torch.zeros(2, 3))


def test_masked_classes_cost_nothing() -> None:
    """−∞ logits of classes without target: 0 · ln 0 is 0."""
    x = torch.tensor([[1.0, float("-inf"), 0.0]], requires_grad=True)
    loss = functional.cross_entropy(x, torch.tensor([[0.75, 0.0, 0.25]]))
    loss.backward()
    expected = functional.cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.75, 0.25]]))
    torch.testing.assert_close(loss.detach(), expected)
    assert torch.isfinite(x.grad).all()
    assert x.grad[0, 1] == 0


@pytest.mark.parametrize("row", [[float("inf"), 0.0, 1.0], [float("-inf")] * 3], ids=str)
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("by", ["kernel", "reference"])
def test_a_row_without_a_finite_top_is_nan_all_over(row, label, by, monkeypatch) -> None:
    if by == "reference":
        backends.only(monkeypatch)
    x = torch.tensor([row, [0.0, 1.0, 2.0]], requires_grad=True)
    loss = functional.cross_entropy(x, torch.tensor([label, 1]), reduction="none")
    loss.sum().backward()
    assert loss.isnan().tolist() == [True, False]
    assert x.grad.isnan().tolist() == [[True] * 3, [False] * 3]


def test_infinite_logits_of_the_right_sign_cost_nothing() -> None:
    x = torch.tensor([float("inf"), float("-inf"), float("inf")], requires_grad=True)
    y = torch.tensor([1.0, 0.0, 0.0])
    loss = functional.binary_cross_entropy_with_logits(x, y, reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [0.0, 0.0, float("inf")]
    assert x.grad.tolist() == [0.0, 0.0, 1.0]


CRITERIA = [
    neglog.SSELoss(),
    neglog.MSELoss(reduction="sum"),
    neglog.BCELoss(weight=torch.ones(3)),
    neglog.BCEWithLogitsLoss(pos_weight=torch.ones(3)),
    neglog.L1Loss(),
    neglog.SmoothL1Loss(beta=0.3),
    neglog.HuberLoss(delta=2.0),
    neglog.PoissonNLLLoss(full="exact"),
    neglog.GaussianNLLLoss(eps=1e-3),
    neglog.KLDivLoss(log_target=True),
    neglog.SoftMarginLoss(ignore_index=0),
    neglog.MultiLabelSoftMarginLoss(weight=torch.ones(3), class_dim=1),
    neglog.LogSoftmax(dim=1),
    neglog.NLLLoss(weight=torch.ones(3), ignore_index=1),
    neglog.CrossEntropyLoss(label_smoothing=0.1),
]


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda c: type(c).__name__)
def test_criteria_survive_copying_and_pickling(criterion) -> None:
    for twin in (copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion))):
        assert repr(twin) == repr(criterion)
        assert twin.state_dict().keys() == criterion.state_dict().keys()
        plain = [{k: v for k, v in vars(c).items() if k[0] != "_"} for c in (twin, criterion)]
        assert plain[0] == plain[1]
    if not isinstance(criterion, neglog.SSELoss):
        theirs = getattr(torch.nn, type(criterion).__name__)
        assert isinstance(criterion, theirs)
        assert repr(criterion) == repr(criterion).replace("neglog", "torch")


def test_the_kernels_serve_where_they_should(monkeypatch) -> None:
    """Plain tensors on a CPU take the fast path: a silent fall to the reference is a defect."""
    monkeypatch.setattr(engine.reference, "reduced_elements", None)
    monkeypatch.setattr(engine.reference, "reduced_rows", None)
    monkeypatch.setattr(engine.reference, "log_softmax", None)
    for name, (call, _) in LOSSES.items():
        x = inputs(name, torch.float32)
        call(x).sum().backward()


@losses
@reductions
def test_a_batch_of_upstream_gradients(name, reduction) -> None:
    x = inputs(name)
    loss = LOSSES[name][0](x, reduction=reduction)
    upstream = torch.randn(3, *loss.shape, dtype=torch.float64)
    options = {"retain_graph": True}
    (together,) = torch.autograd.grad(loss, x, upstream, is_grads_batched=True, **options)
    each = [torch.autograd.grad(loss, x, u, **options)[0] for u in upstream]
    torch.testing.assert_close(together, torch.stack(each))


def test_criteria_may_be_subclassed() -> None:
    class Mine(neglog.MSELoss):
        def __init__(self, times: float) -> None:
            super().__init__(reduction="sum")
            self.times = times

        def forward(self, input, target):
            return self.times * super().forward(input, target)

    assert Mine(2.0)(torch.zeros(3), torch.ones(3)) == 6.0
    assert str(inspect.signature(neglog.SSELoss)) == (
        "(reduction: 'str' = 'sum', *, empty: 'str' = 'nan', plan: 'Plan | None' = None) -> 'None'"
    )

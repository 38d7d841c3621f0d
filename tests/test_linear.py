"""A fused linear layer and cross-entropy: compared with the plain computation, for all options."""

from __future__ import annotations

import linear
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from linear import DTYPES, FEATURES, close, compare, layer, leaves

import neglog
from neglog import functional as F
from neglog.engine.cpu import matmul
from neglog.engine.projection import products, workspace

LABELS = [torch.int64, torch.int32, torch.int16, torch.uint8]


@st.composite
def calls(draw):
    """Draw an input, a layer, a target of some kind, and options."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.sampled_from([(), (1,), (7,), (2, 3), (3, 1, 2)]))
    classes = draw(st.sampled_from([2, 3, 33, 70]))
    torch.manual_seed(draw(st.integers(0, 2**16)))
    x, w = torch.randn(*shape, FEATURES), torch.randn(classes, FEATURES)
    tensors = [x, w] + ([torch.randn(classes)] if draw(st.booleans()) else [])
    label = torch.randint(0, classes, shape)
    options = {"reduction": draw(st.sampled_from(["mean", "sum", "none"]))}
    kind = draw(st.sampled_from(["labels", "probabilities", "some"]))
    if kind == "labels":
        target = label.to(draw(st.sampled_from(LABELS)))
        if draw(st.booleans()):
            options["ignore_index"] = 1
    else:
        target = torch.randn(*shape, classes).softmax(-1).to(dtype).double()
    if kind == "some":
        target = target.topk(2, -1)
        target = target.values, target.indices
    wide = torch.float64
    if draw(st.booleans()):
        options["weight"] = torch.rand(classes, dtype=wide) + 0.1
    if draw(st.booleans()):
        options["sample_weight"] = (torch.rand(shape, dtype=wide) + 0.1).float().double()
    if draw(st.booleans()):
        options["mask"] = torch.rand(shape) < 0.7
    if draw(st.booleans()) and options["reduction"] == "mean":
        options["normalizer"] = 3.5
    for name, values in {
        "label_smoothing": [0.0, 0.1],
        "softcap": [None, 3.0],
        "temperature": [1.0, 0.7],
        "z_loss": [0.0, 0.1],
    }.items():
        options[name] = draw(st.sampled_from(values))
    memory = draw(st.sampled_from([None, 1, 4 * classes * 3, "1MiB"]))
    return dtype, [t.to(dtype) for t in tensors], target, options, memory


@given(calls())
@settings(max_examples=150)
def test_it_is_the_plain_computation(call) -> None:
    dtype, tensors, target, options, memory = call

    def ours(x, w, b=None):
        wide = torch.float64 if dtype == torch.float64 else torch.float32
        given = (target[0].to(wide), target[1]) if isinstance(target, tuple) else target
        if isinstance(given, torch.Tensor) and given.is_floating_point():
            given = given.to(dtype)
        return F.linear_cross_entropy(
            x, w, given, linear_bias=b, memory=memory, loss_dtype=wide, **options
        )

    def plain(x, w, b=None):
        return linear.cross_entropy(x, w, target, b, **options)

    compare(ours, plain, tensors, dtype)


def test_an_empty_batch_and_a_single_row() -> None:
    (x, w, b), label = layer()
    none = F.linear_cross_entropy(x[:0], w, label[:0], linear_bias=b)
    assert none.isnan()
    assert [g.abs().sum() for g in torch.autograd.grad(none, (w, b))] == [0.0, 0.0]
    assert F.linear_cross_entropy(x[:0], w, label[:0], empty="zero") == 0.0
    assert F.linear_cross_entropy(x[:0], w, label[:0], reduction="none").shape == (0,)
    one = F.linear_cross_entropy(x[0], w, label[0], linear_bias=b)
    close(one, linear.cross_entropy(x[0], w, label[0], b), torch.float64)


def test_strided_tensors_are_accepted() -> None:
    (x, w, b), label = layer(rows=8, classes=6)
    want = F.linear_cross_entropy(x, w, label, linear_bias=b)
    gaps = [torch.stack([t, t], 1)[:, 0] for t in (x, w, b, label)]
    turned = [x.t().contiguous().t(), w.t().contiguous().t(), b, label.flip(0).flip(0)]
    for x2, w2, b2, label2 in (gaps, turned):
        found = F.linear_cross_entropy(x2, w2, label2, linear_bias=b2)
        assert found == want
        for ours, theirs in zip(
            torch.autograd.grad(found, (x, w, b)),
            torch.autograd.grad(want, (x, w, b), retain_graph=True),
            strict=True,
        ):
            close(ours, theirs, torch.float64)


def test_the_same_bits_every_time() -> None:
    tensors, label = layer(rows=300, classes=700, dtype=torch.float32)

    def run():
        loss = F.linear_cross_entropy(*tensors[:2], label, linear_bias=tensors[2], memory="64KiB")
        return [loss, *torch.autograd.grad(loss, tensors)]

    first = run()
    for _ in range(3):
        assert all(torch.equal(a, b) for a, b in zip(first, run(), strict=True))


def test_ignored_and_masked_rows_may_hold_anything() -> None:
    (x, w, b), label = layer()
    for poison in (torch.inf, torch.nan):
        bad = x.detach().clone()
        bad[2], bad[4] = poison, poison
        bad.requires_grad_()
        label2, mask = label.clone(), torch.ones(7, dtype=torch.bool)
        label2[2], mask[4] = -100, False
        for options in ({}, {"softcap": 2.0}, {"label_smoothing": 0.1}):
            loss = F.linear_cross_entropy(bad, w, label2, linear_bias=b, mask=mask, **options)
            slopes = torch.autograd.grad(loss, (bad, w, b))
            assert loss.isfinite()
            assert all(g.isfinite().all() for g in slopes)
            assert slopes[0][[2, 4]].abs().sum() == 0
            rows = F.linear_cross_entropy(bad, w, label2, mask=mask, reduction="none", **options)
            assert rows.isfinite().all()


def test_rows_without_a_gradient_from_above_are_not_multiplied() -> None:
    (x, w, _b), label = layer()
    bad = x.detach().clone()
    bad[3] = torch.inf
    chances = F.selected_logprobs(bad.requires_grad_(), w, label)
    kept = torch.arange(7) != 3
    by_x, by_w = torch.autograd.grad(chances[kept].sum(), (bad, w))
    assert by_w.isfinite().all()
    assert by_x[3].abs().sum() == 0


def test_frozen_parameters_cost_nothing(monkeypatch) -> None:
    (x, w, _b), label = layer()
    called = []
    for name in ("by_x", "by_w"):
        product = getattr(products, name)
        monkeypatch.setattr(
            products, name, lambda *a, f=product, n=name, **k: (called.append(n), f(*a, **k))[1]
        )
    with torch.no_grad():
        F.linear_cross_entropy(x, w, label)
    F.linear_cross_entropy(x.detach(), w.detach(), label)
    assert called == []
    F.linear_cross_entropy(x, w.detach(), label).backward()
    assert set(called) == {"by_x"}
    called.clear()
    F.linear_cross_entropy(x.detach(), w, label, reduction="none").sum().backward()
    assert set(called) == {"by_w"}


def test_a_tied_embedding_gets_both_gradients() -> None:
    weight = torch.randn(9, FEATURES, dtype=torch.float64, requires_grad=True)
    words, label = torch.tensor([1, 4, 4, 8]), torch.tensor([0, 2, 4, 8])
    embedded = torch.nn.functional.embedding(words, weight)
    found = torch.autograd.grad(F.linear_cross_entropy(embedded, weight, label), weight)[0]
    embedded = torch.nn.functional.embedding(words, weight)
    wanted = torch.autograd.grad(linear.cross_entropy(embedded, weight, label), weight)[0]
    close(found, wanted, torch.float64)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("memory", [None, 40_000])
def test_bfloat16_is_rounded_once(fast, memory, monkeypatch) -> None:
    """Also where a row is nearly certain, and torch's rounded logits lose every digit."""
    monkeypatch.setattr(matmul, "serves", lambda x, size: fast and x.dtype == torch.bfloat16)
    torch.manual_seed(0)
    w = torch.randn(900, 64).bfloat16()
    label = torch.randint(0, 900, (80,))
    for certainty in (0.0, 8.0, 24.0):
        aimed = w[label].double() * certainty / w[label].double().square().sum(1, keepdim=True)
        x = (aimed + 0.1 * torch.randn(80, 64)).bfloat16()
        mine, theirs = leaves(x, w), leaves(x.double(), w.double())
        loss = F.linear_cross_entropy(*mine, label, memory=memory, loss_dtype=torch.float32)
        plain = linear.cross_entropy(*theirs, label)
        torch.testing.assert_close(loss.double(), plain, rtol=2e-4, atol=0.0)
        for found, wanted in zip(
            torch.autograd.grad(loss, mine), torch.autograd.grad(plain, theirs), strict=True
        ):
            error = (found.double() - wanted).norm() / wanted.norm()
            assert error < torch.finfo(torch.bfloat16).eps / 2


SIZES = {4096: 4096, "4096": 4096, "1KB": 1000, "1 KiB": 1024, "1.5MiB": 1572864, "2gib": 2**31}


@pytest.mark.parametrize(("amount", "size"), SIZES.items())
def test_amounts_of_memory(amount, size) -> None:
    assert workspace.bytes_of(amount) == size


@pytest.mark.parametrize("amount", [0, -1, "", "much", "1TiB", True, None])
def test_an_invalid_amount_of_memory_is_refused(amount) -> None:
    assert workspace.bytes_of(amount) is None


def test_the_module_holds_the_layer() -> None:
    torch.manual_seed(0)
    criterion = neglog.LinearCrossEntropyLoss(FEATURES, 9, bias=True, softcap=5.0, memory="1KiB")
    x, label = torch.randn(2, 3, FEATURES), torch.randint(0, 9, (2, 3))
    loss = criterion(x, label)
    w, b = criterion.linear.weight, criterion.linear.bias
    assert loss == F.linear_cross_entropy(x, w, label, linear_bias=b, softcap=5.0)
    assert sorted(criterion.state_dict()) == ["linear.bias", "linear.weight"]
    total, count = criterion.sum_and_count(x, label)
    close(total / count, loss, torch.float32)
    mask = torch.rand(2, 3) < 0.5
    assert criterion(x, label, mask=mask) == criterion(x[mask], label[mask])


def test_the_module_of_an_older_torch_is_the_same() -> None:
    from neglog.compatibility import _LinearCrossEntropyLoss as Older

    given = {"out_features": (2,), "bias": True, "reduction": "sum", "weight": torch.rand(4)}
    torch.manual_seed(0)
    ours = Older(3, 4, **given)
    torch.manual_seed(0)
    theirs = torch.nn.LinearCrossEntropyLoss(3, 4, **given)
    names = ("num_classes", "out_features", "reduction", "ignore_index", "label_smoothing")
    assert [getattr(ours, n) for n in names] == [getattr(theirs, n) for n in names]
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor)


def test_autocast_does_not_round_logits_that_torch_differentiates() -> None:
    x, w, y = torch.randn(64, 128), torch.randn(50, 128), torch.randint(0, 50, (64,))
    with torch.autocast("cpu", torch.bfloat16):
        plain = F.linear_cross_entropy(x, w, y, weight=torch.ones(50))
        found = F.linear_cross_entropy(x, w, y, weight=torch.ones(50, requires_grad=True))
    torch.testing.assert_close(found, plain)

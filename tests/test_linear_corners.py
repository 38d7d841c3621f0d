"""Where options of a linear layer's losses meet, and what was once wrong there."""

from __future__ import annotations

import linear
import pytest
import torch
from linear import close, layer

import neglog
from neglog import functional as F

NN = torch.nn.functional


def test_a_z_loss_leaves_out_ignored_positions() -> None:
    (x, _, _), _ = layer()
    w = torch.randn(5, 2, linear.FEATURES, dtype=torch.float64)
    label = torch.tensor([[0, -100]] * 7)
    losses = F.linear_cross_entropy(x, w, label, z_loss=1.0, reduction="none")
    assert losses[:, 1].abs().sum() == 0
    masked = F.linear_cross_entropy(x, w, label.clamp(min=0), z_loss=1.0, mask=label >= 0)
    close(F.linear_cross_entropy(x, w, label, z_loss=1.0), masked, torch.float64)


def test_weights_that_require_a_gradient_are_reduced_like_others() -> None:
    (x, w, b), label = layer()
    share = torch.rand(7, dtype=torch.float64).requires_grad_()
    options = {"linear_bias": b, "sample_weight": share}
    total, count = F.sum_and_count(F.linear_cross_entropy, x, w, label, **options)
    logits = linear.logits(x, w, b)
    pair = F.sum_and_count(F.cross_entropy, logits, label, sample_weight=share)
    for found, wanted in zip((total, count), pair, strict=True):
        close(found, wanted, torch.float64)
    for reduction in ("mean", "sum", "none", "batchmean"):
        found = F.linear_cross_entropy(x, w, label, reduction=reduction, **options)
        wanted = F.cross_entropy(logits, label, reduction=reduction, sample_weight=share)
        close(found, wanted, torch.float64)
        slopes = (torch.autograd.grad(t.sum(), share, retain_graph=True) for t in (found, wanted))
        close(*(s[0] for s in slopes), torch.float64)
    nothing = torch.zeros(7, dtype=torch.float64, requires_grad=True)
    assert F.linear_cross_entropy(x, w, label, sample_weight=nothing, empty="zero") == 0.0


def test_the_gradient_by_a_probability_of_0() -> None:
    (x, w, _), _ = layer()
    shares = torch.tensor([[0.5, 0.5, 0.0]] * 7, dtype=torch.float64).requires_grad_()
    index = torch.tensor([[0, 1, 2]] * 7)
    loss = F.linear_cross_entropy(x, w, (shares, index), reduction="sum")
    log_p = torch.log_softmax(linear.logits(x, w), 1)
    close(torch.autograd.grad(loss, shares)[0], -log_p[:, :3], torch.float64)
    padded = torch.where(shares == 0, -100, index)
    close(F.linear_cross_entropy(x, w, (shares, padded), reduction="sum"), loss, torch.float64)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_large_upstream_gradient_keeps_digits_of_half_precision(compiled) -> None:
    """Under autocast to float16 a gradient scaler multiplies the loss."""
    torch.manual_seed(0)
    x = torch.randn(4096, 16, requires_grad=True)
    w, label = (0.002 * torch.randn(200, 16)).requires_grad_(), torch.randint(0, 200, (4096,))

    def loss(x, w):
        return F.linear_cross_entropy(x, w, label)

    exact = NN.cross_entropy(x.double() @ w.double().t(), label)
    wanted = torch.autograd.grad(65536.0 * exact, (x, w))
    call = torch.compile(loss, backend="aot_eager") if compiled else loss
    with torch.autocast("cpu", torch.float16):
        found = call(x, w)
    for slope, expected in zip(torch.autograd.grad(65536.0 * found, (x, w)), wanted, strict=True):
        assert (slope - expected).norm() / expected.norm() < torch.finfo(torch.float16).eps


def test_bernoulli_losses_that_are_not_reduced() -> None:
    """They are computed in float32 too, and masked elements have no gradient."""
    torch.manual_seed(0)
    x, w = torch.randn(8, 64).bfloat16(), torch.randn(50, 64).bfloat16().requires_grad_()
    target = torch.rand(8, 50)
    call = F.linear_binary_cross_entropy_with_logits
    found = call(x, w, target, reduction="none", loss_dtype=torch.float32)
    wanted = NN.binary_cross_entropy_with_logits(
        x.double() @ w.double().t(), target.double(), reduction="none"
    )
    close(found, wanted, torch.float32)
    mask = torch.arange(8) != 3
    x[3], target[3] = torch.nan, torch.nan
    for reduction in ("none", "mean"):
        loss = call(x, w, target, mask=mask, reduction=reduction).sum()
        assert torch.autograd.grad(loss, w)[0].isfinite().all()


def test_masked_targets_may_be_none() -> None:
    (x, w, _), _ = layer()
    mask = torch.arange(7) != 2
    index, shares = torch.zeros(7, 1).long(), torch.ones(7, 1).double()
    index[2], shares[2] = 99, 7.0
    kept = F.linear_cross_entropy(x[mask], w, (shares[mask], index[mask]))
    close(F.linear_cross_entropy(x, w, (shares, index), mask=mask), kept, torch.float64)
    call = F.linear_binary_cross_entropy_with_logits
    close(call(x, w, index, mask=mask), call(x[mask], w, index[mask]), torch.float64)


def test_one_weight_for_every_positive() -> None:
    (x, w, _), _ = layer()
    target, heavy = torch.rand(7, 9).double(), torch.tensor(3.0)
    call = F.linear_binary_cross_entropy_with_logits
    every = call(x, w, target, pos_weight=torch.full((9,), 3.0))
    assert call(x, w, target, pos_weight=heavy) == every


def test_a_teacher_under_autocast() -> None:
    (x, w, _), _ = layer(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        rows = x.bfloat16()
        found = F.linear_statistics(rows, w, outputs=("kl",), teacher=(rows, w)).kl
    assert found.dtype == torch.float32
    assert found.abs().max() < 1e-6


def test_pairs_of_any_number_compiled() -> None:
    x = layer()[0][0].detach()
    assert F.info_nce(x[:1], x[:1]) == 0.0
    torch._dynamo.reset()
    call = torch.compile(lambda a: F.info_nce(a, a), fullgraph=True, backend="aot_eager")
    for rows in (7, 5, 3):
        close(call(x[:rows]), F.info_nce(x[:rows], x[:rows]), torch.float64)
    narrow = (50 * torch.randn(8, 4)).half()
    wide = F.info_nce(narrow.float(), narrow.float(), normalize=False, temperature=5e-4)
    found = F.info_nce(narrow, narrow, normalize=False, temperature=5e-4, loss_dtype=torch.float32)
    close(found, wide, torch.float16)


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"z_loss": -1.0}, {"memory": "x"}])
def test_the_module_refuses_what_no_call_would_take(options) -> None:
    with pytest.raises(neglog.NeglogError):
        neglog.LinearCrossEntropyLoss(3, 5, **options)


def test_the_module_shows_its_options_and_knows_its_size() -> None:
    criterion = neglog.LinearCrossEntropyLoss(3, 5, softcap=30.0, memory="1MiB")
    assert "softcap=30.0" in repr(criterion)
    assert "memory='1MiB'" in repr(criterion)
    criterion.linear.weight = torch.nn.Parameter(torch.zeros(6, 3))
    with pytest.raises(neglog.NeglogError, match="must have 5 rows, but it has 6"):
        criterion(torch.zeros(2, 3), torch.tensor([0, 1]))

"""What torch has not: masks, sample weights, normalizers, empty means, class dimensions, counts."""

from __future__ import annotations

import math

import cases
import pytest
import torch
from losses import LOSSES
from losses import inputs as inputs_of

import neglog
from neglog import functional as F

pytestmark = pytest.mark.filterwarnings("ignore:kl_div. 'mean':UserWarning")
losses = pytest.mark.parametrize("name", LOSSES)
# Their variance or scale is computed from the prediction outside of the loss, where NaN · 0 is NaN.
maskable = pytest.mark.parametrize("name", [n for n in LOSSES if not n.endswith("gaussian")])


def inputs(name, dtype=torch.float32):
    return inputs_of(name, dtype)


def loss_and_gradient(name, x, **options):
    x = x.detach().clone().requires_grad_()
    loss = LOSSES[name][0](x, **options)
    loss.sum().backward()
    return loss.detach(), x.grad


@maskable
@pytest.mark.parametrize("stranger", [float("nan"), float("inf"), -1e30])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_mask_leaves_out_whatever_it_hides(name, stranger, reduction) -> None:
    keep = torch.tensor([True, False, True, True, False, True])
    x = inputs(name).detach()
    spoiled = torch.where(keep[:, None], x, stranger)
    loss, gradient = loss_and_gradient(name, spoiled, mask=keep, reduction=reduction)
    expected, slopes = loss_and_gradient(name, x[keep], reduction=reduction)
    if reduction == "none":
        assert (loss[~keep] == 0).all()
        loss = loss[keep]
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient[keep], slopes)
    assert (gradient[~keep] == 0).all()


@losses
def test_a_mask_of_single_losses(name) -> None:
    each = LOSSES[name][0](inputs(name), reduction="none")
    torch.manual_seed(1)
    if name == "multilabel":  # masks its labels, whose losses it does not show
        keep = torch.rand(6, 3) < 0.6
        bare = F.binary_cross_entropy_with_logits
        x = inputs(name)
        expected = bare(x, torch.ones_like(x), reduction="none")[keep].sum() / 3
    else:
        keep = torch.rand(each.shape) < 0.6
        expected = each[keep].sum()
    masked = LOSSES[name][0](inputs(name), reduction="sum", mask=keep)
    torch.testing.assert_close(masked, expected)


@losses
def test_a_sample_counted_twice_is_two_samples(name) -> None:
    weight = torch.tensor([1.0, 2.0, 0.0, 1.0, 3.0, 1.0])
    x = inputs(name).detach()
    repeated = x.repeat_interleave(weight.long(), dim=0)
    for reduction in ("mean", "sum"):
        loss, _ = loss_and_gradient(name, x, sample_weight=weight, reduction=reduction)
        expected, _ = loss_and_gradient(name, repeated, reduction=reduction)
        torch.testing.assert_close(loss, expected)


@losses
def test_micro_batches_add_up_to_the_batch(name) -> None:
    x = inputs(name).detach()
    whole, slopes = loss_and_gradient(name, x, reduction="mean")
    _, count = F.sum_and_count(LOSSES[name][0], x)
    for normalizer in (count, count.item()):
        options = {"reduction": "mean", "normalizer": normalizer}
        parts = [loss_and_gradient(name, part, **options) for part in (x[:1], x[1:])]
        torch.testing.assert_close(sum(loss for loss, _ in parts), whole)
        torch.testing.assert_close(torch.cat([slope for _, slope in parts]), slopes)


@losses
def test_sum_and_count_are_the_parts_of_the_mean(name) -> None:
    keep = torch.tensor([True, False, True, True, False, True])
    x, call = inputs(name), LOSSES[name][0]
    total, count = F.sum_and_count(call, x, mask=keep)
    torch.testing.assert_close(total / count, call(x, mask=keep, reduction="mean"))
    assert total.requires_grad
    assert not count.requires_grad


@losses
def test_the_mean_of_nothing(name) -> None:
    nothing = torch.zeros(6, dtype=torch.bool)
    for options, x in (({"mask": nothing}, inputs(name)), ({}, inputs(name)[:0])):
        assert LOSSES[name][0](x, reduction="mean", **options).isnan()
        x = x.detach().requires_grad_()
        loss = LOSSES[name][0](x, reduction="mean", empty="zero", **options)
        loss.backward()
        assert loss == 0
        assert torch.equal(x.grad, torch.zeros_like(x))
        full = LOSSES[name][0](inputs(name), reduction="mean", empty="zero")
        torch.testing.assert_close(full, LOSSES[name][0](inputs(name), reduction="mean"))


@losses
def test_batchmean_divides_by_the_first_dimension(name) -> None:
    total = LOSSES[name][0](inputs(name), reduction="sum")
    torch.testing.assert_close(LOSSES[name][0](inputs(name), reduction="batchmean"), total / 6)


@losses
def test_half_precision_is_summed_before_rounding(name) -> None:
    """The sum of 60 000 losses does not fit into float16; their mean does."""
    dtype = cases.half_of(name)
    x = inputs(name).detach().to(dtype).repeat(10_000, 1).requires_grad_()
    mask = torch.ones(len(x), dtype=torch.bool)
    masked = LOSSES[name][0](x, reduction="mean", mask=mask)
    assert masked.dtype == dtype
    plain = LOSSES[name][0](x, reduction="mean")
    torch.testing.assert_close(masked, plain, rtol=1e-2, atol=0)


def test_masked_elements_give_the_target_no_gradient() -> None:
    keep = torch.tensor([False, True, False])
    for full in (True, "exact", False):
        y = torch.tensor([float("nan"), 2.0, 0.0], requires_grad=True)
        F.poisson_nll_loss(torch.ones(3), y, full=full, mask=keep).backward()
        assert (y.grad[~keep] == 0).all()
        assert y.grad[1].isfinite()


def test_what_no_mean_divides_by() -> None:
    x, y, zero = torch.randn(2, 3), torch.tensor([0, 1]), torch.tensor(0.0)
    assert F.mse_loss(x, x + 1, normalizer=zero, empty="zero").isinf()
    assert F.cross_entropy(x, y, weight=torch.tensor([1.0, float("inf"), 1.0])).isnan()


def test_integer_predictions_with_a_real_variance() -> None:
    got = F.gaussian_nll_loss(torch.tensor([1, 2]), torch.tensor([1.5, 2.5]), 0.5)
    assert got.item() == pytest.approx(0.5 * (math.log(0.5) + 0.5))


def test_ignored_codes_of_binary_losses() -> None:
    x = torch.randn(4, 3)
    y = torch.tensor([[0.0, 1, -100], [1, -100, 0], [1, 1, 1], [-100, -100, -100]])
    keep = y != -100
    for loss, ones in (
        (F.binary_cross_entropy_with_logits, y),
        (F.multilabel_soft_margin_loss, y),
        (lambda x, y, **o: F.binary_cross_entropy(x.sigmoid(), y, **o), y),
        (F.soft_margin_loss, torch.where(keep, 2 * y - 1, y)),
    ):
        torch.testing.assert_close(loss(x, ones, ignore_index=-100), loss(x[keep], ones[keep]))


@pytest.mark.parametrize("class_dim", [0, 1, 2, 3, -1, -2])
def test_classes_in_any_dimension(class_dim) -> None:
    torch.manual_seed(0)
    logits = torch.randn(5, 4, 3, 6)  # (N, C, …)
    labels, soft = torch.randint(0, 4, (5, 3, 6)), torch.randn(5, 4, 3, 6).softmax(1)
    moved, moved_soft = logits.movedim(1, class_dim), soft.movedim(1, class_dim)
    for loss in (F.cross_entropy, F.nll_loss):
        for reduction in ("mean", "none"):
            options = {"reduction": reduction}
            got = loss(moved, labels, class_dim=class_dim, **options)
            torch.testing.assert_close(got, loss(logits, labels, **options))
    got = F.cross_entropy(moved, moved_soft, class_dim=class_dim)
    torch.testing.assert_close(got, F.cross_entropy(logits, soft))
    positive = torch.tensor([1.0, 2, 3, 4])
    got = F.binary_cross_entropy_with_logits(
        moved, moved_soft, pos_weight=positive, weight=positive, class_dim=class_dim
    )
    shaped = positive[:, None, None]
    expected = F.binary_cross_entropy_with_logits(logits, soft, shaped, pos_weight=shaped)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    "dtype",
    [torch.bool, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8, torch.int32],
)
def test_labels_of_every_width(dtype) -> None:
    x, y = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
    for loss in (F.cross_entropy, F.nll_loss):
        assert torch.equal(loss(x, y.to(dtype)), loss(x, y))


def test_an_impossible_label_to_ignore_ignores_nothing() -> None:
    x, y = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
    assert torch.equal(F.cross_entropy(x, y, ignore_index=2**63), F.cross_entropy(x, y))


def test_smoothing_and_probabilities_with_a_mask_and_class_weights() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(6, 3), torch.tensor([0.5, 1.0, 2.0])
    keep = torch.tensor([True, False, True, True, False, True])
    for y in (torch.tensor([0, 2, 1, 1, 0, 2]), torch.rand(6, 3)):
        for smoothing in (0.0, 0.2):
            options = {"weight": weight, "label_smoothing": smoothing}
            torch.testing.assert_close(
                F.cross_entropy(x, y, mask=keep, **options),
                F.cross_entropy(x[keep], y[keep], **options),
            )


def test_criteria_take_the_extras() -> None:
    x, y = torch.randn(4, 3, 2), torch.tensor([[0, 1], [1, -1], [2, 0], [-1, -1]])
    mask, weight = torch.tensor([True, True, False, True]), torch.rand(4)
    criterion = neglog.CrossEntropyLoss(ignore_index=-1, empty="zero", class_dim=-2)
    extras = {"mask": mask, "sample_weight": weight}
    expected = F.cross_entropy(x, y, ignore_index=-1, empty="zero", class_dim=-2, **extras)
    assert torch.equal(criterion(x, y, **extras), expected)
    total, count = criterion.sum_and_count(x, y, **extras)
    torch.testing.assert_close(total / count, expected)
    torch.testing.assert_close(criterion(x, y, normalizer=count, **extras), expected)
    assert criterion(x, torch.full_like(y, -1)) == 0
    assert neglog.BCEWithLogitsLoss(pos_weight=3.0)(torch.zeros(2), torch.ones(2)) == pytest.approx(
        3 * math.log(2)
    )
    gaussian = neglog.GaussianNLLLoss()
    total, count = gaussian.sum_and_count(torch.zeros(4), torch.ones(4), torch.ones(4))
    assert (total.item(), count.item()) == (2.0, 4.0)

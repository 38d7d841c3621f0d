"""The losses of classes: focal, asymmetric, Poly-1, generalized cross-entropy, ordinal, margins."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as TF

import neglog
from neglog import functional as F
from neglog.errors import ArgumentError, DtypeError, ShapeError, SupportError
from neglog.likelihoods import Bernoulli, CategoricalLogProbability, Focal

DOUBLE = torch.float64


def focal(log_p, y, gamma=1.5):
    return -y * (-torch.expm1(log_p)) ** gamma * log_p


def poly(log_p, y, epsilon=0.75):
    return y * (-log_p + epsilon * (1 - log_p.exp()))


def generalized(log_p, y, q=0.6):
    return y * (1 - log_p.exp() ** q) / q


OF_ROWS = {
    "focal": (F.focal_loss, focal, {"gamma": 1.5}),
    "poly": (F.poly_loss, poly, {"epsilon": 0.75}),
    "generalized": (F.generalized_cross_entropy, generalized, {"q": 0.6}),
}


def derivatives(loss, leaves):
    """Return a loss, its gradients, and the gradients of their squares."""
    gradients = torch.autograd.grad(loss, leaves, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in gradients), leaves)
    return [loss, *gradients, *second]


@pytest.mark.parametrize("name", OF_ROWS)
def test_rows_are_their_definition_in_both_orders(name) -> None:
    loss, term, options = OF_ROWS[name]
    torch.manual_seed(0)
    for shape in ((7, 4), (5, 40), (2, 4, 3)):
        x = (3 * torch.randn(shape, dtype=DOUBLE)).requires_grad_()
        labels = torch.randint(0, shape[1], (shape[0], *shape[2:]))
        soft = torch.randn(shape, dtype=DOUBLE).softmax(1).requires_grad_()
        hot = TF.one_hot(labels, shape[1]).movedim(-1, 1).to(DOUBLE)
        for target, smoothing in ((labels, 0.0), (labels, 0.2), (soft, 0.0)):
            y = (1 - smoothing) * (hot if target is labels else soft) + smoothing / shape[1]
            leaves = [x] if target is labels else [x, soft]
            got = loss(x, target, label_smoothing=smoothing, **options)
            each = term(x.log_softmax(1), y).sum(1)
            both = derivatives(got, leaves), derivatives(each.mean(), leaves)
            for a, b in zip(*both, strict=True):
                torch.testing.assert_close(a, b)


def test_the_limits_are_known_losses() -> None:
    x, y = torch.randn(6, 5, dtype=DOUBLE), torch.tensor([0, 1, 2, 3, 4, -100])
    known = F.cross_entropy(x, y)
    torch.testing.assert_close(F.focal_loss(x, y, gamma=0.0), known)
    torch.testing.assert_close(F.poly_loss(x, y, epsilon=0.0), known)
    near = F.generalized_cross_entropy(x, y, q=1e-9)
    torch.testing.assert_close(near, known, rtol=1e-7, atol=0)
    absolute = 1 - x.softmax(1)[:5].gather(1, y[:5, None]).mean()
    torch.testing.assert_close(F.generalized_cross_entropy(x, y, q=1.0), absolute)


def test_a_certain_row_has_an_exact_focal_loss() -> None:
    """(1 − p)² · −ln p is about (1 − p)³; 1 − p would be 0 in the arithmetic of p."""
    x = torch.tensor([[50.0, 0.0], [-104.0, 0.0], [0.0, 0.0]], dtype=DOUBLE).requires_grad_()
    loss = F.focal_loss(x, torch.zeros(3, dtype=torch.long), reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    truth = torch.tensor([math.exp(-150), 104.0, math.log(2) / 4], dtype=DOUBLE)
    torch.testing.assert_close(loss, truth, rtol=1e-15, atol=0)
    torch.testing.assert_close(gradient[0, 1].item(), 3 * math.exp(-150), rtol=1e-14, atol=0)


def test_focal_losses_are_as_much_lower_as_their_paper_says() -> None:
    """Lin et al., section 3.2: at γ = 2, 100 times at p = 0.9 and 1000 times near p = 0.968."""
    p = torch.tensor([0.9, 0.968], dtype=DOUBLE)
    logits, ones = torch.logit(p), torch.ones_like(p)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, ones, reduction="none")
    ratio = cross_entropy / F.sigmoid_focal_loss(logits, ones, alpha=-1)
    torch.testing.assert_close(ratio, torch.tensor([100.0, 976.5625], dtype=DOUBLE))


@pytest.mark.parametrize("alpha, gamma", [(0.25, 2.0), (-1.0, 0.5)])
def test_sigmoid_focal_loss_is_torchvision_s(alpha, gamma) -> None:
    x = torch.randn(4, 5, dtype=DOUBLE, requires_grad=True)
    y = torch.rand(4, 5, dtype=DOUBLE).round(decimals=1)
    y[0], y[1] = 0.0, 1.0
    p, entropy = x.sigmoid(), TF.binary_cross_entropy_with_logits(x, y, reduction="none")
    expected = entropy * (1 - (p * y + (1 - p) * (1 - y))) ** gamma
    if alpha >= 0:
        expected = (alpha * y + (1 - alpha) * (1 - y)) * expected
    got = F.sigmoid_focal_loss(x, y, alpha, gamma)
    torch.testing.assert_close(got, expected)
    pairs = zip(derivatives(got.sum(), [x]), derivatives(expected.sum(), [x]), strict=True)
    for a, b in pairs:
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("settings", [{}, {"gamma_neg": 1.0, "gamma_pos": 0.0, "clip": 0.0}])
def test_the_asymmetric_loss_is_its_authors(settings) -> None:
    x = torch.linspace(-6, 6, 25, dtype=DOUBLE).repeat(2).requires_grad_()
    y = torch.arange(2.0, dtype=DOUBLE).repeat_interleave(25)
    chosen = {"gamma_neg": 4.0, "gamma_pos": 1.0, "clip": 0.05} | settings
    p = x.sigmoid()
    negative = (1 - p + chosen["clip"]).clamp(max=1)
    terms = y * p.log() + (1 - y) * negative.log()
    truth = p * y + negative * (1 - y)
    weights = (1 - truth) ** (chosen["gamma_pos"] * y + chosen["gamma_neg"] * (1 - y))
    expected, got = -(terms * weights).sum(), neglog.AsymmetricLoss(**settings)(x, y)
    for a, b in zip(derivatives(got, [x])[:2], derivatives(expected, [x])[:2], strict=True):
        torch.testing.assert_close(a, b)


def test_smoothed_binary_targets_are_torch_s_soft_targets() -> None:
    x, y = torch.randn(6, 3, dtype=DOUBLE, requires_grad=True), torch.rand(6, 3, dtype=DOUBLE)
    for weight in (None, torch.tensor([0.5, 1.0, 2.0], dtype=DOUBLE)):
        criterion = neglog.BCEWithLogitsLoss(pos_weight=weight, label_smoothing=0.25)
        target = 0.75 * y + 0.125
        expected = TF.binary_cross_entropy_with_logits(x, target, pos_weight=weight)
        both = derivatives(criterion(x, y), [x]), derivatives(expected, [x])
        for a, b in zip(*both, strict=True):
            torch.testing.assert_close(a, b)
    with pytest.raises(SupportError, match=r"from 0 to 1"):
        F.binary_cross_entropy_with_logits(x, torch.full_like(x, 1.02), label_smoothing=0.25)


def test_corn_is_coral_pytorch_s() -> None:
    x = torch.randn(9, 3, dtype=DOUBLE, requires_grad=True)
    y = torch.tensor([0, 1, 2, 3, 3, 1, 0, 2, -100])
    total, count = x.new_zeros(()), 0
    for k in range(3):
        rows = (y > k - 1) & (y >= 0)
        logits, above = x[rows, k], (y[rows] > k).to(DOUBLE)
        total = total - (TF.logsigmoid(logits) * above).sum()
        total = total - ((TF.logsigmoid(logits) - logits) * (1 - above)).sum()
        count += int(rows.sum())
    both = derivatives(neglog.CORNLoss(4)(x, y), [x]), derivatives(total / count, [x])
    for a, b in zip(*both, strict=True):
        torch.testing.assert_close(a, b)


def test_ordinal_losses_are_differences_of_sigmoids() -> None:
    criterion = neglog.OrdinalLoss(4).double()
    z = torch.randn(7, dtype=DOUBLE, requires_grad=True)
    y = torch.tensor([0, 1, 2, 3, -100, 1, 2])
    below = (criterion.thresholds - z[:, None]).sigmoid()
    ends = torch.zeros(7, 1, dtype=DOUBLE), torch.ones(7, 1, dtype=DOUBLE)
    p = torch.cat([ends[0], below, ends[1]], 1).diff(dim=1)
    expected = TF.nll_loss(p.log(), y)
    leaves = [z, criterion.thresholds]
    both = derivatives(criterion(z, y), leaves), derivatives(expected, leaves)
    for a, b in zip(*both, strict=True):
        torch.testing.assert_close(a, b)
    assert not list(neglog.OrdinalLoss(3, thresholds=[0.0, 1.0]).parameters())


def test_an_offset_is_added_to_the_logits() -> None:
    """Menon et al. 2021; Ren et al. 2020: cross-entropy of logits plus log priors."""
    x, y = torch.randn(2, 5, 3, requires_grad=True), torch.randint(0, 5, (2, 3))
    offset = torch.tensor([0.5, 0.2, 0.1, 0.1, 0.1]).log()
    expected = TF.cross_entropy(x + offset[:, None], y)
    criterion = neglog.CrossEntropyLoss(offset=offset)
    torch.testing.assert_close(criterion(x, y), expected)
    last = F.cross_entropy(x.movedim(1, -1), y, offset=offset, class_dim=-1)
    torch.testing.assert_close(last, expected)
    assert criterion.state_dict().keys() == {"offset"}
    rows, layer, labels = torch.randn(6, 4), torch.randn(5, 4), torch.randint(0, 5, (6,))
    got = F.linear_cross_entropy(rows, layer, labels, offset=offset, temperature=2.0)
    torch.testing.assert_close(got, TF.cross_entropy(rows @ layer.T / 2 + offset, labels))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_offsets_and_thresholds_are_added_in_float32(dtype) -> None:
    torch.manual_seed(0)
    x, offset, y = 6 * torch.randn(64, 5), 3 * torch.randn(5), torch.randint(0, 5, (64,))
    z, edges = 6 * torch.randn(64), 3 * torch.randn(4).sort().values
    x, offset, z, edges = (t.to(dtype) for t in (x, offset, z, edges))
    pairs = [
        (
            F.cross_entropy(x, y, offset=offset, reduction="none"),
            TF.cross_entropy(x.double() + offset.double(), y, reduction="none"),
        ),
        (
            F.ordinal_loss(z, y, edges, reduction="none"),
            F.ordinal_loss(z.double(), y, edges.double(), reduction="none"),
        ),
    ]
    for got, exact in pairs:
        assert got.dtype == dtype
        torch.testing.assert_close(got.double(), exact, rtol=torch.finfo(dtype).eps, atol=1e-7)
    total, count = F.sum_and_count(F.cross_entropy, x, y, offset=offset)
    assert (total.dtype, count.item()) == (torch.float32, 64)


def with_margin(x, w, y, scale, margin, kind):
    cosines = TF.normalize(x) @ TF.normalize(w).T
    own = cosines.gather(1, y.clamp(min=0)[:, None])
    if kind == "cosface":
        moved = own - margin
    else:
        inside = own > -math.cos(margin)
        moved = torch.where(inside, (own.acos() + margin).cos(), own - margin * math.sin(margin))
    return scale * cosines.scatter(1, y.clamp(min=0)[:, None], moved)


@pytest.mark.parametrize("kind", ["arcface", "cosface"])
def test_margins_are_those_of_cosines(kind) -> None:
    torch.manual_seed(0)
    x, w = (torch.randn(n, 6, dtype=DOUBLE, requires_grad=True) for n in (9, 11))
    y = torch.randint(0, 11, (9,))
    y[2] = -100
    options = {"scale": 8.0, "margin": 0.5, "margin_type": kind}
    for reduction in ("mean", "sum"):
        got = F.linear_cross_entropy(x, w, y, memory=2000, reduction=reduction, **options)
        logits = with_margin(x, w, y, 8.0, 0.5, kind)
        expected = TF.cross_entropy(logits, y, reduction=reduction)
        for a, b in zip(derivatives(got, [x, w]), derivatives(expected, [x, w]), strict=True):
            torch.testing.assert_close(a, b)
    with torch.no_grad():
        x[2] = math.nan  # an ignored row
    F.linear_cross_entropy(x, w, y, **options).backward()
    assert x.grad.isfinite().all()
    assert not x.grad[2].any()


@pytest.mark.parametrize("kind", ["labels", "smoothed", "soft", "few", "positions"])
def test_a_declared_loss_of_a_layer_is_that_of_its_logits(kind) -> None:
    torch.manual_seed(0)
    shape = (11, 2) if kind == "positions" else (11,)
    x, w, b = (torch.randn(s, dtype=DOUBLE) for s in ((9, 6), (*shape, 6), shape))
    leaves = [t.requires_grad_() for t in (x, w, b)]
    y = dense = torch.randint(0, 11, (9, *shape[1:]))
    smoothing = 0.2 if kind == "smoothed" else 0.0
    if kind == "labels":
        y[2] = -100
    if kind == "soft":
        y = dense = torch.rand(9, 11, dtype=DOUBLE)
    if kind == "few":
        classes = torch.stack([torch.randperm(11)[:3] for _ in range(9)])
        parts = torch.rand(9, 3, dtype=DOUBLE)
        y, dense = (parts, classes), torch.zeros(9, 11, dtype=DOUBLE).scatter(1, classes, parts)
    options = {"gamma": 1.5, "label_smoothing": smoothing, "reduction": "sum"}
    got = F.linear_likelihood_loss(Focal, x, w, y, linear_bias=b, memory=2000, **options)
    logits = torch.tensordot(x, w, dims=([1], [-1])) + b
    both = derivatives(got, leaves), derivatives(F.focal_loss(logits, dense, **options), leaves)
    for a, c in zip(*both, strict=True):
        torch.testing.assert_close(a, c)


ROWS, LABELS = torch.zeros(3, 4), torch.zeros(3, dtype=torch.long)
CALLS = {
    "gamma must be 0 or more, but it is -1": lambda: F.focal_loss(ROWS, LABELS, gamma=-1),
    "epsilon must be a finite number, but it is inf": lambda: F.poly_loss(ROWS, LABELS, math.inf),
    r"q must lie in \(0, 1\], but it is 0": lambda: F.generalized_cross_entropy(ROWS, LABELS, 0),
    r"clip must lie in \[0, 1\), but it is 1": lambda: F.asymmetric_loss(ROWS, ROWS, clip=1),
    r"alpha must lie in \(-inf, 1\], but it is 2": lambda: F.sigmoid_focal_loss(ROWS, ROWS, 2),
    "offset must have one value for each of 4 classes": lambda: F.cross_entropy(
        ROWS, LABELS, offset=torch.zeros(3)
    ),
    "offset requires logits without a softcap": lambda: F.linear_cross_entropy(
        ROWS, ROWS, LABELS, offset=torch.zeros(3), softcap=1.0
    ),
    "margin requires a scale of cosines": lambda: F.linear_cross_entropy(
        ROWS, ROWS, LABELS, margin=0.5
    ),
    r"margin must lie in \[0, π\], in radians": lambda: F.linear_cross_entropy(
        ROWS, ROWS, LABELS, scale=8.0, margin=30.0
    ),
    r"input must be \(C,\), \(N, C\)": lambda: F.cross_entropy(
        torch.tensor(0.0), torch.tensor(0), offset=torch.zeros(1)
    ),
    "input must be a torch.Tensor, but it is list": lambda: F.corn_loss([0.0], LABELS, 2),
    "scale excludes temperature, but temperature is 2.0": lambda: F.linear_cross_entropy(
        ROWS, ROWS, LABELS, scale=8.0, temperature=2.0
    ),
    "scale and margin require labels": lambda: F.linear_cross_entropy(
        ROWS, ROWS, torch.zeros(3, 3), scale=8.0
    ),
    "takes a declaration of rows of logits, with softmax, but got Bernoulli": lambda: (
        F.linear_likelihood_loss(Bernoulli, ROWS, ROWS, LABELS)
    ),
    "but got CategoricalLogProbability": lambda: F.linear_likelihood_loss(
        CategoricalLogProbability, ROWS, ROWS, LABELS
    ),
    "Focal requires gamma": lambda: F.linear_likelihood_loss(Focal, ROWS, ROWS, LABELS),
    "thresholds must be in increasing order, but 0 at index 1 follows 1": lambda: F.ordinal_loss(
        ROWS[:, 0], LABELS, torch.tensor([1.0, 0.0])
    ),
    r"num_classes must lie in \[2, inf\), but it is 1": lambda: neglog.OrdinalLoss(1),
}


@pytest.mark.parametrize("message", CALLS)
def test_options_outside_their_range_say_so(message) -> None:
    with pytest.raises((ArgumentError, ShapeError), match=message):
        CALLS[message]()


def test_ordered_classes_are_checked() -> None:
    with pytest.raises(SupportError, match=r"outside 0 … 4|0 to 4|out of range|5 classes|0\.\.4"):
        F.corn_loss(torch.zeros(3, 4), torch.tensor([0, 5, 1]))
    with pytest.raises(DtypeError, match="target must be labels here"):
        F.corn_loss(torch.zeros(3, 4), torch.zeros(3))
    with pytest.raises(ShapeError, match="without its last dimension"):
        F.corn_loss(torch.zeros(3, 4), torch.zeros(3, 4, dtype=torch.long))
    with pytest.raises(ShapeError, match="one logit fewer than its 4 classes"):
        F.corn_loss(torch.zeros(3, 4), LABELS, 4)
    with pytest.raises(DtypeError, match="thresholds must be floating"):
        F.ordinal_loss(torch.zeros(3), LABELS, torch.tensor([0, 1]))


def test_excluded_ordered_classes_may_be_invalid() -> None:
    y, mask = torch.tensor([0, 9, -1]), torch.tensor([True, False, False])
    excluded = {"mask": mask}, {"sample_weight": mask.float()}
    for options in excluded:
        got = F.ordinal_loss(torch.zeros(3), y, torch.tensor([0.0, 1.0]), **options)
        torch.testing.assert_close(got, torch.tensor(math.log(2.0)))
        got = F.corn_loss(torch.zeros(3, 2), y, **options)
        torch.testing.assert_close(got, torch.tensor(math.log(2.0)))

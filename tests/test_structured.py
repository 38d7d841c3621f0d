"""Mixtures, normal vectors, preferences, rankings and survival: their values and derivatives."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from statsmodels.duration.hazard_regression import PHReg
from torch import distributions as dist
from torch.autograd import gradcheck, gradgradcheck

import neglog
from neglog import functional as F
from neglog.engine import ComposedProblem
from neglog.engine.cpu.backend import CpuBackend
from neglog.errors import ArgumentError

DRAW = np.random.default_rng(0)
N = 60
X = DRAW.normal(size=N)
TIME = torch.tensor(DRAW.integers(1, 12, N).astype(float))
EVENT = torch.tensor(DRAW.random(N) < 0.6)
STRATA = torch.tensor(DRAW.choice([3, 5, 8, 9], N, p=[0.1, 0.2, 0.3, 0.4]))


def leaf(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def without_kernels_of_several_tensors(backend, problem, serves=CpuBackend.serves) -> bool:
    return serves(backend, problem) and not isinstance(problem, ComposedProblem)


def derive(loss, *inputs) -> None:
    assert gradcheck(loss, inputs, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(loss, inputs)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("strata", [None, STRATA])
def test_cox_is_the_partial_likelihood_of_statsmodels(ties, strata) -> None:
    groups = None if strata is None else strata.numpy()
    model = PHReg(TIME.numpy(), X[:, None], status=EVENT.numpy(), ties=ties, strata=groups)
    score = torch.tensor(0.7 * X, requires_grad=True)

    def loss(x, reduction="sum"):
        return F.cox_ph_loss(x, TIME, EVENT, ties, reduction, strata=strata)

    loss(score).backward()
    torch.testing.assert_close(loss(score).item(), -model.loglike(np.array([0.7])))
    slope = (score.grad * torch.tensor(X)).sum().item()
    torch.testing.assert_close(slope, -model.score(np.array([0.7])).item(), rtol=1e-6, atol=0)
    each = loss(score, "none")
    torch.testing.assert_close(each.sum(), loss(score))
    assert (each[~EVENT] == 0).all()
    torch.testing.assert_close(loss(score, "mean"), loss(score) / EVENT.sum())
    derive(loss, score)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_order_of_a_batch_does_not_matter(ties) -> None:
    score, order = torch.tensor(X), torch.randperm(N)
    each = F.cox_ph_loss(score, TIME, EVENT, ties, "none")
    moved = F.cox_ph_loss(score[order], TIME[order], EVENT[order], ties, "none")
    torch.testing.assert_close(moved, each[order])


def test_extreme_log_hazards_have_exact_losses() -> None:
    score = torch.tensor([1e4, -1e4, 0.0, 500.0], requires_grad=True)
    time, event = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1, 1, 1, 0])
    loss = F.cox_ph_loss(score, time, event, reduction="sum")
    loss.backward()
    assert loss == 10_500 + 500
    torch.testing.assert_close(score.grad, torch.tensor([0.0, -1.0, -1.0, 2.0]))
    shifted = F.cox_ph_loss(torch.tensor(X) + 1e6, TIME, EVENT)
    torch.testing.assert_close(
        shifted, F.cox_ph_loss(torch.tensor(X), TIME, EVENT), rtol=1e-9, atol=0
    )


def test_a_person_counted_twice_is_two_people() -> None:
    weight, score = torch.randint(0, 3, (N,)), torch.tensor(X)
    repeated = [t.repeat_interleave(weight) for t in (score, TIME, EVENT)]
    got = F.cox_ph_loss(score, TIME, EVENT, "breslow", sample_weight=weight.double())
    torch.testing.assert_close(got, F.cox_ph_loss(*repeated, "breslow"))
    same = F.cox_ph_loss(score, TIME, EVENT, sample_weight=torch.full((N,), 2.0))
    expected = F.cox_ph_loss(score, TIME, EVENT) + np.log(2)
    torch.testing.assert_close(same, expected)  # equal weights shift all risk sets


def test_masked_people_are_in_no_risk_set() -> None:
    keep, weight = torch.rand(N) < 0.7, torch.rand(N, dtype=torch.float64)
    score = torch.where(keep, torch.tensor(X), float("nan")).requires_grad_()
    spoiled = torch.where(keep, TIME, float("nan"))
    for strata in (None, STRATA):
        options = {} if strata is None else {"strata": strata[keep]}
        got = F.cox_ph_loss(score, spoiled, EVENT, mask=keep, strata=strata, sample_weight=weight)
        kept = [t[keep] for t in (score, TIME, EVENT)]
        expected = F.cox_ph_loss(*kept, sample_weight=weight[keep], **options)
        torch.testing.assert_close(got, expected)
    (slope,) = torch.autograd.grad(got, score)
    assert (slope[~keep] == 0).all()
    assert slope.isfinite().all()


def test_batches_without_events_or_people() -> None:
    score = torch.zeros(3, requires_grad=True)
    nothing = torch.zeros(3, dtype=torch.bool)
    assert F.cox_ph_loss(score, torch.ones(3), nothing).isnan()
    loss = neglog.CoxPHLoss(empty="zero")(score, torch.ones(3), nothing, strata=torch.arange(3))
    loss.backward()
    assert loss == 0
    assert (score.grad == 0).all()
    assert F.cox_ph_loss(score[:0], torch.ones(0), nothing[:0], reduction="sum") == 0
    assert F.cox_ph_loss(score[:1], torch.ones(1), ~nothing[:1]) == 0
    total, count = neglog.CoxPHLoss().sum_and_count(torch.tensor(X), TIME, EVENT)
    assert count == EVENT.sum()
    torch.testing.assert_close(total / count, F.cox_ph_loss(torch.tensor(X), TIME, EVENT))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_survival_in_every_dtype(dtype) -> None:
    score = torch.tensor(X).to(dtype)
    exact = F.cox_ph_loss(score.double(), TIME, EVENT)
    assert torch.equal(F.cox_ph_loss(score, TIME, EVENT), exact.to(dtype))


def test_rankings_are_sequences_of_choices() -> None:
    score, relevance = leaf(5), torch.tensor([3.0, 1, 2, 5, 4])
    order = relevance.argsort(descending=True)
    choices = [torch.logsumexp(score[order[i:]], 0) - score[order[i]] for i in range(5)]
    for ties in ("efron", "breslow"):
        torch.testing.assert_close(F.plackett_luce_loss(score, relevance, ties=ties), sum(choices))
    top = F.plackett_luce_loss(score, relevance, top_k=2)
    torch.testing.assert_close(top, sum(choices[:2]))
    derive(lambda x: F.plackett_luce_loss(x, relevance, top_k=3), score)


def test_equal_items_of_a_ranking() -> None:
    """Efron's method is exact for equal scores: the average over the orders of equal items."""
    score, relevance = torch.zeros(1, 4, dtype=torch.float64), torch.tensor([[1.0, 1, 0, 1]])
    exact = -np.log(1 / 4 * 1 / 3 * 1 / 2)
    assert F.plackett_luce_loss(score, relevance).item() == pytest.approx(exact)
    breslow = F.plackett_luce_loss(score, relevance, ties="breslow")
    assert breslow.item() == pytest.approx(3 * np.log(4))
    top = F.plackett_luce_loss(score, relevance, top_k=1)
    assert top.item() == pytest.approx(exact)  # no order among the three best


def test_padding_of_lists() -> None:
    score, relevance = leaf(4, 6), torch.randint(0, 3, (4, 6))
    items = torch.rand(4, 6) < 0.7
    items[3] = False
    got = F.plackett_luce_loss(score, relevance, mask=items, reduction="none")
    for i in range(3):
        alone = F.plackett_luce_loss(score[i][items[i]], relevance[i][items[i]])
        torch.testing.assert_close(got[i], alone)
    assert got[3] == 0
    mean = F.plackett_luce_loss(score, relevance, mask=items)
    torch.testing.assert_close(mean, got.sum() / 3)
    derive(lambda x: F.plackett_luce_loss(x, relevance, mask=items), score)


def test_preferences() -> None:
    chosen, rejected = leaf(6), leaf(6)
    expected = -torch.nn.functional.logsigmoid(chosen - rejected - 0.3).mean()
    torch.testing.assert_close(F.bradley_terry_loss(chosen, rejected, 0.3), expected)
    margin = torch.full((6,), 0.3)
    torch.testing.assert_close(neglog.BradleyTerryLoss()(chosen, rejected, margin), expected)
    derive(F.bradley_terry_loss, chosen, rejected)
    lost = F.bradley_terry_loss(
        torch.tensor([-500.0, 40.0]), torch.tensor([500.0, -40.0]), reduction="none"
    )
    torch.testing.assert_close(lost, torch.tensor([1000.0, float(mp.exp(-80))]))


def test_hazards_are_probabilities_of_intervals() -> None:
    logits, interval = leaf(5, 7), torch.tensor([0, 6, 3, 2, 6])
    event = torch.tensor([1, 0, 1, 0, 1])
    hazard = logits.sigmoid()
    each = [
        (h[i].log() if e else (1 - h[i]).log()) + (1 - h[:i]).log().sum()
        for h, i, e in zip(hazard, interval, event, strict=True)
    ]
    got = F.discrete_hazard_loss(logits, interval, event, "none")
    torch.testing.assert_close(got, -torch.stack(each))
    torch.testing.assert_close(F.discrete_hazard_loss(logits, interval, event), got.mean())
    derive(lambda x: F.discrete_hazard_loss(x, interval, event), logits)
    certain = torch.full((1, 3), 200.0)
    assert F.discrete_hazard_loss(certain, torch.tensor([2]), torch.tensor([1])) == 400


@pytest.mark.parametrize("shared", [False, True])
def test_mixtures_are_those_of_torch(shared) -> None:
    logits, mean, target = leaf(4, 3), leaf(4, 3, 2), torch.randn(4, 2, dtype=torch.float64)
    log_scale = leaf(4, 3, 1 if shared else 2)
    parts = dist.Independent(dist.Normal(mean, log_scale.exp().expand_as(mean)), 1)
    mixture = dist.MixtureSameFamily(dist.Categorical(logits=logits), parts)
    got = F.mixture_density_loss(logits, mean, log_scale, target, full=True)
    torch.testing.assert_close(got, -mixture.log_prob(target).mean())
    derive(lambda *inputs: F.mixture_density_loss(*inputs, target), logits, mean, log_scale)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_component_without_weight_is_not_there(dtype) -> None:
    logits = torch.tensor([[1.0, -math.inf, 0.0]] * 2, dtype=dtype).requires_grad_()
    mean, log_scale = (torch.randn(2, 3, dtype=dtype).requires_grad_() for _ in range(2))
    inputs, target = (logits, mean, log_scale), torch.randn(2, dtype=dtype)
    found = F.mixture_density_loss(*inputs, target, reduction="none")
    expected = F.mixture_density_loss(*(t[:, ::2] for t in inputs), target, reduction="none")
    torch.testing.assert_close(found, expected)
    slopes = [
        torch.autograd.grad(loss, inputs, torch.tensor([2.0, -1.0], dtype=dtype))
        for loss in (found, expected)
    ]
    torch.testing.assert_close(*slopes)
    empty = mean.detach()[..., None][..., :0]
    none = F.mixture_density_loss(logits.detach(), empty, empty, target[:, None][:, :0])
    assert none == 0


def test_a_mixture_far_from_its_target() -> None:
    logits, mean = torch.tensor([[0.0, -1e4]]), torch.tensor([[1e3, -1e3]]).requires_grad_()
    loss = F.mixture_density_loss(logits, mean, torch.zeros(1, 2), torch.zeros(1))
    loss.backward()
    assert loss == 5e5
    torch.testing.assert_close(mean.grad, torch.tensor([[1e3, 0.0]]))


def test_a_component_that_shrinks_to_its_target() -> None:
    log_scale = torch.tensor([[-95.0, 0.0]]).requires_grad_()
    mean = torch.zeros(1, 2, requires_grad=True)
    loss = F.mixture_density_loss(torch.zeros(1, 2), mean, log_scale, torch.zeros(1))
    loss.backward()
    torch.testing.assert_close(loss, torch.tensor(math.log(2.0) - 95.0))
    torch.testing.assert_close(log_scale.grad, torch.tensor([[1.0, 0.0]]))
    assert not mean.grad.any()


def test_a_vector_without_components() -> None:
    nothing = torch.zeros(2, 0)
    assert F.multivariate_normal_nll_loss(nothing, torch.zeros(0, 0), nothing) == 0.0


def test_a_margin_of_preferences_is_a_number() -> None:
    with pytest.raises(ArgumentError, match="margin must be a number, but it is 'large'"):
        F.bradley_terry_loss(torch.zeros(2), torch.zeros(2), "large")


@pytest.mark.parametrize(("size", "alone"), [(1, False), (3, False), (8, False), (3, True)])
def test_normal_vectors_are_those_of_torch(size, alone) -> None:
    raw = torch.randn(*([] if alone else [4]), size, size, dtype=torch.float64)
    diagonal = raw.diagonal(dim1=-2, dim2=-1)
    factor = (raw.tril(-1) + torch.diag_embed(diagonal.exp())).requires_grad_()
    mean, target = leaf(4, size), torch.randn(4, size, dtype=torch.float64)
    expected = -dist.MultivariateNormal(mean, scale_tril=factor).log_prob(target)
    got = F.multivariate_normal_nll_loss(mean, factor, target, True, "none")
    torch.testing.assert_close(got, expected)
    keep = torch.tensor([True, False, True, True])
    masked = F.multivariate_normal_nll_loss(mean, factor, target, True, mask=keep)
    torch.testing.assert_close(masked, expected[keep].mean())
    low = torch.ones(size, size, dtype=torch.float64).tril()
    derive(lambda m, f: F.multivariate_normal_nll_loss(m, f * low, target).mean(), mean, factor)


COMPILED = {
    "cox": lambda x: F.cox_ph_loss(x[:, 0], TIME[:6], EVENT[:6]),
    "ranking": lambda x: F.plackett_luce_loss(x, x.detach().round()),
    "mixture": lambda x: F.mixture_density_loss(x, -x, 0.1 * x, x[:, 0].detach()),
    "normal": lambda x: F.multivariate_normal_nll_loss(x, torch.eye(3).to(x), -x.detach()),
    "preference": lambda x: F.bradley_terry_loss(x, x.flip(0)),
    "hazard": lambda x: F.discrete_hazard_loss(x, torch.arange(6) % 3, torch.arange(6) % 2),
}


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_and_transformed_losses_are_the_same(name) -> None:
    loss, x = COMPILED[name], leaf(6, 3)
    expected = torch.autograd.grad(loss(x), x)[0]
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(torch.autograd.grad(compiled(x), x)[0], expected)
    torch.testing.assert_close(torch.func.grad(loss)(x.detach()), expected)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("size", [1.0, 300.0])
@pytest.mark.parametrize(
    "extras", ["", "strata", "mask", "sample_weight", "strata mask sample_weight"]
)
def test_risk_sets_by_the_kernel_are_those_of_torchs_operations(
    ties, size, extras, monkeypatch
) -> None:
    torch.manual_seed(0)
    score = (size * torch.randn(40, dtype=torch.float64)).requires_grad_()
    time, event = torch.randint(0, 9, (40,)), torch.randint(0, 2, (40,))
    given = {"strata": torch.randint(0, 3, (40,)), "mask": torch.rand(40) > 0.3}
    given["sample_weight"] = torch.randint(0, 4, (40,)).double()
    options = {name: given[name] for name in extras.split()}

    def derived():
        loss = F.cox_ph_loss(score, time, event, ties, **options)
        return loss.detach(), torch.autograd.grad(2.0 * loss, score)[0]

    found = derived()
    monkeypatch.setattr(CpuBackend, "serves", without_kernels_of_several_tensors)
    # Each is a sum of a few dozen roundings; torch's scan rounds scores of a thousand.
    for a, b in zip(found, derived(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("by_kernel", [True, False])
def test_log_hazards_up_to_1e30_have_exact_losses_and_gradients(by_kernel, monkeypatch) -> None:
    if not by_kernel:
        monkeypatch.setattr(CpuBackend, "serves", without_kernels_of_several_tensors)
    score = torch.tensor([-1e30, 1e30, 0.0, 1.0, -1e30], dtype=torch.float64, requires_grad=True)
    time, event = torch.tensor([5.0, 2.0, 4.0, 3.0, 1.0]), torch.tensor([1, 1, 1, 1, 0])
    loss = F.cox_ph_loss(score, time, event, reduction="sum")
    # Alone; above all others; above −1e30; 1 against 0.
    assert loss.item() == pytest.approx(np.log1p(np.exp(-1.0)), rel=1e-15)
    lower = 1.0 / (1.0 + np.exp(1.0))
    expected = torch.tensor([0.0, 0.0, lower, -lower, 0.0], dtype=torch.float64)
    # torch's scan adds up numbers of 708 · levels, which float64 holds to 1e-13 · levels.
    rtol = 1e-15 if by_kernel else 1e-13
    torch.testing.assert_close(torch.autograd.grad(loss, score)[0], expected, rtol=rtol, atol=1e-16)
    lowest = torch.full((4,), -1e30, dtype=torch.float64, requires_grad=True)
    event, mask = torch.tensor([1, 1, 0, 1]), torch.tensor([True, True, True, False])
    loss = F.cox_ph_loss(lowest, torch.ones(4), event, reduction="sum", mask=mask)
    assert loss.item() == pytest.approx(np.log(3) + np.log(2), rel=1e-15)
    third, half = 1 / 3, 1 / 4  # the second choice is among the third and half of each event
    expected = torch.tensor([third + half - 1] * 2 + [third + 0.5, 0.0], dtype=torch.float64)
    torch.testing.assert_close(torch.autograd.grad(loss, lowest)[0], expected)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_rankings_by_the_kernel_are_those_of_torchs_operations(ties, monkeypatch) -> None:
    torch.manual_seed(0)
    score = torch.randn(5, 4, 7, dtype=torch.float64, requires_grad=True)
    relevance, items = torch.randint(0, 3, (5, 4, 7)), torch.rand(5, 4, 7) > 0.2
    upstream = torch.randn(5, 4, dtype=torch.float64)

    def derived():
        each = F.plackett_luce_loss(score, relevance, 4, ties, "none", mask=items)
        return each.detach(), torch.autograd.grad(each, score, upstream)[0]

    found = derived()
    monkeypatch.setattr(CpuBackend, "serves", without_kernels_of_several_tensors)
    for a, b in zip(found, derived(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hazards_by_the_kernel_are_those_of_torchs_operations(dtype, monkeypatch) -> None:
    torch.manual_seed(0)
    logits = (30 * torch.randn(5, 9, 7, dtype=dtype)).requires_grad_()
    interval, event = torch.randint(0, 7, (5, 9)), torch.randint(0, 2, (5, 9))
    mask, upstream = torch.rand(5, 9) > 0.2, torch.randn(5, 9, dtype=dtype)

    def derived():
        each = F.discrete_hazard_loss(logits, interval, event, "none", mask=mask)
        return each.detach(), torch.autograd.grad(each, logits, upstream)[0]

    found = derived()
    monkeypatch.setattr(CpuBackend, "serves", without_kernels_of_several_tensors)
    for a, b in zip(found, derived(), strict=True):
        torch.testing.assert_close(a, b, rtol=4 * torch.finfo(dtype).eps, atol=0.0)
